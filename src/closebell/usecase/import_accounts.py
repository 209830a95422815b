"""The part of an import that concerns what guests hold, their saved cards, and groups of invoices.

These are brought along once. What is imported again must say the same; a balance that has moved since stays moved.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import fields, replace
from datetime import datetime
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from closebell.domain import intake_accounts
from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.intake_accounts import ITEM_TYPES, GroupEntry, SavedCard
from closebell.domain.intake_catalogue_shapes import AccountShape, GroupInvoiceShape, SavedCardShape
from closebell.domain.intake_difference import change
from closebell.domain.intake_reading import Record, Records
from closebell.domain.intake_report import Kind, ReportRow, Result
from closebell.domain.invoice import ItemType
from closebell.domain.money import Currency
from closebell.errors import Conflict, InvalidInput
from closebell.store import accounts, catalogue, centers, directory, erasures
from closebell.store import holdings as stored
from closebell.usecase.import_reading import Decision, decided, must_not_be_erased, read_all, values

E = TypeVar("E", SavedCard, GroupEntry)

GROUP_OF_ERASED: Final = "name and notes are left out: a guest of the group was erased"
"""What the report says of a group of which only what is needed was taken."""


def holdings(connection: Connection, records: Records, *, now: datetime) -> list[ReportRow]:
    """Decide and store what guests hold, their saved cards, and groups."""
    return [
        *_accounts(connection, records.accounts, now=now),
        *_saved_cards(connection, records.saved_cards),
        *_groups(connection, records.group_invoices, now=now),
    ]


# --- accounts ----------------------------------------------------------------------------------------------------


def _accounts(connection: Connection, records: Sequence[Record], *, now: datetime) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, AccountShape, intake_accounts.account)
    desk = _Accounts(connection, values(read))
    rows = [decided(Kind.ACCOUNT, one, desk.define) for one in read]
    accounts.insert_many(connection, desk.created, now=now)
    return rows


class _Accounts:
    """Decides the accounts of one import, in order."""

    def __init__(self, connection: Connection, said: Sequence[Account]) -> None:
        self.created: list[Account] = []
        self._known = accounts.load(connection, {one.id for one in said})
        self._brought = stored.balances_brought(connection, self._known)
        self._numbers = stored.card_holders(connection, {one.number for one in said if one.number is not None})
        self._points = stored.points_of(
            connection, {one.guest_id for one in said if one.kind is AccountKind.LOYALTY_POINTS and one.guest_id}
        )
        self._guests = directory.guests(connection, _named(said, "guest_id"))
        self._centers = centers.rows(connection, _named(said, "center_id"))
        self._items = catalogue.items(connection, {*_named(said, "item_id"), *_named(said, "service_id")})
        self._programs = catalogue.loyalty_programs(connection, _named(said, "program_id"))

    def define(self, said: Account) -> Decision:
        """Take an account that is new, or find that it is there.

        Errors: InvalidInput for a reference to what is not known; Conflict when it contradicts what is there.
        """
        known = self._known.get(said.id)
        if known is not None:
            self._must_agree(known, said)
            return Result.UNCHANGED, ""
        self._must_refer(said)
        self._must_be_free(said)
        self.created.append(said)
        self._known[said.id] = said
        self._brought[said.id] = said.balance
        if said.number is not None:
            self._numbers[said.number] = said.id
        if said.kind is AccountKind.LOYALTY_POINTS:
            self._points[said.guest_id, said.program_id] = said.id
        return Result.CREATED, ""

    def _must_agree(self, known: Account, said: Account) -> None:
        """Refuse what differs from what was imported before; balance and state may have moved since."""
        if known.invoice_id is not None:
            raise Conflict(f"was sold here by invoice {known.invoice_id}, not imported")
        brought = replace(
            known, balance=self._brought.get(known.id, 0), state=AccountState.ACTIVE, details=said.details
        )
        _must_be_same(brought, said)

    def _must_refer(self, said: Account) -> None:
        for name, known in (("guest_id", self._guests), ("center_id", self._centers), ("program_id", self._programs)):
            _must_be_known(name, getattr(said, name), known)
        for name, types in (("item_id", ITEM_TYPES.get(said.kind, frozenset())), ("service_id", {ItemType.SERVICE})):
            item_id = getattr(said, name)
            _must_be_known(name, item_id, self._items)
            if item_id is not None and self._items[item_id].type not in types:
                raise InvalidInput(name, f"{item_id} is of type {self._items[item_id].type}, which does not fit")

    def _must_be_free(self, said: Account) -> None:
        if said.number in self._numbers:
            raise Conflict(f"number is account {self._numbers[said.number]}'s already")
        held = self._points.get((said.guest_id, said.program_id)) if said.kind is AccountKind.LOYALTY_POINTS else None
        if held is not None:
            raise Conflict(f"guest {said.guest_id} has points in programme {said.program_id} already: account {held}")


def _named(said: Iterable[Account], name: str) -> set[str]:
    return {found for one in said if (found := getattr(one, name)) is not None}


# --- saved cards and groups --------------------------------------------------------------------------------------


def _saved_cards(connection: Connection, records: Sequence[Record]) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, SavedCardShape, intake_accounts.saved_card)
    said = values(read)
    guests = directory.guests(connection, {one.guest_id for one in said})
    erased = erasures.asked_for(connection, guests)

    def refer(card: SavedCard) -> None:
        _must_be_known("guest_id", card.guest_id, guests)
        must_not_be_erased(card.guest_id, erased)

    known = stored.saved_cards(connection, {one.id for one in said})
    created: list[SavedCard] = []
    rows = [decided(Kind.SAVED_CARD, one, lambda card: _brought(card, known, created, refer)) for one in read]
    stored.insert_saved_cards(connection, created)
    return rows


def _groups(connection: Connection, records: Sequence[Record], *, now: datetime) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, GroupInvoiceShape, intake_accounts.group_invoice)
    said = values(read)
    places = centers.rows(connection, {one.center_id for one in said})
    guests = directory.guests(connection, {one.host_id for one in said if one.host_id is not None})

    def refer(group: GroupEntry) -> None:
        _must_be_known("center_id", group.center_id, places)
        _must_be_known("host_id", group.host_id, guests)

    erased = erasures.asked_for(connection, guests)
    concerned = erasures.groups_concerned(connection, {one.id for one in said})

    def bring(group: GroupEntry) -> Decision:
        if group.id not in concerned and group.host_id not in erased:
            return _brought(group, known, created, refer)
        result, _ = _brought(replace(group, name="", notes=""), known, created, refer)
        return result, GROUP_OF_ERASED if result is Result.CREATED and (group.name or group.notes) else ""

    known = stored.groups(connection, {one.id for one in said})
    created: list[GroupEntry] = []
    rows = [decided(Kind.GROUP_INVOICE, one, bring) for one in read]
    stored.insert_groups(connection, created, now=now)
    return rows


def _brought(said: E, known: dict[str, E], created: list[E], refer: Callable[[E], None]) -> Decision:
    """Take what is new and refers to what is known; what is known must be the same."""
    was = known.get(said.id)
    if was is not None:
        _must_be_same(was, said)
        return Result.UNCHANGED, ""
    refer(said)
    known[said.id] = said
    created.append(said)
    return Result.CREATED, ""


def _must_be_same(was: Account | E, now: Account | E) -> None:
    """Refuse what differs from what was imported before, naming the first thing."""
    for one in fields(was):
        before, after = getattr(was, one.name), getattr(now, one.name)
        if before != after:
            shown = _shown(one.name, before, was), _shown(one.name, after, now)
            raise Conflict(f"already exists and differs: {change(one.name, *shown)}")


def _shown(name: str, value: Any, owner: Account | E) -> Any:
    currency = getattr(owner, "currency", None)
    if isinstance(currency, Currency) and name in {"value", "balance"}:
        return currency.digits(value)
    return value.code if isinstance(value, Currency) else value


def _must_be_known(name: str, said: str | None, known: Iterable[str]) -> None:
    if said is not None and said not in known:
        raise InvalidInput(name, f"{said} is not known; import it first")
