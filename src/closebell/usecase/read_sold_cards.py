"""Read the cards that an invoice sells: whoever prints them later needs their numbers once more."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.domain.account import Account
from closebell.domain.caller import OPERATOR, Caller
from closebell.domain.issuing import CARD_ITEMS
from closebell.store import accounts
from closebell.usecase.open_invoice import find


def read_sold_cards(connection: Connection, invoice_id: str, *, caller: Caller = OPERATOR) -> list[Account]:
    """The cards in the order of their lines, whatever became of them; those of lines that are gone come last.

    Errors: Refusal 428, 438.
    """
    invoice = find(connection, invoice_id, caller)
    place = {line.id: index for index, line in enumerate(invoice.lines)}
    cards = [account for account in accounts.sold_by(connection, [invoice_id]) if account.kind in CARD_ITEMS]
    return sorted(cards, key=lambda card: place.get(card.invoice_item_id or "", len(place)))
