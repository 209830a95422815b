"""The planner's side of a centre's reception: who comes next, with what, and what they choose."""

from __future__ import annotations

import random
from typing import Final

from closebell.cli.day.plan import AssignTips, Ending, Pay, Pick, Sale, Sell, Split, Step, Visit
from closebell.cli.day.salon import Deal, Holding, Item, Place, free_card, guest_of, guid_of
from closebell.domain.invoice import Tender

TIPS: Final = (15, 18, 20)
"""Tips that guests give, in percent of the total."""
MANY: Final = 3
"""The most of one product that anybody takes."""
FAR_DAYS: Final = 3
"""Days until an appointment that is in the future whatever time it gets."""


class Desk:
    """Makes the visits of one centre; the same chance makes the same visits."""

    def __init__(self, place: Place, chance: random.Random) -> None:
        self.place = place
        self.chance = chance
        self.holdings: list[Holding] = []
        self._visits = 0
        self._vouchers = iter(place.campaigns[Deal.VOUCHER].vouchers)

    def visit(self, kind: str, *steps: Step, ending: Ending = Ending.CLOSED, guest_id: str = "") -> Visit:
        """The next guest."""
        self._visits += 1
        return Visit(
            name=f"{self.place.name} {self._visits}",
            kind=kind,
            guest_id=guest_id or self.guest(),
            steps=steps,
            ending=ending,
        )

    def guest(self) -> str:
        """Somebody who has not been there today."""
        return guest_of(self.place, self._visits)

    def voucher(self) -> str:
        """A code that nobody has used."""
        return next(self._vouchers)

    def held(self, tender: Tender, value: int) -> Holding:
        """What a new guest brings along."""
        number = len(self.holdings) + 1
        name = f"{str(tender)[:2].upper()}-{self.place.prefix}-{number:04d}"
        holding = Holding(tender=tender, name=name, guest_id=guid_of(f"holder {name}"), value=value)
        self.holdings.append(holding)
        return holding

    # --- how it is paid ----------------------------------------------------------------------------------------------

    @property
    def rich(self) -> int:
        """More than anybody spends here in a day, in minor units or points."""
        return self.place.template.price * 30

    @property
    def share(self) -> int:
        """Some percent of something, and never all of it."""
        return self.chance.randint(10, 60)

    def paid(self) -> tuple[Step, ...]:
        """Everything that is due, in cash."""
        return (Pay(tender=Tender.CASH),)

    def tipped(self, tender: Tender, split: Split) -> tuple[Step, ...]:
        """Everything that is due and a tip, which is assigned."""
        return (Pay(tender=tender, tip_percent=self.chance.choice(TIPS)), AssignTips(split=split))

    # --- what is sold ------------------------------------------------------------------------------------------------

    def products(self, most: int = MANY) -> Sell:
        """One to so many different products, some of them several times."""
        chosen = self.chance.sample(self.place.products, self.chance.randint(1, most))
        return Sell(sale=Sale.PRODUCTS, picks=tuple(self._pick(item) for item in chosen))

    def service(self, *, in_days: int | None = None) -> Sell:
        """One service, booked or not."""
        item = self.chance.choice(self.place.services)
        return Sell(sale=Sale.SERVICES, picks=(Pick(item=item, in_days=in_days),))

    def services(self) -> Sell:
        """Two services, one of them booked."""
        first, second = self.chance.sample(self.place.services, 2)
        return Sell(sale=Sale.SERVICES, picks=(Pick(item=first, in_days=0), Pick(item=second)))

    def membership(self) -> Sell:
        """The membership."""
        return Sell(sale=Sale.MEMBERSHIPS, picks=(Pick(item=self.place.membership),))

    def package(self) -> Sell:
        """The package."""
        return Sell(sale=Sale.PACKAGES, picks=(Pick(item=self.place.package),))

    def template_card(self) -> Sell:
        """A gift card as the template says."""
        return Sell(sale=Sale.TEMPLATE_CARDS, picks=(Pick(item=self.place.template),))

    def free_card(self) -> Sell:
        """A gift card of any price, worth more than that."""
        price = self.place.template.price * self.chance.randint(101, 199) // 100
        value = price + self.chance.randint(1, 9)
        return Sell(sale=Sale.FREE_CARDS, picks=(Pick(item=free_card(price, value)),))

    def _pick(self, item: Item) -> Pick:
        return Pick(item=item, quantity=self.chance.randint(1, MANY))

    def any_sale(self) -> Sell:
        """Products or services, whatever comes to mind."""
        return self.chance.choice((self.products, self.service, self.services))()
