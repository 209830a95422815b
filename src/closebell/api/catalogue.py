"""Every route of the API, in the order in which the documentation tells of them."""

from __future__ import annotations

from typing import Final

from closebell.api import administration, close_check, endpoints, feed, health, invoices, payments
from closebell.api.routing import Operation

OPERATIONS: Final[tuple[Operation, ...]] = (
    *invoices.OPERATIONS,
    *close_check.OPERATIONS,
    *payments.OPERATIONS,
    *endpoints.OPERATIONS,
    *feed.OPERATIONS,
    *administration.OPERATIONS,
    *health.OPERATIONS,
)
"""A new route is registered and documented by being here."""
