"""What tests of payments are made of: cards, points, saved cards, and a processor that does as it is told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable
from dataclasses import replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, insert, select

from closebell.domain import document
from closebell.domain.account import Account, AccountKind
from closebell.domain.catalogue import LoyaltyProgram
from closebell.domain.intake_accounts import SavedCard
from closebell.domain.invoice import Invoice, TransactionState
from closebell.domain.money import Currency, Minor
from closebell.domain.processor import Charge, ChargeRequest
from closebell.errors import ClosebellError, InvalidInput, Refusal
from closebell.store import accounts, events, holdings, tables
from closebell.testing import NOON, a_guest, guid_of


def a_card(
    number: str = "GC-1000", *, balance: Minor = 20000, kind: AccountKind = AccountKind.GIFT_CARD, **fields: Any
) -> Account:
    """A gift card, `guid_of("account <number>")`, with so much on it."""
    card = Account(
        id=guid_of(f"account {number}"),
        kind=kind,
        number=number,
        currency=Currency.of("USD"),
        value=balance,
        balance=balance,
    )
    return replace(card, **fields)


def a_program(name: str = "Petals", *, rate: str = "0.05", currency: str = "USD", least: int = 0) -> LoyaltyProgram:
    """A programme, `guid_of("program <name>")`."""
    return LoyaltyProgram(
        id=guid_of(f"program {name}"),
        name=name,
        currency=Currency.of(currency),
        exchange_rate=Decimal(rate),
        points_min=least,
    )


def some_points(balance: int, program: str = "Petals", *, guest: str = "Ada Guest", **fields: Any) -> Account:
    """A guest's points, `guid_of("points <program>")`."""
    held = Account(
        id=guid_of(f"points {program}"),
        kind=AccountKind.LOYALTY_POINTS,
        guest_id=a_guest(guest).id,
        program_id=guid_of(f"program {program}"),
        value=balance,
        balance=balance,
    )
    return replace(held, **fields)


def put_accounts(
    connection: Connection, *held: Account, programs: Iterable[LoyaltyProgram] = (), saved: Iterable[SavedCard] = ()
) -> None:
    """Store what guests hold, and the programmes of their points."""
    for program in programs:
        connection.execute(
            insert(tables.loyalty_programs),
            {
                "id": program.id,
                "name": program.name,
                "currency": program.currency.code,
                "exchange_rate": program.exchange_rate,
                "points_min": program.points_min,
            },
        )
    accounts.insert_many(connection, held, now=NOON)
    holdings.insert_saved_cards(connection, list(saved))


def a_saved_card(number: str = "4242424242424242", *, guest: str = "Ada Guest", processor: str = "test") -> SavedCard:
    """A guest's saved card, `guid_of("saved <number>")`."""
    return SavedCard(
        id=guid_of(f"saved {number}"),
        guest_id=a_guest(guest).id,
        processor=processor,
        token=number,
        card_number=f"************{number[-4:]}",
        name=guest,
    )


def balances(connection: Connection) -> dict[str | None, int]:
    """What is on every account, by what it is known by."""
    rows = connection.execute(select(tables.accounts).order_by(tables.accounts.c.id)).all()
    return {row.number or row.program_id: row.balance for row in rows}


def entries(connection: Connection) -> list[tuple[str, int, int]]:
    """Every movement: why, how much, and what was there afterwards."""
    table = tables.account_entries
    rows = connection.execute(select(table).order_by(table.c.account_id, table.c.number)).all()
    return [(row.reason, row.amount, row.balance) for row in rows]


class Script:
    """A processor that waits until it is let go on, and then says what the test wants, or fails."""

    name = "test"
    takes_card_numbers = True

    def __init__(self, *, charges: Charge | None = None, voids: Charge | None = None) -> None:
        self.charges = charges or Charge(state=TransactionState.SETTLED, reference="ref-1")
        self.voids = voids or Charge(state=TransactionState.FAILED)
        self.finds = Charge(state=TransactionState.FAILED)
        self.fault: Exception | None = None
        self.asked: list[ChargeRequest] = []
        self.voided: list[tuple[str, str]] = []
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.go_on.set()

    async def charge(self, request: ChargeRequest) -> Charge:
        self.asked.append(request)
        self.begun.set()
        await self.go_on.wait()
        if self.fault is not None:
            raise self.fault
        return self.charges

    async def find(self, transaction_id: str, reference: str) -> Charge:
        return self.finds

    async def void(self, transaction_id: str, reference: str) -> Charge:
        self.voided.append((transaction_id, reference))
        if self.fault is not None:
            raise self.fault
        return self.voids


def told(connection: Connection) -> list[tuple[str, Any]]:
    """Every event that was told: its type and its data, with exact decimals."""
    found = events.after(connection, 0, 1000)
    return [(one.event_type, json.loads(one.body or b"", parse_float=Decimal)["data"]) for one in found]


def as_told(invoice: Invoice) -> Any:
    """The data of an event about this invoice's payments: its tenders exactly as the wire shows them."""
    shown = [document.transaction_document(t, invoice.currency) for t in invoice.transactions]
    data = {"invoice_id": invoice.id, "is_closed": False, "transactions": shown}
    return json.loads(document.encode(data), parse_float=Decimal)


def what(error: ClosebellError) -> object:
    """What of an error a test looks at: the code of a refusal, the field of a bad value, else its kind."""
    match error:
        case Refusal(code=code):
            return code
        case InvalidInput(field=field):
            return field
        case other:
            return type(other)
