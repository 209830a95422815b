"""Cash, checks and cards at the till: what is kept of each, and what is refused."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell.domain.caller import Caller, Role
from closebell.domain.invoice import Tender, TransactionState
from closebell.errors import ClosebellError, Conflict, InvalidInput, RefusalCode
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_paid_invoice,
    an_employee,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.record_tender import Paid
from closebell.usecase.take_till_payment import (
    CardCommand,
    CashCommand,
    CheckCommand,
    record_card,
    take_cash,
    take_check,
)
from paying import as_told, told, what

OPEN = an_invoice("open", total=48800, ssg_amount=1000, fee_amount=500)
CLOCK, LUCK = FixedClock(), SeededLuck()
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))
COMMON: dict[str, Any] = {"invoice_id": OPEN.id, "amount": Decimal("505.5"), "tip_amount": Decimal("5.5")}


def _cash(connection: Connection, /, **fields: Any) -> Paid:
    return take_cash(connection, CashCommand(**COMMON | fields), clock=CLOCK, luck=LUCK)


def _check(connection: Connection, /, **fields: Any) -> Paid:
    command = CheckCommand(**COMMON | {"check_number": "1001"} | fields)
    return take_check(connection, command, clock=CLOCK, luck=LUCK)


def _card(connection: Connection, /, **fields: Any) -> Paid:
    return record_card(connection, CardCommand(**COMMON | {"card_number": "4242"} | fields), clock=CLOCK, luck=LUCK)


async def test_cash_is_divided_and_what_is_too_much_goes_back(database: Database) -> None:
    await database.write(put, OPEN, employees=[an_employee()])
    fields = {"amount_tendered": Decimal(510), "collected_by_id": an_employee(), "cash_register_id": guid_of("till")}
    paid = await database.write(_cash, **fields)
    made = paid.transaction
    assert (made.amount_paid, made.tip_amount, made.ssg_amount, made.fee_amount) == (48800, 550, 700, 500)
    assert (made.total_amount_paid, made.cash_back_amount) == (50550, 450)
    assert (made.tender, made.state) == (Tender.CASH, TransactionState.SETTLED)
    assert (made.option_id, made.payment_mode, made.payment_name) == (None, 0, "Cash")
    assert (made.collected_by_id, made.cash_register_id) == (an_employee(), guid_of("till"))
    assert await database.read(read_invoice, OPEN.id) == paid.invoice
    assert await database.read(told) == [("Invoice.Payments.Added", as_told(paid.invoice))]


async def test_without_what_was_put_down_nothing_goes_back(database: Database) -> None:
    await database.write(put, OPEN)
    assert (await database.write(_cash)).transaction.cash_back_amount == 0
    exact = await database.write(_cash, amount_tendered=Decimal("505.50"))
    assert exact.transaction.cash_back_amount == 0


async def test_of_a_check_its_number_and_bank_are_kept(database: Database) -> None:
    await database.write(put, OPEN)
    paid = await database.write(_check, bank_name="Erste Bank", additional_data="by post")
    made = paid.transaction
    assert (made.tender, made.payment_mode, made.payment_name, made.card_number) == (Tender.CHECK, 2, "Check", "")
    assert json.loads(made.additional_data) == {
        "check_number": "1001",
        "bank_name": "Erste Bank",
        "note": "by post",
    }
    assert await database.read(read_invoice, OPEN.id) == paid.invoice


async def test_of_a_card_the_last_four_digits_and_the_slip_are_kept(database: Database) -> None:
    await database.write(put, OPEN)
    paid = await database.write(_card, card_number="************1111", card_type=" Visa ", auth_code="08831Z")
    made = paid.transaction
    assert (made.tender, made.payment_mode, made.payment_name, made.card_number) == (Tender.CARD, 1, "Visa", "1111")
    assert json.loads(made.additional_data) == {"auth_code": "08831Z"}
    plain = await database.write(_card, card_number="", amount=Decimal(6), additional_data="slip 7")
    assert (plain.transaction.card_number, plain.transaction.payment_name) == ("", "Card")
    assert plain.transaction.additional_data == "slip 7"


async def test_a_whole_card_number_is_nowhere(database: Database) -> None:
    await database.write(put, OPEN)
    with pytest.raises(InvalidInput) as refused:
        await database.write(_card, card_number="4242424242424242")
    assert refused.value.field == "card_number"
    assert "4242" not in str(refused.value)
    assert "4242424242424242" not in repr(await database.read(snapshot))


EVERYWHERE: list[tuple[dict[str, Any], object]] = [
    ({"invoice_id": guid_of("nothing")}, RefusalCode.INVOICE_NOT_FOUND),
    ({"invoice_id": guid_of("invoice closed")}, RefusalCode.PAYMENT_ON_CLOSED),
    ({"invoice_id": guid_of("invoice member")}, RefusalCode.IN_GROUP),
    ({"invoice_id": guid_of("invoice refund")}, Conflict),
    ({"invoice_id": guid_of("invoice cancelled")}, Conflict),
    ({"caller": ELSEWHERE}, RefusalCode.CANNOT_ACCESS),
    ({"amount": Decimal(0)}, "amount"),
    ({"amount": Decimal("1.001")}, "amount"),
    ({"tip_amount": Decimal(600)}, "tip_amount"),
    ({"collected_by_id": guid_of("nobody")}, "collected_by_id"),
    ({"cash_register_id": "till"}, "cash_register_id"),
    ({"additional_data": "x" * 4001}, "additional_data"),
]
OF_ITS_OWN: list[tuple[Any, dict[str, Any], object]] = [
    (_cash, {"amount_tendered": Decimal(500)}, "amount_tendered"),
    (_cash, {"amount_tendered": Decimal("505.555")}, "amount_tendered"),
    (_check, {"check_number": " "}, "check_number"),
    (_check, {"check_number": "1\n2"}, "check_number"),
    (_check, {"bank_name": "x" * 101}, "bank_name"),
    (_card, {"card_type": "x" * 101}, "card_type"),
    (_card, {"auth_code": "\0"}, "auth_code"),
    (_card, {"terminal_reference": "x" * 101}, "terminal_reference"),
]


async def test_a_refused_payment_changes_nothing(database: Database) -> None:
    closed = a_paid_invoice("closed", closed_at=NOON, receipt_number="R7")
    refund = an_invoice("refund", total=-100, is_refund=True)
    member = an_invoice("member", group_invoice_id=guid_of("group"))
    await database.write(put, OPEN, closed, member, refund, an_invoice("cancelled", cancelled_at=NOON))
    before = await database.read(snapshot)
    cases = [(take, *row) for take in (_cash, _check, _card) for row in EVERYWHERE]
    for take, fields, expected in [*cases, *OF_ITS_OWN]:
        with pytest.raises(ClosebellError) as refused:
            await database.write(take, **fields)
        assert what(refused.value) == expected, (take, fields)
    assert await database.read(snapshot) == before
