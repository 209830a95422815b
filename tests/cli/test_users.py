from __future__ import annotations

import getpass
import io
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cli.conftest import Cli, refused
from closebell.store.passwords import matches
from closebell.testing import a_paid_invoice, an_employee, put
from closebell.usecase.manage_users import find_user

PASSWORD = "correct horse battery"
Typed = Callable[[str], None]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch) -> Typed:
    """What is on standard input."""
    return lambda text: monkeypatch.setattr("sys.stdin", io.StringIO(text))


def test_a_user_is_added_listed_given_a_password_and_disabled(
    cli: Cli, ready: Callable[..., Any], typed: Typed
) -> None:
    invoice = a_paid_invoice()
    ready(put, invoice, employees=(an_employee(),))
    typed(f"{PASSWORD}\nsomething else\n")
    made = cli(
        *("users", "add", "Ada", "--role", "cashier", "--center", invoice.centre.id, "--employee", an_employee())
    )
    assert made.code == 0, made
    assert (made.fields["user_name"], made.fields["role"]) == ("ada", "cashier")
    assert (made.fields["center_ids"], made.fields["employee_id"]) == (invoice.centre.id, an_employee())
    assert PASSWORD not in made.out + made.err
    assert matches(PASSWORD, ready(find_user, "ADA").password_hash)

    listed = cli("users", "list")
    assert listed.rows[0][:3] == [made.fields["id"], "ada", "cashier"]
    assert "argon2" not in listed.out

    typed("another long password\r\n")
    assert cli("users", "password", "Ada").code == 0
    assert matches("another long password", ready(find_user, "ada").password_hash)

    assert cli("users", "disable", "ADA").code == 0
    assert ready(find_user, "ada").disabled_at is not None


def test_at_a_terminal_the_password_is_typed_twice_and_not_shown(
    cli: Cli, ready: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    def answers(*words: str) -> None:
        left: Iterator[str] = iter(words)
        monkeypatch.setattr(getpass, "getpass", lambda _prompt: next(left))

    monkeypatch.setattr("sys.stdin", Terminal())
    answers(PASSWORD, "something different")
    refused(cli("users", "add", "ada", "--role", "reader"), 2, "the two passwords differ; nothing was changed")
    assert cli("users", "list").out == ""
    answers(PASSWORD, PASSWORD)
    assert cli("users", "add", "ada", "--role", "reader").code == 0


def test_misuse(cli: Cli, ready: Callable[..., Any], typed: Typed) -> None:
    for text, says in [("short\n", "password: has 5 characters"), ("", "password: has 0 characters")]:
        typed(text)
        refused(cli("users", "add", "ada", "--role", "reader"), 2, says)
    typed("x" * 5000)
    refused(cli("users", "add", "ada", "--role", "reader"), 2, "password: has 1026 bytes")
    refused(cli("users", "add", "ada"), 2, "--role")
    refused(cli("users", "add", "ada", "--role", "king"), 2, "role: 'king' is no role")
    refused(cli("users", "add", "ada", "--role", "reader", "--employee", "x"), 2, "--employee: 'x' is not a GUID")
    refused(cli("users", "add", "ada", "--role", "reader", "--password", PASSWORD), 2, "--password")
    refused(cli("users", "disable", "nobody"), 1, "No user has the name 'nobody'")
    refused(cli("users", "password", "nobody"), 1, "No user has the name 'nobody'")
    assert cli("users", "list").out == ""
