"""The centres of one import: what is stored, what the import defines or implies, and where receipts begin.

A receipt number must never be given twice. Invoices that were closed elsewhere bring theirs along, so a centre's
own numbers begin after them; once it has given some, history that claims one of them is refused.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from closebell.domain.intake_definitions import CenterDefinition
from closebell.domain.intake_report import Result
from closebell.domain.invoice import Centre, Invoice
from closebell.errors import Conflict

_COUNTER_DIGITS_MAX = 18
"""A longer number is beyond any counter of ours, so none will ever give it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CenterEntry:
    """A centre with its numbering.

    Shape: its receipts begin with `first`; the next one gets `next`. A stub was only referred to so far.
    """

    centre: Centre
    first: int = 1
    next: int = 1
    is_stub: bool = True
    has_invoices: bool = False

    @property
    def has_issued(self) -> bool:
        """Whether a receipt was given here."""
        return self.next != self.first


class CenterBook:
    """What is known of centres while an import is decided.

    Shape: `history` are the receipt numbers of stored invoices that were closed elsewhere, by centre.
    """

    def __init__(self, stored: Mapping[str, CenterEntry], history: Mapping[str, Iterable[str]] | None = None) -> None:
        self._stored = dict(stored)
        self._entries = dict(stored)
        self._history = dict(history or {})

    @property
    def created(self) -> list[CenterEntry]:
        """The centres to insert."""
        return [entry for center_id, entry in self._entries.items() if center_id not in self._stored]

    @property
    def changed(self) -> list[CenterEntry]:
        """The stored centres to rewrite."""
        return [
            entry
            for center_id, entry in self._entries.items()
            if (stored := self._stored.get(center_id)) is not None
            and replace(stored, has_invoices=entry.has_invoices) != entry
        ]

    @property
    def renumbered(self) -> list[CenterEntry]:
        """Those of them whose receipts begin elsewhere now."""
        return [entry for entry in self.changed if entry.next != self._stored[entry.centre.id].next]

    def find(self, center_id: str) -> CenterEntry | None:
        """The centre, if anything is known of it."""
        return self._entries.get(center_id)

    def add_stub(self, centre: Centre) -> None:
        """Note a centre that was referred to; one that is known stays as it is."""
        self._entries.setdefault(centre.id, CenterEntry(centre=centre))

    def define(self, definition: CenterDefinition) -> Result:
        """Take a definition of a new centre, of a stub, or of one that is known: its settings may change.

        Errors: Conflict naming the first thing it contradicts.
        """
        centre = definition.centre
        known = self._entries.get(centre.id)
        first = self._first_after_history(definition)
        if known is None:
            self._entries[centre.id] = CenterEntry(centre=centre, first=first, next=first, is_stub=False)
            return Result.CREATED
        if known.is_stub:
            self._entries[centre.id] = self._completed(known, centre, definition.next_receipt_number, first)
            return Result.CREATED
        _must_agree(known, centre, definition.next_receipt_number, first)
        settled = replace(known, centre=replace(known.centre, **definition.settings))
        self._entries[centre.id] = settled
        return Result.UNCHANGED if settled == known else Result.UPDATED

    def for_invoice(self, implied: Centre, *, says_currency: bool) -> Centre:
        """The centre an invoice belongs to: as known, else as the invoice implies it.

        The currency of a stub without invoices was assumed; the first invoice to name one settles it.
        """
        known = self._entries.get(implied.id)
        if known is None:
            return implied
        if known.is_stub and not known.has_invoices and says_currency:
            return replace(known.centre, currency=implied.currency)
        return known.centre

    def admit(self, invoice: Invoice) -> None:
        """Note an invoice that will be stored, and with it its centre and the receipt number it brings.

        Errors: Conflict, and nothing noted, when its receipt number is one that the centre gives itself.
        """
        entry = self._entries.get(invoice.centre.id) or CenterEntry(centre=invoice.centre)
        number = receipt_number(invoice.receipt_number, invoice.centre.receipt_prefix) if invoice.is_closed else None
        if number is not None and number >= entry.first:
            if entry.has_issued:
                raise Conflict(
                    f"receipt number {invoice.receipt_number} is one that centre {entry.centre.id} gives itself: its "
                    f"receipts began with {entry.centre.receipt(entry.first)} and the next one is "
                    f"{entry.centre.receipt(entry.next)}"
                )
            entry = replace(entry, first=number + 1, next=number + 1)
        if not entry.has_invoices or entry is not self._entries.get(entry.centre.id):
            self._entries[entry.centre.id] = replace(entry, centre=invoice.centre, has_invoices=True)

    def _first_after_history(self, definition: CenterDefinition) -> int:
        prefix = definition.centre.receipt_prefix
        numbers = [receipt_number(text, prefix) or 0 for text in self._history.get(definition.centre.id, ())]
        return max(definition.next_receipt_number, max(numbers, default=0) + 1)

    def _completed(self, known: CenterEntry, centre: Centre, said: int, first: int) -> CenterEntry:
        """A stub that becomes what it really is, as far as that contradicts nothing that happened."""
        if known.has_invoices and centre.currency != known.centre.currency:
            raise _differs("currency", known.centre.currency.code, centre.currency.code, "it already has invoices")
        if not known.has_issued:
            return replace(known, centre=centre, first=first, next=first, is_stub=False)
        if said not in {1, known.first}:
            raise _differs("next_receipt_number", known.first, said, "it has already given receipts")
        if first > known.first:
            raise _differs(
                "receipt_prefix",
                known.centre.receipt_prefix,
                centre.receipt_prefix,
                f"receipts up to {centre.receipt(first - 1)} were imported and it has already given its own",
            )
        return replace(known, centre=centre, is_stub=False)


def receipt_number(text: str, prefix: str) -> int | None:
    """The number in a receipt number with this prefix, None when it is none of that kind.

    >>> receipt_number("R2650", "R"), receipt_number("X2650", "R"), receipt_number("0", "")
    (2650, None, None)
    """
    digits = text.removeprefix(prefix) if text.startswith(prefix) else ""
    if not (digits.isascii() and digits.isdigit() and len(digits) <= _COUNTER_DIGITS_MAX):
        return None
    return int(digits) or None


_COMPARED = ("name", "time_zone", "currency", "currency_id", "receipt_prefix", "invoice_prefix")


def _must_agree(known: CenterEntry, centre: Centre, said: int, first: int) -> None:
    """Refuse a definition unlike the one before; the first number may since have moved past imported receipts."""
    for name in _COMPARED:
        was, now = getattr(known.centre, name), getattr(centre, name)
        if was != now:
            raise _differs(name, getattr(was, "code", was), getattr(now, "code", now), "it was defined before")
    if known.first not in {said, first}:
        raise _differs("next_receipt_number", known.first, said, "it was defined before")


def _differs(name: str, was: object, now: object, why: str) -> Conflict:
    return Conflict(f"{name} is {was!r} and would become {now!r}, but {why}")
