"""Where a centre's day is carried out: its API, its books, and the date on its wall."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from closebell.cli.day.calls import Api, Mismatch
from closebell.cli.day.comparing import differences
from closebell.cli.day.evidence import invoice
from closebell.cli.day.ledger import Bill, Held, PlaceBooks
from closebell.cli.day.salon import Place


@dataclass(frozen=True, slots=True, kw_only=True)
class Till:
    """One centre's till."""

    place: Place
    books: PlaceBooks
    api: Api
    today: date

    def held(self, name: str) -> Held:
        """What a guest holds, by the name that the books have for it.

        Errors: Mismatch when the visit that was to sell it did not get that far.
        """
        if name not in self.books.held:
            raise Mismatch(f"nobody holds {name}")
        return self.books.held[name]

    def name_lines(self, bill: Bill) -> None:
        """Each line gets the identifier that the API knows it by, once the invoice is as the books say."""
        rows = self.look(bill)["invoice_items"]
        for line, row in zip(bill.lines, rows, strict=True):
            line.id = row["invoice_item_id"]

    def look(self, bill: Bill) -> Any:
        """The invoice as the API shows it, once it is as the books say.

        Errors: Mismatch naming what differs.
        """
        found = invoice(self.api, bill)
        if problems := list(differences(bill, found)):
            raise Mismatch("; ".join(problems))
        return found
