"""Each promise that live data can break is broken here, and found."""

from __future__ import annotations

from dataclasses import replace

import pytest
from sqlalchemy import Connection

from closebell.domain.account import Account, AccountKind
from closebell.store import accounts, endpoints
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_line,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_appointment,
    an_endpoint,
    guid_of,
    put,
)
from closebell.usecase import examine
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.examine import CHECKS, Examined, examine_closed, run_check
from tampering import tamper

CLOSES = 4


def _closes(connection: Connection) -> None:
    endpoints.insert_one(connection, an_endpoint("till"))
    full = [
        replace(
            a_paid_invoice(str(n)),
            appointments=(an_appointment(),),
            lines=(a_line(sale_by_id=guid_of("employee Ines")),),
            transactions=(a_payment(48800, tip=500),),
            employee_tips=(a_tip(500, transaction="payment"),),
        )
        for n in range(CLOSES)
    ]
    put(connection, *full)
    commands = [CloseCommand(invoice_id=invoice.id) for invoice in full]
    close_invoices(connection, commands, clock=FixedClock(), luck=SeededLuck())
    card = Account(id=guid_of("card"), kind=AccountKind.GIFT_CARD, number="GC-1", value=100, balance=100)
    accounts.insert_many(connection, [card], now=NOON)


async def _found(database: Database) -> list[str]:
    problems = []
    for check in CHECKS:
        problems += await database.read(run_check, check)
    examined = Examined()
    while not examined.is_done:
        examined = await database.read(examine_closed, examined)
    return [*problems, *examined.problems]


async def test_nothing_is_wrong_where_nobody_interfered(database: Database) -> None:
    assert await _found(database) == []

    await database.write(_closes)

    assert await _found(database) == []


async def test_every_closed_invoice_is_looked_at(database: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(examine, "PORTION", 3)
    await database.write(_closes)
    first = await database.read(examine_closed, Examined())
    second = await database.read(examine_closed, first)
    assert (first.count, first.is_done, second.count, second.is_done) == (3, False, CLOSES, True)


@pytest.mark.parametrize("body", ["nothing", "{}", "[]"])
async def test_what_was_told_and_cannot_be_read_any_more_is_named(database: Database, body: str) -> None:
    await database.write(_closes)
    cast = "BYTEA" if database.engine_name == "postgresql" else "BLOB"
    await database.write(tamper, f"UPDATE events SET body = CAST('{body}' AS {cast}) WHERE sequence = 2")
    assert [problem for problem in await _found(database) if problem.endswith("was altered: it cannot be read")]


INVOICE = guid_of("invoice 1")

ALTERED = [
    "UPDATE invoices SET receipt_number = 'X1' WHERE id = :id",
    "UPDATE invoices SET invoice_number = 'X1' WHERE id = :id",
    "UPDATE invoices SET invoice_date = '2020-01-01T00:00:00' WHERE id = :id",
    "UPDATE invoices SET tax = tax + 1, net_price = net_price - 1 WHERE id = :id",
    "UPDATE invoices SET sum_total = sum_total + 1, net_price = net_price + 1 WHERE id = :id",
    "UPDATE invoices SET guest_id = NULL WHERE id = :id",
    "UPDATE invoice_lines SET name = 'Other' WHERE invoice_id = :id",
    "UPDATE invoice_lines SET sales = sales - 1, tax = tax + 1 WHERE invoice_id = :id",
    "UPDATE invoice_lines SET quantity = '2' WHERE invoice_id = :id",
    "UPDATE invoice_lines SET sale_by_id = NULL WHERE invoice_id = :id",
    "UPDATE appointments SET room_name = 'Other' WHERE invoice_id = :id",
    "UPDATE transactions SET amount_paid = amount_paid - 1, fee_amount = fee_amount + 1 WHERE invoice_id = :id",
    "UPDATE transactions SET tip_amount = tip_amount + 1 WHERE invoice_id = :id",
    "UPDATE transactions SET payment_name = 'Other' WHERE invoice_id = :id",
    "UPDATE transactions SET state = 'pending' WHERE invoice_id = :id",
    "UPDATE employee_tips SET amount = amount - 1 WHERE invoice_id = :id",
    "DELETE FROM employee_tips WHERE invoice_id = :id",
    "DELETE FROM invoice_lines WHERE invoice_id = :id",
]


@pytest.mark.parametrize("statement", ALTERED)
async def test_an_altered_invoice_is_named(database: Database, statement: str) -> None:
    await database.write(_closes)

    await database.write(tamper, statement, id=INVOICE)

    problems = await _found(database)
    assert problems
    assert all(f"invoice {INVOICE} " in problem for problem in problems)


@pytest.mark.parametrize(
    ("statement", "problem"),
    [
        ("DELETE FROM deliveries WHERE sequence = 2", "event 2 was to go to 1 endpoints and has 0 deliveries"),
        ("UPDATE deliveries SET attempts = 1 WHERE sequence = 2", "was attempted 1 times and has 0 attempts on record"),
        ("UPDATE accounts SET balance = 99", "has a balance of 99, and its entries come to 100"),
        (
            (
                "INSERT INTO account_entries (account_id, number, reason, amount, balance, created_at) "
                "SELECT account_id, 2, reason, 9223372036854775807, balance, created_at FROM account_entries"
            ),
            "has a balance of 100, and its entries come to 9",
        ),
        ("UPDATE receipt_counters SET next_number = next_number + 1", "has given receipts 1 to 5 and has 4 of them"),
        ("UPDATE invoices SET closed_at = closed_at - 1 WHERE receipt_sequence = 3", "3 was closed before the one"),
        (
            (
                "UPDATE invoices SET closed_at = NULL, receipt_sequence = NULL, close_sequence = 0 "
                "WHERE receipt_sequence = 4"
            ),
            "and it is open",
        ),
    ],
)
async def test_each_broken_promise_is_found(database: Database, statement: str, problem: str) -> None:
    await database.write(_closes)

    await database.write(tamper, statement)

    assert [found for found in await _found(database) if problem in found]


async def test_a_closing_that_was_not_told_is_found(database: Database) -> None:
    await database.write(_closes)
    await database.write(tamper, "DELETE FROM deliveries WHERE sequence = 2")
    await database.write(tamper, "DELETE FROM events WHERE sequence = 2")
    assert any("was told 0 times" in problem for problem in await _found(database))
