"""Gift cards and prepaid cards pay what they hold, once, and no more than is due."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain.account import AccountKind, AccountState
from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.domain.invoice import Tender, TransactionState
from closebell.domain.money import Currency
from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    a_payment,
    an_invoice,
    guid_of,
    put,
    put_centre,
    snapshot,
)
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.record_tender import Paid
from closebell.usecase.redeem_card import CardRead, CardRedemption, read_card, redeem_card
from closebell.usecase.remove_payment import remove_payment
from paying import a_card, as_told, balances, entries, put_accounts, told, what

OPEN = an_invoice("open", total=10000, ssg_amount=1000, fee_amount=500)
CLOCK, LUCK = FixedClock(), SeededLuck()
CARD = a_card("GC-1000", balance=20000)
OTHER_CENTRE = a_centre("Elsewhere")
HERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({OPEN.centre.id}))


def _redeem(connection: Connection, /, **fields: Any) -> Paid:
    said: dict[str, Any] = {"invoice_id": OPEN.id, "card_number": "GC-1000", "amount": Decimal(120), **fields}
    return redeem_card(connection, CardRedemption(**said), clock=CLOCK, luck=LUCK)


async def test_a_card_pays_and_its_balance_says_so(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, CARD)
    paid = await database.write(_redeem, amount=Decimal(120), tip_amount=Decimal(5), card_number=" GC-1000 ")
    made = paid.transaction
    assert (made.amount_paid, made.fee_amount, made.ssg_amount, made.tip_amount) == (10000, 500, 1000, 500)
    assert (made.tender, made.payment_mode, made.payment_name) == (Tender.GIFT_CARD, 4, "Gift card")
    assert (made.account_id, made.card_number) == (CARD.id, "1000")
    assert await database.read(balances) == {"GC-1000": 8000}
    assert await database.read(entries) == [("imported", 20000, 20000), ("redeemed", -12000, 8000)]
    assert await database.read(read_invoice, OPEN.id) == paid.invoice
    assert await database.read(told) == [("Invoice.Payments.Added", as_told(paid.invoice))]


async def test_the_kind_of_the_card_decides_the_tender(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, a_card("PC-1", kind=AccountKind.PREPAID_CARD))
    made = (await database.write(_redeem, card_number="PC-1", amount=Decimal(1))).transaction
    assert (made.tender, made.payment_mode, made.payment_name) == (Tender.PREPAID_CARD, 5, "Prepaid card")
    assert made.card_number == ""


async def test_a_tip_can_be_paid_where_nothing_is_due(database: Database) -> None:
    await database.write(put, a_paid_invoice("paid"))
    await database.write(put_accounts, CARD)
    paid = await database.write(_redeem, invoice_id=guid_of("invoice paid"), amount=Decimal(10), tip_amount=Decimal(10))
    assert (paid.transaction.amount_paid, paid.transaction.tip_amount) == (0, 1000)


async def test_removing_the_payment_gives_it_back(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(put_accounts, CARD)
    paid = await database.write(_redeem, tip_amount=Decimal(5))
    assert await database.read(balances) == {"GC-1000": 8000}
    left = await database.write(remove_payment, OPEN.id, paid.transaction.id, clock=CLOCK, luck=LUCK)
    assert left == OPEN
    assert await database.read(balances) == {"GC-1000": 20000}
    assert (await database.read(entries))[-1] == ("restored", 11500 + 500, 20000)
    assert (await database.read(told))[-1] == ("Invoice.Payments.Deleted", as_told(left))


REFUSED: list[tuple[dict[str, Any], object]] = [
    ({"card_number": ""}, RefusalCode.GIFT_CARD_INVALID),
    ({"card_number": "GC 1000"}, RefusalCode.GIFT_CARD_INVALID),
    ({"card_number": "x" * 41}, RefusalCode.GIFT_CARD_INVALID),
    ({"card_number": "GC-1"}, RefusalCode.GIFT_CARD_UNKNOWN),
    ({"card_number": "M-1"}, RefusalCode.GIFT_CARD_UNKNOWN),
    ({"card_number": "ISSUED"}, RefusalCode.GIFT_CARD_UNREADABLE),
    ({"card_number": "CANCELLED"}, RefusalCode.GIFT_CARD_UNREADABLE),
    ({"card_number": "ELSEWHERE", "caller": HERE}, RefusalCode.GIFT_CARD_DENIED),
    ({"card_number": "EXPIRED"}, Conflict),
    ({"card_number": "YEN"}, Conflict),
    ({"card_number": "POOR"}, Conflict),
    ({"amount": Decimal("115.01")}, "amount"),
    ({"amount": Decimal(0)}, "amount"),
    ({"amount": Decimal(5), "tip_amount": Decimal(6)}, "tip_amount"),
    ({"invoice_id": guid_of("nothing")}, RefusalCode.INVOICE_NOT_FOUND),
    ({"invoice_id": guid_of("invoice closed")}, RefusalCode.PAYMENT_ON_CLOSED),
    ({"invoice_id": guid_of("invoice member")}, RefusalCode.IN_GROUP),
    ({"invoice_id": guid_of("invoice paid")}, RefusalCode.ALREADY_PAID),
    ({"caller": replace(HERE, center_ids=frozenset())}, RefusalCode.CANNOT_ACCESS),
]


async def test_what_is_refused_changes_nothing(database: Database) -> None:
    closed = a_paid_invoice("closed", closed_at=NOON, receipt_number="R7")
    member = an_invoice("member", group_invoice_id=guid_of("group"))
    await database.write(put, OPEN, closed, member, a_paid_invoice("paid"))
    await database.write(put_centre, OTHER_CENTRE)
    await database.write(
        put_accounts,
        CARD,
        a_card("M-1", kind=AccountKind.MEMBERSHIP),
        a_card("ISSUED", state=AccountState.ISSUED, balance=0, value=5000),
        a_card("CANCELLED", state=AccountState.CANCELLED),
        a_card("ELSEWHERE", center_id=OTHER_CENTRE.id),
        a_card("EXPIRED", expires_on=date(2026, 1, 4)),
        a_card("YEN", currency=Currency.of("JPY")),
        a_card("POOR", balance=11499),
    )
    before = await database.read(snapshot)
    for fields, expected in REFUSED:
        with pytest.raises(ClosebellError) as refused:
            await database.write(_redeem, **{"amount": Decimal(115)} | fields)
        assert what(refused.value) == expected, fields
    assert await database.read(snapshot) == before


async def test_what_is_on_its_way_is_not_taken_again(database: Database) -> None:
    pending = a_payment(9000, name="pending", state=TransactionState.PENDING)
    await database.write(put, replace(OPEN, transactions=(pending,)))
    await database.write(put_accounts, CARD)
    with pytest.raises(InvalidInput, match=r"more than the 25\.00 USD"):
        await database.write(_redeem, amount=Decimal("25.01"))
    paid = await database.write(_redeem, amount=Decimal(25))
    assert (paid.transaction.amount_paid, paid.transaction.ssg_amount, paid.transaction.fee_amount) == (1000, 1000, 500)


async def test_a_card_that_expires_today_at_the_centre_still_pays(database: Database) -> None:
    # Noon in UTC on the fifth is the fourth of nowhere: in Los Angeles, too, it is the fifth.
    await database.write(put, OPEN)
    await database.write(put_accounts, a_card("LAST", expires_on=date(2026, 1, 5)))
    await database.write(_redeem, card_number="LAST", amount=Decimal(1))


async def test_many_at_once_never_take_more_than_there_is(database: Database) -> None:
    some = [an_invoice(f"many {number}", total=10000) for number in range(8)]
    await database.write(put, *some)
    await database.write(put_accounts, a_card("GC-1000", balance=35000))
    answers = await asyncio.gather(
        *(database.write(_redeem, invoice_id=invoice.id, amount=Decimal(100)) for invoice in some),
        return_exceptions=True,
    )
    assert sum(isinstance(answer, Paid) for answer in answers) == 3
    assert all(isinstance(answer, Paid | Conflict) for answer in answers)
    assert await database.read(balances) == {"GC-1000": 5000}
    assert [after for _, _, after in await database.read(entries)] == [35000, 25000, 15000, 5000]


async def test_two_at_once_on_one_invoice_pay_it_once(database: Database) -> None:
    await database.write(put, an_invoice("one", total=10000))
    await database.write(put_accounts, CARD)
    pay = {"invoice_id": guid_of("invoice one"), "amount": Decimal(100)}
    answers = await asyncio.gather(
        *(database.write(_redeem, **pay) for _ in range(2)),
        return_exceptions=True,
    )
    assert sorted(type(answer).__name__ for answer in answers) == ["Paid", "Refusal"]
    assert await database.read(balances) == {"GC-1000": 10000}


async def test_a_card_is_read(database: Database) -> None:
    def read(connection: Connection, number: str, caller: Caller = OPERATOR) -> CardRead:
        return read_card(connection, number, caller=caller, clock=CLOCK)

    await database.write(put, OPEN)
    await database.write(put_centre, OTHER_CENTRE)
    await database.write(
        put_accounts,
        CARD,
        a_card("EXPIRED", expires_on=date(2026, 1, 4), center_id=OPEN.centre.id),
        a_card("ELSEWHERE", center_id=OTHER_CENTRE.id),
        a_card("ISSUED", state=AccountState.ISSUED, balance=0, value=5000),
        a_card("CANCELLED", state=AccountState.CANCELLED),
    )
    assert await database.read(read, "GC-1000") == CardRead(card=CARD, currency=Currency.of("USD"), is_expired=False)
    assert (await database.read(read, "EXPIRED", HERE)).is_expired
    for number, code in [
        (" ", RefusalCode.GIFT_CARD_INVALID),
        ("GC-1", RefusalCode.GIFT_CARD_UNKNOWN),
        ("ELSEWHERE", RefusalCode.GIFT_CARD_DENIED),
        ("ISSUED", RefusalCode.GIFT_CARD_UNREADABLE),
        ("CANCELLED", RefusalCode.GIFT_CARD_UNREADABLE),
    ]:
        with pytest.raises(Refusal) as refused:
            await database.read(read, number, HERE)
        assert refused.value.code is code
