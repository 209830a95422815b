"""Paying with points: how many can be redeemed on an invoice, and from which programmes they are taken.

Source: docs/payments.md; the contract, section 4.7.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from closebell.domain import payment
from closebell.domain.catalogue import LoyaltyProgram
from closebell.domain.invoice import Invoice, Tender, TransactionState
from closebell.domain.money import Minor
from closebell.errors import InvalidInput, Refusal, RefusalCode


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """So many points of a programme, on an account of the guest's."""

    account_id: str
    program: LoyaltyProgram
    points: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Draw:
    """So many points of a holding, and what they pay."""

    holding: Holding
    points: int
    amount: Minor


@dataclass(frozen=True, slots=True, kw_only=True)
class Room:
    """What points may pay on an invoice: no more than is due, and than its cap leaves, None for no limit."""

    due: Minor
    cap: Minor | None

    @classmethod
    def on(cls, invoice: Invoice) -> Room:
        """What there is on this invoice; points that have paid already, or may yet, use up the cap."""
        due, cap = payment.left_to_take(invoice).whole, invoice.loyalty_cap_amount
        if cap is None:
            return cls(due=due, cap=None)
        used = sum(
            t.total_amount_paid
            for t in invoice.transactions
            if t.tender is Tender.LOYALTY_POINTS and t.state is not TransactionState.FAILED
        )
        return cls(due=due, cap=max(cap - used, 0))

    def less(self, amount: Minor) -> Room:
        """What is left of it once so much is paid."""
        return Room(due=self.due - amount, cap=None if self.cap is None else self.cap - amount)


def redeemable(holdings: Sequence[Holding], room: Room) -> list[Draw]:
    """The most that these holdings can pay, in their order; one that cannot pay its programme's minimum is left out."""
    found: list[Draw] = []
    for holding in holdings:
        program = holding.program
        points = min(holding.points, program.points_for(room.due))
        if room.cap is not None:
            points = min(points, _within(program, room.cap))
        amount = min(program.worth(points), room.due)
        if amount > 0 and points >= program.points_min:
            found.append(Draw(holding=holding, points=points, amount=amount))
            room = room.less(amount)
    return found


def _within(program: LoyaltyProgram, amount: Minor) -> int:
    """The most points that are worth no more than this."""
    return program.points_for(amount + 1) - 1


def draw(holdings: Sequence[Holding], points: int, room: Room) -> list[Draw]:
    """So many points, taken from these holdings in their order.

    Errors: Refusal 460 when nothing is due, 502 above what is held, 459 above the cap; InvalidInput naming `points`
            when they pay nothing, or when fewer would pay all that is due.
    """
    if points <= 0:
        raise InvalidInput("points", f"{points} pays nothing; write how many points are to be redeemed")
    if room.due == 0:
        raise Refusal(RefusalCode.ALREADY_PAID, f"Nothing is due; {points} points were to be redeemed.")
    held = sum(holding.points for holding in holdings)
    if points > held:
        raise Refusal(RefusalCode.POINTS_OVER_BALANCE, f"{points} points are to be redeemed, and {held} are available.")
    drawn = _taken(holdings, points, room.due)
    amount = sum(one.amount for one in drawn)
    if amount == 0:
        raise InvalidInput("points", f"{points} points are worth nothing yet; redeem more at once")
    if room.cap is not None and amount > room.cap:
        money = holdings[0].program.currency
        raise Refusal(
            RefusalCode.LOYALTY_OVER_CAP,
            f"{points} points pay {money.digits(amount)}; at most {money.text(room.cap)} more may be paid with points.",
        )
    return [one for one in drawn if one.amount]


def _taken(holdings: Sequence[Holding], points: int, due: Minor) -> list[Draw]:
    drawn: list[Draw] = []
    left = points
    for holding in holdings:
        program, share = holding.program, min(left, holding.points)
        if share == 0 or share < program.points_min:
            continue
        if share > program.points_for(due):
            raise InvalidInput("points", f"{points} is more than it takes to pay the {program.currency.text(due)} due")
        amount = min(program.worth(share), due)
        drawn.append(Draw(holding=holding, points=share, amount=amount))
        left, due = left - share, due - amount
    if left:
        least = max(holding.program.points_min for holding in holdings)
        raise InvalidInput(
            "points", f"{left} of {points} cannot be taken: a programme gives at least {least} of its points at once"
        )
    return drawn
