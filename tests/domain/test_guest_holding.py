"""What a guest holds in the contract's numbers, and packages made whole again out of their services."""

from __future__ import annotations

from datetime import date
from typing import Any

import pytest

from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.guest_holding import (
    Holding,
    InvoiceStatus,
    MembershipStatus,
    PackageState,
    PackageStatus,
    Sale,
    membership_status,
    packages_of,
)
from closebell.testing import guid_of

TODAY = date(2026, 1, 5)


def held(name: str, **fields: Any) -> Holding:
    kind = fields.pop("kind", AccountKind.PACKAGE)
    return Holding(account=Account(id=guid_of(name), kind=kind, **fields))


def sold(name: str, line: str = "line", **fields: Any) -> Holding:
    return held(name, invoice_id=guid_of("invoice"), invoice_item_id=guid_of(line), **fields)


def test_what_a_line_sold_is_one_package_by_the_lines_id() -> None:
    first, second = packages_of([sold("a"), sold("b", "other"), sold("c")])
    assert (first.id, second.id) == (guid_of("line"), guid_of("other"))
    assert {one.account.id for one in first.services} == {guid_of("a"), guid_of("c")}


def test_what_was_brought_along_is_one_package_if_nothing_tells_it_apart() -> None:
    item, until = guid_of("package"), date(2026, 12, 31)
    whole = [held(name, item_id=item, expires_on=until) for name in "abc"]
    apart = [held("d", item_id=item), held("e", item_id=guid_of("other"), expires_on=until), held("f"), held("g")]
    found = packages_of([*whole, *apart])
    assert [len(package.services) for package in found] == [3, 1, 1, 1, 1]
    assert found[0].id == min(guid_of(name) for name in "abc")
    assert packages_of([]) == []


@pytest.mark.parametrize(
    ("fields", "status", "state", "redeemable"),
    [
        ({"state": AccountState.ISSUED, "value": 5}, PackageStatus.NOT_STARTED, PackageState.WITH_PROCESSING, False),
        ({"value": 5, "balance": 1}, PackageStatus.ACTIVE, PackageState.OPEN, True),
        ({"value": 5, "balance": 0}, PackageStatus.ACTIVE, PackageState.CLOSED, False),
        ({"balance": 1, "expires_on": TODAY}, PackageStatus.ACTIVE, PackageState.OPEN, True),
        ({"balance": 1, "expires_on": date(2026, 1, 4)}, PackageStatus.EXPIRED, PackageState.CLOSED, False),
        ({"state": AccountState.CANCELLED}, PackageStatus.CANCELLED, PackageState.CLOSED, False),
    ],
)
def test_a_package_in_the_contracts_numbers(
    fields: dict[str, Any], status: PackageStatus, state: PackageState, redeemable: bool
) -> None:
    (package,) = packages_of([sold("a", **fields)])
    assert (package.status(TODAY), package.state(TODAY)) == (status, state)
    assert package.is_redeemable(TODAY) is redeemable


def test_a_package_is_open_while_one_of_its_services_is_left() -> None:
    (package,) = packages_of([sold("a", balance=0), sold("b", balance=1)])
    assert (package.state(TODAY), package.status(TODAY)) == (PackageState.OPEN, PackageStatus.ACTIVE)


def test_a_package_of_which_a_part_was_given_back_is_still_good() -> None:
    (package,) = packages_of([sold("a", state=AccountState.CANCELLED), sold("b", balance=1)])
    assert package.status(TODAY) is PackageStatus.ACTIVE


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({"state": AccountState.ISSUED}, MembershipStatus.NOT_STARTED),
        ({}, MembershipStatus.ACTIVE),
        ({"expires_on": TODAY}, MembershipStatus.ACTIVE),
        ({"expires_on": date(2026, 1, 4)}, MembershipStatus.EXPIRED),
        ({"state": AccountState.CANCELLED, "expires_on": date(2026, 1, 4)}, MembershipStatus.CANCELLED),
    ],
)
def test_a_membership_in_the_contracts_numbers(fields: dict[str, Any], status: MembershipStatus) -> None:
    assert membership_status(held("a", kind=AccountKind.MEMBERSHIP, **fields), TODAY) is status


@pytest.mark.parametrize(
    ("closed", "cancelled", "status"),
    [
        (False, False, InvoiceStatus.OPEN),
        (True, False, InvoiceStatus.CLOSED),
        (False, True, InvoiceStatus.VOID),
    ],
)
def test_the_invoice_that_sold_it_in_the_contracts_numbers(
    closed: bool, cancelled: bool, status: InvoiceStatus
) -> None:
    sale = Sale(
        invoice_id=guid_of("invoice"),
        invoice_number="1",
        receipt_number="0",
        sold_at="2026-01-05T04:00:00",
        is_closed=closed,
        is_cancelled=cancelled,
        sales=None,
        tax=None,
        final=None,
        currency_id=None,
    )
    assert sale.status is status
