"""Sell: a basket of things becomes a new invoice, or goes on one that is still open."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.invoice import Invoice
from closebell.usecase.begin_invoice import Sale, begin_invoice, go_on
from closebell.usecase.change_lines import Sold, add, store_new


class Basket(Protocol):
    """Things of one kind that somebody buys; there is one for each `sell_*` module."""

    def ring_up(self, connection: Connection, invoice: Invoice, *, clock: Clock, luck: Luck) -> Sold:
        """What they put on the invoice, at the terms of its centre."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Purchase:
    """The invoice as it is now, and what was put on it."""

    invoice: Invoice
    sold: Sold


def sell(
    connection: Connection, sale: Sale, basket: Basket, *, clock: Clock, luck: Luck, caller: Caller = OPERATOR
) -> Purchase:
    """A new invoice with what is in the basket.

    Errors: those of `begin_invoice`, then those of the basket, thing by thing; last Refusal 4023.
    """
    invoice = begin_invoice(connection, sale, caller=caller, clock=clock, luck=luck)
    sold = basket.ring_up(connection, invoice, clock=clock, luck=luck)
    return Purchase(invoice=store_new(connection, invoice, sold, clock=clock), sold=sold)


def sell_more(
    connection: Connection,
    invoice_id: str,
    sale: Sale,
    basket: Basket,
    *,
    clock: Clock,
    luck: Luck,
    caller: Caller = OPERATOR,
) -> Purchase:
    """The open invoice with what is in the basket behind what is on it already.

    Errors: those of `go_on`, then those of the basket, thing by thing; last Conflict when it is beyond a limit.
    """
    invoice = go_on(connection, invoice_id, sale, caller=caller)
    sold = basket.ring_up(connection, invoice, clock=clock, luck=luck)
    return Purchase(invoice=add(connection, invoice, sold, clock=clock), sold=sold)
