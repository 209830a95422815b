"""The day's own books: what every invoice must come to, what was taken for it, and what everybody must hold.

They are kept from what the day asked for, never from an answer: from an answer come identifiers only.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction

from closebell.cli.day.plan import Ending, Of, Part
from closebell.cli.day.salon import Campaign, Holding, Item, Place
from closebell.cli.day.sums import Minor, apart, percent, rounded
from closebell.domain.invoice import ItemType, Tender


@dataclass(slots=True, kw_only=True)
class Held:
    """What a guest must hold: a card's money, points, or units of a service; `number` is a card's."""

    tender: Tender
    guest_id: str
    balance: int
    number: str = ""
    service_id: str = ""
    sold_by: Bill | None = None


@dataclass(slots=True, kw_only=True)
class Line:
    """A line as it must be, at the item's terms; `server_id` gets what guests tip for it."""

    item: Item
    quantity: int
    discount: Minor = 0
    seller_id: str = ""
    server_id: str = ""
    starts_at: str | None = None
    redeemed_from: Held | None = None
    id: str = ""

    @property
    def gross(self) -> Minor:
        """Before any discount."""
        return 0 if self.redeemed_from is not None else self.item.price * self.quantity

    @property
    def sales(self) -> Minor:
        """After the discount, without the tax."""
        left = self.gross - self.discount
        return rounded(left / (1 + Fraction(self.item.tax_rate) / 100)) if self.item.is_tax_included else left

    @property
    def tax(self) -> Minor:
        """The tax that is in the price, or comes on top."""
        if self.item.is_tax_included:
            return self.gross - self.discount - self.sales
        return rounded(percent(self.sales, self.item.tax_rate))

    @property
    def final(self) -> Minor:
        """What the guest pays for it."""
        return self.sales + self.tax


@dataclass(slots=True, kw_only=True)
class LineBack:
    """A line of a refund, or part of one, every figure below zero."""

    item: Item
    quantity: int
    discount: Minor
    sales: Minor
    tax: Minor
    of: Line
    id: str = ""

    @property
    def final(self) -> Minor:
        """What the guest gets for it, below zero."""
        return self.sales + self.tax


@dataclass(slots=True, kw_only=True)
class Payment:
    """Money as it must be recorded; `change` is what was handed back at once."""

    tender: Tender
    paid: Minor = 0
    tip: Minor = 0
    fee: Minor = 0
    ssg: Minor = 0
    change: Minor = 0
    state: str = "settled"
    held: Held | None = None
    points: int = 0
    of: Payment | None = None
    id: str = ""

    @property
    def total(self) -> Minor:
        """Payment, tip, fee and service charge."""
        return self.paid + self.tip + self.fee + self.ssg

    @property
    def is_settled(self) -> bool:
        """Whether the money is there."""
        return self.state == "settled"


@dataclass(slots=True, kw_only=True)
class Tip:
    """Part of a tip, and whose it is; `payment` brought it."""

    employee_id: str
    amount: Minor
    payment: Payment


@dataclass(frozen=True, slots=True, kw_only=True)
class Beside:
    """What of a refund is beside its lines, below zero."""

    rounding: Minor = 0
    ssg: Minor = 0
    fee: Minor = 0


