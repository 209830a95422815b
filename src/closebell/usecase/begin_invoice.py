"""Begin an invoice, or go on with one: where the sale is, for whom, and by whom."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, fields

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.caller import Caller
from closebell.domain.identifiers import guid
from closebell.domain.intake_values import optional_guid
from closebell.domain.invoice import Centre, Guest, Invoice
from closebell.domain.sale import NOTES_CHARACTERS_MAX, Staff
from closebell.domain.text import bounded
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.store import centers, directory
from closebell.usecase import known_guest
from closebell.usecase.open_invoice import Change, find_open


@dataclass(frozen=True, slots=True, kw_only=True)
class Sale:
    """Who buys where, as the request says it."""

    center_id: str | None = None
    guest_id: str | None = None
    notes: str | None = None
    created_by_id: str | None = None


def begin_invoice(connection: Connection, sale: Sale, *, caller: Caller, clock: Clock, luck: Luck) -> Invoice:
    """A new invoice with nothing on it, which is not stored yet.

    Errors: Refusal 502 Invalid center_id. and Invalid guest_id., 438 for a centre or a guest that is not the caller's;
            InvalidInput naming `notes` or `created_by_id`.
    """
    centre = _centre(connection, sale.center_id)
    caller.must_reach(centre.id)
    guest = _guest(connection, sale.guest_id, caller)
    created_by_id = optional_guid(sale.created_by_id, "created_by_id") or caller.employee_id
    if created_by_id is not None and not directory.known_employees(connection, [created_by_id]):
        raise InvalidInput("created_by_id", f"{created_by_id} is not an employee Closebell knows; import it first")
    return Invoice(
        id=luck.guid(),
        centre=centre,
        guest=guest,
        invoice_number="",
        invoice_number_prefix=centre.invoice_prefix,
        receipt_number="0",
        appointment_group_id=None,
        group_invoice_id=None,
        lock=False,
        is_refund=False,
        invoice_date=centre.wall_time(clock.now()),
        net_price=0,
        tax=0,
        rounding_adjustment=0,
        sum_total=0,
        notes=bounded(sale.notes or "", "notes", most=NOTES_CHARACTERS_MAX),
        created_by_id=created_by_id,
    )


def go_on(connection: Connection, invoice_id: str, sale: Sale, *, caller: Caller) -> Invoice:
    """The open invoice, locked; what the request says of its centre and its guest is true of it.

    Errors: Refusal 428, 438, 502 Invalid center_id. and Invalid guest_id.; Conflict when it cannot be changed.
    """
    invoice = find_open(connection, invoice_id, caller, Change.ITEMS)
    said = _named(sale.center_id)
    if said is not None and said != invoice.centre.id:
        raise Refusal(RefusalCode.CENTER_INVALID, f"The invoice is of centre {invoice.centre.id}.")
    said = _named(sale.guest_id)
    if said is not None and (invoice.guest is None or said != invoice.guest.id):
        whose = "nobody in particular" if invoice.guest is None else f"guest {invoice.guest.id}"
        raise Refusal(RefusalCode.GUEST_INVALID, f"The invoice is for {whose}.")
    return invoice


def staff(connection: Connection, ids: Iterable[str | None]) -> dict[str, Staff]:
    """The employees that a request names, by the id as it was written; whoever is not known is absent."""
    written = {text: lenient_guid(text) for text in ids if text}
    known = directory.employees(connection, {id_ for id_ in written.values() if id_ is not None})
    return {
        text: Staff(id=id_, name=f"{known[id_].value.first_name} {known[id_].value.last_name}".strip())
        for text, id_ in written.items()
        if id_ in known
    }


def seller(known: dict[str, Staff], said: str | None, field: str) -> Staff | None:
    """The employee who sold something, None when nobody is said.

    Errors: Refusal 502 Invalid sale_by_employee_id.
    """
    if _named(said) is None:
        return None
    assert said is not None, "somebody is said"
    if said not in known:
        raise Refusal(RefusalCode.SELLER_INVALID, f"{field}: {said!r:.60} is not an employee Closebell knows.")
    return known[said]


def must_have_guest(invoice: Invoice, what: str) -> None:
    """Return if the invoice is for somebody: whoever holds what it sells.

    Errors: Refusal 502 Invalid guest_id.
    """
    if invoice.guest is None:
        raise Refusal(RefusalCode.GUEST_INVALID, f"{what} is held by a guest, and the invoice is for nobody.")


def lenient_guid(text: str | None) -> str | None:
    """The GUID, or None when the text is none: whoever asks has a refusal of its own for that."""
    try:
        return guid(text or "", field="")
    except InvalidInput:
        return None


def _named(text: str | None) -> str | None:
    """What a request names: the GUID, or the text when it is none; None where it says nobody."""
    try:
        return optional_guid(text, "")
    except InvalidInput:
        return text


def _centre(connection: Connection, said: str | None) -> Centre:
    center_id = lenient_guid(said)
    found = None if center_id is None else centers.load(connection, [center_id]).get(center_id)
    if found is None:
        raise Refusal(RefusalCode.CENTER_INVALID, _unknown("center_id", said, "a centre"))
    return found


def _guest(connection: Connection, said: str | None, caller: Caller) -> Guest:
    guest_id = lenient_guid(said)
    found = None if guest_id is None else directory.guests(connection, [guest_id]).get(guest_id)
    if found is None:
        raise Refusal(RefusalCode.GUEST_INVALID, _unknown("guest_id", said, "a guest"))
    known_guest.must_be_theirs(found.value, caller)
    return Guest(**{field.name: getattr(found.value, field.name) for field in fields(Guest)})


def _unknown(field: str, said: str | None, what: str) -> str:
    return f"{field} is missing; name {what}." if not said else f"{field}: {said!r:.60} is not {what} Closebell knows."
