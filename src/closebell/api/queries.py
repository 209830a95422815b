"""Values from the query string: each is refused with its name, or becomes what the use case takes."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import parse_qsl

from closebell.api.exchange import ApiRequest
from closebell.api.problems import PageTooLarge
from closebell.domain.chain import SEQUENCE_MAX
from closebell.domain.identifiers import checked_object_id, guid
from closebell.errors import InvalidInput

FIELDS_MAX: Final = 100
"""Values in one query string."""

_INTEGER: Final = re.compile(r"[0-9]{1,19}", re.ASCII)
_TRUTH: Final = {"true": True, "1": True, "": True, "false": False, "0": False}


class QueryValues:
    """The query string of a request, read once; names that nobody asks for are ignored.

    Errors: InvalidInput when it is not UTF-8 or has more than FIELDS_MAX values.
    """

    def __init__(self, text: bytes) -> None:
        try:
            self._pairs = parse_qsl(
                text.decode("ascii"), keep_blank_values=True, max_num_fields=FIELDS_MAX, errors="strict"
            )
        except UnicodeDecodeError:
            raise InvalidInput("", "The query string is not UTF-8.") from None
        except ValueError:
            raise InvalidInput("", f"The query string has more than {FIELDS_MAX} values.") from None

    def all(self, name: str) -> list[str]:
        """Every value of this name, those in a comma-separated list apart."""
        return [part.strip() for key, value in self._pairs if key == name for part in value.split(",")]

    def text(self, name: str) -> str | None:
        """The last value of this name; an empty one is none."""
        found = [value for key, value in self._pairs if key == name]
        return found[-1] if found and found[-1] else None

    def integer(self, name: str, *, default: int, least: int = 0, most: int = SEQUENCE_MAX) -> int:
        """A whole number within bounds."""
        text = self.text(name)
        if text is None:
            return default
        value = int(text) if _INTEGER.fullmatch(text) else -1
        if not least <= value <= most:
            raise InvalidInput(name, f"{text!r:.60} is not a whole number from {least} to {most}")
        return value

    def page_size(self, name: str, *, default: int, most: int) -> int:
        """How much a page may hold.

        Errors: PageTooLarge above `most`, which the contract answers in its own way.
        """
        text = self.text(name) or ""
        if _INTEGER.fullmatch(text) and int(text) > most:
            raise PageTooLarge(name, most=most)
        return self.integer(name, default=default, least=1, most=most)

    def flag(self, name: str) -> bool:
        """True or false; a bare name is true, an absent one false."""
        found = [value for key, value in self._pairs if key == name]
        if not found:
            return False
        value = _TRUTH.get(found[-1].lower())
        if value is None:
            raise InvalidInput(name, f"{found[-1]!r:.60} is neither true nor false")
        return value

    def guid(self, name: str) -> str | None:
        """A GUID in its wire spelling."""
        text = self.text(name)
        return None if text is None else guid(text, field=name)

    def object_id(self, name: str) -> str | None:
        """The identifier of an event or a delivery."""
        text = self.text(name)
        return None if text is None else checked_object_id(text, field=name)

    def instant(self, name: str) -> datetime | None:
        """An instant, in UTC unless it says otherwise."""
        text = self.text(name)
        # An unescaped plus sign of an offset arrives as a space.
        return None if text is None else instant(text.replace(" ", "+"), field=name)


def query_of(request: ApiRequest) -> QueryValues:
    """The query string of a request."""
    return QueryValues(request.scope["query_string"])


def guid_in_path(request: ApiRequest, name: str) -> str:
    """The GUID that stands in the path."""
    return guid(request.named(name), field=name)


def object_id_in_path(request: ApiRequest, name: str) -> str:
    """The identifier of an event or a delivery that stands in the path."""
    return checked_object_id(request.named(name), field=name)


def instant(text: str, *, field: str) -> datetime:
    """The instant that is written so, in UTC unless it says otherwise.

    Errors: InvalidInput naming the field.
    """
    try:
        read = datetime.fromisoformat(text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput(field, f"{text!r:.60} is not an instant; write 2026-01-05T12:00:00Z") from None


def one_of(values: Iterable[str], known: Iterable[str]) -> frozenset[str]:
    """Those of the known names that are among the values, whatever their case; others are ignored."""
    asked = {value.lower() for value in values}
    return frozenset(name for name in known if name.lower() in asked)
