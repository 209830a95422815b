"""How the service writes its log: one event a line, named, on standard error."""

from __future__ import annotations

import logging
import sys
from typing import Literal

import structlog


def configure(*, log_format: Literal["console", "json"], level: str) -> None:
    """Write events of at least this severity in this format; for the whole process.

    Events carry names, ids and reasons. Keys, secrets, bodies and headers are never handed to the log.
    """
    rendered: list[structlog.typing.Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if log_format == "json"
        else [
            structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback)
        ]
    )
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *rendered,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.PrintLoggerFactory(file=sys.stderr),
        cache_logger_on_first_use=False,
    )
