"""What a guest holds, each with the sale it came from, as it is shown to people."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, and_, func, select

from closebell.domain.account import AccountKind
from closebell.domain.guest_holding import Holding, Sale
from closebell.store import accounts, catalogue, centers, tables

_accounts = tables.accounts.c
_invoices = tables.invoices.c
_lines = tables.invoice_lines.c

_SALES = (
    select(
        _accounts.id.label("account_id"),
        _invoices.id,
        _invoices.invoice_number,
        _invoices.receipt_number,
        _invoices.invoice_date,
        _invoices.closed_at,
        _invoices.cancelled_at,
        _lines.sales,
        _lines.tax,
        _lines.final,
        _lines.currency_id,
    )
    .select_from(tables.accounts)
    .outerjoin(tables.invoices, _invoices.id == _accounts.invoice_id)
    .outerjoin(
        tables.invoice_lines, and_(_lines.invoice_id == _accounts.invoice_id, _lines.id == _accounts.invoice_item_id)
    )
    .order_by(_accounts.created_at.desc(), _accounts.id)
)


def count(connection: Connection, guest_id: str, kind: AccountKind) -> int:
    """How many accounts of a kind the guest has."""
    statement = select(func.count()).select_from(tables.accounts)
    held: int = connection.execute(statement.where(_accounts.guest_id == guest_id, _accounts.kind == kind)).scalar_one()
    return held


def of_guest(connection: Connection, guest_id: str, kind: AccountKind, *, offset: int = 0, limit: int) -> list[Holding]:
    """Up to `limit` of what the guest holds of this kind, the newest first."""
    mine = (_accounts.guest_id == guest_id, _accounts.kind == kind)
    rows = connection.execute(_SALES.where(*mine).offset(offset).limit(limit)).all()
    held = accounts.load(connection, [row.account_id for row in rows])
    things = {id_ for account in held.values() for id_ in (account.item_id, account.service_id) if id_ is not None}
    items = catalogue.items(connection, things)
    places = centers.load(connection, {one.center_id for one in held.values() if one.center_id is not None})
    programs = catalogue.loyalty_programs(connection, {a.program_id for a in held.values() if a.program_id is not None})
    return [
        Holding(
            account=(account := held[row.account_id]),
            centre=places.get(account.center_id or ""),
            item=items.get(account.item_id or ""),
            service=items.get(account.service_id or ""),
            program=programs.get(account.program_id or ""),
            sale=_sale(row),
        )
        for row in rows
    ]


def _sale(row: Any) -> Sale | None:
    if row.id is None:
        return None
    return Sale(
        invoice_id=row.id,
        invoice_number=row.invoice_number,
        receipt_number=row.receipt_number,
        sold_at=row.invoice_date,
        is_closed=row.closed_at is not None,
        is_cancelled=row.cancelled_at is not None,
        sales=row.sales,
        tax=row.tax,
        final=row.final,
        currency_id=row.currency_id,
    )
