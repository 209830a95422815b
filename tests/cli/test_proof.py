from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cli.conftest import Cli
from cli.test_events import three_closes
from closebell.store import endpoints
from closebell.testing import an_endpoint, guid_of
from tampering import tamper


def test_what_nobody_touched_holds(cli: Cli, ready: Callable[..., Any]) -> None:
    ready(endpoints.insert_one, an_endpoint("till"))
    ready(three_closes)

    audited, reconciled, examined = cli("audit"), cli("reconcile"), cli("doctor")

    assert audited.out.startswith("3 events hold, the last with hash ")
    assert reconciled.rows[0][:2] == [guid_of("endpoint till"), "till"]
    assert reconciled.out.endswith("3 closes, 3 events: balanced\n")
    assert {row[1] for row in examined.rows} == {"ok"}
    assert (audited.code, reconciled.code, examined.code) == (0, 0, 0)


def test_an_altered_event_is_named(cli: Cli, ready: Callable[..., Any]) -> None:
    ready(three_closes)
    ready(tamper, "UPDATE events SET event_type = 'Guest.Created' WHERE sequence = 2")

    audited, reconciled, examined = cli("audit"), cli("reconcile"), cli("doctor")

    assert audited.out.startswith("event 2 was altered")
    assert "3 closes, 2 events: NOT BALANCED\n3 invoices were closed and 2" in reconciled.out
    assert ["the chain of events holds", audited.out.strip()] in examined.rows
    assert (audited.code, reconciled.code, examined.code) == (1, 1, 1)


def test_a_period_is_reconciled(cli: Cli, ready: Callable[..., Any]) -> None:
    ready(three_closes)
    assert cli("reconcile", "--from", "2026-01-06T00:00:00").out == "0 closes, 0 events: balanced\n"
    assert cli("reconcile", "--to", "2026-01-06T00:00:00").out == "3 closes, 3 events: balanced\n"
