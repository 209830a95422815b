"""Read the failure log: when and why an endpoint was deactivated, and what its last attempts met with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from closebell.errors import NotFound
from closebell.store import failure_log
from closebell.store.failure_log import FailedAttempt, Failure

RECENT_ATTEMPTS: Final = 20
"""Failed attempts that are shown beside the log: as many as deactivate an endpoint."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FailureLog:
    """A page of the log, the newest entry first, of `total` entries; and the last failed attempts, the newest first."""

    failures: list[Failure]
    total: int
    recent_attempts: list[FailedAttempt]


def read_failure_log(connection: Connection, endpoint_id: str, *, limit: int, offset: int) -> FailureLog:
    """The failure log of an endpoint, a deleted one's too.

    Errors: NotFound.
    """
    if not failure_log.exists(connection, endpoint_id):
        raise NotFound(f"No endpoint has the id {endpoint_id}")
    return FailureLog(
        failures=failure_log.page(connection, endpoint_id, limit=limit, offset=offset),
        total=failure_log.count(connection, endpoint_id),
        recent_attempts=failure_log.recent_attempts(connection, endpoint_id, limit=RECENT_ATTEMPTS),
    )
