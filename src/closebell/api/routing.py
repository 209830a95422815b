"""A route, its handler and what is told about it, in one place: the OpenAPI document is made from these."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from litestar.enums import HttpMethod
from litestar.handlers import HTTPRouteHandler

from closebell.api.exchange import JSON, Answer, ApiRequest
from closebell.api.passage import guarded
from closebell.api.problems import ErrorShape
from closebell.domain.caller import Role

Method = Literal["GET", "POST", "PUT", "PATCH", "DELETE"]
Handler = Callable[[ApiRequest], Awaitable[Answer]]

_PARAMETER: Final = re.compile(r"\{(\w+)\}")
DOC: Final = "closebell_doc"


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """A parameter of the query: its name, its JSON schema, and a sentence."""

    name: str
    schema: Mapping[str, Any]
    sentence: str
    example: Any = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Doc:
    """What is told about a route.

    Shape: `also` are statuses of success beside `status`, with an answer of the same kind.
           `answer_files` are the media types that its answer comes in as well, as text, each with an example.
           `body` and `answer` are the types on the wire, None where there is no JSON; `body_schema` overrides the
           schema of a body whose shape is wider than one type; `refusals` are the statuses it can answer beside
           those that every route can. `role` is what its caller must be, without it a reader to read and a cashier
           to change; `needs_every_center` keeps out callers who are bound to some centres, because it tells or
           changes what belongs to all of them. `path_example` names the values of the path for which the example
           holds, where they are not the usual ones. `takes_bulk` lets the body be as large as an import;
           `shows_secret` keeps its answers from being kept for an Idempotency-Key; `has_steps` says that its work
           takes several transactions, so that the key must be taken before the first.
    """

    method: Method
    path: str
    summary: str
    tag: str
    description: str = ""
    body: Any = None
    body_schema: Mapping[str, Any] | None = None
    body_media_type: str = JSON.decode()
    body_required: bool = True
    body_example: Any = None
    answer: Any = None
    answer_example: Any = None
    answer_media_type: str = "application/json"
    answer_files: Mapping[str, str] = field(default_factory=dict)
    status: int = 200
    also: tuple[int, ...] = ()
    query: tuple[Query, ...] = ()
    refusals: tuple[int, ...] = ()
    error_shape: ErrorShape = ErrorShape.PLAIN
    is_extension: bool = False
    is_open: bool = False
    role: Role | None = None
    needs_every_center: bool = False
    takes_bulk: bool = False
    shows_secret: bool = False
    has_steps: bool = False
    path_example: Mapping[str, str] = field(default_factory=dict)

    @property
    def needed_role(self) -> Role:
        """The least role that may call it."""
        return self.role or (Role.READER if self.method == "GET" else Role.CASHIER)

    @property
    def path_parameters(self) -> list[str]:
        """The names in braces, in order."""
        return _PARAMETER.findall(self.path)


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """A documented route and its handler, ready to be registered."""

    doc: Doc
    handler: Handler = field(repr=False)

    def register(self) -> HTTPRouteHandler:
        """What the framework routes to. The handler takes the request alone: nothing is resolved per call."""
        route = HTTPRouteHandler(
            _PARAMETER.sub(r"{\1:str}", self.doc.path),
            http_method=HttpMethod(self.doc.method),
            status_code=200,
            opt={DOC: self.doc},
            name=f"{self.doc.method} {self.doc.path}",
        )
        return route(guarded(self.doc, self.handler))


def operation(doc: Doc) -> Callable[[Handler], Operation]:
    """Make a handler a route."""
    return lambda handler: Operation(doc=doc, handler=handler)
