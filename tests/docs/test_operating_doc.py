"""docs/operating.md says the numbers and the names that the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from closebell.api.access import KNOWN_FOR_S
from closebell.api.exchange import BODY_PAUSE_S_MAX
from closebell.api.metrics import Metrics
from closebell.background.duty import BEGIN_AGAIN_S
from closebell.background.forgetting import ATTEMPTS_AT_ONCE, BODIES_AT_ONCE, PORTIONS_MAX
from closebell.cli.bounded_http import HEAD_BYTES_MAX, HEAD_WITHIN_S
from closebell.cli.serve import KEEP_ALIVE_S, REQUESTS_FINISH_S
from closebell.config import Settings
from closebell.dispatch import address, flood
from closebell.dispatch.pace import PROBES_AFTER_FAILURES
from closebell.dispatch.sender import BODY_BYTES_MAX
from closebell.domain.delivery import FAILURES_IN_A_ROW_MAX
from closebell.domain.retry import RetryPolicy
from closebell.store import postgresql, sqlite
from closebell.usecase.erase_guest import PORTION
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
        (sqlite.LOOK_EVERY_S == 1, "within 1 second on SQLite"),
        (postgresql.SILENCE_S == 35, "is given up after 35 seconds"),
        (BEGIN_AGAIN_S == 5, "begun again after 5 seconds"),
        (KNOWN_FOR_S == 5, "may take it for 5 seconds more"),
        (PROBES_AFTER_FAILURES == 5, "After five failed attempts in a row"),
        (FAILURES_IN_A_ROW_MAX == 20, "After 20, or when it answers 410"),
        (RetryPolicy.STANDARD.attempts_max == 12, "twelve with the policy `standard`"),
        (RetryPolicy.ZENOTI.attempts_max == 6, "six with `zenoti`"),
        (sqlite.READERS == 4, "up to four that read"),
        (postgresql.CONNECTIONS == 10, "up to ten for each process"),
        (HEAD_BYTES_MAX == 64 * 1024, "| 64 KiB, and 20 s until it is complete"),
        (HEAD_WITHIN_S == 20, "| 20 s from its beginning, 75 s after an answer |"),
        (KEEP_ALIVE_S == 75, "75 s after an answer"),
        (BODY_PAUSE_S_MAX == 30, "| a pause within a body | 30 s; then 400 |"),
        (BODY_BYTES_MAX == 16 * 1024, "| 16 KiB are read, 10 s for the whole call"),
        (flood.POURED_BYTES_MAX == 1024**2, "1 MiB more than its calls account for"),
        (address.RESOLUTIONS_MAX == 128, "one for each host, and 128 at once"),
        (address.KNOWN_FOR_S == 5, "An answer is used for 5 s"),
        (BODIES_AT_ONCE == 200, "200 bodies or 1,000 attempts in one transaction"),
        (ATTEMPTS_AT_ONCE == 1_000, "200 bodies or 1,000 attempts in one transaction"),
        (BODIES_AT_ONCE * PORTIONS_MAX == 60_000, "up to 60,000 bodies a minute"),
        (Settings().body_retention_days == 400, "| body of an event | `body_retention_days`, 400 |"),
        (Settings().attempt_retention_days == 90, "| attempt | `attempt_retention_days`, 90, "),
        (PORTION == 100, "Events follow in portions of 100"),
        (Settings().lease_s + Settings().delivery_timeout_s == 70, "`lease_s` + `delivery_timeout_s` (70 s)"),
        (Settings().body_bytes_max == 1024**2, "`body_bytes_max` (1 MiB)"),
        (Settings().import_bytes_max == 64 * 1024**2, "`import_bytes_max` (64 MiB)"),
    ],
)
def test_the_numbers_are_the_codes(*, number: bool, says: str) -> None:
    assert says in PAGE
    assert number, f"the code has another number: {says}"
