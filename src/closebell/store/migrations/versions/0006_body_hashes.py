"""The chain links the hashes of bodies, so that bodies can be forgotten; and the database lets exactly that happen.

Every event is linked anew. One whose link was broken before stays broken: its body's hash is one that no body has.
Every trigger that refuses a change to an event, a closed invoice or its tenders is made again here.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

EVENTS_AT_A_TIME = 1_000
"""Events in memory at once."""
GENESIS = bytes(32)

events = sa.table(
    "events",
    *(sa.column(name) for name in ("sequence", "event_type", "invoice_id", "body", "hash", "body_hash", "guest_id")),
)
invoices = sa.table("invoices", sa.column("id"), sa.column("guest_id"))
feed_head = sa.table("feed_head", sa.column("sequence"), sa.column("hash"))


def upgrade() -> None:
    connection = op.get_bind()
    is_sqlite = connection.dialect.name == "sqlite"
    for statement in _without_triggers(is_sqlite=is_sqlite):
        connection.exec_driver_sql(statement)
    _link_anew(connection)
    _new_tables_and_indexes()
    for statement in _sqlite(connection) if is_sqlite else _postgresql(connection):
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("the schema goes forward only; restore a backup instead")


def _new_tables_and_indexes() -> None:
    op.create_table(
        "bodies_waiting",
        sa.Column("sequence", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.ForeignKeyConstraint(["sequence"], ["events.sequence"], name=op.f("fk_bodies_waiting_sequence")),
        sa.PrimaryKeyConstraint("sequence", name=op.f("pk_bodies_waiting")),
    )
    op.create_index("ix_attempts_started_at", "attempts", ["started_at"])
    where = sa.text("host_id IS NOT NULL")
    op.create_index(
        "ix_group_invoices_host_id", "group_invoices", ["host_id"], sqlite_where=where, postgresql_where=where
    )


# --- the chain ---------------------------------------------------------------------------------------------------


def _link_anew(connection: sa.Connection) -> None:
    sequence, before, after = 0, GENESIS, GENESIS
    change = (
        sa.update(events)
        .where(events.c.sequence == sa.bindparam("at"))
        .values({name: sa.bindparam(f"new_{name}") for name in ("hash", "body_hash", "guest_id")})
    )
    while rows := connection.execute(_following(sequence)).all():
        changes = []
        for row in rows:
            held = row.hash == hashlib.sha256(before + row.sequence.to_bytes(8, "big") + row.body).digest()
            body_hash = hashlib.sha256(row.body).digest() if held else row.hash
            after = hashlib.sha256(after + row.sequence.to_bytes(8, "big") + body_hash).digest()
            changes.append(
                {"at": row.sequence, "new_hash": after, "new_body_hash": body_hash, "new_guest_id": _guest_of(row)}
            )
            sequence, before = row.sequence, row.hash
        connection.execute(change, changes)
    # A head that named another event is left as it is, and found.
    connection.execute(
        sa.update(feed_head).where(feed_head.c.sequence == sequence, feed_head.c.hash == before).values(hash=after)
    )


def _following(sequence: int) -> sa.Select[Any]:
    columns = events.c.sequence, events.c.event_type, events.c.body, events.c.hash, invoices.c.guest_id
    return (
        sa.select(*columns)
        .select_from(events.outerjoin(invoices, invoices.c.id == events.c.invoice_id))
        .where(events.c.sequence > sequence)
        .order_by(events.c.sequence)
        .limit(EVENTS_AT_A_TIME)
    )


def _guest_of(row: sa.Row[Any]) -> str | None:
    """Whom an event is about: the guest of its invoice, or the one it tells of."""
    if not row.event_type.startswith("Guest."):
        guest_id: str | None = row.guest_id
        return guest_id
    try:
        return str(json.loads(row.body)["data"]["id"])
    except (ValueError, LookupError, TypeError):
        return None


def _without_triggers(*, is_sqlite: bool) -> Iterator[str]:
    if is_sqlite:
        for name in ("events_update", "invoices_update", "invoices_replace_by_update", "transactions_update"):
            yield f"DROP TRIGGER keep_{name}"
    else:
        yield "DROP TRIGGER keep_told ON events"


# --- SQLite ------------------------------------------------------------------------------------------------------
# What may change is said by naming all that may not, so a column that a later migration adds must be added here too:
# it makes these triggers again.

CLOSED = "closebell: a closed invoice cannot be changed or removed"
CLOSED_CHILD = "closebell: the rows of a closed invoice cannot be changed, removed or added to"
EVENT = "closebell: an event cannot be changed or removed, receivers have been told"
IS_EMPTIED = "length(NEW.body) = 0 AND NEW.sequence <= (SELECT bodies_through FROM {schema}retention)"
IS_ERASED = (
    "OLD.redacted_at IS NULL AND length(NEW.body) > 0 AND length(OLD.body) > 0 "
    "AND EXISTS (SELECT 1 FROM {schema}erasures WHERE guest_id = OLD.guest_id AND finished_at IS NULL)"
)
STAYS_REDACTED = "NEW.redacted_at IS NOT NULL AND NEW.redacted_at = coalesce(OLD.redacted_at, NEW.redacted_at)"


def _sqlite(connection: sa.Connection) -> Iterator[str]:
    redaction = (
        f"typeof(NEW.body) = 'blob' AND NEW.rowid = OLD.rowid AND {STAYS_REDACTED} "
        f"AND (({IS_EMPTIED}) OR ({IS_ERASED})) AND {_unchanged(connection, 'events', 'body', 'redacted_at')}"
    ).replace("{schema}", "")
    yield _refuse("events_update", "UPDATE ON events", f"NOT ({redaction})", EVENT)
    notes = (
        "NEW.notes = '' AND NEW.additional_fields = '[]' AND NEW.rowid = OLD.rowid "
        f"AND {_is_erased('OLD.guest_id')} AND {_unchanged(connection, 'invoices', 'notes', 'additional_fields')}"
    )
    yield _refuse("invoices_update", "UPDATE ON invoices", f"OLD.closed_at IS NOT NULL AND NOT ({notes})", CLOSED)
    moves = "(NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid OR NEW.receipt_sequence IS NOT NULL)"
    yield _refuse(
        "invoices_replace_by_update", "UPDATE ON invoices", f"{moves} AND ({_another_closed_row_in_the_way()})", CLOSED
    )
    guest_id = "(SELECT guest_id FROM invoices WHERE id = OLD.invoice_id)"
    digits = (
        "NEW.card_number = '' AND NEW.additional_data IN ('', OLD.additional_data) "
        f"AND {_is_erased(guest_id)} AND {_unchanged(connection, 'transactions', 'card_number', 'additional_data')}"
    )
    is_closed = "(SELECT closed_at FROM invoices WHERE id = OLD.invoice_id) IS NOT NULL"
    yield _refuse("transactions_update", "UPDATE ON transactions", f"{is_closed} AND NOT ({digits})", CLOSED_CHILD)


def _unchanged(connection: sa.Connection, table: str, *free: str) -> str:
    names = [row[1] for row in connection.exec_driver_sql(f"PRAGMA table_info({table})")]
    return " AND ".join(f"NEW.{name} IS OLD.{name}" for name in names if name not in free)


def _another_closed_row_in_the_way() -> str:
    """Whether an update would put its row in the place of another that is closed; of its own it may have some."""
    conditions = (
        "id = NEW.id",
        "rowid = NEW.rowid",
        "center_id = NEW.center_id AND receipt_sequence = NEW.receipt_sequence",
    )
    return " OR ".join(
        f"EXISTS (SELECT 1 FROM invoices WHERE {condition} AND closed_at IS NOT NULL AND rowid <> OLD.rowid)"  # noqa: S608 (our own words)
        for condition in conditions
    )


def _is_erased(guest_id: str) -> str:
    return f"EXISTS (SELECT 1 FROM erasures WHERE guest_id = {guest_id} AND finished_at IS NULL)"  # noqa: S608 (our own words)


def _refuse(name: str, action: str, condition: str, text: str) -> str:
    return f"CREATE TRIGGER keep_{name} BEFORE {action} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{text}'); END"


# --- PostgreSQL --------------------------------------------------------------------------------------------------
# Here a row is compared whole with what it may become, so a column that is added later is kept by itself.


def _postgresql(connection: sa.Connection) -> Iterator[str]:
    # Named with its schema, so that neither a search path nor a temporary table can put another one in its place.
    schema = connection.exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    redaction = f"{STAYS_REDACTED} AND (({IS_EMPTIED}) OR ({IS_ERASED}))"
    for function in (_KEEP_EVENT.replace("{redaction}", redaction), _KEEP_INVOICE, _KEEP_CHILD):
        yield function.replace("{schema}", f"{schema}.")
    yield (
        "CREATE TRIGGER keep_told BEFORE UPDATE OR DELETE ON events FOR EACH ROW "
        "EXECUTE FUNCTION closebell_keep_event()"
    )


_KEEP_EVENT = """
CREATE OR REPLACE FUNCTION closebell_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    redacted {schema}events;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        redacted := OLD;
        redacted.body := NEW.body;
        redacted.redacted_at := NEW.redacted_at;
        IF NEW IS NOT DISTINCT FROM redacted AND {redaction} THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'closebell: event % cannot be changed or removed, receivers have been told', OLD.event_id
        USING ERRCODE = 'restrict_violation';
