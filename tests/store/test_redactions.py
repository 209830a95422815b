"""What the database lets be forgotten: bodies that are old, and what an erasure under way blanks; nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from sqlalchemy import Boolean, Column, Connection, insert, select, text, update
from sqlalchemy.exc import IntegrityError

from closebell.store import tables
from closebell.store.unit import Database
from closebell.testing import NOON, guid_of

CLOSED = guid_of("invoice closed")
AT = 1_767_614_400_000_000
EMPTIED = "UPDATE events SET body = {none}, redacted_at = :at"
REPLACED = "UPDATE events SET body = {other}, redacted_at = :at"
NOTES = "UPDATE invoices SET notes = '', additional_fields = '[]' WHERE id = :invoice"
DIGITS = "UPDATE transactions SET card_number = '', additional_data = '' WHERE invoice_id = :invoice"


def in_words_of(database: Database, statement: str) -> str:
    kind = "blob" if database.engine_name == "sqlite" else "bytea"
    return statement.replace("{none}", f"CAST('' AS {kind})").replace("{other}", f"CAST('x' AS {kind})")


async def done(database: Database, statement: str) -> int:
    sent = text(in_words_of(database, statement))
    values = {name: value for name, value in (("at", AT), ("invoice", CLOSED)) if f":{name}" in statement}
    return await database.write(lambda connection: connection.execute(sent, values).rowcount)


async def refused(database: Database, statement: str) -> None:
    before = await database.read(kept)
    with pytest.raises(IntegrityError, match="closebell: "):
        await done(database, statement)
    assert await database.read(kept) == before


def other_value(column: Column[Any]) -> str:
    """An expression that is another value than the column has, whatever it is."""
    if isinstance(column.type, Boolean):
        return f"NOT {column.name}"
    if column.type.python_type is bytes:
        return "{other}"
    return "'x'" if column.type.python_type is str else "7"


def kept(connection: Connection) -> list[Any]:
    return [connection.execute(select(table)).all() for table in (tables.events, tables.invoices, tables.transactions)]


def come_to(connection: Connection, sequence: int) -> None:
    """Retention has come to this event."""
    connection.execute(update(tables.retention).values(bodies_through=sequence))


def ask(connection: Connection) -> None:
    """Somebody has asked to erase the guest of the closed invoice, who is also the one the event is about."""
    guest_id = connection.execute(select(tables.invoices.c.guest_id).where(tables.invoices.c.id == CLOSED)).scalar_one()
    row = {"id": guid_of("erasure"), "guest_id": guest_id, "position": 0, "events": 0, "attempts": 0}
    connection.execute(insert(tables.erasures), {**row, "created_at": NOON})


def finish(connection: Connection) -> None:
    connection.execute(update(tables.erasures).values(finished_at=NOON))


async def test_a_body_may_be_emptied_once_retention_has_come_to_it(books: Database) -> None:
    await refused(books, EMPTIED)
    await books.write(come_to, 1)
    await refused(books, REPLACED)
    await refused(books, EMPTIED.replace(", redacted_at = :at", ""))
    assert await done(books, EMPTIED) == 1


async def test_a_body_may_be_replaced_once_while_its_guest_is_erased(books: Database) -> None:
    await refused(books, REPLACED)
    await books.write(ask)
    await refused(books, EMPTIED)
    await refused(books, REPLACED.replace(", redacted_at = :at", ""))
    assert await done(books, REPLACED) == 1
    await refused(books, REPLACED.replace("{other}", "{none}"))
    await refused(books, REPLACED.replace("{other}", "body"))


async def test_nothing_may_be_replaced_when_the_erasure_is_over(books: Database) -> None:
    await books.write(ask)
    await books.write(finish)
    for statement in (REPLACED, NOTES, DIGITS):
        await refused(books, statement)


async def test_a_replaced_body_may_be_emptied_later_and_keeps_its_instant(books: Database) -> None:
    await books.write(ask)
    assert await done(books, REPLACED) == 1
    await books.write(come_to, 1)
    await refused(books, EMPTIED.replace(":at", "1"))
    assert await done(books, EMPTIED) == 1
    await refused(books, REPLACED)


async def test_no_other_column_may_change_beside_a_body(books: Database) -> None:
    await books.write(come_to, 1)
    await books.write(ask)
    for column in tables.events.columns:
        if column.name in {"body", "redacted_at"}:
            continue
        other = other_value(column)
        for statement in (EMPTIED, REPLACED):
            await refused(books, f"{statement}, {column.name} = {other}")


async def test_only_texts_of_a_closed_invoice_may_be_blanked(books: Database) -> None:
    await books.write(ask)
    for table, statement in ((tables.invoices, NOTES), (tables.transactions, DIGITS)):
        free = {"notes", "additional_fields", "card_number", "additional_data"}
        for column in table.columns:
            if column.name in free:
                continue
            other = other_value(column)
            await refused(books, statement.replace(" WHERE", f", {column.name} = {other} WHERE"))
    await refused(books, NOTES.replace("notes = ''", "notes = 'x'"))
    await refused(books, NOTES.replace("'[]'", '\'[["a", "b"]]\''))
    await refused(books, DIGITS.replace("card_number = ''", "card_number = '1'"))
    await refused(books, DIGITS.replace("additional_data = ''", "additional_data = 'x'"))
    assert await done(books, NOTES) == 1
    assert await done(books, DIGITS) == 2


async def test_another_guests_erasure_allows_nothing(books: Database) -> None:
    await books.write(ask)
    await books.write(_for_somebody_else)
    for statement in (REPLACED, NOTES, DIGITS):
        await refused(books, statement)


def _for_somebody_else(connection: Connection) -> None:
    other = dict.fromkeys(("first_name", "last_name", "code", "mobile_phone", "email"), "")
    connection.execute(insert(tables.guests), {**other, "id": guid_of("other guest"), "gender": -1, "is_stub": False})
    connection.execute(update(tables.erasures).values(guest_id=guid_of("other guest")))
