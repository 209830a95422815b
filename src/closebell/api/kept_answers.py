"""`Idempotency-Key`: a call that is repeated under the same key is answered as it was, and carried out once.

What a handler writes with `ApiRequest.write` is kept in the transaction that carries it out. What is answered by other
ways, and every final refusal, is kept when it is known; a route whose work takes several transactions says so
(`Doc.has_steps`), and then the key is taken before the first.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from http import HTTPStatus
from typing import TYPE_CHECKING, Final, TypeVar

import structlog
from litestar.types import HTTPScope
from sqlalchemy import Connection

from closebell.api.exchange import Answer, ApiRequest
from closebell.api.problems import Problem, problem_of
from closebell.errors import ClosebellError, Conflict, InvalidInput, Unavailable
from closebell.store import kept_answers
from closebell.store.kept_answers import Call, Kept, KeptAnswer
from closebell.usecase.answer_once import begin, carry_out, keep

if TYPE_CHECKING:
    from closebell.api.routing import Doc
    from closebell.api.service import Service

log = structlog.get_logger()
R = TypeVar("R")

HEADER: Final = "Idempotency-Key"
KEY_CHARACTERS_MAX: Final = 255
"""Characters of a key."""
KEPT_BYTES_MAX: Final = 1024 * 1024
"""Bytes of an answer that is kept; of a longer one only that it was given."""
UNDER_WAY_FOR: Final = timedelta(seconds=60)
"""How long a call without an answer is thought to be under way; after that its process is gone, or it failed."""
REPLAYED: Final = (b"idempotency-replayed", b"true")

_MEDIA_TYPE: Final = b"content-type"
_NAME: Final = HEADER.lower().encode()
_KEY: Final = re.compile(rb"[!-~]{1,%d}" % KEY_CHARACTERS_MAX)
_MAY_CHANGE: Final = frozenset(
    {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN, HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.TOO_MANY_REQUESTS}
)
"""Refusals that say something of the caller or the moment, and not of the request."""


def key_of(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The key that a request carries, if it carries one.

    Errors: InvalidInput.
    """
    found = [value.strip() for name, value in headers if name == _NAME]
    if not found:
        return None
    if len(found) > 1 or not _KEY.fullmatch(found[0]):
        raise InvalidInput(HEADER, f"must be one text of 1 to {KEY_CHARACTERS_MAX} visible ASCII characters")
    return found[0].decode("ascii")


class CallsUnderWay:
    """The calls with a key that this process is answering: the same key waits for its turn."""

    def __init__(self) -> None:
        self._ends: dict[tuple[str, str], asyncio.Event] = {}

    @asynccontextmanager
    async def alone(self, call: Call) -> AsyncIterator[None]:
        """Nobody else answers this caller's key meanwhile."""
        name = call.caller_id, call.key
        while (end := self._ends.get(name)) is not None:
            await end.wait()
        end = self._ends[name] = asyncio.Event()
        try:
            yield
        finally:
            del self._ends[name]
            end.set()


@dataclass(slots=True, kw_only=True)
class Errand:
    """A call with a key while it is being answered.

    Shape: `has_room` is whether the answer itself may be kept; `is_kept` is set once what is kept of it is on record.
    """

    call: Call
    doc: Doc
    body: bytes = field(repr=False)
    has_room: bool = True
    is_kept: bool = False

    async def write(self, service: Service, work: Callable[[Connection], Answer]) -> Answer:
        """The answer that a unit of work makes, kept in the transaction of that work."""
        if self.doc.has_steps:
            return await service.database.write(work)
        assert not self.is_kept, "a handler that writes more than once declares has_steps"
        now = service.clock.now()
        done = await service.database.write(carry_out, self.call, work, self.form, now=now)
        self.is_kept = True
        if isinstance(done, Kept):
            return _again(done, self, service, now)
        return done

    def form(self, answer: Answer) -> KeptAnswer:
        """What is kept of an answer: nothing of a secret, and no more than there is room for."""
        told = ((_MEDIA_TYPE, answer.media_type), *answer.headers)
        headers = tuple((name.decode("latin-1"), value.decode("latin-1")) for name, value in told)
        fits = self.has_room and len(answer.body) <= KEPT_BYTES_MAX
        body = answer.body if fits and not self.doc.shows_secret else b""
        return KeptAnswer(status=int(answer.status), headers=headers, body=body)


