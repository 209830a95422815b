from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.conftest import Cli, refused
from closebell.cli.demo_stage import Receiver
from closebell.testing import guid_of

LOOPBACK = ("--allowed-networks", "127.0.0.0/8")


@pytest.fixture
def books(cli: Cli, ready: Callable[..., Any]) -> str:
    """The id of an endpoint."""
    return cli("endpoints", "create", "books", "https://books.example/hook").fields["id"]


@pytest.fixture(params=[204, 500])
def receiver(request: pytest.FixtureRequest) -> Iterator[Receiver]:
    with Receiver(status=request.param) as listening:
        yield listening


def test_an_endpoint_is_created_with_everything_it_can_have(cli: Cli, ready: Callable[..., Any]) -> None:
    made = cli(
        *("endpoints", "create", "books", "https://books.example/hook", "--http-method", "PUT", "--policy", "zenoti"),
        *("--signature-style", "standard", "--signature-style", "zenoti", "--description", "ring twice", "--json"),
    )
    found = json.loads(made.out)
    assert made.code == 0
    assert found["secret"].startswith("whsec_")
    assert found["http_method"] == "PUT"
    assert found["policy"] == "zenoti"
    assert found["signature_styles"] == ["standard", "zenoti"]
    assert found["event_types"] == ["Invoice.Closed"]

    shown = cli("endpoints", "show", found["id"])
    assert shown.fields["description"] == "ring twice"
    assert found["secret"] not in shown.out


def test_an_endpoint_has_its_pace_and_its_conditions(cli: Cli, ready: Callable[..., Any]) -> None:
    made = cli(
        *("endpoints", "create", "books", "https://books.example/hook", "--recovers-when-enabled", "--rate-per-s", "9"),
        *("--condition", "data.invoice.is_refund=false", "--condition", "data.invoice.receipt_number=R1=2"),
    )
    assert made.code == 0, made.err
    assert made.fields["rate_per_s"] == "9"
    assert made.fields["recovers_when_enabled"] == "yes"
    said = 'data.invoice.is_refund=false, data.invoice.receipt_number="R1=2"'
    assert made.fields["conditions"] == said
    assert cli("endpoints", "show", made.fields["id"]).fields["conditions"] == said


def test_an_endpoint_is_disabled_enabled_and_deleted(cli: Cli, books: str) -> None:
    assert cli("endpoints", "disable", books).rows == [
        [books, "books", "deactivated", "0", "https://books.example/hook"]
    ]
    assert cli("endpoints", "show", books).fields["state_reason"] == "Deactivated by hand."
    assert cli("endpoints", "enable", books).rows[0][2] == "active"
    assert len(cli("endpoints", "list").rows) == 1
    assert cli("endpoints", "delete", books, "--yes").code == 0
    assert cli("endpoints", "list").out == ""
    refused(cli("endpoints", "show", books), 1, "No endpoint has the id")


def test_an_endpoint_is_tried(cli: Cli, ready: Callable[..., Any], receiver: Receiver) -> None:
    made = cli("endpoints", "create", "books", receiver.url, *LOOPBACK)

    tried = cli("endpoints", "test", made.fields["id"], *LOOPBACK)

    call = receiver.next_call(within_s=10)
    assert json.loads(call.body)["event_type"] == "Closebell.Test"
    took_it = tried.fields["status"] == "204"
    assert tried.fields["is_delivered"] == ("yes" if took_it else "no")
    assert tried.code == (0 if took_it else 1)


def test_trying_obeys_the_rules_about_addresses(cli: Cli, ready: Callable[..., Any]) -> None:
    made = cli("endpoints", "create", "books", "http://127.0.0.1:9/hook", *LOOPBACK)
    tried = cli("endpoints", "test", made.fields["id"])
    assert tried.code == 1
    assert tried.fields["fault"] == "address_refused"


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (["books", "http://127.0.0.1:9/hook"], "127.0.0.1 is loopback"),
        (["books", "ftp://books.example/"], "url: "),
        (["books", "https://books.example/", "--event-type", "Invoice.Open"], "event_types[0]: 'Invoice.Open'"),
        (["books", "https://books.example/", "--http-method", "GET"], "http_method: 'GET'"),
        (["books", "https://books.example/", "--center-id", guid_of("nowhere")], "center_ids[0]"),
        (["books", "https://books.example/", "--rate-per-s", "10001"], "rate_per_s: is 10001"),
        (["books", "https://books.example/", "--condition", "data.x=1"], "conditions[0].field: no Invoice.Closed"),
        (["books", "https://books.example/", "--condition", "data.x"], "write PATH=VALUE"),
        (["books"], "URL"),
    ],
)
def test_an_endpoint_that_cannot_be_is_refused(
    cli: Cli, ready: Callable[..., Any], tokens: list[str], says: str
) -> None:
    refused(cli("endpoints", "create", *tokens), 2, says)
    assert cli("endpoints", "list").out == ""


@pytest.mark.parametrize("command", ["show", "enable", "disable", "delete", "test", "failures"])
def test_an_endpoint_that_is_not_there(cli: Cli, ready: Callable[..., Any], command: str) -> None:
    refused(cli("endpoints", command, guid_of("nobody")), 1, "No endpoint has the id")
    refused(cli("endpoints", command, "nonsense"), 2, "ENDPOINT-ID")
