"""Which units pay for which services: what ends first goes first, and one account pays for a whole line."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from closebell.domain.account import Account, AccountKind
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.units import Wanted, choose, choose_all, obstacle
from closebell.errors import Conflict, Refusal, RefusalCode
from closebell.testing import a_line, an_invoice, guid_of

MASSAGE, FACIAL = guid_of("item Massage"), guid_of("item Facial")


def units(name: str, balance: int, *, service: str = MASSAGE, ends: date | None = None) -> Account:
    return Account(
        id=name,
        kind=AccountKind.PACKAGE,
        item_id=f"package {name}",
        invoice_item_id=f"sold {name}",
        service_id=service,
        value=9,
        balance=balance,
        expires_on=ends,
    )


def a_service(name: str, *, item: str = MASSAGE, **fields: Any) -> Line:
    return replace(a_line(name, final=10000), item_id=item, **fields)


def bill(*lines: Line) -> Invoice:
    return an_invoice(lines=lines)


FIRST, SECOND, TWO = a_service("first"), a_service("second"), a_service("two", quantity=Decimal(2))


def test_every_line_that_can_be_paid_for_is_and_units_are_counted() -> None:
    other = a_service("facial", item=FACIAL)
    product = a_service("oil", type=ItemType.PRODUCT)
    invoice = bill(FIRST, other, product, SECOND, a_service("third"))
    assert choose_all(invoice, [units("a", 2)]) == [(FIRST, "a"), (SECOND, "a")]
    assert choose_all(invoice, []) == []


def test_what_ends_first_is_used_first_and_what_never_ends_last() -> None:
    held = [units("a", 1), units("b", 1, ends=date(2027, 1, 1)), units("c", 1, ends=date(2026, 6, 1))]
    lines = [FIRST, SECOND, a_service("third")]
    assert [account for _, account in choose_all(bill(*lines), held)] == ["c", "b", "a"]
    wanted = [Wanted(invoice_item_id=line.id) for line in lines]
    assert choose(bill(*lines), held, wanted) == choose_all(bill(*lines), held)


def test_one_account_pays_for_a_whole_line() -> None:
    held = [units("a", 1, ends=date(2026, 6, 1)), units("b", 2)]
    assert choose_all(bill(TWO), held) == [(TWO, "b")]
    assert choose_all(bill(TWO), [units("a", 1), units("b", 1)]) == []


@pytest.mark.parametrize("name", ["b", "package b", "sold b"])
def test_a_package_is_named_by_account_by_item_or_by_the_line_that_sold_it(name: str) -> None:
    held = [units("a", 5), units("b", 5)]
    assert choose(bill(FIRST), held, [Wanted(invoice_item_id=FIRST.id, package_id=name)]) == [(FIRST, "b")]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (a_service("x", type=ItemType.PRODUCT), "it is no service"),
        (a_service("x", redeemed_from_id="a"), "a package has paid for it"),
        (a_service("x", sales=0, final=0), "it costs nothing"),
        (a_service("x", quantity=Decimal("1.5")), "its quantity is 1.5, and units are whole"),
        (a_service("x", discount=5), "a price that could not be restored"),
    ],
)
def test_a_line_that_no_unit_pays_for_says_why(line: Line, says: str) -> None:
    assert says in (obstacle(line) or "")
    with pytest.raises(Conflict, match=says):
        choose(bill(line), [units("a", 9)], [Wanted(invoice_item_id=line.id)])
    assert choose_all(bill(line), [units("a", 9)]) == []


def test_no_line_is_paid_for_twice() -> None:
    with pytest.raises(Conflict, match="it is named twice"):
        choose(bill(FIRST), [units("a", 9)], [Wanted(invoice_item_id=FIRST.id)] * 2)


def test_a_line_that_is_not_there_is_the_contracts_429() -> None:
    with pytest.raises(Refusal) as caught:
        choose(bill(FIRST), [], [Wanted(invoice_item_id=SECOND.id)])
    assert caught.value.code is RefusalCode.ITEM_NOT_FOUND


@pytest.mark.parametrize(
    ("package", "says"),
    [(None, "it needs 2 units of it, and no package of the guest holds more than 1"), ("b", "package b holds 0")],
)
def test_too_few_units_say_how_many_there_are(package: str | None, says: str) -> None:
    with pytest.raises(Conflict, match=says):
        choose(bill(TWO), [units("a", 1)], [Wanted(invoice_item_id=TWO.id, package_id=package)])
