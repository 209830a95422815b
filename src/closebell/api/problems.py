"""What an error becomes on the wire: its HTTP status, its body code, and a body that every client can read.

    Refusal            404, 400, 403 or 409 by kind   the contract's code and literal message
    InvalidInput       400                            502, or 400 when the body as a whole cannot be read
    NotFound           404                            404
    Conflict           409                            409
    TooLarge           413                            413
    PageTooLarge       422                            422
    Unauthorised       401 + WWW-Authenticate         401
    TooOften           429 + Retry-After              429
    Unavailable        503 + Retry-After              719
    of the framework   its own (404, 405, ...)        the same number
    anything else      500                            719, and a reference into the log

Source: docs/api.md; the contract, sections 1.1 and 7.
"""

from __future__ import annotations

import enum
from dataclasses import dataclass
from http import HTTPStatus
from typing import Final

import msgspec
from litestar.exceptions import HTTPException

from closebell.api.exchange import Answer
from closebell.domain.document import encode
from closebell.errors import (
    ClosebellError,
    Conflict,
    InDoubt,
    InvalidInput,
    NotFound,
    Refusal,
    RefusalCode,
    RefusalKind,
    Stopping,
    TooLarge,
    TooOften,
    Unauthorised,
    Unavailable,
)

INVALID_INPUT: Final = 502
"""The contract's body code for a bad value in a known field; not an HTTP status."""
FAILED: Final = RefusalCode.COULD_NOT_BE_CLOSED
"""The contract's catch-all; its code is used wherever something unexpected happens."""
FAILED_ELSEWHERE: Final = "The request could not be completed."
REQUEST_INVALID: Final = "The request is invalid."
DENIED: Final = "Authorization has been denied for this request."
TOO_OFTEN: Final = "Too many requests."


class PageTooLarge(ClosebellError):
    """More was asked for than one page holds."""

    def __init__(self, field: str, *, most: int) -> None:
        super().__init__(f"You cannot request more than {most} items.")
        self.field = field


class ErrorDetail(msgspec.Struct, frozen=True, kw_only=True):
    """The error under both casings that clients read; `InternalMessage` says what and how much."""

    code: int
    message: str
    status_code: int = msgspec.field(name="StatusCode")
    message_again: str = msgspec.field(name="Message")
    internal_message: str = msgspec.field(name="InternalMessage")


class ErrorBody(msgspec.Struct, frozen=True, kw_only=True):
    """Every error's body: code and message also stand at the top, where paging clients look."""

    error: ErrorDetail
    code: int
    message: str


class FailureBody(ErrorBody, frozen=True, kw_only=True):
    """The same, on a route whose success says `success: true`."""

    success: bool = False


class NotAppliedBody(ErrorBody, frozen=True, kw_only=True):
    """The same, on a route whose success says `is_applied: true`."""

    is_applied: bool = False


class TextCodeDetail(msgspec.Struct, frozen=True, kw_only=True):
    """The error of a route of the contract's second version, whose `code` is a text."""

    code: str
    message: str
    status_code: int = msgspec.field(name="StatusCode")
    message_again: str = msgspec.field(name="Message")
    internal_message: str = msgspec.field(name="InternalMessage")


class TextCodeBody(msgspec.Struct, frozen=True, kw_only=True):
    """Every error's body on such a route."""

    error: TextCodeDetail
    code: int
    message: str


class ErrorShape(enum.Enum):
    """What the errors of a route look like; nearly all look alike."""

    PLAIN = ErrorBody
    WITH_SUCCESS = FailureBody
    WITH_APPLIED = NotAppliedBody
    TEXT_CODE = TextCodeBody


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """An error on its way out.

    Shape: `detail` becomes `InternalMessage`; `blames_caller` marks what `errors_as_200` answers with 200.
    """

    status: int
    code: int
    message: str
    detail: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    blames_caller: bool = False

    def error(self) -> ErrorDetail:
        """The error object, as it stands in every body."""
        return ErrorDetail(
            code=self.code,
            message=self.message,
            status_code=self.code,
            message_again=self.message,
            internal_message=self.detail,
        )

    def answer(self, *, errors_as_200: bool = False, shape: ErrorShape = ErrorShape.PLAIN) -> Answer:
        """The whole answer."""
        body = encode(self._body(shape))
        status = HTTPStatus.OK if errors_as_200 and self.blames_caller else self.status
        return Answer(body, status=int(status), headers=self.headers)

    def _body(self, shape: ErrorShape) -> msgspec.Struct:
        if shape is ErrorShape.WITH_SUCCESS:
            return FailureBody(error=self.error(), code=self.code, message=self.message)
        if shape is ErrorShape.WITH_APPLIED:
            return NotAppliedBody(error=self.error(), code=self.code, message=self.message)
        if shape is ErrorShape.TEXT_CODE:
            same = {name: value for name, value in msgspec.structs.asdict(self.error()).items() if name != "code"}
            return TextCodeBody(error=TextCodeDetail(code=str(self.code), **same), code=self.code, message=self.message)
        return ErrorBody(error=self.error(), code=self.code, message=self.message)


