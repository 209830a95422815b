"""The route of the failure log: what a person wants to know who mends a receiver."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec

from closebell.api.examples import failures as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.paging import QUERY, PageInfo, page_of
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.caller import Role
from closebell.store.failure_log import FailedAttempt, Failure, MailState
from closebell.usecase.read_failure_log import read_failure_log


class MailDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The mail about it: `error` is the last one, or names whom it did not reach."""

    state: MailState
    attempts: int
    due_at: datetime | None
    sent_at: datetime | None
    error: str


class FailureDocument(msgspec.Struct, frozen=True, kw_only=True):
    """A time at which the endpoint was deactivated, with the attempt that was the last straw."""

    id: str
    at: datetime
    failing_since: datetime | None
    consecutive_failures: int
    delivery_id: str | None
    status: int | None
    fault: str | None
    detail: str
    mail: MailDocument


class FailedAttemptDocument(msgspec.Struct, frozen=True, kw_only=True):
    """The last attempt of a delivery that waits or was given up."""

    delivery_id: str
    number: int
    started_at: datetime
    duration_us: int
    status: int | None
    fault: str | None
    detail: str
    response_excerpt: str


class FailureLogAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the log, the newest entry first, and the last failed attempts."""

    failures: list[FailureDocument]
    recent_attempts: list[FailedAttemptDocument]
    page_info: PageInfo
    error: None = None


@operation(
    Doc(
        method="GET",
        path="/v1/webhook_endpoints/{endpoint_id}/failure_log",
        tag="Webhook endpoints",
        summary="Read the failure log of an endpoint",
        description="When and why it was deactivated, who was mailed, and what its last attempts met with. The log "
        "outlives the endpoint.",
        query=QUERY,
        answer=FailureLogAnswer,
        answer_example=examples.FAILURE_LOG,
        refusals=(404, 422),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
    )
)
async def get_failure_log(request: ApiRequest) -> Answer:
    """Read the failure log."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    page = page_of(request)
    found = await request.service.database.read(read_failure_log, endpoint_id, limit=page.size, offset=page.offset)
    return Answer.of(
        FailureLogAnswer(
            failures=[_failure(one) for one in found.failures],
            recent_attempts=[_attempt(one) for one in found.recent_attempts],
            page_info=PageInfo.of(page, found.total),
        )
    )


def _failure(one: Failure) -> FailureDocument:
    return FailureDocument(
        id=one.id,
        at=one.at,
        failing_since=one.failing_since,
        consecutive_failures=one.consecutive_failures,
        delivery_id=one.delivery_id,
        status=one.status,
        fault=one.error,
        detail=one.detail,
        mail=MailDocument(
            state=one.mail_state,
            attempts=one.mail_attempts,
            due_at=one.mail_due_at,
            sent_at=one.mailed_at,
            error=one.mail_error,
        ),
    )


def _attempt(one: FailedAttempt) -> FailedAttemptDocument:
    attempt = one.attempt
    return FailedAttemptDocument(
        delivery_id=one.delivery_id,
        number=attempt.number,
        started_at=attempt.started_at,
        duration_us=attempt.duration_us,
        status=attempt.status,
        fault=attempt.error,
        detail=attempt.detail,
        response_excerpt=attempt.response_excerpt,
    )


OPERATIONS: Final[tuple[Operation, ...]] = (get_failure_log,)
"""The failure log alone; the endpoints themselves are elsewhere."""
