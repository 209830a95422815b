from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from closebell.config import Settings, check_variables, read_file, setting_names, settings_reference, variable_of
from closebell.errors import MisuseError

DOCUMENT = Path(__file__).parent.parent / "docs" / "configuration.md"
KEY = "7f" * 32


def test_the_defaults_work_as_they_are() -> None:
    settings = Settings()
    assert settings.database_url == "sqlite:///closebell.db"
    assert (settings.host, settings.port) == ("127.0.0.1", 8080)
    assert settings.allowed_networks == ()
    assert settings.admin_key is None


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(dataclasses.FrozenInstanceError):
        Settings().port = 1  # type: ignore[misc]  # the point of the test


def test_secrets_are_never_shown() -> None:
    settings = Settings(admin_key=KEY, database_url="postgresql://closebell:hunter2@db/closebell")
    assert KEY not in repr(settings)
    assert "hunter2" not in repr(settings)


@pytest.mark.parametrize(
    ("name", "value", "says"),
    [
        ("database_url", "closebell.db", "is no URL"),
        ("database_url", "mysql://db/x", "mysql://"),
        ("database_url", "postgres://db/x", "postgresql://"),
        ("database_url", "sqlite://", "names no file"),
        ("database_url", "sqlite:///", "names no file"),
        ("database_url", "sqlite:///:memory:", "in memory"),
        ("host", "", "without a scheme"),
        ("host", "http://localhost", "without a scheme"),
        ("port", -1, "from 0 to 65535"),
        ("port", 65_536, "from 0 to 65535"),
        ("public_url", "closebell.example.com", "https://closebell.example.com"),
        ("public_url", "https://", "https://closebell.example.com"),
        ("public_url", "https://[", "is no URL"),
        ("public_url", "https://a.example:99999", "is no URL"),
        ("public_url", "https://a.example/?x=1", "https://closebell.example.com"),
        ("admin_key", "short", "5 characters"),
        ("admin_key", "sixteen and more with spaces", "space"),
        ("allowed_networks", ("10.0.0.1/8",), "host bits set"),
        ("allowed_networks", ("10.0.0.0/8", "localhost"), "'localhost'"),
        ("delivery_timeout_s", 0, "from 1 to 300"),
        ("lease_s", 14, "at least 15"),
        ("slots_global", 0, "from 1 to 10000"),
        ("slots_per_endpoint", 257, "slots_global, which is 256"),
        ("body_bytes_max", 0, "from 1024"),
        ("import_bytes_max", 0, "from 1024"),
    ],
)
def test_a_setting_that_cannot_work_is_refused_by_name(name: str, value: Any, says: str) -> None:
    with pytest.raises(MisuseError) as caught:
        Settings(**{name: value})
    line = str(caught.value)
    assert line.startswith(f"{name} ({variable_of(name)}) ")
    assert says in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("database_url", "postgresql://postgres:@/name?host=/run/postgresql"),
        ("database_url", "sqlite:////var/lib/closebell.db"),
        ("port", 0),
        ("lease_s", 15),
        ("slots_per_endpoint", 256),
        ("admin_key", KEY),
        ("allowed_networks", ("127.0.0.1", "10.0.0.0/8", "fd00::/8")),
        ("public_url", "https://closebell.example.com:8443/base"),
    ],
)
def test_a_setting_at_its_limit_is_taken(name: str, value: Any) -> None:
    assert getattr(Settings(**{name: value}), name) == value


@pytest.mark.parametrize(
    "settings",
    [{"database_url": "mysql://root:hunter2@db/x"}, {"database_url": "hunter2"}, {"admin_key": "hunter2"}],
)
def test_a_refusal_quotes_no_secret(settings: dict[str, Any]) -> None:
    with pytest.raises(MisuseError) as caught:
        Settings(**settings)
    assert "hunter2" not in str(caught.value)


MAILED: dict[str, Any] = {
    "alert_emails": ("ops@salon.example", "o'neil+closebell@mail.salon.example"),
    "mail_from": "closebell@salon.example",
    "smtp_host": "mail.salon.example",
}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"smtp_user": "closebell", "smtp_password": "hunter2"},
        {"smtp_user": "closebell", "smtp_password": "hunter2", "smtp_security": "tls", "smtp_port": 465},
        {"smtp_security": "none"},
        {"smtp_user": "a", "smtp_password": "b", "smtp_security": "none", "smtp_host": "localhost"},
        {"smtp_user": "a", "smtp_password": "b", "smtp_security": "none", "smtp_host": "127.0.0.1"},
        {"smtp_user": "a", "smtp_password": "b", "smtp_security": "none", "smtp_host": "::1"},
    ],
)
def test_a_mail_server_is_taken(more: dict[str, Any]) -> None:
    assert Settings(**{**MAILED, **more}).alert_emails == MAILED["alert_emails"]


