"""The part of an import that concerns what a chain offers: items, campaigns, programmes of points, ways to pay.

These change as the business does, so a record that differs from what is known replaces it and says what it replaced.
What was sold, redeemed or paid before stays as it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final, TypeVar

from sqlalchemy import Connection

from closebell.domain import intake_catalogue
from closebell.domain.catalogue import Campaign, LoyaltyProgram
from closebell.domain.intake_catalogue import CampaignDefinition, CenterTerms, ItemDefinition
from closebell.domain.intake_catalogue_shapes import (
    CampaignShape,
    CustomPaymentShape,
    ItemShape,
    LoyaltyProgramShape,
)
from closebell.domain.intake_reading import Record, Records
from closebell.domain.intake_report import Kind, ReportRow, Result
from closebell.domain.invoice import ItemType
from closebell.domain.money import Currency
from closebell.domain.people import CatalogItem, CustomPayment
from closebell.errors import Conflict, InvalidInput
from closebell.store import catalogue as shelf
from closebell.store import catalogue_rows, centers, directory
from closebell.store.catalogue_rows import ItemEntry
from closebell.usecase.import_reading import Decision, Read, decided, read_all, values

O = TypeVar("O", LoyaltyProgram, CustomPayment)  # noqa: E741  (what is offered)

CHANGES_TOLD: Final = 5
"""Changes of one record that its row tells one by one."""


def catalogue(connection: Connection, records: Records) -> list[ReportRow]:
    """Decide and store all that a chain offers."""
    return [
        *_items(connection, records.items),
        *_campaigns(connection, records.campaigns),
        *_programs(connection, records.loyalty_programs),
        *_payments(connection, records.custom_payments),
    ]


# --- items -------------------------------------------------------------------------------------------------------


def _items(connection: Connection, records: Sequence[Record]) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, ItemShape, intake_catalogue.item)
    shelves = _Shelves(connection, read)
    rows = [decided(Kind.ITEM, one, shelves.define) for one in read]
    catalogue_rows.put_items(connection, list(shelves.written.values()))
    return rows


class _Shelves:
    """Decides the items of one import, in order."""

    def __init__(self, connection: Connection, read: Sequence[Read[ItemDefinition]]) -> None:
        said = values(read)
        named = {service_id for one in said for service_id, _ in one.benefits or ()}
        places = {terms.center_id for one in said for terms in one.centers or ()}
        self.written: dict[str, ItemEntry] = {}
        self._known = catalogue_rows.item_entries(connection, {one.item.id for one in said})
        self._items = shelf.items(connection, {*named, *self._known})
        self._currencies = _currencies(connection, places)

    def define(self, said: ItemDefinition) -> Decision:
        """Take an item: new, or in the place of what is known of it.

        Errors: InvalidInput for a centre or a service that is not known; Conflict when it was another type of thing.
        """
        self._must_be_services(said)
        known = self._known.get(said.item.id)
        terms = said.terms(self._currencies)
        if known is None:
            return self._write(ItemEntry(item=said.item, terms=terms or {}, benefits=dict(said.benefits or ())))
        if known.item.type != said.item.type and (known.terms or known.benefits):
            raise Conflict(f"type is {known.item.type} and would become {said.item.type:d}, but it is on sale as such")
        now = ItemEntry(
            item=said.item,
            terms=known.terms if terms is None else terms,
            benefits=known.benefits if said.benefits is None else dict(said.benefits),
        )
        return (Result.UNCHANGED, "") if now == known else self._write(now, was=known)

    def _must_be_services(self, said: ItemDefinition) -> None:
        for index, (service_id, _) in enumerate(said.benefits or ()):
            item = self._items.get(service_id)
            if item is None or item.type != ItemType.SERVICE:
                problem = "is not an item that is known; put it before" if item is None else f"is of type {item.type}"
                raise InvalidInput(f"benefits[{index}].service_id", f"{service_id} {problem}; write a service's id")

    def _write(self, entry: ItemEntry, was: ItemEntry | None = None) -> Decision:
        self.written[entry.item.id] = self._known[entry.item.id] = entry
        self._items[entry.item.id] = entry.item
        if was is None:
            return Result.CREATED, ""
        changes = [*_changes(was.item, entry.item), *self._repriced(was.terms, entry.terms)]
        changes += [] if was.benefits == entry.benefits else ["its benefits were others"]
        return Result.UPDATED, _told(changes)

    def _repriced(self, was: Mapping[str, CenterTerms], now: Mapping[str, CenterTerms]) -> Iterable[str]:
        for center_id in sorted({*was, *now}):
            before, after = was.get(center_id), now.get(center_id)
            if before == after:
                continue
            if before is None:
                yield f"centre {center_id} did not sell it"
            elif after is None:
                yield f"centre {center_id} sells it no more"
            elif before.terms.unit_price != after.terms.unit_price:
                yield f"price at {center_id} was {self._currencies[center_id].text(before.terms.unit_price)}"
            else:
                yield f"tax or value at {center_id} was another"


def _currencies(connection: Connection, center_ids: Iterable[str]) -> dict[str, Currency]:
    """What the centres among these keep their books in that are defined, and not only referred to."""
    rows = centers.rows(connection, center_ids)
    return {center_id: Currency.of(row.currency) for center_id, row in rows.items() if not row.is_stub}


# --- campaigns ---------------------------------------------------------------------------------------------------


def _campaigns(connection: Connection, records: Sequence[Record]) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, CampaignShape, intake_catalogue.campaign)
    desk = _Campaigns(connection, values(read))
    return [decided(Kind.CAMPAIGN, one, desk.define) for one in read]


class _Campaigns:
    """Decides the campaigns of one import, in order; each is stored at once, since no two may share a code."""

    def __init__(self, connection: Connection, said: Sequence[CampaignDefinition]) -> None:
        self._connection = connection
        self._known = catalogue_rows.campaigns(connection, {one.campaign.id for one in said})
        items = {item_id for one in said for item_id in one.campaign.item_ids}
        places = {center_id for one in said for center_id in one.campaign.center_ids}
        self._items = frozenset(shelf.items(connection, items))
        self._centers = frozenset(centers.rows(connection, places))

    def define(self, said: CampaignDefinition) -> Decision:
        """Take a campaign: new, or in the place of what is known of it. Its redemptions and vouchers stay.

        Errors: InvalidInput for a centre or an item that is not known; Conflict when a code is another campaign's.
        """
        campaign = said.campaign
        _must_be_known("center_ids", campaign.center_ids, self._centers, "a centre")
        _must_be_known("item_ids", campaign.item_ids, self._items, "an item")
        known = self._known.get(campaign.id)
        now = campaign if known is None else replace(campaign, redemptions=known.redemptions)
        self._must_be_free(now, known)
        more = self._new_vouchers(said)
        if now != known:
            catalogue_rows.put_campaign(self._connection, now, is_new=known is None)
            self._known[campaign.id] = now
        catalogue_rows.insert_vouchers(self._connection, campaign.id, more)
        if known is None:
            return Result.CREATED, ""
        changes = _changes(known, now) + ([f"it had {len(more)} vouchers less"] if more else [])
        return (Result.UPDATED, _told(changes)) if changes else (Result.UNCHANGED, "")

    def _must_be_free(self, now: Campaign, known: Campaign | None) -> None:
        holder = catalogue_rows.holder_of(self._connection, now)
        if holder is not None:
            raise Conflict(f"{now.offer_code or now.voucher_prefix} is campaign {holder}'s already")
        moved = known is not None and known.voucher_prefix not in {None, now.voucher_prefix}
        if moved and catalogue_rows.has_vouchers(self._connection, now.id):
            raise Conflict("its vouchers begin with another voucher_prefix, and they are handed out already")

    def _new_vouchers(self, said: CampaignDefinition) -> list[str]:
        if not said.vouchers:
            return []
        holders = catalogue_rows.voucher_holders(self._connection, said.vouchers)
        foreign = next((code for code, holder in holders.items() if holder != said.campaign.id), None)
        if foreign is not None:
            raise Conflict(f"voucher {foreign} is campaign {holders[foreign]}'s already")
        return [code for code in said.vouchers if code not in holders]


def _must_be_known(name: str, ids: Sequence[str], known: frozenset[str], what: str) -> None:
    for index, one in enumerate(ids):
        if one not in known:
            raise InvalidInput(f"{name}[{index}]", f"{one} is not {what} that is known; import it first")


# --- points and ways to pay --------------------------------------------------------------------------------------


def _programs(connection: Connection, records: Sequence[Record]) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, LoyaltyProgramShape, intake_catalogue.loyalty_program)
    known = shelf.loyalty_programs(connection, {one.id for one in values(read)})
    written: dict[str, LoyaltyProgram] = {}
    rows = [decided(Kind.LOYALTY_PROGRAM, one, lambda said: _replaced(said, known, written)) for one in read]
    catalogue_rows.put_loyalty_programs(connection, written.values())
    return rows


def _payments(connection: Connection, records: Sequence[Record]) -> list[ReportRow]:
    if not records:
        return []
    read = read_all(records, CustomPaymentShape, intake_catalogue.custom_payment)
    names = directory.custom_payment_names(connection, {one.id for one in values(read)})
    known = {payment_id: CustomPayment(id=payment_id, name=name) for payment_id, name in names.items()}
    written: dict[str, CustomPayment] = {}
    rows = [decided(Kind.CUSTOM_PAYMENT, one, lambda said: _replaced(said, known, written)) for one in read]
    catalogue_rows.put_custom_payments(connection, written.values())
    return rows


def _replaced(said: O, known: dict[str, O], written: dict[str, O]) -> Decision:
    """Note what is said in the place of what is known."""
    was = known.get(said.id)
    if was == said:
        return Result.UNCHANGED, ""
    known[said.id] = written[said.id] = said
    return (Result.CREATED, "") if was is None else (Result.UPDATED, _told(_changes(was, said)))


# --- what is told ------------------------------------------------------------------------------------------------


def _changes(was: CatalogItem | Campaign | O, now: CatalogItem | Campaign | O) -> list[str]:
    """What each field was that is something else now."""
    pairs = ((one.name, getattr(was, one.name), getattr(now, one.name)) for one in fields(was))
    currency = getattr(was, "currency", None)
    return [f"{name} was {_shown(name, before, currency)}" for name, before, after in pairs if before != after]


def _shown(name: str, value: Any, currency: Currency | None) -> str:
    if value is None or value in ("", ()):
        return "none"
    if isinstance(value, Currency):
        return value.code
    return currency.text(value) if currency and name in {"amount", "minimum"} else f"{value!s:.60}"


def _told(changes: Sequence[str]) -> str:
    rest = len(changes) - CHANGES_TOLD
    return "; ".join([*changes[:CHANGES_TOLD], *([f"and {rest} more"] if rest > 0 else [])])
