"""Centres of an import: defined, implied, completed; and receipt numbers that are never given twice."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime
from typing import Any

import pytest

from closebell.domain.center_book import CenterBook, CenterEntry
from closebell.domain.intake_definitions import CenterDefinition, implied_center
from closebell.domain.intake_report import Result
from closebell.domain.invoice import Centre, Invoice
from closebell.domain.money import Currency
from closebell.errors import Conflict

ID = "5528ee09-5321-4153-8ca7-31c78d757dcb"
NOW = datetime(2022, 3, 11, tzinfo=UTC)


def centre(**changes: Any) -> Centre:
    return dataclasses.replace(implied_center(ID), **changes)


def definition(number: int = 1, **changes: Any) -> CenterDefinition:
    return CenterDefinition(centre=centre(**changes), next_receipt_number=number)


def invoice(receipt: str, at: Centre, *, closed: bool = True) -> Invoice:
    return Invoice(
        id="",
        centre=at,
        guest=None,
        invoice_number="",
        invoice_number_prefix="",
        receipt_number=receipt,
        appointment_group_id=None,
        group_invoice_id=None,
        lock=False,
        is_refund=False,
        invoice_date="2022-03-11T00:00:00",
        net_price=0,
        tax=0,
        rounding_adjustment=0,
        sum_total=0,
        closed_at=NOW if closed else None,
    )


def stored(**changes: Any) -> dict[str, CenterEntry]:
    return {ID: dataclasses.replace(CenterEntry(centre=centre(), has_invoices=True), **changes)}


def test_a_definition_creates_once() -> None:
    book = CenterBook({})
    assert book.define(definition(7, name="Bellevue")) is Result.CREATED
    assert book.define(definition(7, name="Bellevue")) is Result.UNCHANGED
    (entry,) = book.created
    assert (entry.centre.name, entry.first, entry.next, entry.is_stub) == ("Bellevue", 7, 7, False)


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"name": "Kirkland"}, "name is"),
        ({"time_zone": "Asia/Kolkata"}, "time_zone is 'UTC' and would become 'Asia/Kolkata'"),
        ({"currency": Currency.of("INR")}, "currency is 'USD' and would become 'INR'"),
        ({"currency_id": 61}, "currency_id is 0"),
        ({"receipt_prefix": "X"}, "receipt_prefix is 'R'"),
        ({"invoice_prefix": "X"}, "invoice_prefix is ''"),
        ({"number": 2}, "next_receipt_number is 1"),
    ],
)
def test_a_second_definition_must_agree(changes: dict[str, Any], named: str) -> None:
    book = CenterBook(stored(is_stub=False))
    with pytest.raises(Conflict, match=named):
        book.define(definition(**changes))
    assert not book.created
    assert not book.changed


def test_a_stub_is_completed() -> None:
    book = CenterBook(stored())
    assert book.define(definition(50, name="Bellevue", time_zone="Asia/Kolkata")) is Result.CREATED
    (entry,) = book.changed
    assert (entry.centre.name, entry.first, entry.next, entry.is_stub) == ("Bellevue", 50, 50, False)


def test_a_stub_keeps_the_currency_of_its_invoices() -> None:
    euro = definition(currency=Currency.of("EUR"))
    with pytest.raises(Conflict, match="already has invoices"):
        CenterBook(stored()).define(euro)
    assert CenterBook(stored(has_invoices=False)).define(euro) is Result.CREATED


def test_a_stub_that_gave_receipts_keeps_its_numbering() -> None:
    issued = stored(first=1, next=5)
    with pytest.raises(Conflict, match="next_receipt_number"):
        CenterBook(issued).define(definition(50))
    with pytest.raises(Conflict, match="receipt_prefix"):
        CenterBook(issued, {ID: ["X9"]}).define(definition(receipt_prefix="X"))
    book = CenterBook(issued)
    assert book.define(definition(name="Bellevue")) is Result.CREATED
    assert (book.changed[0].first, book.changed[0].next) == (1, 5)


def test_receipts_begin_after_those_brought_along() -> None:
    book = CenterBook({})
    at = book.for_invoice(centre(), says_currency=False)
    for receipt in ("R2650", "R12", "X9000", "0", "R" + "9" * 30):
        book.admit(invoice(receipt, at))
    assert (book.created[0].first, book.created[0].next) == (2651, 2651)


def test_an_invoice_loaded_as_open_moves_nothing() -> None:
    book = CenterBook({})
    book.admit(invoice("0", centre(), closed=False))
    assert book.created[0].next == 1


def test_a_definition_after_history_agrees_with_the_one_before_it() -> None:
    moved = stored(is_stub=False, first=2651, next=2651)
    assert CenterBook(moved, {ID: ["R2650"]}).define(definition(1)) is Result.UNCHANGED
    with pytest.raises(Conflict, match="next_receipt_number"):
        CenterBook(moved, {ID: ["R2649"]}).define(definition(1))


def test_a_stub_is_completed_beyond_history_whatever_the_definition_says() -> None:
    book = CenterBook(stored(first=2651, next=2651), {ID: ["R2650", "X7000"]})
    assert book.define(definition(1, receipt_prefix="X")) is Result.CREATED
    assert book.changed[0].next == 7001


def test_history_may_not_claim_a_number_that_is_given_here() -> None:
    book = CenterBook(stored(is_stub=False, first=10, next=15))
    for receipt in ("R10", "R14", "R15", "R99"):
        with pytest.raises(Conflict, match="gives itself"):
            book.admit(invoice(receipt, centre()))
    book.admit(invoice("R9", centre()))
    book.admit(invoice("X99", centre()))
    assert not book.changed


def test_the_first_invoice_to_name_a_currency_settles_that_of_a_bare_stub() -> None:
    book = CenterBook(stored(has_invoices=False))
    euro = centre(currency=Currency.of("EUR"))
    assert book.for_invoice(euro, says_currency=True).currency.code == "EUR"
    assert book.for_invoice(euro, says_currency=False).currency.code == "USD"
    book.admit(invoice("0", book.for_invoice(euro, says_currency=True)))
    assert book.changed[0].centre.currency.code == "EUR"
    assert book.for_invoice(centre(), says_currency=True).currency.code == "EUR"


def test_what_was_not_admitted_leaves_no_centre() -> None:
    book = CenterBook({})
    book.for_invoice(centre(), says_currency=True)
    assert not book.created
    book.add_stub(centre())
    book.add_stub(centre(name="later"))
    assert book.created[0].centre == centre()
