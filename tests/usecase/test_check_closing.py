"""The check says everything that a close would say one by one, and changes nothing."""

from __future__ import annotations

import pytest

from closebell.errors import Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    a_paid_invoice,
    a_payment,
    an_appointment,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.check_closing import check_closing


async def test_all_blockers_are_listed_in_rule_order(database: Database) -> None:
    invoice = an_invoice(
        transactions=(a_payment(40000, tip=500),),
        ssg_amount=700,
        appointments=(an_appointment(start_time="2026-02-01T10:00:00"),),
        group_invoice_id=guid_of("group"),
    )
    await database.write(put, invoice)
    before = await database.read(snapshot)
    check = await database.read(check_closing, invoice.id, clock=FixedClock())
    assert check.invoice == invoice
    assert [blocker.code.wire_code for blocker in check.blockers] == [492, 1113, 419, 419, 1112]
    assert check.blockers[2].amounts == {"due": 48800, "paid": 40000, "missing": 8800}
    assert await database.read(snapshot) == before


async def test_what_may_close_and_what_is_closed_has_no_blocker(database: Database) -> None:
    ready, closed = a_paid_invoice("1"), an_invoice("2", closed_at=NOON, receipt_number="3")
    await database.write(put, ready, closed)
    for invoice in (ready, closed):
        check = await database.read(check_closing, invoice.id, clock=FixedClock())
        assert (check.invoice, check.blockers) == (invoice, ())


async def test_an_unknown_invoice_is_428(database: Database) -> None:
    with pytest.raises(Refusal) as refused:
        await database.read(check_closing, guid_of("nothing"), clock=FixedClock())
    assert refused.value.code is RefusalCode.INVOICE_NOT_FOUND
