"""Which headers an endpoint's owner may add to our requests: none that change the message or speak in our name.

Source: docs/webhooks.md; RFC 9110, sections 5.5, 5.6.2 and 7.6.1.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from closebell.errors import InvalidInput

HEADERS_MAX: Final = 20
"""Custom headers of one endpoint."""
NAME_CHARACTERS_MAX: Final = 100
"""Characters of one header's name."""
VALUE_CHARACTERS_MAX: Final = 4096
"""Characters of one header's value; long enough for any bearer token in use."""
HEADERS_CHARACTERS_MAX: Final = 8192
"""Characters of all names and values together; common servers refuse a head beyond this."""

OURS: Final = frozenset(
    {"host", "content-length", "content-type", "content-encoding", "expect", "date", "traceparent", "tracestate"}
)
"""Headers that describe the message we send, or the trace it belongs to; a second opinion would corrupt it."""
HOP_BY_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    }
)
"""Headers that steer the connection and not the message; they are the way to smuggle a second request."""
OUR_PREFIXES: Final = ("webhook-", "closebell-", "zenoti-webhook-")
"""What receivers trust because only we can have written it."""

_NAME: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+", re.ASCII)
_VALUE: Final = re.compile(r"(?:[!-~](?:[\t -~]*[!-~])?)?", re.ASCII)


def check_headers(headers: Mapping[str, str]) -> None:
    """Refuses custom headers that could change the message, speak in our name, or are too many or too long.

    Errors: InvalidInput with field `headers`, or `headers.<name>` once the name itself is sound. No value is repeated.
    """
    if len(headers) > HEADERS_MAX:
        raise InvalidInput("headers", f"are {len(headers)}; at most {HEADERS_MAX} are allowed")
    for name, value in headers.items():
        _check_name(name)
        _check_value(name, value)
    if len({name.lower().replace("_", "-") for name in headers}) < len(headers):
        raise InvalidInput("headers", "name one header twice; upper and lower case are the same, and so are _ and -")
    characters = sum(len(name) + len(value) for name, value in headers.items())
    if characters > HEADERS_CHARACTERS_MAX:
        raise InvalidInput("headers", f"have {characters} characters; at most {HEADERS_CHARACTERS_MAX} are allowed")


def _check_name(name: str) -> None:
    if len(name) > NAME_CHARACTERS_MAX:
        problem = f"have a name of {len(name)} characters; at most {NAME_CHARACTERS_MAX} are allowed"
        raise InvalidInput("headers", problem)
    if not _NAME.fullmatch(name):
        raise InvalidInput("headers", f"have the name {name!r}; use letters, digits and -")
    # Receivers behind CGI or WSGI cannot tell `_` from `-`, so neither may stand for a name that is ours.
    lower = name.lower().replace("_", "-")
    if lower in HOP_BY_HOP:
        raise InvalidInput(f"headers.{name}", "steers the connection and cannot be set")
    if lower in OURS or lower.startswith(OUR_PREFIXES):
        raise InvalidInput(f"headers.{name}", "is set by Closebell and cannot be changed")


def _check_value(name: str, value: str) -> None:
    if len(value) > VALUE_CHARACTERS_MAX:
        problem = f"has {len(value)} characters; at most {VALUE_CHARACTERS_MAX} are allowed"
        raise InvalidInput(f"headers.{name}", problem)
    if not _VALUE.fullmatch(value):
        problem = "holds a line break, a control character, a letter beyond ASCII, or a space at an end"
        raise InvalidInput(f"headers.{name}", problem)
