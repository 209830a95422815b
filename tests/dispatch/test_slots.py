"""Slots: the caps hold whatever is taken and given back."""

from __future__ import annotations

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from closebell.dispatch.slots import Slots

ENDPOINTS = ["a", "b", "c"]
HOSTS = ["one.example", "two.example"]
TOGETHER = dict.fromkeys(ENDPOINTS, HOSTS[0])

Step = tuple[str, int] | dict[str, str]


@given(
    all_endpoints=st.integers(1, 10),
    per_endpoint=st.integers(1, 6),
    per_host=st.integers(1, 8),
    steps=st.lists(
        st.one_of(
            st.tuples(st.sampled_from(ENDPOINTS), st.integers(-6, 6)),
            st.dictionaries(st.sampled_from(ENDPOINTS), st.sampled_from(HOSTS)),
        ),
        max_size=40,
    ),
)
def test_no_cap_is_ever_passed_and_nothing_is_lost(
    all_endpoints: int, per_endpoint: int, per_host: int, steps: list[Step]
) -> None:
    slots = Slots(all_endpoints=all_endpoints, per_endpoint=per_endpoint, per_host=per_host)
    taken: Counter[str] = Counter()
    hosts: dict[str, str] = {}
    for step in steps:
        if isinstance(step, dict):
            hosts = {**{one: host for one, host in hosts.items() if taken[one]}, **step}
            slots.place(step)
            continue
        endpoint, count = step
        at_host = sum(taken[one] for one, host in hosts.items() if host == hosts.get(endpoint))
        if count >= 0:
            got = slots.take(endpoint, count)
            assert got <= count
            assert not got or endpoint not in hosts or at_host + got <= per_host
            taken[endpoint] += got
        else:
            back = min(-count, taken[endpoint])
            slots.give_back(endpoint, back)
            taken[endpoint] -= back
        assert taken.total() == slots.in_use <= all_endpoints
        assert max(taken.values(), default=0) <= per_endpoint
        assert slots.taken(endpoint) == taken[endpoint]
    for endpoint, count in taken.items():
        slots.give_back(endpoint, count)
    slots.place({"a": HOSTS[0]})
    assert slots.take("a", 100) == min((all_endpoints + 1) // 2, per_endpoint, per_host)


def test_endpoints_that_hang_leave_something_to_one_that_is_well() -> None:
    slots = Slots(all_endpoints=256, per_endpoint=32, per_host=64)
    hanging = [sum(slots.take(f"hanging {number}", 1) for _ in range(32)) for number in range(12)]
    assert hanging[:3] == [32, 32, 32]
    assert slots.take("well", 32) >= 1


def test_a_host_that_hangs_leaves_the_rest_to_the_others_however_many_endpoints_point_at_it() -> None:
    slots = Slots(all_endpoints=256, per_endpoint=32, per_host=64)
    slots.place({"well": "well.example", **{f"{number}": "hanging.example" for number in range(50)}})
    assert sum(slots.take(f"{number}", 32) for number in range(50)) == 64
    assert slots.take("well", 32) == 32


def test_who_is_alone_at_a_host_has_all_of_it() -> None:
    slots = Slots(all_endpoints=100, per_endpoint=32, per_host=10)
    slots.place({"a": "one.example", "b": "two.example"})
    assert (slots.take("a", 32), slots.take("b", 32)) == (10, 10)
    assert list(slots.heirs("a", ["a", "b"])) == ["a"], "nobody else wants what it gives back"


def test_those_who_share_a_host_leave_some_of_it_to_each_other() -> None:
    slots = Slots(all_endpoints=100, per_endpoint=32, per_host=10)
    slots.place(TOGETHER)
    assert [slots.take(one, 32) for one in ENDPOINTS] == [5, 3, 1]
    assert slots.take("a", 1) == 0, "the last is for somebody who has none"
    assert slots.take("c", 1) == 0
    slots.place({**TOGETHER, "d": HOSTS[0]})
    assert slots.take("d", 32) == 1
    assert list(slots.heirs("a", ["elsewhere", "d", "a"])) == ["d", "a"]
    slots.give_back("a", 3)
    assert list(slots.heirs("a", ["elsewhere", "d", "a"])) == ["a"]
    assert (slots.take("a", 3), slots.take("d", 3)) == (1, 1)


def test_an_endpoint_that_moves_takes_its_slots_along_and_one_that_is_gone_frees_its_own() -> None:
    slots = Slots(all_endpoints=100, per_endpoint=32, per_host=4)
    slots.place({"a": HOSTS[0], "b": HOSTS[1]})
    assert slots.take("a", 4) == 4
    slots.place({"a": HOSTS[1], "b": HOSTS[1]})
    assert slots.take("b", 1) == 0
    slots.place({"b": HOSTS[1]})
    assert slots.take("b", 1) == 0, "its calls are still under way"
    slots.give_back("a", 4)
    assert slots.take("b", 4) == 4


def test_a_slot_may_be_for_anybody_once_all_are_taken() -> None:
    slots = Slots(all_endpoints=1, per_endpoint=1, per_host=1)
    assert list(slots.heirs("a", ["b", "a"])) == ["a"]
    assert slots.take("a", 1) == 1
    assert list(slots.heirs("a", ["b", "a"])) == ["b", "a"]
