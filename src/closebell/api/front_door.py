"""The way in and out: every request is let in by its key, answered once, counted, and logged without secrets."""

from __future__ import annotations

import asyncio
import time
import uuid
from collections.abc import Callable
from typing import Any, Final, cast

import structlog
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send
from sqlalchemy.exc import StatementError

from closebell.api.exchange import Answer, ClientGone
from closebell.api.metrics import NO_ROUTE
from closebell.api.problems import Problem, problem_of
from closebell.api.service import Service
from closebell.errors import ClosebellError, Stopping, Unavailable

log = structlog.get_logger()

OPEN_PATHS: Final = frozenset({"/healthz", "/readyz"})
"""What answers without a key: whether the service is there."""
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_ROUTED_BY_METHOD: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})


class Api(Litestar):
    """The application. `service` is there from start to stop."""

    service: Service | None = None

    async def __call__(
        self, scope: Scope | LifeSpanScope, receive: Receive | LifeSpanReceive, send: Send | LifeSpanSend
    ) -> None:
        """One connection: the lifespan goes to the framework, a request through the door."""
        if scope["type"] == ScopeType.HTTP:
            await self._serve(cast("HTTPScope", scope), cast("Receive", receive), cast("Send", send))
        else:
            await super().__call__(scope, receive, send)

    async def _serve(self, scope: HTTPScope, receive: Receive, send: Send) -> None:
        service = self.service
        assert service is not None, "requests come after the start"
        scope["closebell"] = service  # type: ignore[typeddict-unknown-key]  # read by ApiRequest.service
        status = 0
        started_s = time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        service.metrics.under_way.inc()
        try:
            if scope["path"] not in OPEN_PATHS:
                await service.gatekeeper.admit(scope["headers"])
            await super().__call__(scope, receive, noting)
        except ClosebellError as error:
            await _answer_to(error, scope)(scope, receive, noting)
        except asyncio.CancelledError:
            # The server stops and waits no longer; whether the request was carried out is not known here.
            if not status:
                stopping = Stopping("The service is stopping; ask again to see whether this was done.")
                await _answer_to(stopping, scope)(scope, receive, noting)
        finally:
            service.metrics.under_way.dec()
            _note(service, scope, status, time.perf_counter() - started_s)


def _note(service: Service, scope: HTTPScope, status: int, seconds: float) -> None:
    route: str = scope.get("path_template", NO_ROUTE)
    method: str = scope["method"] if scope["method"] in _ROUTED_BY_METHOD else "other"
    service.metrics.answered(method, route, status, seconds)
    tell = log.debug if status < _CLIENT_ERROR else log.info
    tell("request.answered", method=method, path=scope["path"], status=status, duration_ms=round(seconds * 1000, 1))


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The framework's way to the same answer, for what a handler or the routing raised."""
    answer = _answer_to(error, request.scope)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type="application/json")


def _answer_to(error: Exception, scope: Scope) -> Answer:
    service = cast("Service", scope["closebell"])  # type: ignore[typeddict-item]  # set by Api
    return explained(error, path=scope["path"]).answer(errors_as_200=service.errors_as_200)


def explained(error: Exception, *, path: str, reference: Callable[[], str] = lambda: uuid.uuid4().hex[:12]) -> Problem:
    """The problem that an error is to its caller; what is nobody's fault but ours is logged in full."""
    closing = path.endswith("/close")
    if isinstance(error, ClientGone):
        return problem_of(Unavailable("the client is gone"))
    if isinstance(error, Unavailable):
        log.warning("request.unavailable", path=path, reason=str(error))
    problem = problem_of(error, closing=closing)
    if problem.status != _SERVER_ERROR:
        return problem
    name = reference()
    _hide_parameters(error)
    log.error("request.failed", path=path, reference=name, exc_info=error)
    return problem_of(error, closing=closing, reference=name)


def _hide_parameters(error: BaseException | None) -> None:
    """A failed statement shows its values in its text, and those may be secrets or people's data."""
    while error is not None:
        if isinstance(error, StatementError):
            error.hide_parameters = True
        error = error.__cause__ or error.__context__
