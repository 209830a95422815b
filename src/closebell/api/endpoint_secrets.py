"""The route that replaces an endpoint's signing secret."""

from __future__ import annotations

from typing import Final

import msgspec

from closebell.api import bodies
from closebell.api.credential_shapes import RotationRequest
from closebell.api.endpoint_shapes import MASKED, EndpointAnswer, answer
from closebell.api.examples import sample as examples
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.queries import guid_in_path
from closebell.api.routing import Doc, Operation, operation
from closebell.domain.caller import Role
from closebell.usecase.rotate_secret import EndpointWithSecret, rotate_secret

_ROTATION: Final = msgspec.json.Decoder(RotationRequest)


@operation(
    Doc(
        method="POST",
        path="/v1/webhook_endpoints/{endpoint_id}/secret/rotate",
        tag="Webhook endpoints",
        summary="Rotate a signing secret",
        description="The new one signs at once and is shown this once; the old one signs as well until it expires.",
        body=RotationRequest,
        body_required=False,
        body_example={"overlap_hours": 48},
        answer=EndpointAnswer,
        answer_example={**examples.ENDPOINT, "secret": examples.SHOWN_SECRET, "error": None},
        refusals=(404, 409, 413),
        is_extension=True,
        role=Role.ADMIN,
        needs_every_center=True,
        shows_secret=True,
    )
)
async def rotate(request: ApiRequest) -> Answer:
    """Replace a secret, and show the new one, once."""
    endpoint_id = guid_in_path(request, "endpoint_id")
    payload = await request.payload()
    said = bodies.decode(payload, _ROTATION) if payload.strip() else RotationRequest()
    service = request.service
    return await request.write(
        shown,
        rotate_secret,
        endpoint_id,
        said.rotation,
        vault=service.vault,
        clock=service.clock,
        luck=service.luck,
    )


def shown(made: EndpointWithSecret) -> Answer:
    """The endpoint with the secret that was made, if it was one to be shown."""
    return Answer.of(answer(made.endpoint, secret=MASKED if made.secret is None else made.secret.reveal()))


OPERATIONS: Final[tuple[Operation, ...]] = (rotate,)
