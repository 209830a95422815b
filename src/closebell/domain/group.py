"""A group invoice: the invoices of several guests on one bill, paid together and closed together.

Source: docs/groups.md; the contract, section 5.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from closebell.domain import payment
from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import Minor, split
from closebell.domain.payment import Parts
from closebell.errors import Conflict, Refusal, RefusalCode, TooLarge

MEMBERS_MAX: Final = 1_000
"""Invoices in one group."""
NAME_CHARACTERS_MAX: Final = 400
"""Characters in the name of a group."""
NOTES_CHARACTERS_MAX: Final = 4_000
"""Characters in the notes on a group."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """What is known of a group beside its members; `host_id` is the guest who invited the others."""

    id: str
    center_id: str
    name: str = ""
    notes: str = ""
    host_id: str | None = None
    created_by_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupInvoice:
    """A group with its members, in the order of their ids."""

    group: Group
    members: tuple[Invoice, ...] = ()

    @property
    def open_members(self) -> tuple[Invoice, ...]:
        """The members that can still be paid."""
        return tuple(one for one in self.members if not one.is_closed and not one.is_cancelled)


def must_be_free_to_join(invoice: Invoice, host: Invoice) -> None:
    """Return if the invoice can be on the same bill as the first of its group.

    Errors: Conflict when it is closed, cancelled, a refund, or of another centre; Refusal 4001 once money was taken.
    """
    if invoice.is_closed:
        raise Conflict(f"Invoice {invoice.id} is closed, receipt {invoice.receipt_number}; it joins no group")
    if invoice.is_cancelled:
        raise Conflict(f"Invoice {invoice.id} is cancelled; it joins no group")
    if invoice.is_refund:
        raise Conflict(f"Invoice {invoice.id} is a refund; it joins no group")
    if invoice.centre.id != host.centre.id:
        raise Conflict(
            f"Invoice {invoice.id} is of centre {invoice.centre.id} and invoice {host.id} of {host.centre.id}; "
            "a group is of one centre"
        )
    if taken := money_of(invoice):
        amount = invoice.currency.text(sum(one.total_amount_paid for one in taken))
        raise Refusal(RefusalCode.MEMBER_PARTLY_PAID, f"{amount} is paid on invoice {invoice.id}; remove it first.")


def must_have_no_money(group_invoice_id: str, members: Iterable[Invoice]) -> None:
    """Return if nothing was paid for a group, which can then be taken apart.

    Errors: Refusal 4002.
    """
    for member in members:
        if taken := money_of(member):
            amount = member.currency.text(sum(one.total_amount_paid for one in taken))
            raise Refusal(
                RefusalCode.GROUP_PARTLY_PAID,
                f"{amount} is paid on invoice {member.id} of group invoice {group_invoice_id}.",
            )


def money_of(invoice: Invoice) -> tuple[Transaction, ...]:
    """What was tendered and has arrived or may arrive; a package pays for a service and brings no money."""
    return tuple(
        one
        for one in invoice.transactions
        if one.state is not TransactionState.FAILED and one.tender is not Tender.PACKAGE and one.total_amount_paid
    )


def must_have_room(group_invoice_id: str, count: int) -> None:
    """Return if a group of this size can be worked on as one.

    Errors: TooLarge.
    """
    if count > MEMBERS_MAX:
        raise TooLarge(f"Group invoice {group_invoice_id} has {count} invoices; at most {MEMBERS_MAX} go on one bill")


def shares(members: Sequence[Invoice], *, money: Minor, tip: Minor) -> list[Parts]:
    """What one payment pays on each member: in proportion to what each still waits for, and never more than that.

    Shape:  one share per member, in order; they sum to `money` and `tip`. Once nothing is due a tip is divided by what
            each invoice came to. Money that is on its way counts as if it had come.
    Errors: Refusal 460 when nothing is due, 459 when more is paid than is due.
    """
    assert members, "there is somebody to pay for"
    dues = [payment.left_to_take(member) for member in members]
    owed = [due.whole for due in dues]
    _must_be_due(members[0], money, sum(owed))
    weights = owed if any(owed) else [max(member.sum_total, 0) for member in members]
    divided = zip(split(money, weights), split(tip, weights), dues, strict=True)
    return [payment.divide(part + tipped, tip=tipped, due=due) for part, tipped, due in divided]


def _must_be_due(of: Invoice, money: Minor, owed: Minor) -> None:
    text = of.currency.text
    if money and not owed:
        raise Refusal(RefusalCode.ALREADY_PAID, f"{text(money)} is paid, and nothing is due on the group any more.")
    if money > owed:
        raise Refusal(
            RefusalCode.PAID_IN_EXCESS,
            f"{text(money)} is paid for {text(owed)} that is due on the group; {text(money - owed)} is too much.",
        )
