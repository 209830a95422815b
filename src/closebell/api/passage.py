"""What stands before every handler: whether the caller may do this, and whether it was done under the same key."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from closebell.api.exchange import Answer, ApiRequest
from closebell.api.kept_answers import answer_once, key_of
from closebell.domain.caller import Caller
from closebell.errors import Refusal, RefusalCode

if TYPE_CHECKING:
    from closebell.api.routing import Doc

Handler = Callable[[ApiRequest], Awaitable[Answer]]


def guarded(doc: Doc, handler: Handler) -> Handler:
    """The handler, reached only by those who may; nothing of a body is read before that is known."""
    if doc.is_open:
        return handler
    is_post = doc.method == "POST"

    async def admitted(request: ApiRequest) -> Answer:
        must_be_allowed(request.caller, doc)
        key = key_of(request.scope["headers"]) if is_post else None
        return await (handler(request) if key is None else answer_once(request, doc, handler, key))

    return admitted


def must_be_allowed(caller: Caller, doc: Doc) -> None:
    """Return if the caller's role is enough for the route, and their centres too.

    Errors: Refusal 438.
    """
    if not caller.role.may(doc.needed_role):
        raise Refusal(
            RefusalCode.CANNOT_ACCESS,
            f"{doc.method} {doc.path} needs the role {doc.needed_role}; the caller's is {caller.role}.",
        )
    if doc.needs_every_center and caller.center_ids is not None:
        raise Refusal(
            RefusalCode.CANNOT_ACCESS,
            f"{doc.method} {doc.path} is about every centre; the caller is bound to {len(caller.center_ids)} of them.",
        )
