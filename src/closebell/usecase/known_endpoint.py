"""The endpoint that somebody wants to read or change: found, and not deleted."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Connection

from closebell.domain.endpoint import Endpoint
from closebell.errors import NotFound
from closebell.store import endpoints


def find(connection: Connection, endpoint_id: str, *, now: datetime) -> Endpoint:
    """The endpoint as it is, with the secrets that are live at `now`.

    Errors: NotFound.
    """
    return must_be_there(endpoints.find(connection, endpoint_id, now=now), endpoint_id)


def find_locked(connection: Connection, endpoint_id: str, *, now: datetime) -> Endpoint:
    """The same, locked until the transaction ends.

    Errors: NotFound.
    """
    return must_be_there(endpoints.find_locked(connection, endpoint_id, now=now), endpoint_id)


def must_be_there(found: Endpoint | None, endpoint_id: str) -> Endpoint:
    """What was found under this id.

    Errors: NotFound when nothing was.
    """
    if found is None:
        raise missing(endpoint_id)
    return found


def missing(endpoint_id: str) -> NotFound:
    """That no endpoint has this id."""
    return NotFound(f"No endpoint has the id {endpoint_id}")
