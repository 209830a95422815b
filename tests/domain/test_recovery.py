"""How far a recovery is, and what it is called meanwhile."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from closebell.domain.recovery import RECOVERED_PER_S_MAX, Recovery, RecoveryState
from closebell.testing import NOON, guid_of

RUNNING = Recovery(
    id=guid_of("recovery"),
    endpoint_id=guid_of("endpoint"),
    since=NOON,
    until=NOON + timedelta(hours=1),
    state=RecoveryState.RUNNING,
    matched=3,
    recovered=0,
    position="",
    rate_per_s=50,
    next_at=NOON,
    is_automatic=False,
    created_at=NOON,
    finished_at=None,
)


@pytest.mark.parametrize(
    ("matched", "recovered", "percent"), [(0, 0, 0), (3, 0, 0), (3, 1, 33), (3, 2, 66), (3, 3, 99), (1000, 999, 99)]
)
def test_it_is_whole_only_when_it_is_done(matched: int, recovered: int, percent: int) -> None:
    running = replace(RUNNING, matched=matched, recovered=recovered)
    assert running.percent == percent
    assert replace(running, state=RecoveryState.CANCELLED, finished_at=NOON).percent == percent
    assert replace(running, state=RecoveryState.DONE, finished_at=NOON).percent == 100


def test_a_running_one_of_a_deactivated_endpoint_is_held() -> None:
    assert RUNNING.shown_state == "running"
    assert replace(RUNNING, is_held=True).shown_state == "held"


@pytest.mark.parametrize(
    "wrong",
    [{"until": NOON}, {"recovered": 4}, {"rate_per_s": 0}, {"rate_per_s": RECOVERED_PER_S_MAX + 1}],
)
def test_what_cannot_be_is_not_made(wrong: dict[str, object]) -> None:
    with pytest.raises(AssertionError):
        replace(RUNNING, **wrong)  # type: ignore[arg-type]  # whatever it is, it is refused
