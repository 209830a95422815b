"""What is leased ahead of the slots: bounded, in order, the endpoints in turn and the lanes in turn."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from closebell.dispatch.ahead import Ahead, Leased
from closebell.store.lanes import Claimed
from closebell.testing import NOON


def leased(endpoint_id: str, sequence: int, *, is_retry: bool = False) -> Leased:
    claimed = Claimed(
        id=f"{sequence}",
        lease_id="lease",
        sequence=sequence,
        event_id="",
        endpoint_id=endpoint_id,
        body=b"",
        is_retry=is_retry,
    )
    return Leased(claimed=claimed, until=NOON + timedelta(minutes=1))


def filled(ahead: Ahead, endpoint_id: str, most: int, *, is_retry: bool = False) -> int:
    count = ahead.take_room(endpoint_id, min(most, ahead.wants(endpoint_id)))
    for sequence in range(count):
        ahead.put(leased(endpoint_id, sequence, is_retry=is_retry))
    return count


def test_more_is_claimed_only_once_half_the_room_is_free() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=8)
    assert filled(ahead, "a", 100) == 8
    for sequence in range(4):
        assert ahead.wants("a") == 0
        assert ahead.pop("a").claimed.sequence == sequence
    assert ahead.wants("a") == 4
    assert ahead.take_room("a", 100) == 4


def test_of_a_slow_endpoint_only_so_many_wait_as_are_enough() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=8)
    assert (ahead.wants("a", 4), ahead.wants("a", 100), ahead.wants("a", 0)) == (4, 8, 0)
    filled(ahead, "a", 3)
    assert ahead.wants("a", 4) == 0
    ahead.pop("a")
    assert ahead.wants("a", 4) == 2
    filled(ahead, "b", 1)
    assert ahead.wants("b", 1) == 0


def test_what_is_fresh_is_let_in_among_retries_before_half_of_them_are_gone() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=16)
    filled(ahead, "a", 100, is_retry=True)
    assert ahead.wants("a", is_fresh_due=True) == 0
    ahead.pop("a")
    assert ahead.wants("a", is_fresh_due=True) == 0, "not for each delivery"
    ahead.pop("a")
    assert ahead.wants("a", is_fresh_due=True) == 2
    assert ahead.take_room("a", 2) == 2
    ahead.put(leased("a", 100))
    ahead.give_back_room({"a": 1})
    assert ahead.wants("a", is_fresh_due=True) == 0, "something fresh waits already"
    assert ahead.pop("a").claimed.sequence == 100, "and is next"


def test_fresh_and_retried_take_turns_and_what_one_cannot_use_the_other_does() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=20)
    assert ahead.take_room("a", 8) == 8
    for sequence in range(2):
        ahead.put(leased("a", sequence))
    for sequence in range(10, 16):
        ahead.put(leased("a", sequence, is_retry=True))
    assert [ahead.pop("a").claimed.sequence for _ in range(8)] == [0, 10, 1, 11, 12, 13, 14, 15]


def test_whose_turn_it_is_outlasts_an_empty_room() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=20)
    assert ahead.retried_next == set()
    filled(ahead, "a", 1)
    ahead.pop("a")
    assert ahead.retried_next == {"a"}
    filled(ahead, "a", 1, is_retry=True)
    ahead.pop("a")
    assert ahead.retried_next == set()
    filled(ahead, "a", 1)
    ahead.pop("a")
    ahead.place({"b": "receiver.example"})
    assert ahead.retried_next == set(), "an endpoint that is gone has no turn"


def test_room_that_nothing_was_put_into_comes_back() -> None:
    ahead = Ahead(all_endpoints=6, per_endpoint=5)
    assert (ahead.take_room("a", 5), ahead.take_room("b", 5), ahead.take_room("c", 5)) == (3, 2, 1)
    assert ahead.take_room("d", 5) == 0
    ahead.give_back_room({"a": 3, "b": 0})
    assert ahead.take_room("d", 5) == 2


def test_what_a_close_leased_waits_beside_what_was_claimed_and_takes_none_of_its_room() -> None:
    ahead = Ahead(all_endpoints=4, per_endpoint=4)
    assert (ahead.spare("a"), ahead.spare("a", 3), ahead.spare("a", 0)) == (4, 3, 0)
    for sequence in range(3):
        ahead.put(replace(leased("a", sequence), has_room=False))
    assert (ahead.spare("a"), ahead.spare("a", 2), ahead.beside_left) == (1, 0, 1)
    assert [ahead.take_room(endpoint_id, 4) for endpoint_id in ("b", "c", "d")] == [2, 1, 1], "all the room there is"
    ahead.pop("a")
    assert len(ahead.let_go("a")) == 2
    assert ahead.beside_left == 4
    assert ahead.take_room("e", 1) == 0, "none came back that had not been taken"
    ahead.put(leased("b", 0))
    ahead.pop("b")
    assert ahead.take_room("e", 1) == 1


def test_a_host_that_hangs_leaves_room_to_the_others() -> None:
    ahead = Ahead(all_endpoints=100, per_endpoint=20, per_host=30)
    ahead.place({"well": "well.example", **{f"{number}": "hanging.example" for number in range(50)}})
    assert sum(ahead.take_room(f"{number}", 20) for number in range(50)) == 30
    assert ahead.take_room("well", 20) == 20


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


@given(steps=st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from(["fresh", "retry", "pop"])), max_size=60))
def test_the_bounds_hold_and_nothing_is_lost(steps: list[tuple[str, str]]) -> None:
    ahead = Ahead(all_endpoints=10, per_endpoint=6)
    inside = dict.fromkeys("abc", 0)
    for endpoint_id, step in steps:
        if step != "pop":
            inside[endpoint_id] += filled(ahead, endpoint_id, 4, is_retry=step == "retry")
        elif inside[endpoint_id]:
            ahead.pop(endpoint_id)
            inside[endpoint_id] -= 1
        assert {name: ahead.count(name) for name in inside} == inside
        assert sum(inside.values()) <= 10
        assert max(inside.values()) <= 6
    assert {name: len(ahead.let_go(name)) for name in inside} == inside
    assert ahead.take_room("d", 100) == 5, "all the room is free again"
