"""A guest who is known everywhere that Closebell can know somebody, and is to be forgotten."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sqlalchemy import Connection, insert, select, update

from closebell.domain import event
from closebell.domain.caller import OPERATOR
from closebell.domain.guest_shapes import (
    AddressShape,
    GuestRequest,
    NamedShape,
    PersonalInfoShape,
    PhoneShape,
    ReferralShape,
)
from closebell.domain.invoice import Guest, Invoice, Tender
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    a_payment,
    an_endpoint,
    guid_of,
    put,
)
from closebell.usecase.audit_feed import Progress, audit_portion
from closebell.usecase.change_guest import change_guest
from closebell.usecase.close_invoices import CloseCommand, close_invoices
from closebell.usecase.create_guest import create_guest
from closebell.usecase.examine import CHECKS, Examined, examine_closed, run_check
from closebell.usecase.reconcile import Reconciliation, reconcile
from closebell.usecase.record_tender import tell_payments

HERE = a_centre()
SECRETS = (
    *("Adalovelacia", "Byronsdottir", "adal.byron@guests.example", "2065550177", "206-555-0177", "4711 Analytical Way"),
    *("Mayfairness", "1815-12-10", "ABCPX1234Q", "V-Ada-1", "a bad left knee", "9017", "Windsorcastle"),
)
"""What nobody may find any more: it stands in the guest's record, their invoices, and what was told and answered."""
WHO = GuestRequest(
    center_id=HERE.id,
    code="V-Ada-1",
    personal_info=PersonalInfoShape(
        first_name="Adalovelacia",
        last_name="Byronsdottir",
        email="adal.byron@guests.example",
        mobile_phone=PhoneShape(phone_code="1", number="206-555-0177"),
        date_of_birth="1815-12-10",
        pan="ABCPX1234Q",
    ),
    address_info=AddressShape(address_1="4711 Analytical Way", city="Mayfairness"),
)


def a_known_guest(connection: Connection, *, clock: FixedClock, closes: int = 3) -> str:
    """Create the guest and everything that names them; what is closed, paid and changed is told."""
    endpoints.insert_one(connection, an_endpoint("all", event_types=sorted(event.EVENT_TYPES)))
    luck = SeededLuck(closes)
    if connection.execute(select(tables.centers).where(tables.centers.c.id == HERE.id)).one_or_none() is None:
        put(connection, a_paid_invoice("of somebody else"))
    entry = create_guest(connection, WHO, clock=clock, luck=luck).guest.entry
    change = GuestRequest(personal_info=PersonalInfoShape(middle_name="Windsorcastle"))
    change_guest(connection, entry.id, change, clock=clock, luck=luck)
    guest = Guest(**{name: getattr(entry, name) for name in Guest.__slots__})
    theirs = [_an_invoice_of(guest, number) for number in range(closes)]
    imported = replace(_an_invoice_of(guest, closes), closed_at=NOON, group_invoice_id=guid_of("party"))
    put(connection, *theirs, imported, _an_invoice_of(guest, closes + 1))
    tell_payments(connection, event.PAYMENTS_ADDED, theirs[0], caller=OPERATOR, clock=clock, luck=luck)
    commands = [CloseCommand(invoice_id=one.id) for one in theirs]
    assert len(close_invoices(connection, commands, clock=clock, luck=luck).deliveries) == closes
    _answer_all(connection)
    _beside(connection, entry.id, clock, luck)
    return entry.id


def _an_invoice_of(guest: Guest, number: int) -> Invoice:
    paid = replace(a_payment(tender=Tender.CARD), card_number="9017", additional_data="Byronsdottir signed")
    invoice = a_paid_invoice(f"of the guest {number}")
    return replace(
        invoice,
        guest=guest,
        transactions=(paid,),
        notes="Adalovelacia has a bad left knee",
        additional_fields=(("wish", "a bad left knee"),),
    )


