"""A payment goes, and the tips that came with it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from closebell.errors import Conflict, NotFound, Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import NOON, a_payment, a_tip, an_invoice, guid_of, put, snapshot
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.remove_payment import remove_payment

FIRST, SECOND = a_payment(100, name="first", tip=500), a_payment(200, name="second", tip=300)
INVOICE = an_invoice(
    transactions=(FIRST, SECOND),
    employee_tips=(a_tip(500, transaction="first"), a_tip(100, transaction="second"), a_tip(200, employee="Omar")),
)


async def test_the_payment_goes_with_the_tips_assigned_out_of_it(database: Database) -> None:
    await database.write(put, INVOICE)
    left = await database.write(remove_payment, INVOICE.id, FIRST.id)
    assert left == replace(INVOICE, transactions=(SECOND,), employee_tips=INVOICE.employee_tips[1:])
    assert await database.read(read_invoice, INVOICE.id) == left


async def test_once_nothing_is_tipped_nothing_stays_assigned(database: Database) -> None:
    await database.write(put, INVOICE)
    await database.write(remove_payment, INVOICE.id, FIRST.id)
    assert await database.write(remove_payment, INVOICE.id, SECOND.id) == replace(
        INVOICE, transactions=(), employee_tips=()
    )


async def test_refusals_change_nothing(database: Database) -> None:
    closed = an_invoice("closed", paid=1, closed_at=NOON, receipt_number="9")
    await database.write(put, INVOICE, closed)
    before = await database.read(snapshot)
    with pytest.raises(Refusal) as refused:
        await database.write(remove_payment, guid_of("nothing"), FIRST.id)
    assert refused.value.code is RefusalCode.INVOICE_NOT_FOUND
    with pytest.raises(NotFound):
        await database.write(remove_payment, INVOICE.id, guid_of("nothing"))
    with pytest.raises(Conflict, match="receipt 9"):
        await database.write(remove_payment, closed.id, closed.transactions[0].id)
    assert await database.read(snapshot) == before
