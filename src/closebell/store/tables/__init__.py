"""Every table, with the constraints that repeat the domain's invariants.

The migrations build these tables; a test holds the two equal. Columns named `*_at` are instants. Amounts are minor
units of the centre's currency in 64-bit integers. `position` keeps the order in which the wire gave the rows.
"""

from __future__ import annotations

from closebell.store.tables.access import api_keys, kept_answers, tokens, users
from closebell.store.tables.accounts import account_entries, accounts
from closebell.store.tables.catalogue import (
    campaigns,
    catalog_items,
    center_items,
    custom_payments,
    loyalty_programs,
    package_benefits,
    saved_cards,
    vouchers,
)
from closebell.store.tables.columns import GUID_LENGTH, NAME_LENGTH, OBJECT_ID_LENGTH, WALL_TIME_LENGTH, metadata
from closebell.store.tables.events import (
    attempts,
    bodies_waiting,
    deliveries,
    endpoint_failures,
    endpoint_secrets,
    endpoints,
    erasures,
    events,
    feed_head,
    recoveries,
    retention,
)
from closebell.store.tables.people import (
    centers,
    employees,
    guest_profiles,
    guest_terms,
    guests,
    invoice_counters,
    receipt_counters,
)
from closebell.store.tables.sales import (
    CHILDREN,
    appointments,
    employee_tips,
    group_invoices,
    invoice_lines,
    invoices,
    transactions,
)

__all__ = [
    "CHILDREN",
    "GUID_LENGTH",
    "NAME_LENGTH",
    "OBJECT_ID_LENGTH",
    "WALL_TIME_LENGTH",
    "account_entries",
    "accounts",
    "api_keys",
    "appointments",
    "attempts",
    "bodies_waiting",
    "campaigns",
    "catalog_items",
    "center_items",
    "centers",
    "custom_payments",
    "deliveries",
    "employee_tips",
    "employees",
    "endpoint_failures",
    "endpoint_secrets",
    "endpoints",
    "erasures",
    "events",
    "feed_head",
    "group_invoices",
    "guest_profiles",
    "guest_terms",
    "guests",
    "invoice_counters",
    "invoice_lines",
    "invoices",
    "kept_answers",
    "loyalty_programs",
    "metadata",
    "package_benefits",
    "receipt_counters",
    "recoveries",
    "retention",
    "saved_cards",
    "tokens",
    "transactions",
    "users",
    "vouchers",
]
