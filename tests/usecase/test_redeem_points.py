"""Points pay for their guest's invoice, from one programme or several, and come back when the payment goes."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain.caller import Caller, Role
from closebell.domain.invoice import Tender
from closebell.errors import ClosebellError, Conflict, Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_paid_invoice,
    a_payment,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, Closed, close_invoices
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.redeem_points import (
    PointsCommand,
    PointsPaid,
    Redeemable,
    read_redeemable,
    redeem_points,
)
from closebell.usecase.remove_payment import remove_payment
from paying import a_program, as_told, balances, entries, put_accounts, some_points, told, what

OPEN = an_invoice("open", total=10000, ssg_amount=1000, fee_amount=500)
CLOCK, LUCK = FixedClock(), SeededLuck()
PETALS, LEAVES, YEN = a_program("Petals", least=100), a_program("Leaves", rate="0.1"), a_program("Yen", currency="JPY")
PROGRAMS = (PETALS, LEAVES, YEN)
HELD = (some_points(1200), some_points(300, "Leaves"), some_points(7, "Yen"))
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))


def _redeem(connection: Connection, /, **fields: Any) -> PointsPaid:
    said: dict[str, Any] = {"invoice_id": OPEN.id, "points": 1000, "program_id": PETALS.id, **fields}
    return redeem_points(connection, PointsCommand(**said), clock=CLOCK, luck=LUCK)


def _read(connection: Connection, /, program: str | None = PETALS.id, **options: Any) -> Redeemable:
    return read_redeemable(connection, options.pop("invoice_id", OPEN.id), program, clock=CLOCK, **options)


async def test_points_pay_and_are_gone(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    paid = await database.write(_redeem, center_id=OPEN.centre.id, cash_register_id=guid_of("till"))
    (made,) = paid.transactions
    assert (made.amount_paid, made.tip_amount, made.total_amount_paid, made.points) == (5000, 0, 5000, 1000)
    assert (made.tender, made.payment_mode, made.payment_name) == (Tender.LOYALTY_POINTS, 6, "Petals")
    assert (made.option_id, made.account_id) == (PETALS.id, guid_of("points Petals"))
    assert made.cash_register_id == guid_of("till")
    assert (await database.read(balances))[PETALS.id] == 200
    assert ("redeemed", -1000, 200) in await database.read(entries)
    assert await database.read(read_invoice, OPEN.id) == paid.invoice
    assert await database.read(told) == [("Invoice.Payments.Added", as_told(paid.invoice))]


async def test_across_programmes_each_gives_a_tender_of_its_own(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    paid = await database.write(_redeem, points=1500, across_programs=True)
    first, second = paid.transactions
    assert [(t.payment_name, t.points, t.amount_paid) for t in (first, second)] == [
        ("Petals", 1200, 6000),
        ("Leaves", 300, 3000),
    ]
    assert [kind for kind, _ in await database.read(told)] == ["Invoice.Payments.Added"]
    # The named programme comes first; the other alone would not do.
    assert await database.read(balances) == {PETALS.id: 0, LEAVES.id: 0, YEN.id: 7}


async def test_several_tenders_divide_what_is_due_between_them(database: Database) -> None:
    small = an_invoice("small", total=5900, ssg_amount=1000, fee_amount=500)
    await database.write(put, small)
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    paid = await database.write(_redeem, invoice_id=small.id, points=1340, across_programs=True)
    parts = [(t.amount_paid, t.fee_amount, t.ssg_amount) for t in paid.transactions]
    assert parts == [(5900, 100, 0), (0, 400, 1000)]
    report = await database.write(close_invoices, [CloseCommand(invoice_id=small.id)], clock=CLOCK, luck=LUCK)
    assert isinstance(report.answers[0], Closed)


async def test_removing_the_payment_gives_the_points_back(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    paid = await database.write(_redeem)
    left = await database.write(remove_payment, OPEN.id, paid.transactions[0].id, clock=CLOCK, luck=LUCK)
    assert left == OPEN
    assert (await database.read(balances))[PETALS.id] == 1200
    assert ("restored", 1000, 1200) in await database.read(entries)


REFUSED: list[tuple[dict[str, Any], object]] = [
    ({"points": 0}, "points"),
    ({"points": 99}, "points"),
    ({"points": 10**12 + 1}, "points"),
    ({"points": 1201}, RefusalCode.POINTS_OVER_BALANCE),
    ({"points": 1501, "across_programs": True}, RefusalCode.POINTS_OVER_BALANCE),
    ({"program_id": None}, "program_id"),
    ({"program_id": YEN.id}, "program_id"),
    ({"program_id": guid_of("nothing")}, "program_id"),
    ({"center_id": guid_of("elsewhere")}, "center_id"),
    ({"cash_register_id": "till"}, "cash_register_id"),
    ({"caller": ELSEWHERE}, RefusalCode.CANNOT_ACCESS),
    ({"invoice_id": guid_of("nothing")}, RefusalCode.INVOICE_NOT_FOUND),
    ({"invoice_id": guid_of("invoice capped"), "points": 401}, RefusalCode.LOYALTY_OVER_CAP),
    ({"invoice_id": guid_of("invoice paid")}, RefusalCode.ALREADY_PAID),
    ({"invoice_id": guid_of("invoice small"), "points": 201}, "points"),
    ({"invoice_id": guid_of("invoice closed")}, RefusalCode.PAYMENT_ON_CLOSED),
    ({"invoice_id": guid_of("invoice member")}, RefusalCode.IN_GROUP),
    ({"invoice_id": guid_of("invoice nobody's")}, Conflict),
    ({"invoice_id": guid_of("invoice cancelled")}, Conflict),
]


async def test_what_is_refused_changes_nothing(database: Database) -> None:
    await database.write(
        put,
        OPEN,
        an_invoice("capped", total=10000, loyalty_cap_amount=2000),
        a_paid_invoice("paid"),
        an_invoice("small", total=1000),
        a_paid_invoice("closed", closed_at=NOON, receipt_number="R7"),
        an_invoice("member", group_invoice_id=guid_of("group")),
        an_invoice("nobody's", guest=None),
        an_invoice("cancelled", cancelled_at=NOON),
    )
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    before = await database.read(snapshot)
    for fields, expected in REFUSED:
        with pytest.raises(ClosebellError) as refused:
            await database.write(_redeem, **fields)
        assert what(refused.value) == expected, fields
    assert await database.read(snapshot) == before


async def test_up_to_the_cap_the_invoice_closes(database: Database) -> None:
    capped = an_invoice("capped", total=10000, loyalty_cap_amount=2000)
    await database.write(put, replace(capped, transactions=(a_payment(8000),)))
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    assert (await database.read(_read, invoice_id=capped.id)).draws[0].points == 400
    await database.write(_redeem, invoice_id=capped.id, points=400)
    report = await database.write(close_invoices, [CloseCommand(invoice_id=capped.id)], clock=CLOCK, luck=LUCK)
    assert isinstance(report.answers[0], Closed)


async def test_many_at_once_never_take_more_points_than_there_are(database: Database) -> None:
    some = [an_invoice(f"many {number}", total=10000) for number in range(6)]
    await database.write(put, *some)
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    answers = await asyncio.gather(
        *(database.write(_redeem, invoice_id=invoice.id, points=500, across_programs=True) for invoice in some),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, PointsPaid) for answer in answers) == 3
    assert all(isinstance(answer, PointsPaid | Refusal) for answer in answers)
    assert await database.read(balances) == {PETALS.id: 0, LEAVES.id: 0, YEN.id: 7}


async def test_what_can_be_redeemed_is_read(database: Database) -> None:
    await database.write(
        put,
        OPEN,
        an_invoice("nobody's", guest=None),
        a_paid_invoice("closed", closed_at=NOON, receipt_number="R7"),
    )
    await database.write(put_accounts, *HELD, programs=PROGRAMS)
    one = await database.read(_read)
    assert [(draw.points, draw.amount) for draw in one.draws] == [(1200, 6000)]
    both = await database.read(_read, across_programs=True)
    assert [(draw.points, draw.amount) for draw in both.draws] == [(1200, 6000), (300, 3000)]
    assert [holding.points for holding in both.holdings] == [1200, 300]
    every = await database.read(_read, None, across_programs=True)
    assert {holding.program.name for holding in every.holdings} == {"Petals", "Leaves"}
    assert (await database.read(_read, invoice_id=guid_of("invoice nobody's"))).holdings == ()
    closed = await database.read(_read, invoice_id=guid_of("invoice closed"))
    assert (len(closed.holdings), closed.draws) == (1, ())
    cases: list[tuple[dict[str, Any], object]] = [
        ({"program": None}, "lp_program_id"),
        ({"program": YEN.id}, "lp_program_id"),
        ({"invoice_id": guid_of("nothing")}, RefusalCode.INVOICE_NOT_FOUND),
        ({"caller": ELSEWHERE}, RefusalCode.CANNOT_ACCESS),
    ]
    for options, expected in cases:
        with pytest.raises(ClosebellError) as refused:
            await database.read(_read, **options)
        assert what(refused.value) == expected


async def test_points_past_their_day_are_none(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, some_points(1200, expires_on=date(2026, 1, 4)), programs=[PETALS])
    assert (await database.read(_read)).holdings == ()
    with pytest.raises(Refusal) as refused:
        await database.write(_redeem)
    assert refused.value.code is RefusalCode.POINTS_OVER_BALANCE


async def test_the_only_programme_needs_no_name(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, some_points(1200), some_points(7, "Yen"), programs=PROGRAMS)
    paid = await database.write(_redeem, program_id=None)
    assert paid.transactions[0].option_id == PETALS.id
