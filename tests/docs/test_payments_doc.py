"""docs/payments.md tells the truth: its tables and numbers are those of the code."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path

import msgspec

from closebell.api.card_desk import PROCESSOR_DEADLINE_S
from closebell.api.catalogue import OPERATIONS
from closebell.api.online_payments import DECLINED
from closebell.api.tips import Split
from closebell.background.payment_pages import PAGES_EVERY_S
from closebell.dispatch.processors import GROUP
from closebell.domain.event import PAYMENTS_ADDED, PAYMENTS_DELETED, PaymentsData
from closebell.domain.payment import PAYMENT_MODES, PAYMENT_NAMES
from closebell.domain.payment_page import OPEN_FOR, SECRET_BYTES
from closebell.domain.tips import PERCENT_DECIMALS_MAX
from closebell.usecase.collect_online import CARD_TYPE_ONLINE
from closebell.usecase.record_tender import PAYMENTS_MAX

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "payments.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^#+ (.+)$", PAGE, re.MULTILINE)
WEBHOOKS = (DOCS / "webhooks.md").read_text(encoding="utf-8")


def test_every_tender_is_in_the_table_with_its_number() -> None:
    rows = {tender: int(mode) for tender, mode in re.findall(r"^\| `(\w+)` \| (\d) \|", PAGE, re.MULTILINE)}
    assert rows == {tender.value: mode for tender, mode in PAYMENT_MODES.items()}
    for tender in ("cash", "check", "gift_card", "prepaid_card", "package"):
        name = next(name for known, name in PAYMENT_NAMES.items() if known == tender)
        assert re.search(rf"^\| `{tender}` \| \d \| `{name}`", PAGE, re.MULTILINE)
    assert f"`{CARD_TYPE_ONLINE}`" in PAGE


def test_every_call_is_a_route() -> None:
    routes = {f"{operation.doc.method} {operation.doc.path}" for operation in OPERATIONS}
    named = set(re.findall(r"`((?:GET|POST|PUT|DELETE) /[^ `?]+)`", PAGE))
    assert named
    assert named <= routes


def test_the_ways_to_split_are_those_of_the_code() -> None:
    rows = re.findall(r"^\| `(\w+)`(?: \(default\))? \| (?:`employee_id`|none)", PAGE, re.MULTILINE)
    assert set(rows) == set(Split)


def test_the_numbers_are_those_of_the_code() -> None:
    assert f"has {PAYMENTS_MAX:,} payments" in PAGE
    assert f"for {PROCESSOR_DEADLINE_S} seconds at most" in PAGE
    assert timedelta(minutes=30) == OPEN_FOR
    assert "open for 30 minutes" in PAGE
    assert f"of {SECRET_BYTES * 8} random bits" in PAGE
    assert PAGES_EVERY_S == 60
    assert "within a minute after their time" in PAGE
    assert f"up to {PERCENT_DECIMALS_MAX} decimals" in PAGE
    assert f"`{DECLINED}`" in PAGE
    assert f"entry point group `{GROUP}`" in PAGE


def test_links_inside_lead_somewhere() -> None:
    headings = {re.sub(r"[^a-z0-9 -]", "", h.lower()).replace(" ", "-") for h in HEADINGS}
    assert set(re.findall(r"\]\(#([^)]+)\)", PAGE)) <= headings
    for other in DOCS.glob("*.md"):
        text = other.read_text(encoding="utf-8")
        assert set(re.findall(r"\(payments\.md#([^)]+)\)", text)) <= headings, other.name
    assert all((DOCS / target).exists() for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", PAGE))


def test_the_page_on_webhooks_names_what_the_payment_events_carry() -> None:
    carried = ", ".join(f"`{field.name}`" for field in msgspec.structs.fields(PaymentsData))
    for event_type in (PAYMENTS_ADDED, PAYMENTS_DELETED):
        assert re.search(rf"^\| `{event_type}` \| `Invoice` \| [^|]+ \| {carried}: ", WEBHOOKS, re.MULTILINE)
