"""Every route of the API, in the order in which the documentation tells of them."""

from __future__ import annotations

from typing import Final

from closebell.api import (
    administration,
    card_redemptions,
    card_sales,
    close_check,
    concessions,
    endpoint_secrets,
    endpoints,
    erasures,
    event_types,
    failure_log,
    feed,
    groups,
    guests,
    health,
    holding_sales,
    holdings,
    hosted_payments,
    invoice_lists,
    invoices,
    keys,
    legacy,
    loyalty,
    online_payments,
    payments,
    places,
    recoveries,
    refunds,
    reports,
    sale_edits,
    sales,
    till_payments,
    tips,
    tokens,
    users,
)
from closebell.api.routing import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *invoices.OPERATIONS,
    *invoice_lists.OPERATIONS,
    *close_check.OPERATIONS,
    *sales.OPERATIONS,
    *holding_sales.OPERATIONS,
    *card_sales.OPERATIONS,
    *sale_edits.OPERATIONS,
    *concessions.OPERATIONS,
    *payments.OPERATIONS,
    *till_payments.OPERATIONS,
    *card_redemptions.OPERATIONS,
    *loyalty.OPERATIONS,
    *online_payments.OPERATIONS,
    *hosted_payments.OPERATIONS,
    *tips.OPERATIONS,
    *groups.OPERATIONS,
    *refunds.OPERATIONS,
    *legacy.OPERATIONS,
    *guests.OPERATIONS,
    *erasures.OPERATIONS,
    *holdings.OPERATIONS,
    *places.OPERATIONS,
    *reports.OPERATIONS,
    *endpoints.OPERATIONS,
    *failure_log.OPERATIONS,
    *endpoint_secrets.OPERATIONS,
    *recoveries.OPERATIONS,
    *feed.OPERATIONS,
    *event_types.OPERATIONS,
    *administration.OPERATIONS,
    *keys.OPERATIONS,
    *users.OPERATIONS,
    *tokens.OPERATIONS,
    *health.OPERATIONS,
)
"""A new route is registered and documented by being here."""


def operations_of(role: str) -> tuple[Operation, ...]:
    """What a process of this role answers: one that only delivers is asked how it is, and nothing else."""
    return health.WATCHED if role == "dispatch" else OPERATIONS
