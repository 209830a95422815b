from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from cli.conftest import Cli
from closebell.clock import SystemLuck
from closebell.dispatch.recording import Sent, record_outcomes
from closebell.domain.delivery import Fault, Outcome
from closebell.store import endpoints, lanes
from closebell.testing import NOON, FixedClock, a_paid_invoice, an_endpoint, put
from closebell.usecase.close_invoices import CloseCommand, close_invoices

ENDPOINT = an_endpoint().id


def gone(connection: Connection) -> str:
    """An endpoint whose receiver answered 410; the id of the delivery."""
    clock, luck, invoice = FixedClock(), SystemLuck(), a_paid_invoice()
    put(connection, invoice)
    endpoints.insert_one(connection, an_endpoint())
    close_invoices(connection, [CloseCommand(invoice_id=invoice.id)], clock=clock, luck=luck)
    (claimed,) = lanes.claim(connection, {ENDPOINT: 1}, now=NOON, lease_id="mine", leased_until=NOON)
    outcome = Outcome(
        started_at=NOON,
        duration_us=1200,
        status=410,
        error=Fault.HTTP_STATUS,
        detail="receiver.example:443 answered 410.",
        response_excerpt="no\tmore",
    )
    sent = Sent(delivery_id=claimed.id, lease_id="mine", endpoint_id=ENDPOINT, outcome=outcome)
    record_outcomes(connection, [sent], clock=clock, luck=luck)
    return claimed.id


def test_the_failure_log_is_shown(cli: Cli, ready: Callable[..., Any]) -> None:
    delivery_id = ready(gone)
    at, detail = "2026-01-05T12:00:00Z", "receiver.example:443 answered 410."
    shown = [at, at, "1", delivery_id, "410", "http_status", detail, "none", "-"]
    assert cli("endpoints", "failures", ENDPOINT).rows == [shown]
    tried = [at, delivery_id, "1", "1200", "410", "http_status", detail, "no more"]
    assert cli("endpoints", "failures", ENDPOINT, "--attempts").rows == [tried]
    assert json.loads(cli("endpoints", "failures", ENDPOINT, "--json").out)["mail"] == "none"
    assert cli("endpoints", "delete", ENDPOINT, "--yes").code == 0
    assert cli("endpoints", "failures", ENDPOINT).rows == [shown]


def test_an_endpoint_that_never_failed_has_an_empty_log(cli: Cli, ready: Callable[..., Any]) -> None:
    ready(endpoints.insert_one, an_endpoint())
    for flags in ([], ["--attempts"]):
        ended = cli("endpoints", "failures", ENDPOINT, *flags)
        assert (ended.code, ended.out) == (0, "")
