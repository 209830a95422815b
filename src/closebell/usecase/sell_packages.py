"""Sell packages: each becomes a line, and units of its services for the guest once the invoice closes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain import issuing
from closebell.domain.account import Account
from closebell.domain.invoice import Invoice, ItemType, Line
from closebell.domain.sale import line_of, must_be_something
from closebell.usecase.begin_invoice import must_have_guest, seller, staff
from closebell.usecase.change_lines import Sold
from closebell.usecase.find_offers import find_offers

PACKAGES: Final = (ItemType.PACKAGE, ItemType.DAY_PACKAGE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """A package that somebody buys, as the request says it."""

    id: str | None
    sale_by_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Packages:
    """A basket of packages; `field` is where the request names them."""

    packages: tuple[Package, ...]
    field: str = "package_details"

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """A line for each, and an account for each of its services.

        Errors: InvalidInput naming the field; Refusal 502 Invalid sale_by_employee_id., and Invalid guest_id. when
                the invoice is for nobody.
        """
        must_be_something(self.packages, self.field)
        must_have_guest(invoice, "A package")
        shelf = find_offers(connection, invoice.centre, (package.id for package in self.packages))
        known = staff(connection, (package.sale_by_id for package in self.packages))
        today = invoice.centre.today(clock.now())
        lines: list[Line] = []
        held: list[Account] = []
        for index, package in enumerate(self.packages):
            where = f"{self.field}[{index}]"
            offer = shelf.offer(package.id, f"{where}.id", PACKAGES, "a package")
            sold_by = seller(known, package.sale_by_id, f"{where}.sale_by_id")
            line = line_of(offer, invoice.centre, line_id=luck.guid(), seller=sold_by)
            until = issuing.expires_on(offer.item.validity_days, today, field=f"{where}.id")
            lines.append(line)
            held += issuing.package(invoice, line, offer, new_id=luck.guid, until=until)
        return Sold(lines=tuple(lines), accounts=tuple(held))
