"""`closebell endpoints failures`: when and why an endpoint was deactivated."""

from __future__ import annotations

from typing import Annotated, Final

from cyclopts import App, Parameter

from closebell.cli.at_database import database_of
from closebell.cli.listing import AsJson, Row, show
from closebell.cli.settings import DatabaseSettings
from closebell.config import Settings
from closebell.domain.identifiers import guid
from closebell.store.failure_log import FailedAttempt, Failure
from closebell.usecase.read_failure_log import read_failure_log

FAILURES_MAX: Final = 100
"""Entries of the log that are shown; the API pages through the rest."""
_FIRST_TO_GO: Final = ("mail_error", "failing_since", "delivery_id", "duration_us", "answer")

EndpointId = Annotated[str, Parameter(help="The id that `closebell endpoints list` shows, or showed.")]
Attempts = Annotated[
    bool, Parameter(help="Show instead the last failed attempts of what waits or was given up.", negative="")
]


def add_to(app: App) -> None:
    """Make the command below a command of `closebell endpoints`."""
    app.command(failures)


async def failures(
    endpoint_id: EndpointId,
    /,
    *,
    attempts: Attempts = False,
    as_json: AsJson = False,
    settings: DatabaseSettings = Settings(),
) -> None:
    """Show when and why an endpoint was deactivated, the newest first; a deleted one's too."""
    id_ = guid(endpoint_id, field="ENDPOINT-ID")
    async with database_of(settings) as database:
        found = await database.read(read_failure_log, id_, limit=FAILURES_MAX, offset=0)
    rows = [_attempt(one) for one in found.recent_attempts] if attempts else [_failure(one) for one in found.failures]
    show(rows, as_json=as_json, first_to_go=_FIRST_TO_GO if not attempts else _FIRST_TO_GO[3:])


def _failure(one: Failure) -> Row:
    return {
        "at": one.at,
        "failing_since": one.failing_since,
        "failures": one.consecutive_failures,
        "delivery_id": one.delivery_id,
        "status": one.status,
        "fault": one.error,
        "detail": one.detail,
        "mail": one.mail_state.value,
        "mail_error": one.mail_error,
    }


def _attempt(one: FailedAttempt) -> Row:
    return {
        "started_at": one.attempt.started_at,
        "delivery_id": one.delivery_id,
        "number": one.attempt.number,
        "duration_us": one.attempt.duration_us,
        "status": one.attempt.status,
        "fault": one.attempt.error,
        "detail": one.attempt.detail,
        "answer": one.attempt.response_excerpt,
    }
