"""How the money of a refund goes back: with the tenders it came with, never more than each of them brought.

Source: docs/refunds.md; docs/decisions/0017-refunds.md.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal

from closebell.domain.identifiers import guid
from closebell.domain.invoice import EmployeeTip, Invoice, Transaction, TransactionState
from closebell.domain.money import Currency, Minor, split
from closebell.domain.payment import Due, Parts, handed_over
from closebell.domain.refund_lines import share_of
from closebell.errors import Conflict, InvalidInput, NotFound


@dataclass(frozen=True, slots=True, kw_only=True)
class Paper:
    """What a refund is, beside what it gives back: who makes it, when on the centre's wall, at which till."""

    id: str
    made_at: str
    notes: str = ""
    created_by_id: str | None = None
    cash_register_id: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PaymentWish:
    """So much is to go back with this tender; `amount` is everything that the guest gets, the tip included.

    Units: major units.
    """

    transaction_id: str
    amount: Decimal
    tip_amount: Decimal = Decimal(0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Captured:
    """A tender of the original, and what earlier refunds have left of it; what is left may be divided otherwise."""

    tender: Transaction
    left: Parts
    points_left: int

    @property
    def money_left(self) -> Minor:
        """What can still go back, the tip aside."""
        return self.left.whole - self.left.tip_amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """So much money and tip goes back with a tender."""

    captured: Captured
    money: Minor
    tip: Minor


def captured(original: Invoice, earlier: Sequence[Invoice]) -> list[Captured]:
    """What every settled tender of the original can still give back, in order."""
    gone: defaultdict[str | None, list[Transaction]] = defaultdict(list)
    for refund in earlier:
        for row in refund.transactions:
            if row.state is not TransactionState.FAILED:
                gone[row.refund_of_id].append(row)
    return [_captured(tender, gone[tender.id]) for tender in original.settled]


def _captured(tender: Transaction, gone: Sequence[Transaction]) -> Captured:
    rows = (tender, *gone)  # what went back is below zero
    return Captured(
        tender=tender,
        left=Parts(
            amount_paid=sum(row.amount_paid for row in rows),
            tip_amount=sum(row.tip_amount for row in rows),
            ssg_amount=sum(row.ssg_amount for row in rows),
            fee_amount=sum(row.fee_amount for row in rows),
        ),
        points_left=sum(row.points or 0 for row in rows),
    )


def shares_named(
    original: Invoice, all_captured: Sequence[Captured], payments: Sequence[PaymentWish], due: Minor
) -> list[Share]:
    """What each named tender gives back; without their tips they must come to what is due.

    Errors: NotFound for a tender that is not on the invoice; Conflict for more than is left of it; InvalidInput
            naming `payments[i]`, or `payments` when they do not come to what is due.
    """
    money = original.currency
    found = _named(original, all_captured, payments)
    given = sum(share.money for share in found)
    if given != due:
        raise InvalidInput(
            "payments",
            f"{money.digits(given)} without tips goes back for items of {money.text(due)}; "
            f"{money.digits(abs(given - due))} apart",
        )
    return found


def shares_of_all(original: Invoice, all_captured: Sequence[Captured], due: Minor, *, with_tips: bool) -> list[Share]:
    """Everything that is left of every tender, which must come to what is due without the tips.

    Errors: Conflict when it does not.
    """
    money, left = original.currency, sum(one.money_left for one in all_captured)
    if left != due:
        raise Conflict(
            f"{money.digits(left)} without tips is left of the payments and {money.text(due)} of the items; "
            "name the items and the payments that are to go back"
        )
    return [Share(captured=one, money=one.money_left, tip=_tip(one, with_tips=with_tips)) for one in all_captured]


def shares_in_order(original: Invoice, all_captured: Sequence[Captured], due: Minor, *, with_tips: bool) -> list[Share]:
    """What is due, from the first tender on as far as each reaches.

    Errors: Conflict when the tenders do not reach.
    """
    found, open_ = [], due
    for one in all_captured:
        money = min(open_, max(one.money_left, 0))
        open_ -= money
        found.append(Share(captured=one, money=money, tip=_tip(one, with_tips=with_tips)))
    if open_:
        money_of = original.currency
        raise Conflict(
            f"{money_of.text(due)} would go back, and {money_of.digits(due - open_)} without tips is left of the "
            f"payments; {money_of.digits(open_)} is too much"
        )
    return found


def _tip(one: Captured, *, with_tips: bool) -> Minor:
    return one.left.tip_amount if with_tips else 0


def tenders_back(
    shares: Iterable[Share], due: Due, paper: Paper, *, new_id: Callable[[], str]
) -> tuple[Transaction, ...]:
    """The tenders of the refund, every amount of them below zero; together they pay exactly what is due.

    A tender gives back first what it paid for itself, so that a refund of everything mirrors the original.
    """
    rows = list(shares)
    parts = _divided(rows, due)
    return tuple(_negative(share, part, paper, new_id) for share, part in zip(rows, parts, strict=True) if part.whole)


def tips_back(original: Invoice, earlier: Sequence[Invoice], tenders: Iterable[Transaction]) -> tuple[EmployeeTip, ...]:
    """The tips taken back from employees, in proportion to what each has left out of the tender.

    Shape: a tip that was assigned out of no tender in particular is drawn on last, and stays so. What nobody was
           assigned is taken from nobody.
    """
    left = _tips_left(original, earlier)
    found: list[EmployeeTip] = []
    for tender in tenders:
        missing = -tender.tip_amount
        for out_of, named in ((tender.refund_of_id, tender.id), (None, None)):
            pool = {who: amount for who, amount in left[out_of].items() if amount > 0}
            taken = min(missing, sum(pool.values()))
            for who, part in zip(pool, split(taken, list(pool.values())) if pool else [], strict=True):
                left[out_of][who] -= part
                if part:
                    found.append(EmployeeTip(employee_id=who, amount=-part, transaction_id=named))
            missing -= taken
    return tuple(found)


def _tips_left(original: Invoice, earlier: Sequence[Invoice]) -> defaultdict[str | None, dict[str, Minor]]:
    """What each employee has left, by the original's tender it came out of."""
    came_with: dict[str | None, str | None] = {tender.id: tender.id for tender in original.transactions}
    came_with |= {row.id: row.refund_of_id for refund in earlier for row in refund.transactions}
    left: defaultdict[str | None, dict[str, Minor]] = defaultdict(dict)
    for tip in (*original.employee_tips, *(tip for refund in earlier for tip in refund.employee_tips)):
        pool = left[came_with.get(tip.transaction_id)]
        pool[tip.employee_id] = pool.get(tip.employee_id, 0) + tip.amount
    return left


def _named(original: Invoice, all_captured: Sequence[Captured], payments: Sequence[PaymentWish]) -> list[Share]:
    known = {one.tender.id: one for one in all_captured}
    first_at: dict[str, int] = {}
    found = []
    for index, wish in enumerate(payments):
        field = f"payments[{index}]"
        transaction_id = guid(wish.transaction_id, field=f"{field}.transaction_id")
        first = first_at.setdefault(transaction_id, index)
        if first != index:
            raise InvalidInput(
                f"{field}.transaction_id", f"{transaction_id} is also payments[{first}]; write each payment once"
            )
        if transaction_id not in known:
            raise NotFound(f"Invoice {original.id} has no settled payment {transaction_id}")
        found.append(_share(known[transaction_id], wish, original.currency, field))
    return found


def _share(one: Captured, wish: PaymentWish, currency: Currency, field: str) -> Share:
    try:
        whole, tip = handed_over(currency, wish.amount, wish.tip_amount)
    except InvalidInput as error:
        raise error.under(field) from None
    _must_be_left(one, currency, whole - tip, one.money_left, "without the tip")
    _must_be_left(one, currency, tip, one.left.tip_amount, "of the tip")
    return Share(captured=one, money=whole - tip, tip=tip)


def _must_be_left(one: Captured, currency: Currency, back: Minor, left: Minor, what: str) -> None:
    if back > left:
        raise Conflict(
            f"Payment {one.tender.id} has {currency.text(left)} left {what}; {currency.digits(back)} is "
            f"{currency.digits(back - left)} too much"
        )


def _divided(shares: Sequence[Share], due: Due) -> list[Parts]:
    """What of each share gives back the balance, the fee and the service charge."""
    open_ = {"balance": due.balance, "fee": due.fee, "ssg": due.ssg}
    given: list[dict[str, Minor]] = [dict.fromkeys(open_, 0) for _ in shares]
    unspent = [share.money for share in shares]
    for is_own in (True, False):
        for index, share in enumerate(shares):
            own = _own(share.captured.left)
            for name, still in open_.items():
                most = max(own[name], 0) if is_own else still
                part = min(unspent[index], still, most)
                given[index][name] += part
                unspent[index] -= part
                open_[name] -= part
    assert not any(unspent), "the shares come to what is due"
    assert not any(open_.values()), "what is due comes to the shares"
    return [
        Parts(amount_paid=row["balance"], tip_amount=share.tip, ssg_amount=row["ssg"], fee_amount=row["fee"])
        for share, row in zip(shares, given, strict=True)
    ]


def _own(left: Parts) -> dict[str, Minor]:
    return {"balance": left.amount_paid, "fee": left.fee_amount, "ssg": left.ssg_amount}


def _negative(share: Share, part: Parts, paper: Paper, new_id: Callable[[], str]) -> Transaction:
    tender = share.captured.tender
    return replace(
        tender,
        id=new_id(),
        state=TransactionState.SETTLED,
        amount_paid=-part.amount_paid,
        tip_amount=-part.tip_amount,
        ssg_amount=-part.ssg_amount,
        fee_amount=-part.fee_amount,
        cash_back_amount=0,
        payment_date=paper.made_at,
        additional_data="",
        collected_by_id=paper.created_by_id,
        cash_register_id=paper.cash_register_id,
        refund_of_id=tender.id,
        # The reference tells which charge is meant; without its processor nobody takes this for a charge of its own.
        processor="",
        points=None if tender.points is None else -_points(share, part.whole),
    )


def _points(share: Share, back: Minor) -> int:
    """The points that go back with so much money, such that all refunds give back exactly what was spent."""
    one = share.captured
    spent, worth = one.tender.points or 0, one.tender.total_amount_paid
    gone_worth, gone = worth - one.left.whole, spent - one.points_left
    return max(share_of(spent, gone_worth + back, worth) - gone, 0)
