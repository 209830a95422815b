"""Where settings come from: the file, the variables, and what the documentation says of each."""

from __future__ import annotations

import dataclasses
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from closebell.config.checks import VARIABLE_PREFIX, variable_of
from closebell.config.settings import Settings
from closebell.errors import MisuseError

CONFIG_VARIABLE: Final = "CLOSEBELL_CONFIG"
"""Names the file the settings are read from; itself no setting, as it cannot stand in that file."""
CONFIG_FILE: Final = Path("closebell.toml")


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
