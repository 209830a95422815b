from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from cli.conftest import Cli, refused
from closebell.testing import SECRET_KEY

READING = [["keys", "list"], ["endpoints", "list"], ["events", "list"]]


@pytest.mark.parametrize("tokens", READING)
def test_a_database_that_is_not_there_is_not_created(cli: Cli, tmp_path: Path, tokens: list[str]) -> None:
    refused(cli(*tokens, "--database-url", "sqlite:///typo.db"), 2, "typo.db is not there")
    assert list(tmp_path.iterdir()) == []


def test_a_database_without_tables_is_left_alone(cli: Cli, tmp_path: Path) -> None:
    sqlite3.connect(tmp_path / "closebell.db").close()
    refused(cli("keys", "create", "till"), 2, "run `closebell migrate`")


def test_a_file_that_is_no_database(cli: Cli, tmp_path: Path) -> None:
    path = tmp_path / "closebell.db"
    path.write_text("certainly not a database, and long enough to be read as one" * 100, encoding="utf-8")
    before = path.read_bytes()
    refused(cli("keys", "list"), 1, "file is not a database")
    assert path.read_bytes() == before


def test_a_server_that_is_not_there(cli: Cli) -> None:
    url = "postgresql://nobody:secret@127.0.0.1:1/none"
    ended = cli("keys", "list", "--database-url", url)
    refused(ended, 1, "cannot be reached")
    assert "secret" not in ended.err


def test_migrate_makes_the_database_and_may_run_again(cli: Cli) -> None:
    first, second = cli("migrate"), cli("migrate")
    assert (first.code, second.code) == (0, 0)
    assert first.out == second.out
    assert first.out.startswith("The database is at revision ")
    assert cli("keys", "list").code == 0


def test_commands_work_on_postgresql(cli: Cli, postgres_url: str) -> None:
    at = ("--database-url", postgres_url)
    refused(cli("keys", "list", *at), 2, "run `closebell migrate`")
    assert cli("migrate", *at).code == 0
    assert cli("keys", "create", "till", *at).code == 0
    create = ("endpoints", "create", "books", "https://books.example/hook", *at)
    refused(cli(*create), 2, "`closebell secrets new-key`")
    endpoint_id = cli(*create, "--secret-keys", SECRET_KEY).fields["id"]
    assert cli("endpoints", "disable", endpoint_id, *at).rows[0][2] == "deactivated"
    assert [row[1] for row in cli("keys", "list", *at).rows] == ["till"]
