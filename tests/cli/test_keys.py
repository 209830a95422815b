from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cli.conftest import Cli, refused
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.store.keys import digest, find_live
from closebell.testing import a_paid_invoice, guid_of, put


def test_a_key_is_made_shown_once_and_revoked(cli: Cli, ready: Callable[..., Any]) -> None:
    made = cli("keys", "create", "till")
    assert made.code == 0
    key = made.fields["key"]
    assert ready(find_live, digest(key)).name == "till"

    listed = cli("keys", "list")
    assert listed.rows[0][:3] == [made.fields["id"], "till", key[:6]]
    assert key not in listed.out

    assert cli("keys", "revoke", made.fields["id"]).code == 0
    assert ready(find_live, digest(key)) is None


def test_a_key_says_what_it_may_do_and_where(cli: Cli, ready: Callable[..., Any]) -> None:
    invoice = a_paid_invoice()
    ready(put, invoice)
    made = cli("keys", "create", "till", "--role", "cashier", "--center", invoice.centre.id)
    assert made.code == 0
    assert ready(find_live, digest(made.fields["key"])).grant == Grant(
        role=Role.CASHIER, center_ids=(invoice.centre.id,)
    )
    assert cli("keys", "list").rows[0][3:5] == ["cashier", invoice.centre.id]
    refused(cli("keys", "create", "till", "--role", "king"), 2, "role: 'king' is no role; write reader, cashier, admin")
    refused(cli("keys", "create", "till", "--center", guid_of("nowhere")), 2, "is not a centre Closebell knows")


def test_json_is_one_object_a_line(cli: Cli, ready: Callable[..., Any]) -> None:
    made = json.loads(cli("keys", "create", "till", "--json").out)
    (listed,) = (json.loads(line) for line in cli("keys", "list", "--json").out.splitlines())
    assert listed["id"] == made["id"]
    assert listed["revoked_at"] is None


def test_misuse(cli: Cli, ready: Callable[..., Any]) -> None:
    refused(cli("keys", "revoke", "nonsense"), 2, "KEY-ID: 'nonsense' is not a GUID")
    refused(cli("keys", "revoke", guid_of("nobody")), 1, "No live key has the id")
    refused(cli("keys", "create", " "), 2, "name: is blank")
    refused(cli("keys", "create"), 2, "NAME")
    refused(cli("keys", "crate"), 2, '"crate"')
    assert cli("keys", "list").out == ""
