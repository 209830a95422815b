"""Centres and the counters that number their receipts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sqlalchemy import Connection, Row, bindparam, case, insert, select, update
from sqlalchemy.dialects import postgresql, sqlite

from closebell.domain.invoice import Centre
from closebell.domain.money import Currency
from closebell.store import tables
from closebell.store.statements import among, listed

_CENTERS = select(tables.centers).where(among(tables.centers.c.id))


def load(connection: Connection, ids: Iterable[str]) -> dict[str, Centre]:
    """The centres, by id; an id that names none is absent."""
    return {row.id: centre_of(row) for row in rows(connection, ids).values()}


def rows(connection: Connection, ids: Iterable[str]) -> dict[str, Row[Any]]:
    """The stored rows of these centres, by id."""
    return {row.id: row for row in connection.execute(_CENTERS, {"ids": listed(ids)}).all()}


def centre_of(row: Row[Any]) -> Centre:
    """The centre that a stored row describes."""
    return Centre(
        id=row.id,
        name=row.name,
        time_zone=row.time_zone,
        currency=Currency.of(row.currency),
        currency_id=row.currency_id,
        receipt_prefix=row.receipt_prefix,
        invoice_prefix=row.invoice_prefix,
        organization_id=row.organization_id,
        code=row.code,
        rounding_unit=row.rounding_unit,
        ssg_rate=row.ssg_rate,
        fee_rate=row.fee_rate,
        loyalty_cap_rate=row.loyalty_cap_rate,
        allows_discounts=row.allows_discounts,
        gstin=row.gstin,
    )


def insert_one(connection: Connection, centre: Centre, *, first_receipt_number: int, is_stub: bool) -> None:
    """Store a new centre and the counter of its receipts."""
    connection.execute(
        insert(tables.centers),
        {"id": centre.id, **columns_of(centre), "first_receipt_number": first_receipt_number, "is_stub": is_stub},
    )
    connection.execute(insert(tables.receipt_counters), {"center_id": centre.id, "next_number": first_receipt_number})


def columns_of(centre: Centre) -> dict[str, Any]:
    """What is stored of a centre, its id and its numbering aside."""
    return {
        "name": centre.name,
        "time_zone": centre.time_zone,
        "currency": centre.currency.code,
        "currency_id": centre.currency_id,
        "receipt_prefix": centre.receipt_prefix,
        "invoice_prefix": centre.invoice_prefix,
        "organization_id": centre.organization_id,
        "code": centre.code,
        "rounding_unit": centre.rounding_unit,
        "ssg_rate": centre.ssg_rate,
        "fee_rate": centre.fee_rate,
        "loyalty_cap_rate": centre.loyalty_cap_rate,
        "allows_discounts": centre.allows_discounts,
        "gstin": centre.gstin,
    }


def next_receipt_number(connection: Connection, center_id: str) -> int:
    """The number the centre's next receipt will get."""
    number: int = connection.execute(
        select(tables.receipt_counters.c.next_number).where(tables.receipt_counters.c.center_id == center_id)
    ).scalar_one()
    return number


_counters = tables.receipt_counters.c
_ADVANCE = (
    update(tables.receipt_counters)
    .where(_counters.center_id == bindparam("center"))
    .values(next_number=_counters.next_number + bindparam("count"))
    .returning(_counters.next_number)
)


def take_invoice_number(connection: Connection, center_id: str) -> int:
    """The next number of the centre's invoices; the row stays locked until the transaction ends."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.invoice_counters).values(center_id=center_id, next_number=2)
    number: int = connection.execute(
        statement.on_conflict_do_update(
            index_elements=["center_id"], set_={"next_number": tables.invoice_counters.c.next_number + 1}
        ).returning(tables.invoice_counters.c.next_number)
    ).scalar_one()
    return number - 1


def pass_invoice_numbers(connection: Connection, numbers: Mapping[str, int]) -> None:
    """See to it that the centres give no invoice number up to these, which invoices brought along."""
    dialect = postgresql if connection.dialect.name == "postgresql" else sqlite
    statement = dialect.insert(tables.invoice_counters)
    known, said = tables.invoice_counters.c.next_number, statement.excluded.next_number
    for center_id in sorted(numbers):
        connection.execute(
            statement.on_conflict_do_update(
                index_elements=["center_id"], set_={"next_number": case((known < said, said), else_=known)}
            ),
            {"center_id": center_id, "next_number": numbers[center_id] + 1},
        )


def take_receipt_numbers(connection: Connection, counts: Mapping[str, int]) -> dict[str, int]:
    """Take that many numbers from each centre's counter, centre by centre in id order.

    Shape: the first number taken, by centre. The rows stay locked until the transaction ends, and a transaction
    that is undone gives its numbers back, so there is never a hole.
    """
    return {
        center_id: connection.execute(_ADVANCE, {"center": center_id, "count": counts[center_id]}).scalar_one()
        - counts[center_id]
        for center_id in sorted(counts)
    }
