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
from closebell.domain.new_secrets import must_be_given_again, shared_secret, with_credentials
from closebell.domain.sealed import Seals, SecretKind
from closebell.domain.signature import SignatureStyle
from closebell.errors import Conflict, InvalidInput
from closebell.store import centers, deliveries, endpoints, recoveries, secrets
from closebell.usecase import known_endpoint
from closebell.usecase.recover_endpoint import Missed, recover_what_failed
from closebell.usecase.rotate_secret import EndpointWithSecret, fresh_key_pair, given_or_fresh_secret

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
CANCELLED_AT_ONCE_MAX: Final = 1_000
"""Deliveries that are cancelled in the transaction that deletes their endpoint, so that no close waits long for it."""


def create_endpoint(
    connection: Connection,
    draft: EndpointDraft,
    *,
    networks: Sequence[Network],
    vault: Seals,
    clock: Clock,
    luck: Luck,
) -> EndpointWithSecret:
    """The new endpoint, active from the next close on, and its secret, which nothing shows again.

    Errors: InvalidInput naming the field; Conflict when there are ENDPOINTS_MAX already.
    """
    now = clock.now()
    secret = given_or_fresh_secret(draft.secret, luck)
    endpoint = drafted(draft, endpoint_id=luck.guid(), networks=networks, now=now)
    endpoint = with_credentials(endpoint, headers=draft.headers, authorization=draft.authorization, vault=vault)
    endpoint = _with_known_centers(connection, endpoint)
    # Every endpoint has a secret, whatever its styles are now, so that another style needs no other answer to show one.
    sealed = shared_secret(secret, endpoint_id=endpoint.id, position=0, vault=vault, now=now)
    endpoint = _with_key_pair(replace(endpoint, secrets=(sealed,)), position=1, vault=vault, luck=luck)
    if len(endpoints.all_kept(connection, now=now)) >= ENDPOINTS_MAX:
        raise Conflict(f"there are {ENDPOINTS_MAX} endpoints, which is the most there can be; delete one first")
    endpoints.insert_one(connection, endpoint)
    return EndpointWithSecret(endpoint=endpoint, secret=secret)


def list_endpoints(connection: Connection, *, clock: Clock) -> list[Endpoint]:
    """Every endpoint that is not deleted, oldest first."""
    return endpoints.all_kept(connection, now=clock.now())


def read_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> Endpoint:
    """The endpoint.

    Errors: NotFound when there is none, or no longer.
    """
    return known_endpoint.find(connection, endpoint_id, now=clock.now())


def update_endpoint(
    connection: Connection,
    endpoint_id: str,
    changes: EndpointChanges,
    *,
    networks: Sequence[Network],
    vault: Seals,
    clock: Clock,
    luck: Luck,
) -> Endpoint:
    """The endpoint with these changes, which hold from the next close on; a new URL holds for waiting deliveries too.

    Headers and authorization are replaced as a whole. Whoever leads the endpoint to another origin gives them again. An
    endpoint that is to sign with ed25519 and has no key pair gets one.

    Errors: NotFound; InvalidInput naming the field.
    """
    before = known_endpoint.find_locked(connection, endpoint_id, now=clock.now())
    after = changed(before, changes, networks=networks, now=clock.now())
    must_be_given_again(before, after.url, headers=changes.headers, authorization=changes.authorization)
    after = with_credentials(after, headers=changes.headers, authorization=changes.authorization, vault=vault)
    if changes.center_ids is not None:
        after = _with_known_centers(connection, after)
    after = _with_key_pair(after, position=secrets.next_position(connection, endpoint_id), vault=vault, luck=luck)
    endpoints.save(connection, after)
    secrets.add(connection, endpoint_id, *(secret for secret in after.secrets if secret not in before.secrets))
    return after


def enable_endpoint(
    connection: Connection, endpoint_id: str, *, counted: Missed | None = None, clock: Clock, luck: Luck
) -> Endpoint:
    """The endpoint, active and with a clean record; what was held for it is sent.

    If it recovers when enabled, what was exhausted since its last success comes back as well, as a recovery. That is
    to be `counted` beforehand, in a read: among a million it takes a second, in which on SQLite nobody could write.

    Errors: NotFound.
    """
    before = known_endpoint.find_locked(connection, endpoint_id, now=clock.now())
    after = _in_state(connection, before, EndpointState.ACTIVE, "", clock)
    recover_what_failed(connection, before, counted, clock=clock, luck=luck)
    return after


def disable_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> Endpoint:
    """The endpoint, deactivated by hand: its deliveries are held until somebody enables it.

    Errors: NotFound.
    """
    before = known_endpoint.find_locked(connection, endpoint_id, now=clock.now())
    return _in_state(connection, before, EndpointState.DEACTIVATED, "Deactivated by hand.", clock)


def delete_endpoint(connection: Connection, endpoint_id: str, *, clock: Clock) -> None:
    """The endpoint is gone and what was waiting for it is cancelled; its history stays.

    Of many that wait the first are marked here and the rest by upkeep; until then they are shown as if they were.

    Errors: NotFound.
    """
    now = clock.now()
    endpoint = known_endpoint.must_be_there(endpoints.find_to_delete(connection, endpoint_id, now=now), endpoint_id)
    gone = replace(endpoint, state=EndpointState.DELETED, state_reason="Deleted by hand.", updated_at=now)
    endpoints.save(connection, gone)
    secrets.forget(connection, endpoint_id)
    # Before the deliveries, so that no portion brings any back behind them.
    recoveries.cancel_running(connection, endpoint_id, now=now)
    deliveries.cancel_pending(
        connection, endpoint_id, reason=deliveries.ENDPOINT_DELETED, now=now, limit=CANCELLED_AT_ONCE_MAX
    )


def _in_state(connection: Connection, before: Endpoint, state: EndpointState, reason: str, clock: Clock) -> Endpoint:
    now = clock.now()
    after = replace(before, state=state, state_reason=reason, updated_at=now)
    if state is EndpointState.ACTIVE:
        after = replace(after, consecutive_failures=0, enabled_at=now)
    endpoints.save(connection, after)
    return after


def _with_key_pair(endpoint: Endpoint, *, position: int, vault: Seals, luck: Luck) -> Endpoint:
    """The endpoint, with a key pair if it is to sign with one and has none."""
    has_one = any(secret.kind is SecretKind.ED25519 for secret in endpoint.secrets)
    if has_one or SignatureStyle.ED25519 not in endpoint.signature_styles:
        return endpoint
    pair = fresh_key_pair(endpoint.id, position=position, vault=vault, luck=luck, now=endpoint.updated_at)
    return replace(endpoint, secrets=(pair, *endpoint.secrets))


def _with_known_centers(connection: Connection, endpoint: Endpoint) -> Endpoint:
    """The endpoint with each of its centres once, all of which exist."""
    known = centers.load(connection, endpoint.center_ids)
    for index, center_id in enumerate(endpoint.center_ids):
        if center_id not in known:
            raise InvalidInput(f"center_ids[{index}]", f"{center_id} is not a centre Closebell knows; import it first")
    return replace(endpoint, center_ids=tuple(dict.fromkeys(endpoint.center_ids)))
