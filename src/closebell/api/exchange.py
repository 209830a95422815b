"""One request and its answer, as the handlers of the API see them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final, ParamSpec, TypeVar, cast

from litestar import Request
from litestar.types import HTTPScope, Receive, Scope, Send

from closebell.domain.caller import Caller
from closebell.domain.document import encode
from closebell.errors import InvalidInput, TooLarge
from closebell.store.unit import Unit

if TYPE_CHECKING:
    from closebell.api.kept_answers import Errand
    from closebell.api.service import Service

P = ParamSpec("P")
R = TypeVar("R")

JSON: Final = b"application/json"
DRAIN_BYTES_MAX: Final = 8 * 1024 * 1024
"""Bytes of a refused body that are read and dropped, so that its sender gets to read why; then the connection ends."""
BODY_PAUSE_S_MAX: Final = 30
"""Seconds in which nothing of a body comes, after which its request is given up."""


class ClientGone(Exception):
    """Whoever asked has hung up; nobody is left to answer."""


class Answer:
    """An answer, ready to be sent: status, bytes, and headers beside type and length."""

    __slots__ = ("body", "headers", "media_type", "status")

    def __init__(
        self,
        body: bytes,
        *,
        status: int = 200,
        headers: tuple[tuple[bytes, bytes], ...] = (),
        media_type: bytes = JSON,
    ) -> None:
        self.body = body
        self.status = status
        self.headers = headers
        self.media_type = media_type

    @classmethod
    def of(cls, document: object, *, status: int = 200) -> Answer:
        """The document as JSON with exact decimals."""
        return cls(encode(document), status=status)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it; this is what makes it an ASGI application, which the framework passes on untouched."""
        await send(
            {
                "type": "http.response.start",
                "status": cast("HTTPStatus", self.status),  # uvicorn takes any integer
                "headers": (
                    (b"content-type", self.media_type),
                    (b"content-length", b"%d" % len(self.body)),
                    *self.headers,
                ),
            }
        )
        await send({"type": "http.response.body", "body": self.body, "more_body": False})


class ApiRequest(Request[Any, Any, Any]):
    """A request that knows the service it was made to, and reads its own body within the limit."""

    @property
    def service(self) -> Service:
        """What serves it."""
        return cast("Service", self.scope["closebell"])  # type: ignore[typeddict-item]  # ours, set by the front door

    @property
    def caller(self) -> Caller:
        """Who makes it."""
        return cast("Caller", self.scope["closebell_caller"])  # type: ignore[typeddict-item]  # as above

    @property
    def errand(self) -> Errand | None:
        """What is to be kept of the request, if it carries an Idempotency-Key."""
        return cast("Errand | None", self.scope.get("closebell_errand"))

    async def write(
        self, answer: Callable[[R], Answer], unit: Unit[P, R], /, *args: P.args, **kwargs: P.kwargs
    ) -> Answer:
        """Run a unit of work that changes something, and make `answer` of its result.

        With an Idempotency-Key the answer is made in the transaction and kept there. Whoever waits for events or
        deliveries is told to look, in case the unit told something.
        """
        errand, service = self.errand, self.service
        if errand is not None:
            made = await errand.write(service, lambda connection: answer(unit(connection, *args, **kwargs)))
            service.told()
            return made
        result = await service.database.write(unit, *args, **kwargs)
        service.told()
        return answer(result)

    def named(self, parameter: str) -> str:
        """A value from the path, as it was written."""
        value: str = self.scope["path_params"][parameter]
        return value

    async def payload(self, *, bytes_max: int | None = None) -> bytes:
        """The whole body.

        Errors: TooLarge above `bytes_max`, or without it the service's limit; ClientGone.
        """
        if self.errand is not None:
            return self.errand.body  # read already, to tell whether it is the same request
        return await read_body(self.scope, self.receive, bytes_max=bytes_max or self.service.body_bytes_max)


async def read_body(scope: HTTPScope, receive: Receive, *, bytes_max: int) -> bytes:
    """The whole body of a request, announced or chunked.

    Errors: TooLarge once it is over the limit, after dropping what comes of it up to DRAIN_BYTES_MAX; ClientGone.
    """
    message = await _next(receive)
    body: bytes = message.get("body", b"")
    if not message.get("more_body", False) and message["type"] == "http.request" and len(body) <= bytes_max:
        return body  # what nearly every request is: one short message
    parts, size = [body], len(body)
    while True:
        if message["type"] == "http.disconnect":
            raise ClientGone
        if size > bytes_max:
            await _drain(receive, message)
            raise TooLarge(f"The body is over {bytes_max} bytes, which is the most that {scope['path']} takes.")
        if not message.get("more_body", False):
            return b"".join(parts)
        message = await _next(receive)
        parts.append(message.get("body", b""))
        size += len(parts[-1])


async def _next(receive: Receive) -> dict[str, Any]:
    """The next piece of a body that comes in pieces.

    Errors: InvalidInput when none comes for BODY_PAUSE_S_MAX.
    """
    try:
        async with asyncio.timeout(BODY_PAUSE_S_MAX):
            return cast("dict[str, Any]", await receive())
    except TimeoutError:
        raise InvalidInput("", f"nothing of the body came for {BODY_PAUSE_S_MAX} s; send it whole") from None


async def _drain(receive: Receive, message: dict[str, Any]) -> None:
    """Read on and drop: an answer sent while the other side still sends is often lost with the connection."""
    dropped = 0
    while message.get("more_body", False) and dropped <= DRAIN_BYTES_MAX:
        message = await _next(receive)
        dropped += len(message.get("body", b""))