@dataclass(slots=True, kw_only=True)
class Bill:
    """An invoice as it must be; on a refund `beside` says what its lines do not."""

    place: Place
    name: str
    kind: str
    guest_id: str
    ending: Ending = Ending.CLOSED
    lines: list[Line] = field(default_factory=list)
    back: list[LineBack] = field(default_factory=list)
    beside: Beside | None = None
    payments: list[Payment] = field(default_factory=list)
    tips: list[Tip] = field(default_factory=list)
    deal: Campaign | None = None
    refund_of: Bill | None = None
    group_id: str | None = None
    is_locked: bool = False
    is_cancelled: bool = False
    receipt: str = "0"
    id: str = ""

    @property
    def is_closed(self) -> bool:
        """Whether it must be closed."""
        return self.receipt != "0"

    @property
    def net(self) -> Minor:
        """Everything without tax."""
        return sum(line.sales for line in self.lines) + sum(line.sales for line in self.back)

    @property
    def tax(self) -> Minor:
        """All taxes."""
        return sum(line.tax for line in self.lines) + sum(line.tax for line in self.back)

    @property
    def rounding(self) -> Minor:
        """What brings the total to the smallest coin."""
        if self.beside is not None:
            return self.beside.rounding
        exact = self.net + self.tax
        return in_coins(self.place, Fraction(exact)) - exact

    @property
    def total(self) -> Minor:
        """What is to be paid for the things."""
        return self.net + self.tax + self.rounding

    @property
    def ssg(self) -> Minor:
        """The service charge."""
        return self._of_services(self.place.ssg_rate) if self.beside is None else self.beside.ssg

    @property
    def fee(self) -> Minor:
        """The environment fee."""
        return self._of_services(self.place.fee_rate) if self.beside is None else self.beside.fee

    def _of_services(self, rate: Decimal) -> Minor:
        """So many percent of the services without tax, in coins."""
        services = sum(line.sales for line in self.lines if line.item.type is ItemType.SERVICE)
        return in_coins(self.place, percent(services, rate))

    @property
    def settled(self) -> list[Payment]:
        """The payments whose money is there."""
        return [payment for payment in self.payments if payment.is_settled]

    def due(self) -> tuple[Minor, Minor, Minor]:
        """What is still to be paid: for the things, of the fee, of the service charge."""
        return (
            max(self.total - sum(payment.paid for payment in self.settled), 0),
            max(self.fee - sum(payment.fee for payment in self.settled), 0),
            max(self.ssg - sum(payment.ssg for payment in self.settled), 0),
        )

    def amount(self, of: Of) -> Minor:
        """The amount that a plan means."""
        balance, fee, ssg = self.due()
        whole = {
            Part.EVERYTHING: balance + fee + ssg,
            Part.TOTAL: balance,
            Part.TOTAL_AND_FEE: balance + fee,
            Part.CAP: min(int(percent(self.total, self.place.cap_rate)), balance),
        }[of.part]
        return whole * of.percent // 100 + of.plus

    def divided(self, tender: Tender, amount: Minor, tip: Minor = 0) -> Payment:
        """What an amount beside the tip pays: the things, then the fee, then the service charge; the rest is excess."""
        balance, fee, ssg = self.due()
        to_fee = min(max(amount - balance, 0), fee)
        to_ssg = min(max(amount - balance - fee, 0), ssg)
        return Payment(tender=tender, paid=amount - to_fee - to_ssg, tip=tip, fee=to_fee, ssg=to_ssg)

    def discount(self) -> None:
        """Take the campaign off the lines that it is for: in all first, then each line's part of that."""
        if self.deal is None:
            return
        lines = sorted(self._entitled(self.deal), key=_first_to_get)
        gross = [line.gross for line in lines]
        whole = sum(gross)
        off = self.deal.amount if self.deal.percent is None else rounded(percent(whole, self.deal.percent))
        assert off is not None, "a campaign has one or the other"
        for line, part in zip(lines, apart(min(off, whole), gross), strict=True):
            line.discount = part

    def _entitled(self, deal: Campaign) -> list[Line]:
        wanted = {item.id for item in deal.items}
        priced = [line for line in self.lines if line.gross]
        if wanted:
            return [line for line in priced if line.item.id in wanted]
        return [line for line in priced if line.item.type is not ItemType.CARD]


def _first_to_get(line: Line) -> tuple[object, ...]:
    """Of equal remainders, the dearest line gets the unit left over."""
    return (-line.gross, line.item.tax_rate, line.item.is_tax_included, line.item.id)


def in_coins(place: Place, exact: Fraction) -> Minor:
    """The nearest amount that can be paid with the smallest coin."""
    return rounded(exact / place.coin) * place.coin


def of_points(place: Place, points: int) -> Minor:
    """What so many points pay, rounded down."""
    return int(points * Fraction(place.point_worth) * 10**place.decimals)


def points_within(place: Place, amount: Minor) -> int:
    """The most points that pay no more than an amount."""
    points = int(amount / (Fraction(place.point_worth) * 10**place.decimals))
    while of_points(place, points + 1) <= amount:
        points += 1
    return points


@dataclass(slots=True, kw_only=True)
class PlaceBooks:
    """The books of a centre.

    Shape:  `held` by the name that the plan gives it. `told` counts events by their type; `problems` are what went
            otherwise than planned.
    """

    place: Place
    bills: list[Bill] = field(default_factory=list)
    held: dict[str, Held] = field(default_factory=dict)
    told: dict[str, int] = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)
    receipts: int = 0

    def begin(self, holdings: Iterable[Holding]) -> None:
        """What guests bring along in the morning."""
        for holding in holdings:
            is_card = holding.tender is not Tender.LOYALTY_POINTS
            self.held[holding.name] = Held(
                tender=holding.tender,
                guest_id=holding.guest_id,
                balance=holding.value,
                number=holding.name if is_card else "",
            )

    def tell(self, event_type: str) -> None:
        """One more event."""
        self.told[event_type] = self.told.get(event_type, 0) + 1

    def give_back(self, refund: Bill) -> None:
        """What cards and points paid is on them again, units are in their package, and what was sold holds nothing."""
        for payment in refund.payments:
            if payment.held is not None:
                payment.held.balance -= payment.points or payment.total
        for line in refund.back:
            if line.of.redeemed_from is not None:
                line.of.redeemed_from.balance -= line.quantity
            if line.item.value is not None or line.item.benefits:
                for held in self.held.values():
                    if held.sold_by is refund.refund_of:
                        held.balance = 0

    def bill_of(self, name: str) -> Bill:
        """The invoice that a visit made."""
        return next(bill for bill in self.bills if bill.name == name)

    def close(self, bill: Bill) -> None:
        """The invoice gets the next receipt, and what it sold can be used from now on."""
        self.receipts += 1
        bill.receipt = f"{self.place.prefix}{self.receipts}"
        for line in bill.lines:
            if line.item.type is ItemType.CARD:
                assert line.item.value is not None, "a card is worth something"
                self.held[bill.name].balance = line.item.value
            for service, units in line.item.benefits:
                self.held[f"{bill.name} {service.name}"].balance = units
