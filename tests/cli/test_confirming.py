"""What cannot be undone is asked for before it is done."""

from __future__ import annotations

import io
from collections.abc import Callable
from typing import Any

import pytest

from cli.conftest import Cli, Ended, refused
from closebell.store import endpoints
from closebell.testing import FixedClock, an_endpoint
from erasing import a_known_guest

NOBODY_THERE = "there is no terminal to ask at: give --yes"
Answer = Callable[[str], None]


class Terminal(io.StringIO):
    """Somebody who types this."""

    def isatty(self) -> bool:
        return True


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Answer:
    """Somebody is at the terminal, and types this when they are asked."""
    return lambda typed: monkeypatch.setattr("sys.stdin", Terminal(typed))


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unless somebody is, nobody is there; what a pipe says is no answer."""
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))


def declined(ended: Ended, question: str) -> None:
    assert (ended.code, ended.out) == (2, "")
    assert ended.err == f"{question} [y/N] closebell: nothing was changed\n"


@pytest.mark.parametrize("typed", ["", "\n", "n\n", "yeah\n", "delete\n", "x" * 1_000])
def test_an_endpoint_goes_only_if_somebody_says_so(
    cli: Cli, ready: Callable[..., Any], answer: Answer, typed: str
) -> None:
    endpoint = an_endpoint()
    ready(endpoints.insert_one, endpoint)
    before = cli("endpoints", "list").out
    refused(cli("endpoints", "delete", endpoint.id), 2, NOBODY_THERE)
    answer(typed)
    declined(
        cli("endpoints", "delete", endpoint.id),
        f"Delete the endpoint {endpoint.name}, and cancel what waits for it?",
    )
    assert cli("endpoints", "list").out == before
    answer(" Yes\n")
    assert cli("endpoints", "delete", endpoint.id).code == 0
    assert cli("endpoints", "list").out == ""


def test_a_guest_is_erased_only_if_somebody_says_so(cli: Cli, ready: Callable[..., Any], answer: Answer) -> None:
    guest_id = ready(lambda connection: a_known_guest(connection, clock=FixedClock()))
    refused(cli("guests", "erase", guest_id), 2, NOBODY_THERE)
    answer("n\n")
    declined(cli("guests", "erase", guest_id), f"Erase the guest {guest_id} for good? There is no way back.")
    refused(cli("guests", "erasure", guest_id), 1, "Nobody has asked to erase guest")
    answer("y\n")
    asked = cli("guests", "erase", guest_id)
    assert (asked.code, asked.fields["guest_id"]) == (0, guest_id)
    assert "[y/N]" not in asked.out, "the answer may go into a file"
