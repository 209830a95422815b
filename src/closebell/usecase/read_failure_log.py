"""Read the failure log: when and why an endpoint was deactivated, and what its last attempts met with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from closebell.domain.delivery import FAILURES_IN_A_ROW_MAX
from closebell.store import failure_log
from closebell.store.failure_log import FailedAttempt, Failure
from closebell.usecase import known_endpoint

RECENT_ATTEMPTS: Final = FAILURES_IN_A_ROW_MAX
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
        raise known_endpoint.missing(endpoint_id)
    return FailureLog(
        failures=failure_log.page(connection, endpoint_id, limit=limit, offset=offset),
        total=failure_log.count(connection, endpoint_id),
        recent_attempts=failure_log.recent_attempts(connection, endpoint_id, limit=RECENT_ATTEMPTS),
    )
