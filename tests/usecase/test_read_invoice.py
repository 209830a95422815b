from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import Connection, event

from closebell.domain.caller import Caller, Role
from closebell.domain.document import SECTIONS
from closebell.domain.invoice import Invoice
from closebell.errors import Refusal, RefusalCode
from closebell.store.invoices import EVERYTHING, Part
from closebell.store.unit import Database
from closebell.testing import a_payment, a_tip, an_appointment, an_invoice, guid_of, put
from closebell.usecase.read_invoice import PARTS, parts_for, read_invoice

TABLES = {
    Part.LINES: "invoice_lines",
    Part.APPOINTMENTS: "appointments",
    Part.TRANSACTIONS: "transactions",
    Part.TIPS: "employee_tips",
}
INVOICE = an_invoice(
    transactions=(a_payment(tip=5),), appointments=(an_appointment(),), employee_tips=(a_tip(5, transaction="payment"),)
)
EMPTY: dict[Part, Any] = {
    Part.LINES: {"lines": ()},
    Part.APPOINTMENTS: {"appointments": ()},
    Part.TRANSACTIONS: {"transactions": ()},
    Part.TIPS: {"employee_tips": ()},
}


def read_noting(connection: Connection, parts: frozenset[Part]) -> tuple[Invoice, set[str]]:
    """The invoice, and the tables that were read beside its own."""
    sent: list[str] = []
    event.listen(connection, "before_cursor_execute", lambda *args: sent.append(args[2]))
    invoice = read_invoice(connection, INVOICE.id, parts=parts)
    return invoice, {name for name in TABLES.values() if any(name in statement for statement in sent)}


def only(parts: Iterable[Part]) -> Invoice:
    invoice = INVOICE
    for part in EVERYTHING - set(parts):
        invoice = replace(invoice, **EMPTY[part])
    return invoice


@pytest.mark.parametrize(
    "parts",
    [frozenset(), *(frozenset({part}) for part in Part), EVERYTHING],
    ids=lambda parts: "+".join(sorted(part.value for part in parts)) or "nothing",
)
async def test_what_is_not_asked_for_is_not_read(database: Database, parts: frozenset[Part]) -> None:
    await database.write(put, INVOICE)
    invoice, read = await database.read(read_noting, parts)
    assert invoice == only(parts)
    assert read == {TABLES[part] for part in parts}


def test_every_section_says_what_it_needs() -> None:
    assert PARTS.keys() == SECTIONS
    assert parts_for([]) == frozenset()
    assert parts_for(["InvoiceItems", "dues_and_fees"]) == {Part.LINES, Part.TRANSACTIONS}
    assert parts_for(SECTIONS) == EVERYTHING - {Part.TIPS}


async def test_an_invoice_of_another_centre_is_not_shown(database: Database) -> None:
    await database.write(put, INVOICE)
    theirs = Caller(id=guid_of("key"), role=Role.READER, center_ids=frozenset({INVOICE.centre.id}))
    assert await database.read(read_invoice, INVOICE.id, caller=theirs) == INVOICE
    elsewhere = replace(theirs, center_ids=frozenset({guid_of("centre elsewhere")}))
    with pytest.raises(Refusal) as refused:
        await database.read(read_invoice, INVOICE.id, caller=elsewhere)
    assert refused.value.code is RefusalCode.CANNOT_ACCESS