END $$
"""

_KEEP_INVOICE = """
CREATE OR REPLACE FUNCTION closebell_keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    redacted {schema}invoices;
BEGIN
    IF TG_OP = 'UPDATE' THEN
        redacted := OLD;
        redacted.notes := '';
        redacted.additional_fields := '[]';
        IF NEW IS NOT DISTINCT FROM redacted
            AND EXISTS (SELECT 1 FROM {schema}erasures WHERE guest_id = OLD.guest_id AND finished_at IS NULL) THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'closebell: invoice % is closed and cannot be changed or removed', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$
"""

# Why the parent is locked as it is, is said where this function was first made (0002).
_KEEP_CHILD = """
CREATE OR REPLACE FUNCTION closebell_keep_child() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent_id varchar := CASE TG_OP WHEN 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END;
    parent_guest_id varchar;
    parent_closed_at bigint;
    redacted {schema}transactions;
BEGIN
    SELECT closed_at, guest_id INTO parent_closed_at, parent_guest_id
        FROM {schema}invoices WHERE id = parent_id FOR NO KEY UPDATE;
    IF parent_closed_at IS NOT NULL THEN
        IF TG_OP = 'UPDATE' AND TG_TABLE_NAME = 'transactions' THEN
            redacted := OLD;
            redacted.card_number := '';
            IF NEW.additional_data = '' THEN
                redacted.additional_data := '';
            END IF;
            IF NEW IS NOT DISTINCT FROM redacted AND EXISTS (
                SELECT 1 FROM {schema}erasures WHERE guest_id = parent_guest_id AND finished_at IS NULL
            ) THEN
                RETURN NEW;
            END IF;
        END IF;
        RAISE EXCEPTION 'closebell: invoice % is closed and its % cannot be changed, removed or added to',
            parent_id, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    IF TG_OP = 'UPDATE' AND NEW.invoice_id IS DISTINCT FROM OLD.invoice_id THEN
        RAISE EXCEPTION 'closebell: a row of % cannot be moved from invoice % to another', TG_TABLE_NAME, parent_id
            USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$
"""
