"""Routes of webhook endpoints: who is told of closed invoices."""

from __future__ import annotations

from functools import partial
from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.endpoint_shapes import (
    EndpointAnswer,
    EndpointChange,
    EndpointDeleted,
    EndpointRequest,
    EndpointsAnswer,
    EndpointTested,
    NewEndpointRequest,
    answer,
    document,
)
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.dispatch.probe import send_test
from closebell.domain.caller import Role
from closebell.domain.endpoint import Endpoint
from closebell.usecase.manage_endpoints import (
    EndpointChanges,
    create_endpoint,
    delete_endpoint,
    disable_endpoint,
    enable_endpoint,
    list_endpoints,
    read_endpoint,
    update_endpoint,
)
from closebell.usecase.recover_endpoint import count_missed
from closebell.usecase.rotate_secret import EndpointWithSecret

_AT: Final = "/v1/webhook_endpoints/{endpoint_id}"

_doc: Final = partial(Doc, tag="Webhook endpoints", is_extension=True, role=Role.ADMIN, needs_every_center=True)
"""What is told about a route of endpoints: all of them are for administrators of every centre."""

_NEW: Final = msgspec.json.Decoder(NewEndpointRequest)
_WHOLE: Final = msgspec.json.Decoder(EndpointRequest)
_CHANGE: Final = msgspec.json.Decoder(EndpointChange)
_ONE: Final = {**examples.ENDPOINT, "error": None}


@operation(
    _doc(
        method="POST",
        path="/v1/webhook_endpoints",
        summary="Create an endpoint",
        description="The answer is the only one that shows the signing secret.",
        body=NewEndpointRequest,
        body_example=examples.ENDPOINT_REQUEST,
        answer=EndpointAnswer,
        answer_example={**_ONE, "secret": examples.SHOWN_SECRET},
        status=201,
        refusals=(409, 413),
        shows_secret=True,
    )
)
async def post_endpoint(request: ApiRequest) -> Answer:
    """Create an endpoint and show its secret, once."""
    said = bodies.decode(await request.payload(), _NEW)
    service = request.service
    return await request.write(
        _new,
        create_endpoint,
        said.wanted,
        networks=service.allowed_networks,
        vault=service.vault,
        clock=service.clock,
        luck=service.luck,
    )


@operation(
    _doc(
        method="GET",
        path="/v1/webhook_endpoints",
        summary="List the endpoints",
        answer=EndpointsAnswer,
        answer_example={"webhook_endpoints": [examples.ENDPOINT], "error": None},
    )
)
async def get_endpoints(request: ApiRequest) -> Answer:
    """List the endpoints."""
    found = await request.service.database.read(list_endpoints, clock=request.service.clock)
    return Answer.of(EndpointsAnswer(webhook_endpoints=[document(endpoint) for endpoint in found]))


@operation(
    _doc(
        method="GET",
        path=_AT,
        summary="Read an endpoint",
        answer=EndpointAnswer,
        answer_example=_ONE,
        refusals=(404,),
    )
)
async def get_endpoint(request: ApiRequest) -> Answer:
    """Read one endpoint."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    service = request.service
    return Answer.of(answer(await service.database.read(read_endpoint, endpoint_id, clock=service.clock)))


@operation(
    _doc(
        method="PATCH",
        path=_AT,
        summary="Change an endpoint",
        description=(
            "What is left out stays as it is; headers and authorization are replaced as a whole. A new URL holds for "
            "waiting deliveries too; to another origin, stored headers and authorization must be given again."
        ),
        body=EndpointChange,
        body_example={"url": "https://books.example.com/hooks/v2", "headers": {"X-Api-Key": "9b7e"}},
        answer=EndpointAnswer,
        answer_example=_ONE,
        refusals=(404, 413),
    )
)
async def patch_endpoint(request: ApiRequest) -> Answer:
    """Change what is mentioned."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    said = bodies.decode(await request.payload(), _CHANGE)
    return await _updated(request, endpoint_id, said.wanted)


