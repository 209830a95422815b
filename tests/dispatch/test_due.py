"""Due times: the earliest of each endpoint, whatever is noted in whatever order."""

from __future__ import annotations

from datetime import timedelta

from closebell.dispatch.due import CONTENTION_PAUSE, DueTimes
from closebell.store.lanes import Due
from closebell.testing import NOON

MINUTE = timedelta(minutes=1)


def test_the_earliest_of_each_endpoint_counts() -> None:
    due = DueTimes()
    assert (due.earliest(), due.next_after(NOON)) == (None, None)
    due.note("a", NOON + MINUTE)
    due.note("a", NOON)
    due.note("a", NOON + 2 * MINUTE)
    due.note("b", NOON + MINUTE)
    assert (due.is_due("a", NOON), due.is_due("b", NOON), due.is_due("c", NOON)) == (True, False, False)
    assert list(due.due(NOON)) == ["a"]
    assert (due.earliest(), due.next_after(NOON)) == (NOON, NOON + MINUTE)


def test_what_is_fresh_is_known_apart() -> None:
    due = DueTimes()
    due.note("a", NOON)
    due.note("a", NOON + MINUTE, is_fresh=True)
    assert due.is_due("a", NOON)
    assert not due.is_fresh_due("a", NOON)
    assert due.is_fresh_due("a", NOON + MINUTE)


def test_what_could_not_be_claimed_is_left_alone_for_a_while() -> None:
    due = DueTimes()
    earliest = {
        "a": Due(fresh_at=NOON, retried_at=NOON + MINUTE),
        "b": Due(fresh_at=None, retried_at=NOON),
        "c": Due(fresh_at=NOON - MINUTE, retried_at=None),
    }
    due.follow(earliest, contended=["a", "b"], now=NOON)
    assert list(due.due(NOON)) == ["c"]
    assert due.is_fresh_due("c", NOON)
    assert due.next_after(NOON) == NOON + CONTENTION_PAUSE
    assert sorted(due.due(NOON + CONTENTION_PAUSE)) == ["a", "b", "c"]
    assert due.is_fresh_due("a", NOON + CONTENTION_PAUSE)
    assert not due.is_fresh_due("b", NOON + MINUTE)


def test_what_is_forgotten_is_not_due() -> None:
    due = DueTimes()
    due.note("a", NOON, is_fresh=True)
    due.note("b", NOON, is_fresh=True)
    due.forget("a")
    assert (due.is_due("a", NOON), due.is_fresh_due("a", NOON), due.is_due("b", NOON)) == (False, False, True)
    due.clear()
    assert (due.is_due("b", NOON), due.is_fresh_due("b", NOON), due.earliest()) == (False, False, None)
