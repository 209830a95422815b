"""Payments: what is recorded, what is refused, and that two at once both count."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest
from sqlalchemy import Connection, select

from closebell.domain import event
from closebell.domain.caller import Caller, Role
from closebell.domain.identifiers import NO_GUID
from closebell.domain.invoice import Tender, TransactionState
from closebell.errors import ClosebellError, Conflict, InvalidInput, Refusal, RefusalCode
from closebell.store import directory, endpoints, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    a_payment,
    an_employee,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
    snapshot,
)
from closebell.usecase.close_invoices import CloseCommand, Closed, close_invoices
from closebell.usecase.read_invoice import read_invoice
from closebell.usecase.record_tender import PAYMENTS_MAX, Paid
from closebell.usecase.take_payment import PaymentCommand, take_custom_payment
from paying import as_told, told

OPEN = an_invoice("open", total=48800, ssg_amount=1000, fee_amount=500)
VOUCHER = guid_of("voucher")
CLOCK, LUCK = FixedClock(), SeededLuck()
ELSEWHERE = Caller(id=guid_of("key"), role=Role.CASHIER, center_ids=frozenset({guid_of("elsewhere")}))


def _command(invoice_id: str = OPEN.id, amount: str = "488", **fields: Any) -> PaymentCommand:
    return PaymentCommand(invoice_id=invoice_id, amount=Decimal(amount), custom_payment_id=VOUCHER, **fields)


def _take(connection: Connection, command: PaymentCommand) -> Paid:
    return take_custom_payment(connection, command, clock=CLOCK, luck=LUCK)


async def test_the_amount_pays_tip_balance_fee_and_service_charge_in_order(database: Database) -> None:
    await database.write(put, OPEN, employees=[an_employee()])
    paid = await database.write(
        _take,
        _command(
            amount="505.5",
            tip_amount=Decimal("5.5"),
            collected_by_id=an_employee(),
            additional_data="till 3",
            cash_register_id=guid_of("register"),
        ),
    )
    made = paid.transaction
    assert (made.amount_paid, made.tip_amount, made.ssg_amount, made.fee_amount) == (48800, 550, 700, 500)
    assert made.total_amount_paid == 50550
    assert (made.tender, made.state, made.option_id) == (Tender.CUSTOM, TransactionState.SETTLED, VOUCHER)
    assert (made.payment_mode, made.payment_name, made.card_number) == (3, "Custom payment", "")
    # 12:00 UTC is four in the morning in Los Angeles.
    assert made.payment_date == "2026-01-05T04:00:00"
    assert (made.center_id, made.center_name) == (OPEN.centre.id, OPEN.centre.name)
    assert paid.invoice == await database.read(read_invoice, OPEN.id)
    row = await database.read(_transaction_row)
    assert (row.additional_data, row.collected_by_id, row.cash_register_id) == (
        "till 3",
        an_employee(),
        guid_of("register"),
    )


def _transaction_row(connection: Connection) -> Any:
    return connection.execute(select(tables.transactions)).one()


async def test_a_registered_way_to_pay_keeps_its_name(database: Database) -> None:
    await database.write(put, OPEN)
    await database.write(directory.register_custom_payment, VOUCHER, "Spa voucher")
    paid = await database.write(_take, _command(amount="1"))
    assert paid.transaction.payment_name == "Spa voucher"


async def test_what_is_beyond_everything_due_is_overpaid_and_the_close_says_so(database: Database) -> None:
    await database.write(put, OPEN)
    paid = await database.write(_take, _command(amount="603.01"))
    assert paid.transaction.amount_paid == 48800 + 60301 - 48800 - 1000 - 500
    report = await database.write(close_invoices, [CloseCommand(invoice_id=OPEN.id)], clock=CLOCK, luck=LUCK)
    (answer,) = report.answers
    assert isinstance(answer, Refusal)
    assert answer.code is RefusalCode.PAID_IN_EXCESS


async def test_currencies_without_decimals_refuse_them(database: Database) -> None:
    yen = an_invoice("yen", total=488, centre=a_centre("Ginza", time_zone="Asia/Tokyo", currency="JPY"))
    await database.write(put, yen)
    with pytest.raises(InvalidInput, match="at most 0"):
        await database.write(_take, _command(yen.id, "100.5"))
    paid = await database.write(_take, _command(yen.id, "1E+2"))
    assert paid.transaction.amount_paid == 100
    assert paid.transaction.payment_date == "2026-01-05T21:00:00"


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        (_command(guid_of("nothing")), RefusalCode.INVOICE_NOT_FOUND),
        (_command(guid_of("invoice closed")), RefusalCode.PAYMENT_ON_CLOSED),
        (_command(guid_of("invoice member")), RefusalCode.IN_GROUP),
        (_command(guid_of("invoice refund")), Conflict),
        (_command(guid_of("invoice cancelled")), Conflict),
        (_command(caller=ELSEWHERE), RefusalCode.CANNOT_ACCESS),
        (_command(cash_register_id="till 3"), "cash_register_id"),
        (_command(amount="0"), "amount"),
        (_command(amount="-5"), "amount"),
        (_command(amount="1.001"), "amount"),
        (_command(amount="1", tip_amount=Decimal(2)), "tip_amount"),
        (_command(additional_data="x" * 4001), "additional_data"),
        (_command(additional_data="\0"), "additional_data"),
        (_command(collected_by_id=guid_of("nobody")), "collected_by_id"),
        (replace(_command(), custom_payment_id="cash"), "custom_payment_id"),
    ],
)
async def test_a_refused_payment_changes_nothing(database: Database, command: PaymentCommand, expected: object) -> None:
    closed = a_paid_invoice("closed", closed_at=NOON, receipt_number="R7")
    member = an_invoice("member", group_invoice_id=guid_of("group"))
    line = replace(OPEN.lines[0], sales=-100, final=-100)
    refund = an_invoice("refund", lines=[line], is_refund=True)
    await database.write(put, OPEN, closed, member, refund, an_invoice("cancelled", cancelled_at=NOON))
    before = await database.read(snapshot)
    with pytest.raises(ClosebellError) as refused:
        await database.write(_take, command)
    match refused.value:
        case Refusal(code=code):
            assert code is expected
        case InvalidInput(field=field):
            assert field == expected
        case other:
            assert type(other) is expected
    assert await database.read(snapshot) == before


async def test_a_payment_is_told_with_every_tender_as_the_wire_shows_it(database: Database) -> None:
    endpoint = an_endpoint(event_types=(event.PAYMENTS_ADDED,))
    await database.write(put, replace(OPEN, transactions=(a_payment(100, name="first"),)))
    await database.write(endpoints.insert_one, endpoint)
    paid = await database.write(_take, _command(amount="1"))
    assert await database.read(told) == [("Invoice.Payments.Added", as_told(paid.invoice))]
    assert len(paid.invoice.transactions) == 2
    assert await database.read(_delivered_to) == [endpoint.id]


def _delivered_to(connection: Connection) -> list[str]:
    return list(connection.execute(select(tables.deliveries.c.endpoint_id)).scalars())


def test_the_wire_codes_are_the_contracts() -> None:
    assert RefusalCode.IN_GROUP.value == (928, "InvoiceinGroup")
    assert RefusalCode.PAYMENT_ON_CLOSED.value == (728, "ApiPaymentCannotBeAddedForClosedInvoice")


async def test_two_half_payments_at_once_pay_in_full(database: Database) -> None:
    rounds = 25 if database.engine_name == "postgresql" else 8
    for number in range(rounds):
        invoice = an_invoice(f"halves {number}", total=48801, ssg_amount=999, fee_amount=200)
        await database.write(put, invoice)
        await asyncio.gather(
            database.write(_take, _command(invoice.id, "250")), database.write(_take, _command(invoice.id, "250"))
        )
        paid = await database.read(read_invoice, invoice.id)
        assert sum(t.amount_paid for t in paid.transactions) == 48801
        assert sum(t.ssg_amount for t in paid.transactions) == 999
        assert sum(t.fee_amount for t in paid.transactions) == 200
        report = await database.write(close_invoices, [CloseCommand(invoice_id=invoice.id)], clock=CLOCK, luck=LUCK)
        assert isinstance(report.answers[0], Closed)


async def test_one_new_way_to_pay_used_by_many_at_once_is_registered_once(database: Database) -> None:
    some = [an_invoice(f"many {number}") for number in range(8)]
    await database.write(put, *some)
    await asyncio.gather(*(database.write(_take, _command(invoice.id)) for invoice in some))
    assert await database.read(directory.custom_payment_names, [VOUCHER]) == {VOUCHER: "Custom payment"}


async def test_a_payment_and_a_close_at_once_never_meet(database: Database) -> None:
    """Either the payment comes first and the close refuses the excess, or the close comes first and it is refused."""
    for number in range(12):
        invoice = an_invoice(f"race {number}", transactions=(a_payment(48800),))
        await database.write(put, invoice)
        paid, report = await asyncio.gather(
            database.write(_take, _command(invoice.id, "1")),
            database.write(close_invoices, [CloseCommand(invoice_id=invoice.id)], clock=CLOCK, luck=LUCK),
            return_exceptions=True,
        )
        assert not isinstance(report, BaseException)
        is_closed = isinstance(report.answers[0], Closed)
        assert is_closed == isinstance(paid, Refusal)
        after = await database.read(read_invoice, invoice.id)
        assert len(after.transactions) == (1 if is_closed else 2)


async def test_a_payment_type_of_zeros_names_nothing(database: Database) -> None:
    await database.write(put, OPEN)
    command = PaymentCommand(invoice_id=OPEN.id, amount=Decimal(1), custom_payment_id=NO_GUID)
    with pytest.raises(InvalidInput) as refused:
        await database.write(_take, command)
    assert refused.value.field == "custom_payment_id"


async def test_an_invoice_takes_no_more_payments_than_an_import_could_bring(database: Database) -> None:
    full = tuple(a_payment(1, name=f"{number}") for number in range(PAYMENTS_MAX))
    await database.write(put, an_invoice("full", transactions=full))
    command = PaymentCommand(invoice_id=guid_of("invoice full"), amount=Decimal(1), custom_payment_id=VOUCHER)
    with pytest.raises(Conflict, match="which is the most"):
        await database.write(_take, command)
