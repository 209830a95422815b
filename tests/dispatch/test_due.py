"""Due times: the earliest of each endpoint, whatever is noted in whatever order."""

from __future__ import annotations

from datetime import timedelta

from closebell.dispatch.due import CONTENTION_PAUSE, SURVEY_EVERY, DueTimes
from closebell.store.lanes import Due
from closebell.testing import NOON

MINUTE = timedelta(minutes=1)
SECOND = timedelta(seconds=1)


def test_the_earliest_of_each_endpoint_counts() -> None:
    due = DueTimes()
    due.begin_survey(NOON)
    assert due.earliest() is None
    due.note("a", NOON + MINUTE)
    due.note("a", NOON)
    due.note("a", NOON + 2 * MINUTE)
    due.note("b", NOON + MINUTE)
    assert (due.is_due("a", NOON), due.is_due("b", NOON), due.is_due("c", NOON)) == (True, False, False)
    assert list(due.due(NOON)) == ["a"]
    assert due.earliest() == NOON


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
    due.begin_survey(NOON)
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
    due.begin_survey(NOON)
    assert (due.is_due("b", NOON), due.is_fresh_due("b", NOON), due.earliest()) == (False, False, None)


def test_the_next_thing_is_what_is_due_next_or_a_survey() -> None:
    due = DueTimes()
    due.begin_survey(NOON)
    assert due.next_after(NOON) == NOON + SURVEY_EVERY
    due.note("a", NOON - MINUTE)
    due.note("b", NOON + MINUTE)
    assert due.next_after(NOON) == NOON + SURVEY_EVERY, "what is due already is for room to come back"
    due.note("c", NOON + SECOND)
    assert due.next_after(NOON) == NOON + SECOND


def test_the_queue_is_looked_at_now_and_then_however_much_is_noted_meanwhile() -> None:
    due = DueTimes()
    assert due.is_stale(NOON)
    due.begin_survey(NOON)
    due.note("a", NOON)
    assert [due.is_stale(at) for at in (NOON, NOON + SURVEY_EVERY - SECOND, NOON + SURVEY_EVERY)] == [
        False,
        False,
        True,
    ]
    assert due.is_stale(NOON - SECOND), "the clock was set back"
    due.doubt()
    assert due.is_stale(NOON)
    assert due.next_after(NOON) == NOON
    due.begin_survey(NOON)
    assert not due.is_stale(NOON)
