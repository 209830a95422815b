"""Points pay what is due, within the cap, and from the programmes that are asked for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.invoice import Tender, TransactionState
from closebell.domain.loyalty import Draw, Holding, Room, draw, redeemable
from closebell.errors import InvalidInput, Refusal, RefusalCode
from closebell.testing import a_payment, an_invoice, guid_of
from paying import a_program, what


def a_holding(points: int, name: str = "Petals", *, rate: str = "0.05", least: int = 0) -> Holding:
    return Holding(account_id=guid_of(f"points {name}"), program=a_program(name, rate=rate, least=least), points=points)


def shown(draws: list[Draw]) -> list[tuple[str, int, int]]:
    return [(one.holding.program.name, one.points, one.amount) for one in draws]


def test_room_is_what_is_due_and_what_the_cap_leaves() -> None:
    used = a_payment(1000, name="points", fee=50, tender=Tender.LOYALTY_POINTS)
    coming = a_payment(500, name="more", tender=Tender.LOYALTY_POINTS, state=TransactionState.PENDING)
    failed = a_payment(9000, name="not", tender=Tender.LOYALTY_POINTS, state=TransactionState.FAILED)
    invoice = an_invoice(total=10000, fee_amount=50, transactions=(used, coming, failed, a_payment(100, name="cash")))
    assert Room.on(invoice) == Room(due=8400, cap=None)
    assert Room.on(an_invoice(total=10000, loyalty_cap_amount=2000)) == Room(due=10000, cap=2000)
    capped = an_invoice(total=10000, loyalty_cap_amount=1200, transactions=(used, coming))
    assert Room.on(capped) == Room(due=8500, cap=0)


def test_the_last_point_may_be_worth_more_than_is_due_and_never_more_than_the_cap() -> None:
    # A point is worth 0.30; 1.00 is due, or 1.00 is all that points may pay.
    holding = a_holding(100, rate="0.3")
    assert shown(redeemable([holding], Room(due=100, cap=None))) == [("Petals", 4, 100)]
    assert shown(redeemable([holding], Room(due=500, cap=100))) == [("Petals", 3, 90)]


def test_a_programme_that_cannot_give_its_minimum_is_left_out() -> None:
    few, many = a_holding(99, least=100), a_holding(500, "Leaves", rate="0.01", least=100)
    assert redeemable([few], Room(due=10000, cap=None)) == []
    assert shown(redeemable([few, many], Room(due=10000, cap=None))) == [("Leaves", 500, 500)]
    assert redeemable([many], Room(due=50, cap=None)) == []


def test_points_are_taken_in_order() -> None:
    held = [a_holding(100), a_holding(1000, "Leaves", rate="0.01")]
    room = Room(due=1000, cap=None)
    assert shown(draw(held, 60, room)) == [("Petals", 60, 300)]
    assert shown(draw(held, 300, room)) == [("Petals", 100, 500), ("Leaves", 200, 200)]
    assert shown(draw(held, 600, room)) == [("Petals", 100, 500), ("Leaves", 500, 500)]


@pytest.mark.parametrize(
    ("points", "room", "expected"),
    [
        (0, Room(due=100, cap=None), "points"),
        (-1, Room(due=100, cap=None), "points"),
        (1, Room(due=0, cap=None), RefusalCode.ALREADY_PAID),
        (1101, Room(due=10**9, cap=None), RefusalCode.POINTS_OVER_BALANCE),
        (101, Room(due=10000, cap=500), RefusalCode.LOYALTY_OVER_CAP),
        (601, Room(due=1000, cap=None), "points"),
        (20, Room(due=95, cap=None), "points"),
    ],
)
def test_what_cannot_be_redeemed_is_refused(points: int, room: Room, expected: object) -> None:
    held = [a_holding(100), a_holding(1000, "Leaves", rate="0.01")]
    with pytest.raises((InvalidInput, Refusal)) as refused:
        draw(held, points, room)
    assert what(refused.value) == expected


def test_points_below_a_minimum_or_worth_nothing_are_refused() -> None:
    room = Room(due=10000, cap=None)
    with pytest.raises(InvalidInput, match="at least 100 of its points"):
        draw([a_holding(500, least=100)], 99, room)
    with pytest.raises(InvalidInput, match="40 of 90 cannot be taken"):
        draw([a_holding(50), a_holding(500, "Leaves", least=100)], 90, room)
    with pytest.raises(InvalidInput, match="worth nothing yet"):
        draw([a_holding(500, rate="0.001")], 9, room)
    with pytest.raises(Refusal) as refused:
        draw([], 1, room)
    assert refused.value.code is RefusalCode.POINTS_OVER_BALANCE


RATES = st.decimals("0.0001", "7", places=4).map(str)
HOLDINGS = st.lists(
    st.builds(a_holding, st.integers(0, 10**6), st.sampled_from("abc"), rate=RATES, least=st.integers(0, 500)),
    max_size=3,
    unique_by=lambda holding: holding.account_id,
)
ROOMS = st.builds(Room, due=st.integers(0, 10**7), cap=st.none() | st.integers(0, 10**7))


@given(held=HOLDINGS, room=ROOMS)
def test_what_is_redeemable_fits_and_can_be_redeemed(held: list[Holding], room: Room) -> None:
    draws = redeemable(held, room)
    total = sum(one.amount for one in draws)
    assert total <= room.due
    assert room.cap is None or total <= room.cap
    for one in draws:
        assert 0 < one.points <= one.holding.points
        assert one.amount <= one.holding.program.worth(one.points)
        alone = redeemable([one.holding], room)[0]
        assert shown(draw([one.holding], alone.points, room)) == shown([alone])
