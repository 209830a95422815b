"""Routes that erase a guest, and say how far that has come."""

from __future__ import annotations

from datetime import datetime
from typing import Final, Literal

import msgspec

from closebell.api.examples import guests as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.caller import Role
from closebell.store.erasures import Erasure
from closebell.usecase.erase_guest import erase_guest, read_erasure


class ErasureAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """How far the erasure of a guest has come; `redacted_events` and `blanked_attempts` count what was done."""

    guest_id: str
    state: Literal["running", "done"]
    created_at: datetime
    finished_at: datetime | None
    redacted_events: int
    blanked_attempts: int
    error: None = None


@operation(
    Doc(
        method="POST",
        path="/v1/guests/{guest_id}/erase",
        tag="Guests",
        summary="Erase a guest",
        description="At once nothing is known of the guest but the id; the events that told of them, and what "
        "receivers answered to those, follow within minutes. Amounts, receipts and the hash chain stay. There is no "
        "way back. `Guest.Erased` is told. Asked again, it answers how far it has come.",
        answer=ErasureAnswer,
        answer_example=examples.ERASURE,
        refusals=(403, 404),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def post_erase(request: ApiRequest) -> Answer:
    """Erase a guest."""
    guest_id = guid_in_path(request, "guest_id")
    service = request.service
    return await request.write(
        _answer, erase_guest, guest_id, clock=service.clock, luck=service.luck, caller=request.caller
    )


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{guest_id}/erasure",
        tag="Guests",
        summary="Read how far an erasure has come",
        answer=ErasureAnswer,
        answer_example={**examples.ERASURE, "state": "running", "finished_at": None},
        refusals=(403, 404),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def get_erasure(request: ApiRequest) -> Answer:
    """Read how far an erasure has come."""
    guest_id = guid_in_path(request, "guest_id")
    return _answer(await request.service.database.read(read_erasure, guest_id, caller=request.caller))


def _answer(erasure: Erasure) -> Answer:
    return Answer.of(
        ErasureAnswer(
            guest_id=erasure.guest_id,
            state=erasure.state,
            created_at=erasure.created_at,
            finished_at=erasure.finished_at,
            redacted_events=erasure.events,
            blanked_attempts=erasure.attempts,
        )
    )


OPERATIONS: Final[tuple[Operation, ...]] = (post_erase, get_erasure)
