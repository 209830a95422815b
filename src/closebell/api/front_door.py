"""The way in and out: every request is let in by its key, answered once, counted, and logged without secrets."""

from __future__ import annotations

import asyncio
import posixpath
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Final, cast

import structlog
from litestar import Litestar, Request, Response
from litestar.enums import ScopeType
from litestar.exceptions import NotFoundException
from litestar.types import HTTPScope, LifeSpanReceive, LifeSpanScope, LifeSpanSend, Message, Receive, Scope, Send
from sqlalchemy.exc import StatementError

from closebell.api.catalogue import OPERATIONS
from closebell.api.exchange import Answer, ClientGone
from closebell.api.limits import RateLimit
from closebell.api.log import current_request, leave_request, within_request
from closebell.api.metrics import NO_ROUTE
from closebell.api.problems import ErrorShape, Problem, problem_of
from closebell.api.routing import DOC, Doc
from closebell.api.service import Service
from closebell.domain import traceparent
from closebell.errors import ClosebellError, Stopping, Unavailable
from closebell.tracing.spans import Facts, Kind, Span

log = structlog.get_logger()

OPEN_PATHS: Final = frozenset(operation.doc.path for operation in OPERATIONS if operation.doc.is_open)
"""What answers without a key or a token: whether the service is there, and how to get a token."""
SECRET_PATHS: Final = tuple(path.partition("{")[0] for path in sorted(OPEN_PATHS) if "{" in path)
"""How an open path begins that ends in a secret."""
UNTOLD_PATHS: Final = (*SECRET_PATHS, "/v1/giftcards/")
"""How a path begins of which the log does not tell the rest: whoever knows a card's number can pay with the card."""
REQUEST_ID: Final = b"x-request-id"
"""The header that tells the caller under which id the log has the request."""
_SERVER_ERROR: Final = 500
_CLIENT_ERROR: Final = 400
_ROUTED_BY_METHOD: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "HEAD"})


class Api(Litestar):
    """The application. `service` is there from start to stop."""

    service: Service | None = None
    paths: frozenset[str] | None = None
    """All there is, in a process that answers only those who watch it; None where there is everything."""

    @property
    def has_failed(self) -> bool:
        """Whether it can no longer do what it is for, and should be stopped."""
        return self.service is not None and self.service.failed.is_set()

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
        request_id = service.request_ids.next()
        reply = _Reply(send, request_id)
        parent = traceparent.found_in(scope["headers"])
        with service.tracer.begin("request", Kind.SERVER, parent=parent) as span:
            trace = span.traceparent
            scope["closebell_traceparent"] = trace  # type: ignore[typeddict-unknown-key]  # read by _admit
            mark = within_request(request_id, None if trace is None else traceparent.trace_id(trace))
            try:
                await self._reply(service, scope, receive, reply, span)
            finally:
                leave_request(mark)

    async def _reply(self, service: Service, scope: HTTPScope, receive: Receive, reply: _Reply, span: Span) -> None:
        """Answer the request, count it, and log it, whatever comes."""
        started_s = time.perf_counter()
        service.metrics.under_way.inc()
        try:
            self._must_be_there(scope["path"])
            if scope["path"] not in OPEN_PATHS and not scope["path"].startswith(SECRET_PATHS):
                await _admit(service, scope, reply)
            await super().__call__(scope, receive, reply)
        except (ClosebellError, NotFoundException) as error:
            await _answer_to(error, scope)(scope, receive, reply)
        except asyncio.CancelledError:
            # The server stops and waits no longer; whether the request was carried out is not known here.
            if not reply.status:
                stopping = Stopping("The service is stopping; ask again to see whether this was done.")
                await _answer_to(stopping, scope)(scope, receive, reply)
        finally:
            service.metrics.under_way.dec()
            _note(service, scope, reply.status, time.perf_counter() - started_s, span)

    def _must_be_there(self, path: str) -> None:
        """Return if this process answers under the path; where it answers few, no key changes that."""
        if self.paths is not None and path not in self.paths:
            raise NotFoundException


