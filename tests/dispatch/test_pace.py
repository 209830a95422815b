"""The pace of an endpoint: probed while it fails, brought back slowly, called at its rate; pure, on instants given."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from closebell.dispatch.meter import LATE_MAX, SECOND
from closebell.dispatch.pace import ENABLED_LATELY, PAUSE_MAX, PROBES_AFTER_FAILURES, Pace
from closebell.dispatch.ramp import Ramp
from closebell.dispatch.slots import Slots
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.testing import NOON, an_endpoint

A = an_endpoint("a", url="https://a.example/hook")
OFF = replace(A, state=EndpointState.DEACTIVATED)


def paced(*endpoints: Endpoint, **caps: int) -> Pace:
    pace = Pace(Slots(**{"all_endpoints": 100, "per_endpoint": 8, "per_host": 50, **caps}))
    pace.follow(endpoints, NOON)
    return pace


def begun(pace: Pace, most: int, endpoint_id: str = A.id, *, at: datetime = NOON) -> int:
    """Begin up to that many calls; how many could."""
    return next((count for count in range(most) if not pace.begin(endpoint_id, at)), most)


def called(pace: Pace, endpoint_id: str = A.id, *, well: bool = True, at: datetime = NOON) -> int:
    """Make as many calls at once as may be made, all of which go well or fail; how many there were."""
    count = begun(pace, 100, endpoint_id, at=at)
    for _ in range(count):
        pace.answered(endpoint_id, well=well)
    pace.give_back(endpoint_id, count)
    return count


def test_a_ramp_doubles_with_each_full_round_and_starts_again_at_a_failure() -> None:
    ramp, widths = Ramp(), []
    for _ in range(15):
        widths.append(ramp.width)
        ramp = ramp.after_success()
    assert widths == [1, 2, 2, 4, 4, 4, 4, *[8] * 8]
    assert ramp == Ramp(width=16)
    assert ramp.after_failure() == Ramp() == Ramp(width=4, succeeded=3).after_failure()


def test_an_endpoint_that_keeps_failing_is_probed_one_call_at_a_time_until_it_answers() -> None:
    pace = paced(A)
    pace.judge(A.id, PROBES_AFTER_FAILURES - 1)
    assert called(pace) == 8
    pace.judge(A.id, PROBES_AFTER_FAILURES)
    assert pace.is_failing(A.id)
    assert (begun(pace, 4), begun(pace, 4)) == (1, 0)
    pace.give_back(A.id, 1)
    assert [called(pace) for _ in range(3)] == [1, 1, 1], "until its success is recorded"


def test_a_late_report_counts_only_until_the_endpoint_is_looked_at_again() -> None:
    fails = replace(A, consecutive_failures=PROBES_AFTER_FAILURES)
    pace = paced(fails)
    pace.judge(A.id, PROBES_AFTER_FAILURES - 1)
    pace.follow([fails], NOON)
    assert pace.is_failing(A.id)


def test_slots_taken_before_an_endpoint_began_to_fail_come_back_before_a_probe() -> None:
    pace = paced(A)
    assert begun(pace, 4) == 4
    pace.judge(A.id, PROBES_AFTER_FAILURES)
    pace.give_back(A.id, 3)
    assert (begun(pace, 1), pace.worth_claiming(A.id, NOON)) == (0, 0)
    pace.give_back(A.id, 1)
    assert (pace.worth_claiming(A.id, NOON), begun(pace, 2)) == (1, 1)


def test_an_endpoint_that_answers_again_comes_back_slowly() -> None:
    pace = paced(A)
    pace.judge(A.id, PROBES_AFTER_FAILURES)
    called(pace)
    pace.judge(A.id, 0)
    assert [called(pace) for _ in range(5)] == [1, 2, 4, 8, 8]


def test_a_failure_takes_the_ramp_back_and_after_it_only_the_breaker_counts() -> None:
    pace = paced(OFF)
    pace.follow([A], NOON)
    assert [called(pace), called(pace), called(pace, well=False), called(pace)] == [1, 2, 4, 1]
    assert [called(pace), called(pace), called(pace)] == [2, 4, 8]
    assert [called(pace, well=False), called(pace)] == [8, 8], "the ramp is over"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (OFF, A),
        (A, replace(A, enabled_at=NOON)),
        (replace(A, enabled_at=NOON - SECOND), replace(A, enabled_at=NOON)),
    ],
)
def test_an_endpoint_that_was_enabled_comes_back_slowly(before: Endpoint, after: Endpoint) -> None:
    pace = paced(before)
    pace.follow([after], NOON)
    assert [called(pace) for _ in range(3)] == [1, 2, 4]
    pace.follow([replace(after, name="another")], NOON)
    assert called(pace) == 8, "and once only"


def test_at_the_first_look_only_what_was_enabled_lately_comes_back_slowly() -> None:
    assert called(paced(A)) == 8
    assert called(paced(replace(A, enabled_at=NOON - SECOND))) == 1
    assert called(paced(replace(A, enabled_at=NOON - ENABLED_LATELY))) == 8
    assert called(paced(replace(A, consecutive_failures=PROBES_AFTER_FAILURES))) == 1


def test_of_an_endpoint_that_comes_back_little_is_claimed() -> None:
    pace = paced(OFF)
    assert pace.worth_claiming(A.id, NOON) is None
    pace.follow([A], NOON)
    assert pace.worth_claiming(A.id, NOON) == 4
    called(pace)
    assert pace.worth_claiming(A.id, NOON) == 8


def test_a_rate_bounds_the_calls_that_begin_and_not_those_under_way() -> None:
    pace = paced(replace(A, rate_per_s=10))
    assert called(pace) == 2, "what LATE_MAX saved up, and one"
    assert begun(pace, 5) == 0
    assert pace.next_at(A.id, NOON) == NOON + 2 * SECOND / 10 - LATE_MAX
    assert called(pace, at=NOON + SECOND / 10) == 1
    assert pace.worth_claiming(A.id, NOON) == 20


def test_without_a_rate_nobody_waits_for_a_turn() -> None:
    pace = paced(A)
    assert begun(pace, 100) == 8
    assert pace.next_at(A.id, NOON) is None


def test_a_call_that_finds_no_slot_costs_no_turn() -> None:
    pace = paced(replace(A, rate_per_s=1), per_endpoint=1)
    assert begun(pace, 5) == 1
    assert begun(pace, 5, at=NOON + SECOND) == 0
    assert pace.next_at(A.id, NOON + SECOND) is None, "it is not for the rate that the next call waits"
    pace.give_back(A.id, 1)
    assert begun(pace, 5, at=NOON + SECOND) == 1


def test_a_rate_that_changes_holds_at_once() -> None:
    pace = paced(A)
    assert begun(pace, 4) == 4
    pace.follow([replace(A, rate_per_s=1)], NOON)
    assert begun(pace, 4) == 1
    pace.follow([replace(A, rate_per_s=20)], NOON)
    assert begun(pace, 1) == 1
    pace.follow([A], NOON)
    assert begun(pace, 100) == 2


def test_endpoints_at_one_host_share_its_slots_whatever_the_case_and_the_port() -> None:
    b = an_endpoint("b", url="https://A.Example:8443/other")
    pace = paced(A, b, per_host=4)
    assert (begun(pace, 8), begun(pace, 8, b.id)) == (2, 1)
    gone = replace(b, state=EndpointState.DEACTIVATED)
    pace.follow([A, gone], NOON)
    assert begun(pace, 8) == 1, "who is alone has what is left"


def test_an_endpoint_that_is_gone_is_forgotten() -> None:
    pace = paced(replace(A, rate_per_s=1, consecutive_failures=PROBES_AFTER_FAILURES))
    pace.follow([], NOON)
    assert not pace.is_failing(A.id)
    assert pace.worth_claiming(A.id, NOON) is None
    assert begun(pace, 100) == 8
    assert pace.in_use == 8


def test_an_endpoint_whose_receiver_asks_for_it_is_left_alone_and_then_comes_back_slowly() -> None:
    pace = paced(A)
    until = pace.pause(A.id, wait_s=20, now=NOON)
    assert until == NOON + 20 * SECOND
    almost = until - SECOND / 1000
    assert (called(pace, at=almost), pace.worth_claiming(A.id, almost), pace.next_at(A.id, almost)) == (0, 0, until)
    assert (pace.worth_claiming(A.id, until), pace.next_at(A.id, until)) == (4, None)
    assert [called(pace, at=until) for _ in range(3)] == [1, 2, 4]


def test_of_several_pauses_the_one_that_ends_last_counts() -> None:
    pace = paced(A)
    assert pace.pause(A.id, wait_s=20, now=NOON) == NOON + 20 * SECOND
    assert pace.pause(A.id, wait_s=1, now=NOON + SECOND) == NOON + 20 * SECOND, "a call that came back later"
    assert called(pace, at=NOON + 3 * SECOND) == 0
    assert pace.pause(A.id, wait_s=20, now=NOON + 5 * SECOND) == NOON + 25 * SECOND
    assert called(pace, at=NOON + 20 * SECOND) == 0
    assert called(pace, at=NOON + 25 * SECOND) == 1


def test_a_pause_from_before_the_clock_was_set_back_lengthens_none() -> None:
    pace = paced(A)
    pace.pause(A.id, wait_s=20, now=NOON)
    earlier = NOON - timedelta(hours=1)
    assert pace.pause(A.id, wait_s=1, now=earlier) == earlier + SECOND
    assert called(pace, at=earlier + SECOND) == 1


def test_a_pause_has_an_end_whatever_is_asked_for_and_whatever_the_clock_does() -> None:
    pace = paced(replace(A, rate_per_s=1))
    until = pace.pause(A.id, wait_s=86_400, now=NOON)
    assert until == NOON + PAUSE_MAX
    assert begun(pace, 1, at=NOON - SECOND) == 1, "the clock was set back"
    pace.give_back(A.id, 1)
    pace.pause(A.id, wait_s=10, now=NOON)
    pace.follow([replace(A, enabled_at=NOON)], NOON)
    assert called(pace) == 1, "somebody enabled it"
    pace.pause(A.id, wait_s=10, now=NOON)
    pace.follow([], NOON)
    assert called(pace) == 8
