"""How the service writes its log: one event a line, named, on standard error."""

from __future__ import annotations

import itertools
import logging
import re
import sys
from collections.abc import MutableMapping
from contextvars import ContextVar, Token
from dataclasses import dataclass
from typing import Any, Final, Literal

import structlog

from closebell.clock import Luck

PREFIX_BYTES: Final = 6
"""Bytes of chance in the ids of one process's requests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestMark:
    """What tells the lines of one request from those of others: its own id, and its trace if it is part of one."""

    request_id: str
    trace_id: str | None


_REQUEST: Final[ContextVar[RequestMark]] = ContextVar("closebell_request")


def within_request(request_id: str, trace_id: str | None) -> Token[RequestMark]:
    """Mark the lines that this task writes from now on; hand what is returned to `leave_request` in the end."""
    return _REQUEST.set(RequestMark(request_id=request_id, trace_id=trace_id))


def leave_request(mark: Token[RequestMark]) -> None:
    """The lines to come belong to no request, or to the one before."""
    _REQUEST.reset(mark)


def current_request() -> str | None:
    """The request that is being answered, if one is."""
    mark = _REQUEST.get(None)
    return None if mark is None else mark.request_id


def _name_request(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Put the request's id into each of its lines."""
    mark = _REQUEST.get(None)
    if mark is not None:
        line["request_id"] = mark.request_id
        if mark.trace_id is not None:
            line["trace_id"] = mark.trace_id
    return line


class RequestIds:
    """Ids for requests: unlike those of other processes by their first half, of this one by their second."""

    def __init__(self, luck: Luck) -> None:
        self._prefix = luck.entropy(PREFIX_BYTES).hex()
        self._counter = itertools.count(1)

    def next(self) -> str:
        """An id that no request had before."""
        return f"{self._prefix}-{next(self._counter)}"


_ROWS: Final = re.compile(r"\nDETAIL:.*?(?=\n(?:HINT:|\[SQL:)|\n\n|\Z)", re.DOTALL)
"""What PostgreSQL adds to an error: "Key (email)=(ada@salon.example) already exists.", or the whole row."""


def _without_rows(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    if "exception" in line:
        line["exception"] = _ROWS.sub("", line["exception"])
    return line


def _printable(_logger: object, _method: str, line: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Spell out what would move the cursor, colour the terminal or turn the direction of a line."""
    for name, value in line.items():
        if isinstance(value, str) and not value.isprintable() and name != "exception":
            line[name] = "".join(_spelled(character) for character in value)
    return line


def _spelled(character: str) -> str:
    return character if character.isprintable() else character.encode("unicode_escape").decode("ascii")


def configure(*, log_format: Literal["console", "json"], level: str) -> None:
    """Write events of at least this severity in this format; for the whole process.

    Events carry names, ids and reasons. Keys, secrets, bodies and headers are never handed to the log, and what
    PostgreSQL says of the rows of a statement that failed is taken out.
    """
    rendered: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, _without_rows, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            structlog.processors.format_exc_info,
            _without_rows,
            _printable,
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            ),
        ]
    )
    structlog.configure(
        processors=[
            _name_request,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
