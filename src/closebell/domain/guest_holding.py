"""What a guest holds as the contract tells of it: its state in the contract's numbers, packages made whole again.

Source: public pages "list-the-series-packages-of-a-guest" and "list-all-memberships-of-a-guest"; docs/guests.md.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from closebell.domain.account import Account, AccountState
from closebell.domain.catalogue import LoyaltyProgram
from closebell.domain.invoice import Centre
from closebell.domain.money import Minor
from closebell.domain.people import CatalogItem


class InvoiceStatus(enum.IntEnum):
    """The contract's number for the state of the invoice that sold something."""

    OPEN = 0
    CLOSED = 4
    VOID = 13


class PackageStatus(enum.IntEnum):
    """The contract's number for whether a guest's package is good."""

    ACTIVE = 1
    EXPIRED = 5
    CANCELLED = 6
    NOT_STARTED = 7


class PackageState(enum.IntEnum):
    """The contract's number for whether anything of a package is left."""

    CLOSED = 0
    OPEN = 1
    WITH_PROCESSING = 2


class MembershipStatus(enum.IntEnum):
    """The contract's number for whether a guest's membership is good."""

    ACTIVE = 1
    CANCELLED = 4
    EXPIRED = 5
    NOT_STARTED = 7


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """The invoice that sold something, and what its line came to; `sold_at` is the centre's wall clock.

    Units: minor units of the centre's currency.
    """

    invoice_id: str
    invoice_number: str
    receipt_number: str
    sold_at: str
    is_closed: bool
    is_cancelled: bool
    sales: Minor | None
    tax: Minor | None
    final: Minor | None
    currency_id: int | None

    @property
    def status(self) -> InvoiceStatus:
        """The state of the invoice."""
        if self.is_closed:
            return InvoiceStatus.CLOSED
        return InvoiceStatus.VOID if self.is_cancelled else InvoiceStatus.OPEN


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One account of a guest with what it refers to; without a `sale` it was brought along."""

    account: Account
    centre: Centre | None = None
    item: CatalogItem | None = None
    service: CatalogItem | None = None
    program: LoyaltyProgram | None = None
    sale: Sale | None = None

    def has_expired(self, today: date) -> bool:
        """Whether the last date on which it was good is over."""
        return self.account.expires_on is not None and self.account.expires_on < today

    def is_redeemable(self, today: date) -> bool:
        """Whether something of it can be used on this date."""
        return self.account.is_usable(today) and self.account.balance > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that was sold to a guest: one holding for each of its services, which all have the same end."""

    id: str
    services: Sequence[Holding]

    @property
    def first(self) -> Holding:
        """The holding that speaks for all."""
        return self.services[0]

    def status(self, today: date) -> PackageStatus:
        """Whether it is good on this date."""
        states = {holding.account.state for holding in self.services}
        if states == {AccountState.CANCELLED}:
            return PackageStatus.CANCELLED
        if AccountState.ISSUED in states:
            return PackageStatus.NOT_STARTED
        return PackageStatus.EXPIRED if self.first.has_expired(today) else PackageStatus.ACTIVE

    def state(self, today: date) -> PackageState:
        """Whether anything of it is left on this date."""
        if self.status(today) is PackageStatus.NOT_STARTED:
            return PackageState.WITH_PROCESSING
        return PackageState.OPEN if self.is_redeemable(today) else PackageState.CLOSED

    def is_redeemable(self, today: date) -> bool:
        """Whether any of its services can be had on this date."""
        return any(holding.is_redeemable(today) for holding in self.services)


def packages_of(holdings: Iterable[Holding]) -> list[Package]:
    """The packages that the holdings are parts of, in the order in which they come.

    Shape: what a line sold is one package, by the line's id. Of what was brought along, units of the same package,
           centre and last date are taken for one, by the smallest id of its accounts.
    """
    parts: dict[tuple[object, ...], list[Holding]] = {}
    for holding in holdings:
        account = holding.account
        if account.invoice_item_id is not None:
            key: tuple[object, ...] = (account.invoice_id, account.invoice_item_id)
        else:
            key = (account.item_id or account.id, account.center_id, account.expires_on)
        parts.setdefault(key, []).append(holding)
    return [_package(services) for services in parts.values()]


def membership_status(holding: Holding, today: date) -> MembershipStatus:
    """Whether a membership is good on this date."""
    match holding.account.state:
        case AccountState.CANCELLED:
            return MembershipStatus.CANCELLED
        case AccountState.ISSUED:
            return MembershipStatus.NOT_STARTED
        case AccountState.ACTIVE:
            return MembershipStatus.EXPIRED if holding.has_expired(today) else MembershipStatus.ACTIVE


def _package(services: Sequence[Holding]) -> Package:
    in_order = sorted(services, key=lambda holding: holding.account.id)
    first = in_order[0].account
    return Package(id=first.invoice_item_id or first.id, services=in_order)