async def answer_once(
    request: ApiRequest, doc: Doc, handler: Callable[[ApiRequest], Awaitable[Answer]], key: str
) -> Answer:
    """The answer to a request that carries this key: the one that was given before, or the handler's.

    Errors: Conflict when the key was used for another request, or when the answer to this one is not kept; TooOften
            when the caller uses too many new keys; those of the handler that are not final.
    """
    service = request.service
    body = await request.payload(bytes_max=service.import_bytes_max if doc.takes_bulk else None)
    digest = _digest(request.scope, b"" if doc.shows_secret else body)
    call = Call(caller_id=request.caller.id, key=key, route=f"{doc.method} {doc.path}", digest=digest)
    errand = Errand(call=call, doc=doc, body=body)
    async with service.calls_under_way.alone(call):
        now = service.clock.now()
        kept = await service.database.read(kept_answers.find, call, now=now)
        if kept is None:
            service.key_limit.begin(call.caller_id)
            errand.has_room = service.key_limit.has_room(call.caller_id)
        if kept is None and doc.has_steps:
            kept = await service.database.write(begin, call, now=now)
        if kept is not None:
            return _again(kept, errand, service, now)
        request.scope["closebell_errand"] = errand  # type: ignore[typeddict-unknown-key]  # read by ApiRequest.errand
        answer = await _carried_out(request, errand, handler)
        service.key_limit.keep(call.caller_id, len(errand.form(answer).body))
        return answer


async def _carried_out(
    request: ApiRequest, errand: Errand, handler: Callable[[ApiRequest], Awaitable[Answer]]
) -> Answer:
    service = request.service
    try:
        answer = await handler(request)
    except ClosebellError as error:
        problem = problem_of(error)
        if errand.is_kept or errand.doc.shows_secret or not _is_final(problem):
            raise
        refusal = problem.answer(errors_as_200=service.errors_as_200, shape=errand.doc.error_shape)
        return await _kept(service, errand, refusal, is_done=False)
    return answer if errand.is_kept else await _kept(service, errand, answer, is_done=True)


async def _kept(service: Service, errand: Errand, answer: Answer, *, is_done: bool) -> Answer:
    """The answer to give, now that it is kept."""
    form = errand.form(answer)
    try:
        given = await service.database.write(keep, errand.call, form, is_done=is_done, now=service.clock.now())
    except Unavailable as error:
        # What was done is done, and is told; a repeat will have to find out by itself.
        log.warning("answer.not_kept", route=errand.call.route, error=str(error))
        return answer
    return answer if given == form else _answer(given)


def _again(kept: Kept, errand: Errand, service: Service, now: datetime) -> Answer:
    """What was answered to the same call before.

    Errors: Conflict when it was another call, or its answer is not kept.
    """
    if kept.call.digest != errand.call.digest:
        raise Conflict(
            f"{HEADER}: this key was used for another request ({kept.call.route}); a new request needs a new key"
        )
    if kept.answer is None:
        return _unanswered(kept, now).answer(errors_as_200=service.errors_as_200, shape=errand.doc.error_shape)
    if not kept.answer.body:
        raise Conflict(
            f"{HEADER}: the request was carried out at {kept.begun_at:%Y-%m-%dT%H:%M:%SZ} with status "
            f"{kept.answer.status}; its answer is not kept, because it shows a secret once, is too large, or there was "
            "no room for it"
        )
    return _answer(kept.answer)


def _answer(kept: KeptAnswer) -> Answer:
    (_, media_type), *headers = ((name.encode("latin-1"), value.encode("latin-1")) for name, value in kept.headers)
    return Answer(kept.body, status=kept.status, headers=(*headers, REPLAYED), media_type=media_type)


def _unanswered(kept: Kept, now: datetime) -> Problem:
    """A call that was begun: it is under way elsewhere, or whoever carried it out is gone."""
    is_recent = now - kept.begun_at < UNDER_WAY_FOR
    message = (
        f"{HEADER}: the same request is still being carried out"
        if is_recent
        else f"{HEADER}: the same request was begun at {kept.begun_at:%Y-%m-%dT%H:%M:%SZ} and was never answered; read "
        "what it was about to see whether it was done, before you send it with a new key"
    )
    return Problem(
        status=HTTPStatus.CONFLICT,
        code=HTTPStatus.CONFLICT,
        message=message,
        detail=message,
        headers=((b"retry-after", b"1"),) if is_recent else (),
        blames_caller=True,
    )


def _is_final(problem: Problem) -> bool:
    """Whether the same request will always be refused, as far as the request goes."""
    is_callers = HTTPStatus.BAD_REQUEST <= problem.status < HTTPStatus.INTERNAL_SERVER_ERROR
    return is_callers and problem.status not in _MAY_CHANGE


def _digest(scope: HTTPScope, body: bytes) -> bytes:
    """What tells one request from another: method, path, query and body, each byte of them."""
    head = f"{scope['method']} {scope['path']}?".encode(errors="surrogatepass") + scope["query_string"]
    return hashlib.sha256(len(head).to_bytes(4, "big") + head + body).digest()
