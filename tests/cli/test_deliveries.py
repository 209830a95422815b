from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from cli.conftest import Cli, refused
from closebell.store import endpoints
from closebell.testing import NOON, FixedClock, an_endpoint, guid_of
from exhausting import close, exhaust

ENDPOINT = an_endpoint()


def prepare(connection: Connection) -> list[str]:
    """Three deliveries that nobody took, and one that waits."""
    clock = FixedClock()
    endpoints.insert_one(connection, ENDPOINT)
    close(connection, ["1", "2", "3"], clock=clock, apart=timedelta(minutes=1))
    ids = exhaust(connection, at=NOON + timedelta(hours=1))
    close(connection, ["waits"], clock=clock)
    return ids


@pytest.fixture
def exhausted(cli: Cli, ready: Callable[..., Any]) -> list[str]:
    ids: list[str] = ready(prepare)
    return ids


def test_deliveries_are_listed_the_newest_first_with_why_they_ended(cli: Cli, exhausted: list[str]) -> None:
    rows = cli("deliveries", "list").rows
    assert [row[1] for row in rows] == ["pending", "exhausted", "exhausted", "exhausted"]
    assert [row[0] for row in rows[1:]] == exhausted[::-1]
    assert rows[1][2:] == ["6", "Invoice.Closed", ENDPOINT.id, "-", "It failed."]


def test_they_are_chosen_by_what_they_are(cli: Cli, exhausted: list[str]) -> None:
    def ids(*tokens: str) -> list[str]:
        return [row[0] for row in cli("deliveries", "list", *tokens).rows]

    assert ids("--state", "exhausted", "--endpoint", ENDPOINT.id) == exhausted[::-1]
    assert ids("--state", "delivered") == []
    assert ids("--invoice", guid_of("invoice 2")) == [exhausted[1]]
    assert ids("--before", exhausted[1], "--limit", "5") == [exhausted[0]]
    event_id = json.loads(cli("deliveries", "show", exhausted[2], "--json").out)["event_id"]
    assert ids("--event", event_id) == [exhausted[2]]


def test_one_is_shown_with_every_attempt(cli: Cli, exhausted: list[str]) -> None:
    shown = cli("deliveries", "show", exhausted[0])
    assert ["reason", "It failed."] in shown.rows
    assert [row[0] for row in shown.rows if row[-1] == "answered 500"] == ["1", "2", "3", "4", "5", "6"]
    document = json.loads(cli("deliveries", "show", exhausted[0], "--json").out)
    assert [(one["number"], one["fault"]) for one in document["attempts"]] == [
        (number, "http_status") for number in range(1, 7)
    ]


def test_one_is_sent_again(cli: Cli, exhausted: list[str]) -> None:
    (again,) = cli("deliveries", "resend", exhausted[0]).rows
    assert again[:3] == [exhausted[0], "pending", "6"]
    cli("endpoints", "disable", ENDPOINT.id)
    (held,) = cli("deliveries", "resend", exhausted[1]).rows
    assert held[:2] == [exhausted[1], "held"]
    cli("endpoints", "delete", ENDPOINT.id, "--yes")
    refused(cli("deliveries", "resend", exhausted[2]), 1, "its endpoint was deleted")


def test_misuse(cli: Cli, exhausted: list[str]) -> None:
    for command in ("show", "resend"):
        refused(
            cli("deliveries", command, "abc"), 2, "DELIVERY-ID: 'abc' is not an id; write its 24 hexadecimal digits"
        )
        refused(cli("deliveries", command, "0" * 24), 1, f"No delivery has the id {'0' * 24}")
    refused(cli("deliveries", "list", "--state", "lost"), 2, "state: 'lost' is not known")
    refused(cli("deliveries", "list", "--endpoint", "x"), 2, "--endpoint")
    refused(cli("deliveries", "list", "--limit", "0"), 2, "--limit")