@pytest.mark.parametrize(
    ("more", "name", "says"),
    [
        ({"smtp_host": None}, "smtp_host", "is missing"),
        ({"mail_from": None}, "mail_from", "is missing"),
        ({"alert_emails": ("Ops <ops@salon.example>",)}, "alert_emails", "without a name"),
        ({"alert_emails": ("ops@salon.example\nBcc: x@y.example",)}, "alert_emails", "without a name"),
        ({"alert_emails": ("ops(x)@salon.example",)}, "alert_emails", "without a name"),
        ({"alert_emails": ("=?utf-8?q?a=0D=0ABcc=3A_x?=@salon.example",)}, "alert_emails", "without a name"),
        ({"alert_emails": ("ops@-",)}, "alert_emails", "without a name"),
        ({"alert_emails": ("ops@salon.example",) * 51}, "alert_emails", "at most 50"),
        ({"mail_from": "closebell"}, "mail_from", "without a name"),
        ({"smtp_host": ""}, "smtp_host", "without a scheme"),
        ({"smtp_host": "smtp://mail.salon.example"}, "smtp_host", "without a scheme"),
        ({"smtp_password": "hunter2"}, "smtp_user", "is missing"),
        ({"smtp_user": "closebell"}, "smtp_password", "is missing"),
        (
            {"smtp_user": "closebell", "smtp_password": "hunter2", "smtp_security": "none"},
            "smtp_security",
            "starttls or tls",
        ),
        (
            {"smtp_user": "a", "smtp_password": "b", "smtp_security": "none", "smtp_host": "10.0.0.1"},
            "smtp_security",
            "travels in the open",
        ),
    ],
)
def test_a_mail_server_that_cannot_work_or_be_trusted_is_refused(more: dict[str, Any], name: str, says: str) -> None:
    with pytest.raises(MisuseError) as caught:
        Settings(**{**MAILED, **more})
    line = str(caught.value)
    assert line.startswith(f"{name} ({variable_of(name)}) ")
    assert says in line
    assert "\n" not in line
    assert "hunter2" not in line


def test_a_missing_file_is_no_settings_unless_it_was_asked_for(tmp_path: Path) -> None:
    path = tmp_path / "closebell.toml"
    assert read_file(path, required=False) == {}
    with pytest.raises(MisuseError, match=r"closebell\.toml: there is no such file"):
        read_file(path, required=True)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (b"prot = 1", "prot names no setting; did you mean port?"),
        (b"[port]\nx = 1", "port is a table"),
        (b"port =", "is not TOML"),
        (b"host = '\xff'", "is not TOML"),
    ],
)
def test_a_file_that_cannot_be_meant_is_refused(tmp_path: Path, text: bytes, says: str) -> None:
    path = tmp_path / "closebell.toml"
    path.write_bytes(text)
    with pytest.raises(MisuseError, match=re.escape(says)):
        read_file(path, required=True)


def test_a_directory_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(MisuseError, match="cannot be read"):
        read_file(tmp_path, required=True)


def test_an_unknown_variable_is_told_with_the_nearest_name() -> None:
    oddities = check_variables({"CLOSEBELL_LEASE": "1", "CLOSEBELL_PORT": "1", "CLOSEBELL_CONFIG": "x", "HOME": "/"})
    assert oddities == ("CLOSEBELL_LEASE names no setting and is ignored; did you mean CLOSEBELL_LEASE_S?",)


def test_an_empty_variable_is_refused() -> None:
    with pytest.raises(MisuseError, match="CLOSEBELL_ADMIN_KEY is empty"):
        check_variables({"CLOSEBELL_ADMIN_KEY": ""})


def test_every_setting_is_documented_with_its_default() -> None:
    table = re.findall(
        r"^\| `(\w+)` \| (.*?) \| (.*?) ?\| (.+) \|$", DOCUMENT.read_text(encoding="utf-8"), re.MULTILINE
    )
    expected = [
        (row.name, f"`{row.default}`" if row.default else "none", row.unit, row.sentence)
        for row in settings_reference()
    ]
    assert table == expected, "make the table of docs/configuration.md say what config.py says"


def test_every_setting_says_what_it_is() -> None:
    rows = settings_reference()
    assert {row.name for row in rows} == setting_names()
    for row in rows:
        assert row.sentence.endswith("."), row.name
        assert row.unit or not row.name.endswith(("_s", "_max")), row.name
