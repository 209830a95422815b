"""Sell memberships: each becomes a line, and the guest's once the invoice closes."""

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

MEMBERSHIPS: Final = (ItemType.MEMBERSHIP,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Memberships:
    """A basket of memberships, as the request names them, all sold by one employee; `field` is where it does."""

    ids: tuple[str, ...]
    sale_by_id: str | None = None
    field: str = "membership_ids"

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """A line and a membership for each.

        Errors: InvalidInput naming the field; Refusal 502 Invalid sale_by_employee_id., and Invalid guest_id. when
                the invoice is for nobody.
        """
        must_be_something(self.ids, self.field)
        must_have_guest(invoice, "A membership")
        shelf = find_offers(connection, invoice.centre, self.ids)
        sold_by = seller(staff(connection, [self.sale_by_id]), self.sale_by_id, "sale_by_id")
        today = invoice.centre.today(clock.now())
        lines: list[Line] = []
        held: list[Account] = []
        for index, said in enumerate(self.ids):
            where = f"{self.field}[{index}]"
            offer = shelf.offer(said, where, MEMBERSHIPS, "a membership")
            line = line_of(offer, invoice.centre, line_id=luck.guid(), seller=sold_by)
            until = issuing.expires_on(offer.item.validity_days, today, field=where)
            lines.append(line)
            held.append(issuing.membership(invoice, line, account_id=luck.guid(), until=until))
        return Sold(lines=tuple(lines), accounts=tuple(held))
