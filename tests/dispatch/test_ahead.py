"""What is leased ahead of the slots: bounded, in order, and the endpoints in turn."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from closebell.dispatch.ahead import Ahead, Leased
from closebell.store.deliveries import Claimed
from closebell.testing import NOON


def leased(endpoint_id: str, sequence: int) -> Leased:
    claimed = Claimed(
        id=f"{sequence}", lease_id="lease", sequence=sequence, event_id="", endpoint_id=endpoint_id, body=b""
    )
    return Leased(claimed=claimed, until=NOON + timedelta(minutes=1))


def filled(ahead: Ahead, endpoint_id: str, most: int) -> int:
    count = ahead.take_room(endpoint_id, most)
    for sequence in range(count):
        ahead.put(leased(endpoint_id, sequence))
    return count


def test_more_is_claimed_only_once_half_the_room_is_free() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=8)
    assert filled(ahead, "a", 100) == 8
    assert [ahead.take_room("a", 100) for _ in range(2)] == [0, 0]
    for sequence in range(4):
        assert not ahead.wants("a")
        assert ahead.pop("a").claimed.sequence == sequence
    assert ahead.wants("a")
    assert ahead.take_room("a", 100) == 4


def test_room_that_nothing_was_put_into_comes_back() -> None:
    ahead = Ahead(all_endpoints=6, per_endpoint=5)
    assert (ahead.take_room("a", 5), ahead.take_room("b", 5), ahead.take_room("c", 5)) == (3, 2, 1)
    assert ahead.take_room("d", 5) == 0
    ahead.give_back_room("a", 3)
    assert ahead.take_room("d", 5) == 2


def test_endpoints_have_their_turn() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=10)
    for name in "abc":
        filled(ahead, name, 2)
    assert list(ahead.in_turn()) == ["a", "b", "c"]
    ahead.pop("a")
    assert list(ahead.in_turn()) == ["b", "c", "a"]
    assert len(ahead.let_go("b")) == 2
    assert list(ahead.in_turn()) == ["c", "a"]
    assert ahead.let_go("unknown") == []


@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=60))
def test_the_bounds_hold_and_nothing_is_lost(steps: list[tuple[str, bool]]) -> None:
    ahead = Ahead(all_endpoints=10, per_endpoint=6)
    inside = dict.fromkeys("abc", 0)
    for endpoint_id, is_claim in steps:
        if is_claim:
            inside[endpoint_id] += filled(ahead, endpoint_id, 4)
        elif inside[endpoint_id]:
            ahead.pop(endpoint_id)
            inside[endpoint_id] -= 1
        assert {name: ahead.count(name) for name in inside} == inside
        assert sum(inside.values()) <= 10
        assert max(inside.values()) <= 6
