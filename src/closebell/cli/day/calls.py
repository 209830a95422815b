"""Calls of the public API, as any application makes them, each with the answer that is expected."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final, Protocol, TypeAlias

from closebell.cli.day.plan import Says
from closebell.errors import ClosebellError

Body: TypeAlias = Mapping[str, Any] | None


class Answer(Protocol):
    """What came back; every number in `document` is a Decimal."""

    @property
    def status(self) -> int:
        """The HTTP status."""
        ...

    @property
    def document(self) -> Any:
        """The body."""
        ...


Headers: TypeAlias = Mapping[str, str]
Call: TypeAlias = Callable[[str, str, Body, Headers], Answer]
"""Method, path, body and further headers, to an answer."""


NO_HEADERS: Final[Headers] = MappingProxyType({})


class Mismatch(ClosebellError):
    """Something is not as the plan or the books say."""


class Api:
    """The API, and what its answers must be."""

    def __init__(self, call: Call) -> None:
        self._call = call

    def get(self, path: str) -> Any:
        """What is there."""
        return self.done("GET", path)

    def post(self, path: str, body: Body = None, *, refused: Says | None = None) -> Any:
        """Do something, or be refused as said; then there is nothing to read."""
        return self.done("POST", path, body) if refused is None else self.refused(refused, "POST", path, body)

    def post_twice(self, path: str, body: Body, key: str) -> Any:
        """Do something once, though it is asked for twice under one key; both answers are the same."""
        headers = {"Idempotency-Key": key}
        first = self.done("POST", path, body, headers)
        expect("the answer to the same call again", self.done("POST", path, body, headers), first)
        return first

    def put(self, path: str, body: Body = None) -> Any:
        """Change something."""
        return self.done("PUT", path, body)

    def done(self, method: str, path: str, body: Body = None, headers: Headers = NO_HEADERS) -> Any:
        """The document of an answer that is a success.

        Errors: Mismatch when it is none.
        """
        answer = self._call(method, path, body, headers)
        if answer.status not in {HTTPStatus.OK, HTTPStatus.CREATED} or answer.document["error"] is not None:
            error = answer.document.get("error") or {}
            came = (
                f"HTTP {answer.status}, code {error.get('code')}: {error.get('message')} {error.get('InternalMessage')}"
            )
            raise Mismatch(f"{method} {path}: {came}")
        return answer.document

    def refused(self, says: Says, method: str, path: str, body: Body = None) -> None:
        """Return once the call is refused in these very words.

        Errors: Mismatch when it is not.
        """
        answer = self._call(method, path, body, NO_HEADERS)
        error = answer.document["error"] or {}
        came = (answer.status, error.get("code"), error.get("message"))
        message = came[2] if says.message is None else says.message
        if came != (says.status, says.code, message):
            raise Mismatch(
                f"{method} {path}: HTTP {came[0]}, code {came[1]}: {came[2]} {error.get('InternalMessage')}; "
                f"it should be HTTP {says.status}, code {says.code}: {says.message or 'any message'}"
            )


def expect(what: str, got: object, wanted: object) -> None:
    """Return if the two are the same.

    Errors: Mismatch naming both.
    """
    if got != wanted:
        raise Mismatch(f"{what} is {got}, and should be {wanted}")
