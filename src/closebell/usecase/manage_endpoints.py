"""Manage endpoints: say who is told of closed invoices, pause and resume telling them, and let them go."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock, Luck
from closebell.domain.address import Network
from closebell.domain.endpoint import Endpoint, EndpointState
from closebell.domain.endpoint_draft import EndpointChanges, EndpointDraft, changed, drafted
from closebell.domain.signature import SECRET_BYTES, Secret
from closebell.errors import Conflict, InvalidInput, NotFound
from closebell.store import centers, deliveries, endpoints

__all__ = [
    "ENDPOINTS_MAX",
    "EndpointChanges",
    "EndpointDraft",
    "create_endpoint",
    "delete_endpoint",
    "disable_endpoint",
    "enable_endpoint",
    "list_endpoints",
    "read_endpoint",
    "update_endpoint",
]

ENDPOINTS_MAX: Final = 100
"""Endpoints that are not deleted; each costs a row per close."""


def create_endpoint(
    connection: Connection, draft: EndpointDraft, *, networks: Sequence[Network], clock: Clock, luck: Luck
) -> Endpoint:
    """The new endpoint, active from the next close on; the only answer that should show its secret.

    Errors: InvalidInput naming the field; Conflict when there are ENDPOINTS_MAX already.
    """
    now = clock.now()
    endpoint = drafted(
        draft,
        endpoint_id=luck.guid(),
        fresh_secret=Secret.generate(luck.entropy(SECRET_BYTES)),
        networks=networks,
        now=now,
    )
    endpoint = _with_known_centers(connection, endpoint)
    if len(endpoints.all_kept(connection, now=now)) >= ENDPOINTS_MAX:
        raise Conflict(f"there are {ENDPOINTS_MAX} endpoints, which is the most there can be; delete one first")
    endpoints.insert_one(connection, endpoint)
    return endpoint


def list_endpoints(connection: Connection, *, clock: Clock) -> list[Endpoint]:
    """Every endpoint that is not deleted, oldest first."""
    return endpoints.all_kept(connection, now=clock.now())


def read_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> Endpoint:
    """The endpoint.

    Errors: NotFound when there is none, or no longer.
    """
    endpoint = endpoints.find(connection, endpoint_id, now=clock.now())
    if endpoint is None:
        raise _not_found(endpoint_id)
    return endpoint


def update_endpoint(
    connection: Connection, endpoint_id: str, changes: EndpointChanges, *, networks: Sequence[Network], clock: Clock
) -> Endpoint:
    """The endpoint with these changes, which hold from the next close on; a new URL holds for waiting deliveries too.

    Errors: NotFound; InvalidInput naming the field.
    """
    before = _locked(connection, endpoint_id, clock)
    after = changed(before, changes, networks=networks, now=clock.now())
    if changes.center_ids is not None:
        after = _with_known_centers(connection, after)
    endpoints.save(connection, after)
    return after


def enable_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> Endpoint:
    """The endpoint, active and with a clean record; what was held for it is sent.

    Errors: NotFound.
    """
    return _in_state(connection, endpoint_id, EndpointState.ACTIVE, "", clock)


def disable_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> Endpoint:
    """The endpoint, deactivated by hand: its deliveries are held until somebody enables it.

    Errors: NotFound.
    """
    return _in_state(connection, endpoint_id, EndpointState.DEACTIVATED, "Deactivated by hand.", clock)


def delete_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> None:
    """The endpoint is gone and what was waiting for it is cancelled; its history stays.

    Errors: NotFound.
    """
    now = clock.now()
    endpoint = endpoints.find_to_delete(connection, endpoint_id, now=now)
    if endpoint is None:
        raise _not_found(endpoint_id)
    gone = replace(endpoint, state=EndpointState.DELETED, state_reason="Deleted by hand.", updated_at=now)
    endpoints.save(connection, gone)
    deliveries.cancel_pending(connection, endpoint_id, reason="The endpoint was deleted.", now=now)


def _in_state(connection: Connection, endpoint_id: str, state: EndpointState, reason: str, clock: Clock) -> Endpoint:
    before = _locked(connection, endpoint_id, clock)
    now = clock.now()
    after = replace(before, state=state, state_reason=reason, updated_at=now)
    if state is EndpointState.ACTIVE:
        after = replace(after, consecutive_failures=0, enabled_at=now)
    endpoints.save(connection, after)
    return after


def _locked(connection: Connection, endpoint_id: str, clock: Clock) -> Endpoint:
    endpoint = endpoints.find_locked(connection, endpoint_id, now=clock.now())
    if endpoint is None:
        raise _not_found(endpoint_id)
    return endpoint


def _not_found(endpoint_id: str) -> NotFound:
    return NotFound(f"No endpoint has the id {endpoint_id}")


def _with_known_centers(connection: Connection, endpoint: Endpoint) -> Endpoint:
    """The endpoint with each of its centres once, all of which exist."""
    known = centers.load(connection, endpoint.center_ids)
    for index, center_id in enumerate(endpoint.center_ids):
        if center_id not in known:
            raise InvalidInput(f"center_ids[{index}]", f"{center_id} is not a centre Closebell knows; import it first")
    return replace(endpoint, center_ids=tuple(dict.fromkeys(endpoint.center_ids)))
