"""Read an invoice as it is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Final

from sqlalchemy import Connection

from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.errors import Refusal, RefusalCode
from closebell.store import invoices
from closebell.store.invoices import EVERYTHING, Part

PARTS: Final[Mapping[str, frozenset[Part]]] = MappingProxyType(
    {
        "InvoiceItems": frozenset({Part.LINES}),
        "Appointments": frozenset({Part.APPOINTMENTS}),
        "Transactions": frozenset({Part.TRANSACTIONS}),
        "Redemptions": frozenset({Part.LINES, Part.TRANSACTIONS}),
        "dues_and_fees": frozenset({Part.TRANSACTIONS}),
        "gst_parameters": frozenset({Part.LINES, Part.TRANSACTIONS}),
    }
)
"""What has to be read for each section of the document."""


def parts_for(sections: Iterable[str]) -> frozenset[Part]:
    """What has to be read for these sections, and no more."""
    return frozenset[Part]().union(*(PARTS[section] for section in sections))


def read_invoice(
    connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR, parts: frozenset[Part] = EVERYTHING
) -> Invoice:
    """The invoice with those of its parts that are asked for.

    Errors: Refusal 428 when there is none, 438 when its centre is not the caller's.
    """
    invoice = invoices.load(connection, [invoice_id], parts).get(invoice_id)
    if invoice is None:
        raise Refusal(RefusalCode.INVOICE_NOT_FOUND, f"No invoice has the id {invoice_id}.")
    caller.must_reach(invoice.centre.id)
    return invoice