class _Reply:
    """Passes an answer on, notes its status, and adds the request's id and what is told of a limit."""

    __slots__ = ("_id", "_send", "limit", "status")

    def __init__(self, send: Send, request_id: str) -> None:
        self._send = send
        self._id = (REQUEST_ID, request_id.encode())
        self.limit: RateLimit | None = None
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            limit = () if self.limit is None else self.limit.headers()
            message["headers"] = (*message["headers"], self._id, *limit)
        await self._send(message)


async def _admit(service: Service, scope: HTTPScope, reply: _Reply) -> None:
    """Let in whoever may call; only then is the call counted, so that strangers use up nobody's share.

    Errors: Unauthorised, TooOften, Unavailable.
    """
    caller = await service.gatekeeper.admit(scope["headers"])
    trace: str | None = scope["closebell_traceparent"]  # type: ignore[typeddict-item]  # set by Api
    if trace is not None:
        caller = replace(caller, traceparent=trace)
    scope["closebell_caller"] = caller  # type: ignore[typeddict-unknown-key]  # read by ApiRequest.caller
    if service.rate_limit is not None:
        reply.limit = service.rate_limit
        service.rate_limit.take()


def _note(service: Service, scope: HTTPScope, status: int, seconds: float, span: Span) -> None:
    route: str = scope.get("path_template", NO_ROUTE)
    method: str = scope["method"] if scope["method"] in _ROUTED_BY_METHOD else "other"
    service.metrics.answered(method, route, status, seconds)
    if span.is_recorded:
        facts: Facts = {"http.request.method": method, "http.route": route, "http.response.status_code": status}
        span.note(facts, name=f"{method} {route}", error=str(status) if status >= _SERVER_ERROR else None)
    tell = log.debug if status < _CLIENT_ERROR else log.info
    tell("request.answered", method=method, path=_told_path(scope), status=status, duration_ms=round(seconds * 1000, 1))


def _told_path(scope: Scope) -> str:
    """The path as the log tells it: of one that holds a secret, the route."""
    path: str = scope["path"]
    # As it was meant: another case, a slash or a dot too many lead to no route, and hold the secret all the same.
    meant = posixpath.normpath(path.lower()).replace("//", "/") + "/"
    return scope.get("path_template", NO_ROUTE) if meant.startswith(UNTOLD_PATHS) else path


def handle(request: Request[Any, Any, Any], error: Exception) -> Response[bytes]:
    """The framework's way to the same answer, for what a handler or the routing raised."""
    answer = _answer_to(error, request.scope)
    headers = {name.decode(): value.decode() for name, value in answer.headers}
    return Response(answer.body, status_code=answer.status, headers=headers, media_type="application/json")


def _answer_to(error: Exception, scope: Scope) -> Answer:
    service = cast("Service", scope["closebell"])  # type: ignore[typeddict-item]  # set by Api
    return explained(error, path=_told_path(scope)).answer(errors_as_200=service.errors_as_200, shape=_shape(scope))


def _shape(scope: Scope) -> ErrorShape:
    """What errors look like on the route that was asked for, as far as it is known yet."""
    known = cast("dict[str, Any]", scope)  # the framework's type says that a route is always there
    doc: Doc | None = known["route_handler"].opt.get(DOC) if "route_handler" in known else None
    return ErrorShape.PLAIN if doc is None else doc.error_shape


def explained(error: Exception, *, path: str, reference: Callable[[], str | None] = current_request) -> Problem:
    """The problem that an error is to its caller; what is nobody's fault but ours is logged in full."""
    closing = path.endswith("/close")
    if isinstance(error, ClientGone):
        return problem_of(Unavailable("the client is gone"))
    if isinstance(error, Unavailable):
        log.warning("request.unavailable", path=path, error=str(error))
    problem = problem_of(error, closing=closing)
    if problem.status != _SERVER_ERROR:
        return problem
    name = reference() or uuid.uuid4().hex
    _hide_parameters(error)
    log.error("request.failed", path=path, reference=name, exc_info=error)
    return problem_of(error, closing=closing, reference=name)


def _hide_parameters(error: BaseException | None) -> None:
    """A failed statement shows its values in its text, and those may be secrets or people's data."""
    while error is not None:
        if isinstance(error, StatementError):
            error.hide_parameters = True
        error = error.__cause__ or error.__context__