def problem_of(error: Exception, *, closing: bool = False, reference: str = "") -> Problem:
    """What the error becomes.

    Shape: `closing` is whether the caller wanted to close an invoice, whose catch-all has a literal message of its
           own; `reference` finds an unexpected error in the log, and is all that is told of it.
    """
    match error:
        case ClosebellError():
            known = _of_ours(error, closing=closing)
        case HTTPException() if error.status_code < HTTPStatus.INTERNAL_SERVER_ERROR:
            known = _of_framework(error)
        case _:
            known = None
    return known or _unexpected(closing=closing, reference=reference)


def _of_ours(error: ClosebellError, *, closing: bool) -> Problem | None:
    """An error of the tree; None for one that no request should meet."""
    match error:
        case Refusal():
            problem = _refused(error)
        case InvalidInput():
            problem = _invalid(error)
        case NotFound():
            problem = _caller(HTTPStatus.NOT_FOUND, str(error))
        case Conflict():
            problem = _caller(HTTPStatus.CONFLICT, str(error))
        case TooLarge():
            # The rest of the body may still be on its way: only a closed connection is sure to be in step.
            close = ((b"connection", b"close"),)
            problem = _plain(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, str(error), headers=close)
        case PageTooLarge():
            problem = _caller(HTTPStatus.UNPROCESSABLE_ENTITY, str(error), detail=f"{error.field}: {error}")
        case Unauthorised():
            challenge = ((b"www-authenticate", b"apikey, bearer"),)
            problem = _plain(HTTPStatus.UNAUTHORIZED, DENIED, detail=str(error), headers=challenge)
        case TooOften():
            wait = ((b"retry-after", b"%d" % error.retry_after_s),)
            problem = _plain(HTTPStatus.TOO_MANY_REQUESTS, TOO_OFTEN, detail=str(error), headers=wait)
        case Unavailable():
            problem = _unavailable(error, closing=closing)
        case _:
            return None
    return problem


_REFUSED: Final = {
    RefusalKind.RULE: HTTPStatus.CONFLICT,
    RefusalKind.INPUT: HTTPStatus.BAD_REQUEST,
    RefusalKind.MISSING: HTTPStatus.NOT_FOUND,
    RefusalKind.DENIED: HTTPStatus.FORBIDDEN,
}


def _refused(error: Refusal) -> Problem:
    return Problem(
        status=_REFUSED[error.code.kind],
        code=error.code.wire_code,
        message=error.code.message,
        detail=error.detail,
        blames_caller=True,
    )


def _invalid(error: InvalidInput) -> Problem:
    if error.field:
        return _caller(HTTPStatus.BAD_REQUEST, str(error), code=INVALID_INPUT)
    return _caller(HTTPStatus.BAD_REQUEST, f"{REQUEST_INVALID} {error.problem}", detail=error.problem)


def _unavailable(error: Unavailable, *, closing: bool) -> Problem:
    """The reason may quote the database, so it stays in the log, unless it is our own word about what was done."""
    nothing_done = f"The database cannot be used just now; nothing was changed. Try again in {error.retry_after_s} s."
    return Problem(
        status=HTTPStatus.SERVICE_UNAVAILABLE,
        code=FAILED.wire_code,
        message=FAILED.message if closing else FAILED_ELSEWHERE,
        detail=str(error) if isinstance(error, Stopping | InDoubt) else nothing_done,
        headers=((b"retry-after", b"%d" % error.retry_after_s),),
    )


def _of_framework(error: HTTPException) -> Problem:
    status = error.status_code
    known: dict[int, str] = {
        HTTPStatus.NOT_FOUND: "There is no such route.",
        HTTPStatus.METHOD_NOT_ALLOWED: "The route does not take this method.",
    }
    headers = tuple((name.lower().encode(), value.encode()) for name, value in (error.headers or {}).items())
    return _plain(status, known.get(status, REQUEST_INVALID), headers=headers)


def _unexpected(*, closing: bool, reference: str) -> Problem:
    return Problem(
        status=HTTPStatus.INTERNAL_SERVER_ERROR,
        code=FAILED.wire_code,
        message=FAILED.message if closing else FAILED_ELSEWHERE,
        detail=f"Reference {reference}." if reference else "",
    )


def _caller(status: int, message: str, *, code: int | None = None, detail: str | None = None) -> Problem:
    return Problem(
        status=status,
        code=status if code is None else code,
        message=message,
        detail=message if detail is None else detail,
        blames_caller=True,
    )


def _plain(
    status: int, message: str, *, detail: str | None = None, headers: tuple[tuple[bytes, bytes], ...] = ()
) -> Problem:
    return Problem(
        status=status, code=status, message=message, detail=message if detail is None else detail, headers=headers
    )
