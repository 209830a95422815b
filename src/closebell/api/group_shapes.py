"""A group invoice as the wire shows it; the mixed case of a new one is the contract's own."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from closebell.api.legacy_shapes import (
    LegacyInvoice,
    LegacyPayment,
    LegacyPrice,
    LegacyRedemption,
    legacy_invoice,
    legacy_payments,
    legacy_price,
    legacy_redemptions,
)
from closebell.domain.document import TransactionDocument, transaction_document
from closebell.domain.group import GroupInvoice
from closebell.domain.invoice import Invoice, Transaction
from closebell.usecase.close_invoices import Closed, CloseReport


class NewGroup(msgspec.Struct, frozen=True, kw_only=True):
    """A group that was just made; nobody has paid yet."""

    id: str = msgspec.field(name="Id")
    name: str
    host_id: str | None
    payment_made_by: str | None = None
    invoices: list[LegacyInvoice] = msgspec.field(name="Invoices")
    redemptions: list[LegacyRedemption] = msgspec.field(name="Redemptions")
    payments: list[LegacyPayment] = msgspec.field(name="Payments")
    price: LegacyPrice = msgspec.field(name="Price")
    group_redemptions: list[LegacyRedemption] = msgspec.field(name="GroupRedemptions", default_factory=list)


class GroupCreated(msgspec.Struct, frozen=True, kw_only=True):
    """The invoices are on one bill."""

    is_invoice_created: bool = True
    group_invoice: NewGroup
    error: None = None


class GroupGuest(msgspec.Struct, frozen=True, kw_only=True):
    """The guest of a member; without an id it was a sale to nobody in particular."""

    id: str | None


class GroupMember(msgspec.Struct, frozen=True, kw_only=True):
    """An invoice of a group, in short."""

    id: str
    receipt_number: str
    invoice_date: str
    center_id: str
    appointment_group_id: str | None
    guest: GroupGuest


class GroupAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A group and its members; `comments` are its notes."""

    id: str
    group_name: str
    comments: str
    is_surprise: bool = False
    invoices: list[GroupMember]
    error: None = None


class GroupTransaction(TransactionDocument, frozen=True, kw_only=True):
    """One tender of a group, and the invoice it pays."""

    invoice_id: str


class GroupTransactions(msgspec.Struct, frozen=True, kw_only=True):
    """Tenders of a group."""

    transactions: list[GroupTransaction]
    error: None = None


class ClosedMember(msgspec.Struct, frozen=True, kw_only=True):
    """A member that is closed, and its receipt."""

    id: str
    receipt_number: str


class GroupClosed(msgspec.Struct, frozen=True, kw_only=True):
    """Every member is closed, and everybody who listens will be told."""

    is_group_invoice_closed: bool = True
    invoices: list[ClosedMember]
    error: None = None


def group_created(made: GroupInvoice) -> GroupCreated:
    """The group that was made, with all its invoices."""
    return GroupCreated(
        group_invoice=NewGroup(
            id=made.group.id,
            name=made.group.name,
            host_id=made.group.host_id,
            invoices=[legacy_invoice(one, group_name=made.group.name) for one in made.members],
            redemptions=[paid for one in made.members for paid in legacy_redemptions(one)],
            payments=[paid for one in made.members for paid in legacy_payments(one)],
            price=legacy_price(made.members),
        )
    )


def group_answer(found: GroupInvoice) -> GroupAnswer:
    """The group as a reader sees it."""
    return GroupAnswer(
        id=found.group.id,
        group_name=found.group.name,
        comments=found.group.notes,
        invoices=[
            GroupMember(
                id=one.id,
                receipt_number=one.receipt_number,
                invoice_date=one.invoice_date,
                center_id=one.centre.id,
                appointment_group_id=one.appointment_group_id,
                guest=GroupGuest(id=None if one.guest is None else one.guest.id),
            )
            for one in found.members
        ],
    )


def group_transactions(tenders: Iterable[tuple[Invoice, Transaction]]) -> GroupTransactions:
    """Tenders, each with the invoice it pays."""
    return GroupTransactions(
        transactions=[
            GroupTransaction(
                **msgspec.structs.asdict(transaction_document(tender, invoice.currency)), invoice_id=invoice.id
            )
            for invoice, tender in tenders
        ]
    )


def group_closed(report: CloseReport) -> GroupClosed:
    """The receipts of a group that is closed."""
    return GroupClosed(
        invoices=[
            ClosedMember(id=one.invoice_id, receipt_number=one.receipt_number)
            for one in report.answers
            if isinstance(one, Closed)
        ]
    )