@operation(
    _doc(
        method="PUT",
        path=_AT,
        summary="Replace an endpoint",
        description="What is left out gets its default. Id, state and everything secret stay.",
        body=EndpointRequest,
        body_example=examples.ENDPOINT_REQUEST,
        answer=EndpointAnswer,
        answer_example=_ONE,
        refusals=(404, 413),
    )
)
async def put_endpoint(request: ApiRequest) -> Answer:
    """Say anew what the endpoint is."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    said = bodies.decode(await request.payload(), _WHOLE)
    return await _updated(request, endpoint_id, said.wanted)


@operation(
    _doc(
        method="DELETE",
        path=_AT,
        summary="Delete an endpoint",
        description="What waits for it is cancelled; its history stays.",
        answer=EndpointDeleted,
        answer_example={"is_deleted": True, "error": None},
        refusals=(404,),
    )
)
async def remove_endpoint(request: ApiRequest) -> Answer:
    """Let an endpoint go."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    service = request.service
    await service.database.write(delete_endpoint, endpoint_id, clock=service.clock)
    service.told()
    return Answer.of(EndpointDeleted())


@operation(
    _doc(
        method="POST",
        path=f"{_AT}/enable",
        summary="Enable an endpoint",
        description="Its failures are forgotten, and what was held for it is sent. If it recovers when enabled, what "
        "was exhausted since its last success is sent again.",
        answer=EndpointAnswer,
        answer_example=_ONE,
        refusals=(404,),
    )
)
async def enable(request: ApiRequest) -> Answer:
    """Send to it again."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    service = request.service
    counted = await service.database.read(count_missed, endpoint_id, clock=service.clock)
    return await request.write(
        _one, enable_endpoint, endpoint_id, counted=counted, clock=service.clock, luck=service.luck
    )


@operation(
    _doc(
        method="POST",
        path=f"{_AT}/disable",
        summary="Disable an endpoint",
        description="Its deliveries are held until it is enabled.",
        answer=EndpointAnswer,
        answer_example={**_ONE, "state": "deactivated", "state_reason": "Deactivated by hand."},
        refusals=(404,),
    )
)
async def disable(request: ApiRequest) -> Answer:
    """Hold what is for it."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    return await request.write(_one, disable_endpoint, endpoint_id, clock=request.service.clock)


@operation(
    _doc(
        method="POST",
        path=f"{_AT}/test",
        summary="Send a test",
        description="Calls the endpoint once with a signed event of type Closebell.Test, under the rules of any call.",
        answer=EndpointTested,
        answer_example=examples.TESTED,
        refusals=(404,),
    )
)
async def probe_endpoint(request: ApiRequest) -> Answer:
    """Call the endpoint once and say what came of it."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    service = request.service
    endpoint = await service.database.read(read_endpoint, endpoint_id, clock=service.clock)
    outcome = await send_test(service.sender, endpoint, vault=service.vault, clock=service.clock, luck=service.luck)
    return Answer.of(
        EndpointTested(
            is_delivered=outcome.error is None,
            status=outcome.status,
            fault=None if outcome.error is None else outcome.error.value,
            detail=outcome.detail,
            response_excerpt=outcome.response_excerpt,
            duration_us=outcome.duration_us,
        )
    )


async def _updated(request: ApiRequest, endpoint_id: str, changes: EndpointChanges) -> Answer:
    service = request.service
    return await request.write(
        _one,
        update_endpoint,
        endpoint_id,
        changes,
        networks=service.allowed_networks,
        vault=service.vault,
        clock=service.clock,
        luck=service.luck,
    )


def _new(made: EndpointWithSecret) -> Answer:
    assert made.secret is not None, "every endpoint begins with a secret"
    return Answer.of(answer(made.endpoint, secret=made.secret.reveal()), status=201)


def _one(endpoint: Endpoint) -> Answer:
    return Answer.of(answer(endpoint))


OPERATIONS: Final[tuple[Operation, ...]] = (
    post_endpoint,
    get_endpoints,
    get_endpoint,
    patch_endpoint,
    put_endpoint,
    remove_endpoint,
    probe_endpoint,
    enable,
    disable,
)
