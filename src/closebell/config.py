"""Every setting of Closebell: declared once, as a field of `Settings`.

The declaration makes the flag (`--lease-s`), the variable (`CLOSEBELL_LEASE_S`) and the key of `closebell.toml`
(`lease_s`); a flag wins over the variable, the variable over the file, the file over the default.
`docs/configuration.md` repeats it for people, and a test compares the two.
"""

from __future__ import annotations

import dataclasses
import difflib
import ipaddress
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cyclopts import Parameter, Token

from closebell.errors import MisuseError

VARIABLE_PREFIX = "CLOSEBELL_"
CONFIG_VARIABLE = "CLOSEBELL_CONFIG"
"""Names the file the settings are read from; itself no setting, as it cannot stand in that file."""
CONFIG_FILE = Path("closebell.toml")

LEASE_MARGIN_S = 5
"""Seconds a lease outlives the delivery it covers, so that recording the outcome still falls within it."""
ADMIN_KEY_LENGTH_MIN = 16
"""Characters; a shorter key can be guessed over the network."""

_KIB = 1024
_MIB = 1024 * _KIB


def _setting(
    default: Any,
    sentence: str,
    *,
    unit: str = "",
    least: int | None = None,
    most: int | None = None,
    secret: bool = False,
) -> Any:
    """One setting: its default and what `settings_reference` and `--help` say about it."""
    metadata = {"help": sentence, "unit": unit, "least": least, "most": most, "secret": secret}
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


def _split_networks(_type: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Comma separated in a flag or variable, an array in the file."""
    parts = (part.strip() for token in tokens for part in token.value.split(","))
    return tuple(part for part in parts if part)


Networks = Annotated[tuple[str, ...], Parameter(converter=_split_networks, n_tokens=1, negative="")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked; one that cannot work is refused here and not at the first request.

    Errors: MisuseError naming the setting, its variable, what is wrong and what would be right.

    >>> Settings(port=9000).port
    9000
    >>> Settings(lease_s=10, delivery_timeout_s=10)
    Traceback (most recent call last):
    closebell.errors.MisuseError: lease_s (CLOSEBELL_LEASE_S) is 10: it must be at least 15, delivery_timeout_s plus 5
    """

    database_url: str = _setting(
        "sqlite:///closebell.db",
        "Where everything is kept: `sqlite:///path` or `postgresql://user:password@host/name`.",
        secret=True,
    )
    host: str = _setting("127.0.0.1", "Address the service listens on; `0.0.0.0` is every IPv4 address.")
    port: int = _setting(8080, "Port the service listens on; 0 takes any free one.", least=0, most=65_535)
    public_url: str | None = _setting(None, "Address under which others reach the service, used in links it hands out.")
    admin_key: str | None = _setting(
        None,
        "A key that may do everything; without one the first start on an empty database makes and prints a key.",
        secret=True,
    )
    allowed_networks: Networks = _setting(
        (),
        "Private networks (CIDR) that webhooks may be sent to, over plain http too; comma separated.",
    )
    errors_as_200: bool = _setting(
        default=False, sentence="Answer refusals with status 200 and the same body, as Zenoti at times does."
    )
    delivery_timeout_s: int = _setting(
        10,
        "Deadline of one delivery attempt, from resolving the name to the last byte of the answer.",
        unit="seconds",
        least=1,
        most=300,
    )
    lease_s: int = _setting(
        60,
        "How long a claimed delivery belongs to its worker; must exceed `delivery_timeout_s` by at least 5.",
        unit="seconds",
        least=1,
        most=3600,
    )
    slots_global: int = _setting(
        256, "Most deliveries in flight at once in one process.", unit="deliveries", least=1, most=10_000
    )
    slots_per_endpoint: int = _setting(
        32, "Most deliveries in flight at once to one endpoint.", unit="deliveries", least=1, most=10_000
    )
    body_bytes_max: int = _setting(_MIB, "Largest request body accepted.", unit="bytes", least=_KIB, most=64 * _MIB)
    import_bytes_max: int = _setting(
        64 * _MIB, "Largest body of `POST /v1/import` accepted.", unit="bytes", least=_KIB, most=1024 * _MIB
    )
    rate_limit_per_minute: int = _setting(
        0,
        "Calls that one process answers in a minute, those of all callers together; 0 is no limit.",
        unit="calls",
        least=0,
        most=1_000_000,
    )
    payment_processor: str = _setting(
        "none",
        "Who takes card payments online: `none`, `test` (moves no money), or what an installed package offers.",
    )
    log_format: Literal["console", "json"] = _setting("console", "`console` for people, `json` for one object a line.")
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "Least severity that is logged.")

    def __post_init__(self) -> None:
        _check_ranges(self)
        _check_database_url(self.database_url)
        _check_host(self.host)
        _check_public_url(self.public_url)
        _check_admin_key(self.admin_key)
        _check_networks(self.allowed_networks)
        _check_slots(self)
        _check_lease(self)


def _misuse(name: str, wrong: str, right: str) -> MisuseError:
    return MisuseError(f"{name} ({variable_of(name)}) {wrong}: {right}")


def _check_ranges(settings: Settings) -> None:
    for field in dataclasses.fields(settings):
        least, most = field.metadata["least"], field.metadata["most"]
        if least is None:
            continue
        value = getattr(settings, field.name)
        if not least <= value <= most:
            raise _misuse(field.name, f"is {value}", f"it must be from {least} to {most}")


