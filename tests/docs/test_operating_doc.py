"""docs/operating.md says the numbers and the names that the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from closebell.api.access import KNOWN_FOR_S
from closebell.api.metrics import Metrics
from closebell.cli.serve import REQUESTS_FINISH_S
from closebell.config import Settings
from closebell.dispatch.loop import SURVEY_EVERY_S
from closebell.dispatch.slots import PROBES_AFTER_FAILURES
from closebell.domain.delivery import FAILURES_IN_A_ROW_MAX
from closebell.domain.retry import RetryPolicy
from closebell.store import postgresql, sqlite
from closebell.usecase.read_deliveries import STATES

PAGE = (Path(__file__).parents[2] / "docs" / "operating.md").read_text(encoding="utf-8")


def test_every_metric_is_documented() -> None:
    for metric in Metrics().registry.collect():
        name = f"{metric.name}_total" if metric.type == "counter" else metric.name
        assert f"`{name}`" in PAGE


def test_every_state_of_a_delivery_is_documented() -> None:
    for state in STATES:
        assert f"| `{state}` |" in PAGE


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (REQUESTS_FINISH_S == 10, "requests under way have 10 s to finish"),
        (Settings().delivery_timeout_s == 10, "within `delivery_timeout_s` (10 s unless set)"),
        (Settings().lease_s == 60, "(`lease_s`, 60 s unless set)"),
        (SURVEY_EVERY_S == 15, "within 15 seconds on SQLite"),
        (KNOWN_FOR_S == 5, "may take it for 5 seconds more"),
        (PROBES_AFTER_FAILURES == 5, "After five failed attempts in a row"),
        (FAILURES_IN_A_ROW_MAX == 20, "After 20, or when it answers 410"),
        (RetryPolicy.STANDARD.attempts_max == 12, "twelve with the policy `standard`"),
        (RetryPolicy.ZENOTI.attempts_max == 6, "six with `zenoti`"),
        (sqlite.READERS == 4, "up to four that read"),
        (postgresql.CONNECTIONS == 10, "up to ten for each process"),
    ],
)
def test_the_numbers_are_the_codes(*, number: bool, says: str) -> None:
    assert says in PAGE
    assert number, f"the code has another number: {says}"
