from __future__ import annotations

import importlib
import subprocess
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from cyclopts import App

from closebell.cli.program import (
    COMMANDS,
    EXIT_BROKEN_PIPE,
    EXIT_FAILED,
    EXIT_INTERRUPTED,
    EXIT_MISUSE,
    SUMMARIES,
    run,
)
from closebell.config import Settings, settings_reference
from closebell.errors import InvalidInput, MisuseError, Unavailable

NAME = "closebell_test_commands"


class Commands:
    """Commands for these tests, and the settings that the last one was given."""

    def __init__(self) -> None:
        self.seen: Settings | None = None
        self.error: BaseException | None = None

    def show(self, file: str = "", /, *, since: str = "", settings: Settings = Settings()) -> None:
        """Show what arrived."""
        self.seen = settings
        sys.stdout.write(f"file={file} since={since}\n")

    async def count(self, *, settings: Settings = Settings()) -> int:
        """End with a code."""
        return 7

    def fail(self, *, settings: Settings = Settings()) -> None:
        """Raise what the test says."""
        assert self.error is not None
        raise self.error


@pytest.fixture
def commands(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Commands:
    """Three commands in a module of their own, run from an empty directory."""
    made = Commands()
    module: Any = types.ModuleType(NAME)
    module.show, module.count, module.fail = made.show, made.count, made.fail
    monkeypatch.setitem(sys.modules, NAME, module)
    monkeypatch.chdir(tmp_path)
    return made


REGISTERED: Mapping[str, str] = {name: f"{NAME}:{name}" for name in ("show", "count", "fail")}


def call(*tokens: str) -> int:
    return run(tokens, commands=REGISTERED)


def test_a_bug_of_ours_is_one_line_too(commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    commands.error = ZeroDivisionError("division by zero")
    assert call("fail") == EXIT_FAILED
    err = capsys.readouterr().err
    assert err.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in err


def test_every_command_can_be_imported() -> None:
    for name, target in COMMANDS.items():
        module, _, attribute = target.partition(":")
        assert hasattr(importlib.import_module(module), attribute), name


@pytest.mark.parametrize("tokens", [[], ["--help"], ["show", "--help"]])
def test_help_is_an_answer(commands: Commands, capsys: pytest.CaptureFixture[str], tokens: list[str]) -> None:
    assert call(*tokens) == 0
    assert "closebell" in capsys.readouterr().out


def test_the_list_of_commands_says_what_each_does(capsys: pytest.CaptureFixture[str]) -> None:
    assert SUMMARIES.keys() == COMMANDS.keys()
    assert run(["--help"]) == 0
    listed = " ".join(capsys.readouterr().out.replace("│", " ").split())
    for name, target in COMMANDS.items():
        module, _, attribute = target.partition(":")
        found = getattr(importlib.import_module(module), attribute)
        assert f"{name} {SUMMARIES[name]}" in listed
        assert (found.help if isinstance(found, App) else found.__doc__).startswith(SUMMARIES[name])


def test_the_help_of_a_command_has_its_own_settings_and_takes_all(capsys: pytest.CaptureFixture[str]) -> None:
    shown = {}
    for command in (["serve"], ["keys", "list"], ["endpoints", "test"], ["load"], ["migrate"], ["events", "show"]):
        assert run([*command, "--help"]) == 0
        out = capsys.readouterr().out
        shown[command[0]] = {
            row.flag for row in settings_reference() if f"{row.flag} " in out.partition(" Settings ")[2]
        }
    assert shown.pop("serve") == {row.flag for row in settings_reference()}
    calling = {"--database-url", "--secret-keys", "--allowed-networks", "--delivery-timeout-s"}
    assert shown.pop("endpoints") == calling
    assert all(flags == {"--database-url"} for flags in shown.values())
    assert run(["migrate", "--database-url", "nonsense", "--lease-s", "90"]) == EXIT_MISUSE
    assert "database_url" in capsys.readouterr().err


def test_version(commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    assert call("--version") == 0
    assert capsys.readouterr().out == "0.1.0\n"


def test_a_command_gets_the_defaults(commands: Commands) -> None:
    assert call("show") == 0
    assert commands.seen == Settings()


def test_a_flag_wins_over_a_variable_over_the_file_over_the_default(
    commands: Commands, monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("closebell.toml").write_text("port = 1\nslots_global = 100\nlease_s = 21\n", encoding="utf-8")
    monkeypatch.setenv("CLOSEBELL_PORT", "2")
    monkeypatch.setenv("CLOSEBELL_LEASE_S", "22")
    assert call("show", "--port", "3") == 0
    assert commands.seen == Settings(port=3, lease_s=22, slots_global=100)


@pytest.mark.parametrize("row", ["flag", "variable", "array", "text"])
def test_networks_may_be_written_in_every_place(commands: Commands, monkeypatch: pytest.MonkeyPatch, row: str) -> None:
    text, tokens = "10.0.0.0/8, ::1", []
    if row == "flag":
        tokens = ["--allowed-networks", text]
    elif row == "variable":
        monkeypatch.setenv("CLOSEBELL_ALLOWED_NETWORKS", text)
    else:
        value = '["10.0.0.0/8", "::1"]' if row == "array" else f'"{text}"'
        Path("closebell.toml").write_text(f"allowed_networks = {value}\n", encoding="utf-8")
    assert call("show", *tokens) == 0
    assert commands.seen == Settings(allowed_networks=("10.0.0.0/8", "::1"))


@pytest.mark.parametrize("tokens", [["show", "--config", "other.toml"], ["--config", "other.toml", "show"]])
def test_another_file_may_be_named(commands: Commands, tokens: list[str]) -> None:
    Path("closebell.toml").write_text("port = 1\n", encoding="utf-8")
    Path("other.toml").write_text("errors_as_200 = true\n", encoding="utf-8")
    assert call(*tokens) == 0
    assert commands.seen == Settings(errors_as_200=True)


def test_the_variable_may_name_the_file(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    Path("other.toml").write_text("log_format = 'json'\n", encoding="utf-8")
    monkeypatch.setenv("CLOSEBELL_CONFIG", "other.toml")
    assert call("show") == 0
    assert commands.seen == Settings(log_format="json")


def test_a_variable_fills_no_argument_of_a_command(
    commands: Commands, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("CLOSEBELL_SINCE", "yesterday")
    assert call("show", "sample.json") == 0
    captured = capsys.readouterr()
    assert captured.out == "file=sample.json since=\n"
    assert captured.err == "closebell: CLOSEBELL_SINCE names no setting and is ignored\n"


@pytest.mark.parametrize(
    ("tokens", "says"),
    [
        (["shwo"], '"shwo"'),
        (["show", "--prot", "1"], "--prot"),
        (["show", "--port", "x"], '"x"'),
        (["show", "--port"], "--port requires an argument"),
        (["show", "--port", "65536"], "CLOSEBELL_PORT"),
        (["show", "--log-level", "loud"], '"debug", "info", "warning", "error"'),
        (["show", "--config", "none.toml"], "none.toml: there is no such file"),
        (["show", "one", "two"], "two"),
    ],
)
def test_misuse_is_one_line_and_exit_2(
    commands: Commands, capsys: pytest.CaptureFixture[str], tokens: list[str], says: str
) -> None:
    assert call(*tokens) == EXIT_MISUSE
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("closebell: ")
    assert captured.err.count("\n") == 1
    assert says in captured.err
    assert commands.seen is None


def test_an_unknown_key_in_the_file_is_misuse(commands: Commands, capsys: pytest.CaptureFixture[str]) -> None:
    Path("closebell.toml").write_text("prot = 1\n", encoding="utf-8")
    assert call("show") == EXIT_MISUSE
    assert capsys.readouterr().err == "closebell: closebell.toml: prot names no setting; did you mean port?\n"
    assert commands.seen is None


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (MisuseError("two\nlines"), EXIT_MISUSE, "closebell: two lines\n"),
        (InvalidInput("total", "is no amount"), EXIT_MISUSE, "closebell: total: is no amount\n"),
        (Unavailable("the database is locked"), EXIT_FAILED, "closebell: the database is locked\n"),
        (KeyboardInterrupt(), EXIT_INTERRUPTED, ""),
    ],
)
def test_how_a_command_ends(
    commands: Commands, capsys: pytest.CaptureFixture[str], error: BaseException, code: int, line: str
) -> None:
    commands.error = error
    assert call("fail") == code
    assert capsys.readouterr().err == line


def test_a_command_may_be_async_and_choose_its_code(commands: Commands) -> None:
    assert call("count") == 7


def test_a_reader_that_leaves_is_no_error(tmp_path: Path) -> None:
    (tmp_path / "flood.py").write_text(
        "import sys\n"
        "from closebell.cli.program import run\n"
        "def flood():\n"
        "    while True:\n"
        "        print('x' * 1000)\n"
        "if __name__ == '__main__':\n"
        "    sys.exit(run(['flood'], commands={'flood': 'flood:flood'}))\n",
        encoding="utf-8",
    )
    command = [sys.executable, "flood.py"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.read(10)
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait(timeout=30) == EXIT_BROKEN_PIPE
