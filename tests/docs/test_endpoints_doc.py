"""What the pages say of conditions, of the failure log and of mails is what the code does."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path
from typing import Any

import pytest

from closebell.config import Settings
from closebell.config.checks import ALERT_EMAILS_MAX
from closebell.dispatch.alerts import CLAIM, LOOK_EVERY_S
from closebell.domain.alert import RETRIES
from closebell.domain.condition import (
    CONDITIONS_MAX,
    PATH_CHARACTERS_MAX,
    TEXT_CHARACTERS_MAX,
    ConditionDraft,
    checked,
    decoded,
)
from closebell.domain.endpoint_draft import RATE_PER_S_MAX
from closebell.domain.event_fields import must_be_able_to_hold
from closebell.store.failure_log import MailState
from closebell.usecase.read_failure_log import RECENT_ATTEMPTS

DOCS = Path(__file__).parents[2] / "docs"
OPERATING, WEBHOOKS, API = (
    (DOCS / f"{name}.md").read_text(encoding="utf-8") for name in ("operating", "webhooks", "api")
)


def test_the_mail_settings_of_the_page_work() -> None:
    (block,) = [
        text for text in re.findall(r"^```toml\n(.*?)^```$", OPERATING, re.DOTALL | re.MULTILINE) if "smtp" in text
    ]
    named: dict[str, Any] = {
        name: tuple(value) if isinstance(value, list) else value for name, value in tomllib.loads(block).items()
    }
    settings = Settings(**named, smtp_password="hunter2")
    assert len(settings.alert_emails) == 2


def test_the_conditions_of_the_page_hold_for_the_event_of_the_page() -> None:
    (block,) = re.findall(r'^```\n"conditions": (.*?)^```$', WEBHOOKS, re.DOTALL | re.MULTILINE)
    drafts = [ConditionDraft(field=one["field"], equals=json.dumps(one["equals"])) for one in json.loads(block)]
    conditions = checked(drafts)
    must_be_able_to_hold(conditions, ["Invoice.Closed"])
    example = decoded(re.findall(r"^```json\n(.*?)^```$", WEBHOOKS, re.DOTALL | re.MULTILINE)[0].encode())
    assert len(conditions) == 2
    assert all(one.holds(example) for one in conditions)


def test_every_state_of_a_mail_is_documented() -> None:
    for state in MailState:
        assert f"`{state}`" in OPERATING
        assert f"`{state}`" in API


@pytest.mark.parametrize(
    ("page", "number", "says"),
    [
        (OPERATING, LOOK_EVERY_S == 30, "They look every 30 s"),
        (OPERATING, CLAIM.total_seconds() == 300, "A try claims it for 5 minutes"),
        (
            OPERATING,
            [round(wait.total_seconds() / 60) for wait in RETRIES] == [1, 5, 15, 60, 180, 360, 720, 1440],
            "after 1, 5 and 15 minutes and 1, 3, 6, 12 and 24 hours, then given up",
        ),
        (OPERATING, ALERT_EMAILS_MAX == 50, "(at most 50)"),
        (WEBHOOKS, CONDITIONS_MAX == 10, "At most 10 conditions"),
        (API, CONDITIONS_MAX == 10, "at most 10 of `{"),
        (WEBHOOKS, PATH_CHARACTERS_MAX == 200, "At most 200 characters."),
        (WEBHOOKS, TEXT_CHARACTERS_MAX == 200, "a string (at most 200 characters)"),
        (API, RATE_PER_S_MAX == 10_000, "1 to 10,000; null or 0 (default) is no bound"),
        (API, RECENT_ATTEMPTS == 20, "attempts of up to 20 deliveries"),
    ],
)
def test_the_numbers_are_the_codes(page: str, *, number: bool, says: str) -> None:
    assert says in page
    assert number, f"the code has another number: {says}"
