"""Routes of those who watch the service: is it there, can it work, what does it count, what does it speak."""

from __future__ import annotations

from typing import Final

import msgspec
import structlog

from closebell.api import metrics
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.routing import Doc, Operation, operation
from closebell.errors import ClosebellError, Unavailable
from closebell.store.schema import is_current

log = structlog.get_logger()


class HealthAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """`ok`, or the answer is an error."""

    status: str = "ok"
    error: None = None


@operation(
    Doc(
        method="GET",
        path="/healthz",
        tag="Health",
        summary="Is the process there?",
        answer=HealthAnswer,
        answer_example={"status": "ok", "error": None},
        is_extension=True,
        is_open=True,
    )
)
async def get_health(request: ApiRequest) -> Answer:  # noqa: ARG001  # every handler takes its request
    """The process answers."""
    return Answer.of(HealthAnswer())


@operation(
    Doc(
        method="GET",
        path="/readyz",
        tag="Health",
        summary="Can it work?",
        description="The database answers, its schema is the one this release was written for, and where the process "
        "delivers, its dispatcher is alive.",
        answer=HealthAnswer,
        answer_example={"status": "ok", "error": None},
        is_extension=True,
        is_open=True,
    )
)
async def get_readiness(request: ApiRequest) -> Answer:
    """The database answers, its schema is current, and nothing that this process is for has ended."""
    if not request.service.is_delivering():
        raise Unavailable("the dispatcher has ended; the process ends too, and must be started again")
    try:
        ready = await request.service.database.read(is_current)
    except ClosebellError:
        raise
    except Exception as error:
        log.exception("readiness.failed")
        raise Unavailable("the schema cannot be read") from error
    if not ready:
        raise Unavailable("the schema is not the one this release was written for; run `closebell migrate`")
    return Answer.of(HealthAnswer())


@operation(
    Doc(
        method="GET",
        path="/metrics",
        tag="Health",
        summary="What is counted",
        answer_media_type="text/plain",
        answer_example="# HELP closebell_invoices_closed_total Invoices closed.\n",
        is_extension=True,
        needs_every_center=True,
    )
)
async def get_metrics(request: ApiRequest) -> Answer:
    """The metrics, as Prometheus reads them."""
    await request.service.backlog.look()
    return Answer(request.service.metrics.text(), media_type=metrics.MEDIA_TYPE)


@operation(
    Doc(
        method="GET",
        path="/openapi.json",
        tag="Health",
        summary="This description",
        answer_example={"openapi": "3.1.0"},
        is_extension=True,
    )
)
async def get_openapi(request: ApiRequest) -> Answer:
    """The OpenAPI document."""
    return Answer(request.service.openapi)


WATCHED: Final[tuple[Operation, ...]] = (get_health, get_readiness, get_metrics)
"""What a process answers that only delivers."""
OPERATIONS: Final[tuple[Operation, ...]] = (get_health, get_readiness, get_metrics, get_openapi)