def _check_database_url(url: str) -> None:
    """The text may hold a password, so no refusal quotes more of it than the scheme."""
    name = "database_url"
    scheme, separator, rest = url.partition("://")
    right = "write sqlite:///closebell.db or postgresql://user:password@host/name"
    if not separator:
        raise _misuse(name, "is no URL", right)
    if scheme == "sqlite":
        if not rest.startswith("/") or rest == "/":
            raise _misuse(name, "names no file", "write sqlite:///closebell.db, or sqlite:////var/lib/closebell.db")
        if ":memory:" in rest:
            raise _misuse(name, "is in memory", "Closebell keeps what it promises in a file: sqlite:///closebell.db")
    elif scheme != "postgresql":
        raise _misuse(name, f"begins with {scheme}://", right)


def _check_host(host: str) -> None:
    if not host or any(character.isspace() or character in "/@" for character in host):
        raise _misuse("host", f"is {host!r}", "write an address or a host name, without a scheme or a port")


def _check_public_url(url: str | None) -> None:
    if url is None:
        return
    right = "write it like https://closebell.example.com"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise _misuse("public_url", f"is {url!r}, which is no URL", right) from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise _misuse("public_url", f"is {url!r}", right)


def _check_admin_key(key: str | None) -> None:
    """No refusal quotes the key."""
    if key is None:
        return
    if len(key) < ADMIN_KEY_LENGTH_MIN:
        right = f"it must have {ADMIN_KEY_LENGTH_MIN} or more; 64 hexadecimal digits are usual"
        raise _misuse("admin_key", f"has {len(key)} characters", right)
    if not all("!" <= character <= "~" for character in key):
        raise _misuse(
            "admin_key", "has a space or a character outside ASCII", "it travels in a header; use hexadecimal"
        )


def _check_networks(networks: Iterable[str]) -> None:
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            right = "write networks like 10.0.0.0/8,192.168.1.7/32"
            raise _misuse("allowed_networks", f"holds {network!r}, and {error}", right) from None


def _check_slots(settings: Settings) -> None:
    if settings.slots_per_endpoint > settings.slots_global:
        right = f"it must not exceed slots_global, which is {settings.slots_global}"
        raise _misuse("slots_per_endpoint", f"is {settings.slots_per_endpoint}", right)


def _check_lease(settings: Settings) -> None:
    """A lease shorter than the attempt lets two workers send the same delivery at once."""
    least = settings.delivery_timeout_s + LEASE_MARGIN_S
    if settings.lease_s < least:
        right = f"it must be at least {least}, delivery_timeout_s plus {LEASE_MARGIN_S}"
        raise _misuse("lease_s", f"is {settings.lease_s}", right)


@dataclass(frozen=True, slots=True, kw_only=True)
class SettingReference:
    """What there is to know about one setting, for the documentation.

    Shape: `default` is as written in `closebell.toml`, or empty when the setting has none.
    """

    name: str
    flag: str
    variable: str
    default: str
    unit: str
    sentence: str


def settings_reference() -> tuple[SettingReference, ...]:
    """Every setting, in the order of its declaration.

    >>> next(row for row in settings_reference() if row.name == "lease_s").variable
    'CLOSEBELL_LEASE_S'
    """
    return tuple(
        SettingReference(
            name=field.name,
            flag="--" + field.name.replace("_", "-"),
            variable=variable_of(field.name),
            default=_as_toml(field.default),
            unit=field.metadata["unit"],
            sentence=field.metadata["help"],
        )
        for field in dataclasses.fields(Settings)
    )


def _as_toml(value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return str(value).lower()
        case str():
            return f'"{value}"'
        case tuple():
            return f"[{', '.join(_as_toml(item) for item in value)}]"
        case _:
            return str(value)


def setting_names() -> frozenset[str]:
    """The names of all settings, as written in `closebell.toml`."""
    return frozenset(field.name for field in dataclasses.fields(Settings))


def variable_of(name: str) -> str:
    """The environment variable of a setting.

    >>> variable_of("port")
    'CLOSEBELL_PORT'
    """
    return VARIABLE_PREFIX + name.upper()


def read_file(path: Path, *, required: bool) -> dict[str, Any]:
    """The settings of a file, by name; a file that is absent and not required has none.

    Errors: MisuseError when the file cannot be read, is not TOML, or holds a key that names no setting.
    """
    try:
        found = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        if required:
            raise MisuseError(f"{path}: there is no such file") from None
        return {}
    except OSError as error:
        raise MisuseError(f"{path}: cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise MisuseError(f"{path}: is not TOML: {error}") from None
    for key, value in found.items():
        if key not in setting_names():
            raise MisuseError(f"{path}: {key} names no setting{_nearest(key, setting_names())}")
        if isinstance(value, dict):
            raise MisuseError(f"{path}: {key} is a table: write {key} = ... before any table")
    return found


def check_variables(environ: Mapping[str, str]) -> tuple[str, ...]:
    """What is odd about the environment, one sentence each: variables of ours that name no setting.

    An empty variable is refused rather than taken for absent: an empty secret is most often a missing one.

    Errors: MisuseError for a setting whose variable is empty.
    """
    known = {variable_of(name) for name in setting_names()} | {CONFIG_VARIABLE}
    ours = {variable: value for variable, value in environ.items() if variable.startswith(VARIABLE_PREFIX)}
    for variable in sorted(known & ours.keys()):
        if not ours[variable].strip():
            raise MisuseError(f"{variable} is empty: unset it or give it a value")
    unknown = sorted(ours.keys() - known)
    return tuple(f"{variable} names no setting and is ignored{_nearest_variable(variable)}" for variable in unknown)


def _nearest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, sorted(known), n=1)
    return f"; did you mean {close[0]}?" if close else ""


def _nearest_variable(variable: str) -> str:
    """Compared without the prefix, which would make every variable resemble every other."""
    name = variable.removeprefix(VARIABLE_PREFIX).lower()
    close = difflib.get_close_matches(name, sorted(setting_names()), n=1)
    return f"; did you mean {variable_of(close[0])}?" if close else ""
