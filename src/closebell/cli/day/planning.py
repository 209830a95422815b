"""Makes the plan of a day: every recipe in every centre, in the order of the seed, as often as there is room."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Final, TypeAlias

from closebell.cli.day import recipes_any, recipes_back, recipes_paid, recipes_parties, recipes_refused, recipes_sold
from closebell.cli.day.desk import Desk
from closebell.cli.day.plan import Day, Entries, Entry, PlaceDay, visits_of
from closebell.cli.day.salon import Place, places
from closebell.errors import MisuseError

Recipe: TypeAlias = Callable[[Desk], Entries]

SEED: Final = 20261122
INVOICES: Final = 300
INVOICES_MIN: Final = 231
"""Room for one of each kind in each centre."""
INVOICES_MAX: Final = 10_000
"""More would not be a day but a load test, for which there is `make bench`."""

ONCE: Final[tuple[Recipe, ...]] = (recipes_sold.first_only,)
"""What a centre's day has room for only once."""

AGAIN: Final[tuple[Recipe, ...]] = (
    recipes_sold.products,
    recipes_sold.service,
    recipes_sold.appointment,
    recipes_sold.services,
    recipes_sold.membership,
    recipes_sold.package,
    recipes_sold.template_card,
    recipes_sold.free_card,
    recipes_sold.mixed,
    recipes_sold.percent_off,
    recipes_sold.percent_off_products,
    recipes_sold.amount_off,
    recipes_sold.spread_anew,
    recipes_sold.voucher,
    recipes_sold.no_discount,
    recipes_sold.second_discount,
    recipes_paid.check,
    recipes_paid.asked_twice,
    recipes_paid.gift_card,
    recipes_paid.empty_card,
    recipes_paid.prepaid_card,
    recipes_paid.card_and_cash,
    recipes_paid.points,
    recipes_paid.online,
    recipes_paid.declined,
    recipes_paid.arrives_later,
    recipes_paid.pending_beside,
    recipes_paid.online_removed,
    recipes_paid.paid_in_the_end,
    recipes_paid.too_much_removed,
    recipes_paid.card_removed,
    recipes_paid.points_removed,
    recipes_paid.item_removed,
    recipes_paid.locked,
    recipes_paid.closed_for_good,
    recipes_paid.unknown,
    recipes_refused.unpaid,
    recipes_refused.underpaid,
    recipes_refused.without_fee,
    recipes_refused.without_ssg,
    recipes_refused.overpaid,
    recipes_refused.points_over_cap,
    recipes_refused.tips_unassigned,
    recipes_refused.future,
    recipes_refused.still_pending,
    recipes_refused.cancelled,
    recipes_back.everything,
    recipes_back.line_and_rest,
    recipes_back.one_and_rest,
    recipes_back.tips,
    recipes_back.to_a_card,
    recipes_back.to_points,
    recipes_back.a_card,
    recipes_back.a_used_card,
    recipes_back.a_unit,
    recipes_parties.friends,
    recipes_parties.tipping,
    recipes_parties.one_too_early,
    recipes_parties.one_leaves,
    recipes_parties.one_has_paid,
)
"""What happens in every centre, and again as long as guests come."""


def plan_day(seed: int = SEED, invoices: int = INVOICES) -> Day:
    """So many invoices over the three centres.

    Errors: MisuseError when there is no room for one of each kind in each centre.
    """
    if not INVOICES_MIN <= invoices <= INVOICES_MAX:
        raise MisuseError(f"--invoices {invoices}: a day has from {INVOICES_MIN} to {INVOICES_MAX} invoices")
    open_today = places(vouchers=invoices)
    counts = [invoices // len(open_today) + (place < invoices % len(open_today)) for place in range(len(open_today))]
    chance = random.Random(seed)  # noqa: S311  # a plan, which is to be the same for the same seed
    made = [_place_day(place, count, chance) for place, count in zip(open_today, counts, strict=True)]
    return Day(seed=seed, places=tuple(made))


def _more(chance: random.Random) -> Iterator[Recipe]:
    """What comes after one of each kind: every other visit is one that nobody thought of."""
    while True:
        yield recipes_any.anything
        yield chance.choice(AGAIN)


def _place_day(place: Place, invoices: int, chance: random.Random) -> PlaceDay:
    desk = Desk(place, chance)
    first = chance.sample([*ONCE, *AGAIN], len(ONCE) + len(AGAIN))
    entries: list[Entry] = []
    left = invoices
    for turn, recipe in enumerate(chain(first, _more(chance))):
        made = recipe(desk)
        if len(visits_of(made)) > left:
            assert turn >= len(first), "INVOICES_MIN has room for one of each kind"
            made = recipes_sold.products(desk)
        entries += made
        left -= len(visits_of(made))
        if not left:
            break
    return PlaceDay(place=place, holdings=tuple(desk.holdings), entries=tuple(entries))
