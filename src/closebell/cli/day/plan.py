"""What will happen that day, as data: every visit with its steps, and how each is to end.

Amounts are given by what they are of, since the plan knows no totals: the books work them out.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import TypeAlias

from closebell.cli.day.salon import Deal, Holding, Item, Place
from closebell.cli.day.sums import Minor
from closebell.domain.invoice import Tender


class Sale(enum.Enum):
    """The routes that sell, one for each kind of thing."""

    PRODUCTS = "products"
    SERVICES = "services"
    MEMBERSHIPS = "memberships"
    PACKAGES = "packages"
    TEMPLATE_CARDS = "giftcards"
    FREE_CARDS = "gift_cards"


class Part(enum.Enum):
    """What of an invoice an amount is a share of; `FEE` is total and environment fee without the service charge."""

    EVERYTHING = "everything due"
    TOTAL = "the balance"
    TOTAL_AND_FEE = "the balance and the environment fee"
    CAP = "the most that points may pay"


class Split(enum.Enum):
    """How tips are assigned to employees."""

    BY_PRICE = "service_price"
    BY_PERCENTAGE = "percentage"
    CUSTOM = "custom"


class Money(enum.Enum):
    """What becomes of an online payment."""

    SETTLED = "settled"
    PENDING = "pending"
    FAILED = "failed"


class Ending(enum.Enum):
    """How an invoice stands at the end of the day."""

    CLOSED = "closed"
    OPEN = "refused"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Says:
    """The answer that a refused step gets; `status` is that of HTTP, and no `message` is any."""

    status: int
    code: int
    message: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pick:
    """So many of a thing; `in_days` books an appointment on a date from today on."""

    item: Item
    quantity: int = 1
    in_days: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Of:
    """An amount: `percent` of a part of what is due, and `plus` minor units."""

    part: Part = Part.EVERYTHING
    percent: int = 100
    plus: Minor = 0


# --- the steps -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Sell:
    """Sell things of one kind: the first sale of a visit makes its invoice."""

    sale: Sale
    picks: tuple[Pick, ...]
    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Discount:
    """Apply a campaign by the code of it, or of a voucher."""

    deal: Deal
    code: str
    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Redeem:
    """Pay the first service with a unit of the package that an earlier visit sold."""

    sold_by: str
    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class DropItem:
    """Take a line off: the last, unless said."""

    place: int = -1
    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Pay:
    """Take money; `tip_percent` of the total comes on top, and `change_for` more is handed over in cash.

    Shape: `holding` is the card or points that pay, by name; the card that an earlier visit sold has that visit's.
           One that `is_asked_twice` is sent again under the same key, and is one payment.
    """

    tender: Tender
    amount: Of = Of()
    tip_percent: int = 0
    change_for: Minor = 0
    holding: str = ""
    money: Money = Money.SETTLED
    is_online: bool = False
    is_asked_twice: bool = False
    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Arrive:
    """What was pending becomes settled, or fails."""

    money: Money


@dataclass(frozen=True, slots=True, kw_only=True)
class DropPayment:
    """Take the last payment off."""

    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignTips:
    """Say whose the tips are."""

    split: Split


@dataclass(frozen=True, slots=True, kw_only=True)
class Lock:
    """Lock the invoice: nothing on it may be changed but money."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confirm:
    """Confirm the invoice."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cancel:
    """Call everything off."""

    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Close:
    """Close it, or be refused."""

    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseUnknown:
    """Close an invoice that nobody has made."""

    refused: Says


class Back(enum.Enum):
    """What a refund gives back."""

    ALL = "all"
    FIRST_LINE = "the first line"
    ONE_UNIT = "one unit of the first line"
    TIPS = "the tips"


@dataclass(frozen=True, slots=True, kw_only=True)
class Refund:
    """Give back, on an invoice of its own."""

    back: Back
    refused: Says | None = None


Step: TypeAlias = (
    Sell
    | Discount
    | Redeem
    | DropItem
    | Pay
    | Arrive
    | DropPayment
    | AssignTips
    | Lock
    | Confirm
    | Cancel
    | Close
    | CloseUnknown
    | Refund
)


# --- the day ---------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One guest, one invoice: what is done with it, in order, and how it stands in the end."""

    name: str
    kind: str
    guest_id: str
    steps: tuple[Step, ...]
    ending: Ending = Ending.CLOSED


@dataclass(frozen=True, slots=True, kw_only=True)
class MakeGroup:
    """Put all of them on one bill, or be refused."""

    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PayGroup:
    """One payment for every member of the group: all that is due."""

    tip_percent: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseGroup:
    """Close every member, or none."""

    refused: Says | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LeaveGroup:
    """Take a member out of the group."""

    place: int


@dataclass(frozen=True, slots=True, kw_only=True)
class OfMember:
    """A step with one member."""

    place: int
    step: Step


GroupStep: TypeAlias = MakeGroup | PayGroup | CloseGroup | LeaveGroup | OfMember


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """Guests who came together: their visits up to that, and what is done with all of them."""

    name: str
    visits: tuple[Visit, ...]
    steps: tuple[GroupStep, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Again:
    """Somebody comes back to an invoice of earlier that day."""

    name: str
    steps: tuple[Step, ...]


Entry: TypeAlias = Visit | Party | Again
Entries: TypeAlias = tuple[Entry, ...]


def visits_of(entries: Entries) -> tuple[Visit, ...]:
    """Everybody who has an invoice made, with friends or alone."""
    found: list[Visit] = []
    for entry in entries:
        match entry:
            case Visit():
                found.append(entry)
            case Party():
                found += entry.visits
            case Again():
                pass
    return tuple(found)


@dataclass(frozen=True, slots=True, kw_only=True)
class PlaceDay:
    """A centre's day: what its guests bring along, and who comes, one after another."""

    place: Place
    holdings: tuple[Holding, ...]
    entries: Entries

    @property
    def visits(self) -> tuple[Visit, ...]:
        """Everybody who has an invoice made."""
        return visits_of(self.entries)


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """The whole plan."""

    seed: int
    places: tuple[PlaceDay, ...]

    @property
    def invoices(self) -> int:
        """How many invoices are made by selling; refunds come on top."""
        return sum(len(one.visits) for one in self.places)
