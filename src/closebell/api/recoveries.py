"""Routes of recoveries: what an endpoint's receiver missed while it was down comes back."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

import msgspec

from closebell.api import bodies
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path, instant
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.caller import Role
from closebell.domain.recovery import RECOVERED_PER_S, Recovery
from closebell.usecase.recover_endpoint import (
    Recoverable,
    RecoveryPlan,
    cancel_recovery,
    count_recoverable,
    list_recoveries,
    read_recovery,
    start_recovery,
)

_AT: Final = "/v1/webhook_endpoints/{endpoint_id}"
_TAG: Final = "Webhook endpoints"


class RecoveryRequest(msgspec.Struct, frozen=True, kw_only=True):
    """Which events to bring back: from `since` up to and without `until`, which is now unless it says."""

    since: str
    until: str | None = None
    dry_run: bool | None = None
    rate_per_s: int | None = None


class RecoveryDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A recovery and how far it is; `next_at` is null once it is finished."""

    id: str
    endpoint_id: str
    since: datetime
    until: datetime
    state: str
    matched: int
    recovered: int
    percent: int
    rate_per_s: int
    is_automatic: bool
    created_at: datetime
    next_at: datetime | None
    finished_at: datetime | None


class RecoveryAnswer(RecoveryDocument, frozen=True, kw_only=True):
    """One recovery."""

    error: None = None


class RecoveriesAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """Recoveries, the newest first."""

    recoveries: list[RecoveryDocument]
    error: None = None


class RecoveryBegun(msgspec.Struct, frozen=True, kw_only=True):
    """What is to come back: how many deliveries match, and the job that brings them; a dry run makes none."""

    is_dry_run: bool
    since: datetime
    until: datetime
    matched: int
    recovery: RecoveryDocument | None
    error: None = None


_REQUEST: Final = msgspec.json.Decoder(RecoveryRequest)


@operation(
    Doc(
        method="POST",
        path=f"{_AT}/recover",
        tag=_TAG,
        summary="Recover an endpoint",
        description="Makes its exhausted deliveries due again, in the background and at a bounded pace. With `dry_run` "
        "it says how many they are, changes nothing and answers 200.",
        body=RecoveryRequest,
        body_example=examples.RECOVER,
        answer=RecoveryBegun,
        answer_example={
            "is_dry_run": False,
            **examples.RECOVER,
            "matched": examples.RECOVERY["matched"],
            "recovery": examples.RECOVERY,
            "error": None,
        },
        status=202,
        also=(200,),
        refusals=(404, 409, 413),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def post_recovery(request: ApiRequest) -> Answer:
    """Count what is to come back, and unless that was all, begin to bring it."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    said = bodies.decode(await request.payload(), _REQUEST)
    plan = RecoveryPlan(
        since=instant(said.since, field="since"),
        until=None if said.until is None else instant(said.until, field="until"),
        rate_per_s=RECOVERED_PER_S if said.rate_per_s is None else said.rate_per_s,
    )
    service = request.service
    found = await service.database.read(count_recoverable, endpoint_id, plan, clock=service.clock)
    if said.dry_run:
        return Answer.of(_begun(found, None))

    def answer(recovery: Recovery) -> Answer:
        return Answer.of(_begun(found, recovery), status=202)

    return await request.write(answer, start_recovery, found, clock=service.clock, luck=service.luck)


@operation(
    Doc(
        method="GET",
        path=f"{_AT}/recoveries",
        tag=_TAG,
        summary="List an endpoint's recoveries",
        description="The newest 100, the newest first.",
        answer=RecoveriesAnswer,
        answer_example={"recoveries": [examples.RECOVERY], "error": None},
        refusals=(404,),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def get_recoveries(request: ApiRequest) -> Answer:
    """List the recoveries of an endpoint."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    service = request.service
    found = await service.database.read(list_recoveries, endpoint_id, clock=service.clock)
    return Answer.of(RecoveriesAnswer(recoveries=[RecoveryDocument(**_fields(one)) for one in found]))


@operation(
    Doc(
        method="GET",
        path=f"{_AT}/recoveries/{{recovery_id}}",
        tag=_TAG,
        summary="Read a recovery",
        answer=RecoveryAnswer,
        answer_example={**examples.RECOVERY, "error": None},
        refusals=(404,),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def get_recovery(request: ApiRequest) -> Answer:
    """Read one recovery."""
    endpoint_id, recovery_id = guid_in_path(request, "endpoint_id"), guid_in_path(request, "recovery_id")
    return _one(await request.service.database.read(read_recovery, endpoint_id, recovery_id))


@operation(
    Doc(
        method="POST",
        path=f"{_AT}/recoveries/{{recovery_id}}/cancel",
        tag=_TAG,
        summary="Cancel a recovery",
        description="It goes no further; what it brought back stays due.",
        answer=RecoveryAnswer,
        answer_example={
            **examples.RECOVERY,
            "state": "cancelled",
            "next_at": None,
            "finished_at": "2022-03-12T08:00:06Z",
            "error": None,
        },
        refusals=(404, 409),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def post_cancellation(request: ApiRequest) -> Answer:
    """Let a recovery go no further."""
    endpoint_id, recovery_id = guid_in_path(request, "endpoint_id"), guid_in_path(request, "recovery_id")
    return await request.write(_one, cancel_recovery, endpoint_id, recovery_id, clock=request.service.clock)


def _begun(found: Recoverable, recovery: Recovery | None) -> RecoveryBegun:
    return RecoveryBegun(
        is_dry_run=recovery is None,
        since=found.stretch.since,
        until=found.stretch.until,
        matched=found.count,
        recovery=None if recovery is None else RecoveryDocument(**_fields(recovery)),
    )


def _one(recovery: Recovery) -> Answer:
    return Answer.of(RecoveryAnswer(**_fields(recovery)))


def _fields(recovery: Recovery) -> dict[str, Any]:
    return {
        "id": recovery.id,
        "endpoint_id": recovery.endpoint_id,
        "since": recovery.since,
        "until": recovery.until,
        "state": recovery.shown_state,
        "matched": recovery.matched,
        "recovered": recovery.recovered,
        "percent": recovery.percent,
        "rate_per_s": recovery.rate_per_s,
        "is_automatic": recovery.is_automatic,
        "created_at": recovery.created_at,
        "next_at": recovery.next_at if recovery.finished_at is None else None,
        "finished_at": recovery.finished_at,
    }


OPERATIONS: Final[tuple[Operation, ...]] = (post_recovery, get_recoveries, get_recovery, post_cancellation)
