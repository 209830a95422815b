"""Slots: the caps hold whatever is taken and given back."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from closebell.dispatch.slots import PROBES_AFTER_FAILURES, Slots

ENDPOINTS = ["a", "b", "c"]


@given(
    all_endpoints=st.integers(1, 10),
    per_endpoint=st.integers(1, 6),
    asked=st.lists(st.tuples(st.sampled_from(ENDPOINTS), st.integers(-6, 6)), max_size=40),
)
def test_neither_cap_is_ever_passed_and_nothing_is_lost(
    all_endpoints: int, per_endpoint: int, asked: list[tuple[str, int]]
) -> None:
    slots = Slots(all_endpoints=all_endpoints, per_endpoint=per_endpoint)
    taken: Counter[str] = Counter()
    for endpoint, count in asked:
        if count >= 0:
            taken[endpoint] += slots.take(endpoint, count)
        else:
            back = min(-count, taken[endpoint])
            slots.give_back(endpoint, back)
            taken[endpoint] -= back
        assert taken.total() == slots.in_use <= all_endpoints
        assert max(taken.values(), default=0) <= per_endpoint
    for endpoint, count in taken.items():
        slots.give_back(endpoint, count)
    assert slots.has_room("a")
    assert slots.take("a", 100) == min((all_endpoints + 1) // 2, per_endpoint)


def test_endpoints_that_hang_leave_something_to_one_that_is_well() -> None:
    slots = Slots(all_endpoints=256, per_endpoint=32)
    hanging = [sum(slots.take(f"hanging {number}", 1) for _ in range(32)) for number in range(12)]
    assert hanging[:3] == [32, 32, 32]
    assert slots.is_full is False
    assert slots.take("well", 32) >= 1


def test_an_endpoint_that_keeps_failing_is_probed_one_call_at_a_time_until_it_answers() -> None:
    slots = Slots(all_endpoints=20, per_endpoint=4)
    slots.judge("a", PROBES_AFTER_FAILURES)
    assert (slots.take("a", 4), slots.take("a", 4), slots.take("b", 4)) == (1, 0, 4)
    slots.give_back("a", 1)
    slots.judge("a", 0)
    assert slots.take("a", 4) == 4


def test_slots_taken_before_an_endpoint_began_to_fail_come_back_before_a_probe() -> None:
    slots = Slots(all_endpoints=20, per_endpoint=4)
    assert slots.take("a", 4) == 4
    slots.judge("a", PROBES_AFTER_FAILURES)
    slots.give_back("a", 3)
    assert slots.take("a", 1) == 0
    slots.give_back("a", 1)
    assert slots.take("a", 2) == 1
