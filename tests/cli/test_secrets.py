from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cli.conftest import Cli, refused
from closebell.cli.demo_stage import Receiver
from closebell.store import endpoints
from closebell.testing import SECRET_KEY, an_endpoint
from closebell.vault import MasterKey, parse_keys
from test_vault import OTHER_KEY

LOOPBACK = ("--allowed-networks", "127.0.0.0/8")
CREATE = ("endpoints", "create", "books", "https://books.example/hook")
OWN = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
CREDENTIALS = {
    "secret": OWN,
    "headers": {"X-Api-Key": "hunter2"},
    "authorization": {"type": "basic", "username": "till", "password": "hunter3"},
}


def keys(*texts: str) -> tuple[str, str]:
    return "--secret-keys", ",".join(texts)


def counted(cli: Cli) -> dict[str, int]:
    shown = cli("secrets", "status", "--json")
    return {row["key_id"]: row["secrets"] for row in map(json.loads, shown.out.splitlines())}


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A file of credentials."""
    path = tmp_path / "credentials.json"
    path.write_text(json.dumps(CREDENTIALS), encoding="utf-8")
    return str(path)


# --- keys ---


def test_a_new_key_can_be_used_and_is_another_each_time(cli: Cli) -> None:
    first, second = cli("secrets", "new-key").out.strip(), cli("secrets", "new-key").out.strip()
    assert len(parse_keys([first, second])) == 2


def test_keys_are_changed_and_the_old_one_goes(cli: Cli, ready: Callable[..., Any]) -> None:
    ready(endpoints.insert_one, an_endpoint("plain"))
    assert cli(*CREATE, *keys(SECRET_KEY)).code == 0
    assert counted(cli) == {"test": 1, "not sealed": 1}
    ended = cli("secrets", "reseal", *keys(OTHER_KEY, SECRET_KEY))
    assert ended.out == "2 secrets were sealed anew; all are sealed under the key other.\n"
    assert counted(cli) == {"other": 2}
    assert cli("secrets", "reseal", *keys(OTHER_KEY)).out.startswith("0 secrets")
    refused(cli("secrets", "reseal", *keys(SECRET_KEY)), 2, "2 secrets are sealed under the key other")
    assert counted(cli) == {"other": 2}


def test_the_key_that_seals_is_named(cli: Cli, ready: Callable[..., Any], tmp_path: Path) -> None:
    def status(*given: str) -> list[list[str]]:
        return cli("secrets", "status", *given).rows

    assert status() == [], "there is no key yet, and nothing to seal"
    assert cli(*CREATE).code == 0
    in_file = MasterKey.parse((tmp_path / "closebell.db.key").read_text(encoding="ascii").strip()).id
    assert status() == [[in_file, "1", "yes"]]
    mixed = status(*keys(OTHER_KEY, SECRET_KEY))
    assert sorted(mixed) == sorted([[in_file, "1", "no"], ["other", "0", "yes"]]), "the file never seals beside others"
    assert cli("secrets", "reseal", *keys(OTHER_KEY)).out.startswith("1 secrets"), "and it is still read"
    assert status(*keys(OTHER_KEY)) == [["other", "1", "yes"]]


def test_a_key_that_is_lost_is_given_up_on_purpose_only(cli: Cli, ready: Callable[..., Any]) -> None:
    made = cli(*CREATE, *keys(OTHER_KEY)).fields["id"]
    refused(cli("secrets", "forget", "other", *keys(SECRET_KEY, OTHER_KEY)), 2, "the key other is not lost")
    refused(cli(*CREATE, *keys(SECRET_KEY)), 2, "`closebell secrets forget other`")
    assert cli("secrets", "forget", "other", *keys(SECRET_KEY)).out.startswith("1 endpoints lost")
    assert cli("endpoints", "show", made).fields["state"] == "deactivated"
    assert cli("endpoints", "rotate", made, *keys(SECRET_KEY)).fields["secret"].startswith("whsec_")


@pytest.mark.parametrize("key", ["hunter2", "k1:hunter2", f"{SECRET_KEY},{SECRET_KEY}"])
def test_a_key_that_is_none_is_refused_without_repeating_it(cli: Cli, ready: Callable[..., Any], key: str) -> None:
    ended = cli(*CREATE, "--secret-keys", key)
    refused(ended, 2, "secret_keys (CLOSEBELL_SECRET_KEYS)")
    assert "hunter2" not in ended.err
    assert "AAAA" not in ended.err


def test_a_laptop_needs_no_key(cli: Cli, ready: Callable[..., Any], tmp_path: Path) -> None:
    made = cli(*CREATE)
    assert made.code == 0
    (key,) = (tmp_path / "closebell.db.key").read_text(encoding="ascii").split()
    key_id = MasterKey.parse(key).id
    assert counted(cli) == {key_id: 1}
    refused(cli("secrets", "forget", key_id), 2, "is not lost")


# --- credentials ---


def test_credentials_come_from_a_file_and_show_masked(cli: Cli, ready: Callable[..., Any], file: str) -> None:
    made = cli(*CREATE, "--credentials", file)
    assert made.fields["secret"] == OWN
    assert made.fields["headers"] == "X-Api-Key: ****"
    assert made.fields["authorization"] == "basic till"
    shown = cli("endpoints", "show", made.fields["id"])
    for ended in (made, shown):
        assert "hunter" not in ended.out + ended.err
    assert OWN not in shown.out


def test_credentials_come_from_standard_input_and_go_out(
    cli: Cli, ready: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    stdin = io.TextIOWrapper(io.BytesIO(json.dumps(CREDENTIALS).encode()))
    monkeypatch.setattr("sys.stdin", stdin)
    with Receiver(status=204) as receiver:
        made = cli("endpoints", "create", "books", receiver.url, "--credentials", "-", *LOOPBACK)
        assert cli("endpoints", "test", made.fields["id"], *LOOPBACK).code == 0
        call = receiver.next_call(within_s=10)
    sent = {name.lower(): value for name, value in call.headers.items()}
    assert sent["x-api-key"] == "hunter2"
    assert sent["authorization"].startswith("Basic ")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("hunter2", "must be a JSON object"),
        ('{"secrets": "hunter2"}', "must be a JSON object"),
        ('{"secret": ["hunter2"]}', "must be a JSON object"),
        ('{"secret": "hunter2"}', "secret: must be 'whsec_'"),
        ('{"headers": {"Host": "hunter2"}}', "headers.Host"),
        ('{"authorization": {"type": "bearer", "token": "hunter2 "}}', "authorization.token"),
        ("x" * 65_537, "has more than 65536 bytes"),
    ],
)
def test_credentials_that_cannot_be_are_refused_without_repeating_them(
    cli: Cli, ready: Callable[..., Any], tmp_path: Path, text: str, says: str
) -> None:
    path = tmp_path / "credentials.json"
    path.write_text(text, encoding="utf-8")
    ended = cli(*CREATE, "--credentials", str(path))
    refused(ended, 2, says)
    assert "hunter2" not in ended.err
    assert cli("endpoints", "list").out == ""


def test_a_file_that_is_not_there(cli: Cli, ready: Callable[..., Any]) -> None:
    refused(cli(*CREATE, "--credentials", "nowhere.json"), 2, "nowhere.json: cannot be read")


# --- rotation ---


def test_a_secret_is_rotated_and_the_new_one_shown_once(cli: Cli, ready: Callable[..., Any], file: str) -> None:
    made = cli(*CREATE).fields
    rotated = cli("endpoints", "rotate", made["id"]).fields
    assert rotated["secret"].startswith("whsec_")
    assert rotated["secret"] != made["secret"]
    assert "signs until" in rotated["secrets"]
    assert "secret" not in cli("endpoints", "show", made["id"]).fields
    own = cli("endpoints", "rotate", made["id"], "--credentials", file, "--overlap-hours", "0").fields
    assert own["secret"] == OWN
    assert "signs until" not in own["secrets"]
    refused(cli("endpoints", "rotate", made["id"], "--overlap-hours", "721"), 2, "overlap_hours")


def test_a_key_pair_is_rotated_and_its_public_half_shown(cli: Cli, ready: Callable[..., Any]) -> None:
    made = cli(*CREATE, "--signature-style", "ed25519").fields
    rotated = cli("endpoints", "rotate", made["id"]).fields
    newest, oldest = rotated["public_keys"].split(", ")
    assert oldest == made["public_keys"]
    assert newest.startswith("whpk_")
    assert "secret" not in rotated
