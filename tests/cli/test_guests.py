from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cli.conftest import Cli, refused
from closebell.testing import FixedClock, guid_of
from erasing import a_known_guest, betrayed


def test_a_guest_is_erased(cli: Cli, ready: Callable[..., Any]) -> None:
    guest_id = ready(lambda connection: a_known_guest(connection, clock=FixedClock()))
    refused(cli("guests", "erasure", guest_id), 1, "Nobody has asked to erase guest")

    asked = cli("guests", "erase", guest_id, "--yes")

    assert asked.code == 0
    assert (asked.fields["guest_id"], asked.fields["state"]) == (guest_id, "running")
    assert (asked.fields["redacted_events"], asked.fields["blanked_attempts"]) == ("6", "6")
    again = json.loads(cli("guests", "erase", guest_id, "--yes", "--json").out)
    shown = json.loads(cli("guests", "erasure", guest_id, "--json").out)
    assert again == shown
    assert betrayed(cli("events", "list", "--body").out) == []
    assert cli("audit").code == 0
    assert {row[1] for row in cli("doctor").rows} == {"ok"}


def test_an_event_without_a_body_is_shown(cli: Cli, ready: Callable[..., Any]) -> None:
    guest_id = ready(lambda connection: a_known_guest(connection, clock=FixedClock()))
    cli("guests", "erase", guest_id, "--yes")
    listed = [json.loads(line) for line in cli("events", "list", "--json").out.splitlines()]
    shown = json.loads(cli("events", "show", listed[0]["event_id"], "--json").out)
    assert shown["redacted_at"] is not None
    assert len(shown["body_hash"]) == 64


def test_misuse(cli: Cli, ready: Callable[..., Any]) -> None:
    refused(cli("guests", "erase", "ada"), 2, "GUEST-ID: 'ada' is not a GUID")
    refused(cli("guests", "erase", guid_of("nobody"), "--yes"), 1, f"No guest has the id {guid_of('nobody')}")
