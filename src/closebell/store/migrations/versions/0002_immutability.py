"""The database itself refuses to change a closed invoice, anything that hangs on one, or an event.

A later migration that rebuilds one of these tables on SQLite drops its triggers and must make them again.
"""

from __future__ import annotations

from collections.abc import Iterator

from alembic import op

revision = "0002"
down_revision = "0001"

CHILDREN = ("invoice_lines", "appointments", "transactions", "employee_tips")


def upgrade() -> None:
    connection = op.get_bind()
    for statement in _sqlite() if connection.dialect.name == "sqlite" else _postgresql():
        connection.exec_driver_sql(statement)


def downgrade() -> None:
    raise NotImplementedError("the schema goes forward only; restore a backup instead")


# --- SQLite ------------------------------------------------------------------------------------------------------
# RAISE takes nothing but a literal before SQLite 3.47, so these texts cannot name the row.

CLOSED = "closebell: a closed invoice cannot be changed or removed"
CLOSED_CHILD = "closebell: the rows of a closed invoice cannot be changed, removed or added to"
MOVED = "closebell: a row cannot be moved to another invoice"
EVENT = "closebell: an event cannot be changed or removed, receivers have been told"


def _sqlite() -> Iterator[str]:
    yield _refuse("invoices_update", "UPDATE ON invoices", "OLD.closed_at IS NOT NULL", CLOSED)
    yield _refuse("invoices_delete", "DELETE ON invoices", "OLD.closed_at IS NOT NULL", CLOSED)
    # REPLACE removes every row it conflicts with, by any unique key or the hidden rowid, and fires no delete trigger
    # unless the connection asks for it; so what would remove a closed row is refused before it happens.
    yield _refuse("invoices_replace", "INSERT ON invoices", _closed_row_in_the_way(), CLOSED)
    yield _refuse(
        "invoices_replace_by_update",
        "UPDATE ON invoices",
        "(NEW.id <> OLD.id OR NEW.rowid <> OLD.rowid OR NEW.receipt_sequence IS NOT NULL) "
        f"AND ({_closed_row_in_the_way()})",
        CLOSED,
    )
    for table in CHILDREN:
        yield _refuse(f"{table}_insert", f"INSERT ON {table}", _is_closed("NEW.invoice_id"), CLOSED_CHILD)
        yield _refuse(f"{table}_update", f"UPDATE ON {table}", _is_closed("OLD.invoice_id"), CLOSED_CHILD)
        yield _refuse(f"{table}_delete", f"DELETE ON {table}", _is_closed("OLD.invoice_id"), CLOSED_CHILD)
        yield _refuse(f"{table}_move", f"UPDATE ON {table}", "NEW.invoice_id <> OLD.invoice_id", MOVED)
    yield _refuse("events_update", "UPDATE ON events", "TRUE", EVENT)
    yield _refuse("events_delete", "DELETE ON events", "TRUE", EVENT)
    yield _refuse("events_replace", "INSERT ON events", _event_in_the_way(), EVENT)


def _refuse(name: str, action: str, condition: str, text: str) -> str:
    return f"CREATE TRIGGER keep_{name} BEFORE {action} WHEN {condition} BEGIN SELECT RAISE(ABORT, '{text}'); END"


def _is_closed(invoice_id: str) -> str:
    return f"(SELECT closed_at FROM invoices WHERE id = {invoice_id}) IS NOT NULL"  # noqa: S608 (our own words)


def _closed_row_in_the_way() -> str:
    conditions = (
        "id = NEW.id",
        "rowid = NEW.rowid",
        "center_id = NEW.center_id AND receipt_sequence = NEW.receipt_sequence",
    )
    return _any_exists("invoices", conditions, also="closed_at IS NOT NULL")


def _event_in_the_way() -> str:
    conditions = (
        "sequence = NEW.sequence",
        "rowid = NEW.rowid",
        "event_id = NEW.event_id",
        "invoice_id = NEW.invoice_id AND event_type = NEW.event_type AND close_sequence = NEW.close_sequence",
    )
    return _any_exists("events", conditions)


def _any_exists(table: str, conditions: tuple[str, ...], *, also: str = "TRUE") -> str:
    """One lookup per condition, so that each uses its own index."""
    lookups = [f"SELECT 1 FROM {table} WHERE {condition} AND {also}" for condition in conditions]  # noqa: S608 (as above)
    return " OR ".join(f"EXISTS ({lookup})" for lookup in lookups)


# --- PostgreSQL --------------------------------------------------------------------------------------------------


def _postgresql() -> Iterator[str]:
    # Named with its schema, so that neither a search path nor a temporary table can put another one in its place.
    schema = op.get_bind().exec_driver_sql("SELECT quote_ident(current_schema())").scalar_one()
    yield from (_KEEP_INVOICE, _KEEP_CHILD.replace("{schema}", schema), _KEEP_EVENT, _KEEP_TABLE)
    yield (
        "CREATE TRIGGER keep_closed BEFORE UPDATE OR DELETE ON invoices FOR EACH ROW "
        "WHEN (OLD.closed_at IS NOT NULL) EXECUTE FUNCTION closebell_keep_invoice()"
    )
    for table in CHILDREN:
        yield (
            f"CREATE TRIGGER keep_closed BEFORE INSERT OR UPDATE OR DELETE ON {table} FOR EACH ROW "
            "EXECUTE FUNCTION closebell_keep_child()"
        )
    yield (
        "CREATE TRIGGER keep_told BEFORE UPDATE OR DELETE ON events FOR EACH ROW "
        "EXECUTE FUNCTION closebell_keep_event()"
    )
    for table in ("invoices", *CHILDREN, "events"):
        yield (
            f"CREATE TRIGGER keep_all BEFORE TRUNCATE ON {table} FOR EACH STATEMENT "
            "EXECUTE FUNCTION closebell_keep_table()"
        )


_KEEP_INVOICE = """
CREATE FUNCTION closebell_keep_invoice() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'closebell: invoice % is closed and cannot be changed or removed', OLD.id
        USING ERRCODE = 'restrict_violation';
END $$
"""

# The parent is locked FOR NO KEY UPDATE before it is judged. A close that is under way holds a lock that conflicts
# with it, so this waits for the close and then reads what it committed; and a close that comes later waits for this
# row. FOR KEY SHARE, which the foreign key takes anyway, lets a close that changes no key pass. FOR SHARE would do
# for that, but two that share the lock and then both close would wait for each other for ever. Whoever has
# the invoice FOR UPDATE already, as every use case does, pays one lookup by primary key.
_KEEP_CHILD = """
CREATE FUNCTION closebell_keep_child() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    parent_id varchar := CASE TG_OP WHEN 'INSERT' THEN NEW.invoice_id ELSE OLD.invoice_id END;
    parent_closed_at bigint;
BEGIN
    SELECT closed_at INTO parent_closed_at FROM {schema}.invoices WHERE id = parent_id FOR NO KEY UPDATE;
    IF parent_closed_at IS NOT NULL THEN
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

_KEEP_EVENT = """
CREATE FUNCTION closebell_keep_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'closebell: event % cannot be changed or removed, receivers have been told', OLD.event_id
        USING ERRCODE = 'restrict_violation';
END $$
"""

_KEEP_TABLE = """
CREATE FUNCTION closebell_keep_table() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'closebell: % cannot be truncated, what is closed and told is kept', TG_TABLE_NAME
        USING ERRCODE = 'restrict_violation';
END $$
"""