def _answer_all(connection: Connection) -> None:
    """Every delivery was attempted, and the receiver answered with what it got; the first is still pending."""
    in_order = select(tables.deliveries.c.id).order_by(tables.deliveries.c.sequence)
    for number, delivery_id in enumerate(connection.execute(in_order).scalars().all()):
        connection.execute(
            insert(tables.attempts),
            {
                "delivery_id": delivery_id,
                "number": 1,
                "started_at": NOON,
                "duration_us": 1,
                "error": None,
                "status": 302,
                "detail": "It points to /hello/Adalovelacia",
                "response_excerpt": "Hi Byronsdottir",
            },
        )
        over = {"state": "exhausted", "finished_at": NOON, "reason": "The last failed: /hello/Adalovelacia"}
        connection.execute(
            update(tables.deliveries)
            .where(tables.deliveries.c.id == delivery_id)
            .values(attempts=1, **(over if number else {}))
        )


def _beside(connection: Connection, guest_id: str, clock: FixedClock, luck: SeededLuck) -> None:
    card = {"id": guid_of("saved"), "guest_id": guest_id, "processor": "test", "token": "t", "card_number": "9017"}
    connection.execute(insert(tables.saved_cards), {**card, "name": "A. Byronsdottir"})
    group = {"id": guid_of("party"), "center_id": HERE.id, "name": "Adalovelacia's", "notes": "a bad left knee"}
    connection.execute(insert(tables.group_invoices), {**group, "host_id": guest_id, "created_at": NOON})
    connection.execute(
        insert(tables.accounts),
        {
            "id": guid_of("gift"),
            "kind": "gift_card",
            "state": "active",
            "guest_id": guest_id,
            "value": 0,
            "balance": 0,
            "created_at": NOON,
            "details": json.dumps({"recipient_name": "Adalovelacia", "message": "x", "is_onetime_use": True}),
        },
    )
    kept = {"caller_id": "c", "route": "", "request_digest": b"", "status": 200, "headers": "[]", "created_at": NOON}
    answer = f'{{"id":"{guest_id}","first_name":"Adalovelacia"}}'.encode()
    rows = [{**kept, "key": "1", "body": answer}, {**kept, "key": "2", "body": b"nothing of them"}]
    connection.execute(insert(tables.kept_answers), rows)
    friend = GuestRequest(
        center_id=HERE.id,
        personal_info=PersonalInfoShape(first_name="Grace"),
        referral=ReferralShape(referred_by=NamedShape(id=guest_id, name="Adalovelacia Byronsdottir")),
    )
    create_guest(connection, friend, clock=clock, luck=luck)


def texts(connection: Connection) -> str:
    """Everything in the database, as one text."""
    found = []
    for table in tables.metadata.sorted_tables:
        for row in connection.execute(select(table)):
            found += [one.decode("utf-8", "replace") if isinstance(one, bytes) else str(one) for one in row]
    return "\n".join(found)


def betrayed(text: str, secrets: Iterable[str] = SECRETS) -> list[str]:
    """Which of the secrets stand in a text, in whatever case."""
    folded = text.casefold()
    return [secret for secret in secrets if secret.casefold() in folded]


async def audited(database: Database) -> Progress:
    """The whole audit of the feed."""
    progress = Progress()
    while not progress.is_done:
        progress = await database.read(audit_portion, progress)
    return progress


async def examined(database: Database) -> list[str]:
    """All that `closebell doctor` finds beside the audit."""
    problems: list[str] = []
    for check in CHECKS:
        problems += await database.read(run_check, check)
    progress = Examined()
    while not progress.is_done:
        progress = await database.read(examine_closed, progress)
    return [*problems, *progress.problems]


async def reconciled(database: Database) -> Reconciliation:
    """The totals of the day."""
    day = timedelta(days=1)
    return await database.read(reconcile, since=NOON - day, until=NOON + day, clock=FixedClock())


def sums_told(connection: Connection) -> list[Any]:
    """Every amount that events tell, to the digit: what their invoices and payments come to."""
    bodies = connection.execute(select(tables.events.c.body).order_by(tables.events.c.sequence)).scalars().all()
    found = []
    for body in bodies:
        data = json.loads(body, parse_float=str, parse_int=str)["data"]
        invoice = data.get("invoice", data)
        payments = [
            {name: value for name, value in one.items() if name.endswith("amount") or "_amount" in name}
            for one in invoice.get("transactions", [])
        ]
        found.append((invoice.get("total_price"), payments, [one["price"] for one in invoice.get("invoice_items", [])]))
    return found
