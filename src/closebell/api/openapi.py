"""The OpenAPI 3.1 document, made from the routes and the types that serve them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from closebell.api import kept_answers
from closebell.api.event_types import EVENT_TYPES, EventType
from closebell.api.examples import sample as examples
from closebell.api.json_schema import schemas_of
from closebell.api.problems import ErrorShape
from closebell.api.routing import Doc
from closebell.domain.document import encode

VERSION: Final = "3.1.0"
SCHEME: Final = "apikey"
BEARER: Final = "bearer"
_JSON: Final = "application/json"
_REFERENCE: Final = "#/components/schemas/{name}"
_EVERYWHERE: Final = (400, 401, 429, 500, 503)
_GUARDED: Final = (*_EVERYWHERE, 403)
_POSTED: Final = (*_GUARDED, 409, 413)
_ENVELOPES: Final = tuple(one.envelope for one in EVENT_TYPES)
_PLAIN: Final = frozenset({"giftcard_number", "token_id"})
"""Parameters of a path that are no identifier."""
_NOT_A_NAME: Final = re.compile(r"[^A-Za-z0-9]+")
_SAID: Final = {
    400: "The request is malformed; the message names the field.",
    401: "No key or token, or one that nobody knows.",
    402: "The payment was declined.",
    403: "The centre is not one of the caller's, or the call needs a higher role.",
    404: "There is no such thing.",
    409: "A rule of the contract says no, or the request contradicts what is stored.",
    413: "The body, or the batch, is over its limit.",
    422: "More was asked for than a page holds.",
    429: "More calls, new keys or wrong passwords than are allowed in a while. Retry-After says when to try again.",
    500: "Something unforeseen; InternalMessage refers to the log.",
    503: "The database cannot be used just now; InternalMessage says what was changed, usually nothing. "
    "Retry-After says when to try again.",
}
_ABOUT: Final = (
    "Closes invoices and rings every application that must know. Selling, paying, grouping, refunding, reading and "
    "closing invoices follow the Zenoti v1 contract; what is ours alone is marked `x-closebell-extension`."
)


def document(docs: Sequence[Doc], *, version: str, server: str | None = None) -> bytes:
    """The document as it is served."""
    schemas, components = _schemas(docs)
    described = {
        "openapi": VERSION,
        "info": {"title": "Closebell", "version": version, "description": _ABOUT, "license": {"name": "Apache-2.0"}},
        **({"servers": [{"url": server}]} if server else {}),
        "security": [{SCHEME: []}, {BEARER: []}],
        "tags": [{"name": tag} for tag in dict.fromkeys(doc.tag for doc in docs)],
        "paths": _paths(docs, schemas),
        "webhooks": {one.name: {"post": _webhook(one, schemas)} for one in EVENT_TYPES},
        "components": {
            "schemas": components,
            "securitySchemes": {
                SCHEME: {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`apikey <key>`; the scheme may be in any case.",
                },
                BEARER: {
                    "type": "http",
                    "scheme": BEARER,
                    "description": "The access token of a user who signed in (`POST /v1/tokens`); a key is taken too.",
                },
            },
        },
    }
    return encode(described)


def _paths(docs: Sequence[Doc], schemas: dict[Any, Any]) -> dict[str, Any]:
    paths: dict[str, Any] = {}
    for doc in docs:
        paths.setdefault(doc.path, {})[doc.method.lower()] = _operation(doc, schemas)
    return paths


def _operation(doc: Doc, schemas: dict[Any, Any]) -> dict[str, Any]:
    described: dict[str, Any] = {
        "operationId": _operation_id(doc),
        "summary": doc.summary,
        "description": doc.description or doc.summary,
        "tags": [doc.tag],
        "responses": {
            **{str(status): _answer(doc, schemas) for status in (doc.status, *doc.also)},
            **_problems(doc, schemas),
        },
    }
    if parameters := [*_path_parameters(doc), *_query_parameters(doc), *_key_parameter(doc)]:
        described["parameters"] = parameters
    if doc.body is not None or doc.body_schema is not None:
        described["requestBody"] = {
            "required": doc.body_required,
            "content": {
                doc.body_media_type: {"schema": doc.body_schema or schemas[doc.body], "example": doc.body_example}
            },
        }
    if doc.is_extension:
        described["x-closebell-extension"] = True
    if doc.is_open:
        described["security"] = []
    return described


def _operation_id(doc: Doc) -> str:
    """A name that clients can make a function of: `post_v1_invoices_invoice_id_close`."""
    return f"{doc.method.lower()}{_NOT_A_NAME.sub('_', doc.path).rstrip('_')}"


def _answer(doc: Doc, schemas: dict[Any, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {"example": doc.answer_example}
    if doc.answer is not None:
        content["schema"] = schemas[doc.answer]
    elif doc.answer_media_type == _JSON:
        content["schema"] = {"type": "object"}
    else:
        content["schema"] = {"type": "string"}
    files = {kind: {"schema": {"type": "string"}, "example": example} for kind, example in doc.answer_files.items()}
    return {"description": "Done.", "content": {doc.answer_media_type: content, **files}}


def _problems(doc: Doc, schemas: dict[Any, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    everywhere = _EVERYWHERE if doc.is_open else _POSTED if doc.method == "POST" else _GUARDED
    for status in sorted({*everywhere, *doc.refusals}):
        content: dict[str, Any] = {"schema": schemas[doc.error_shape.value]}
        if status == 409 and doc.path.endswith("/close"):  # noqa: PLR2004  # the status is its own name
            content["example"] = examples.NOT_FULLY_PAID
        found[str(status)] = {"description": _SAID[status], "content": {_JSON: content}}
    return found


def _path_parameters(doc: Doc) -> Iterable[dict[str, Any]]:
    for name in doc.path_parameters:
        is_object_id = name in {"event_id", "delivery_id"}
        schema: dict[str, Any] = (
            {"type": "string", "pattern": "^[0-9a-fA-F]{24}$"} if is_object_id else {"type": "string", "format": "uuid"}
        )
        if name in _PLAIN:
            schema = {"type": "string", "minLength": 1}
        yield {
            "name": name,
            "in": "path",
            "required": True,
            "schema": schema,
            "example": examples.PATH_VALUES[name],
        }


def _query_parameters(doc: Doc) -> Iterable[dict[str, Any]]:
    for query in doc.query:
        described: dict[str, Any] = {
            "name": query.name,
            "in": "query",
            "schema": query.schema,
            "description": query.sentence,
        }
        if query.example is not None:
            described["example"] = query.example
        if query.schema.get("type") == "array":
            described |= {"style": "form", "explode": True}
        yield described


def _key_parameter(doc: Doc) -> Iterable[dict[str, Any]]:
    if doc.method == "POST" and not doc.is_open:
        yield {
            "name": kept_answers.HEADER,
            "in": "header",
            "description": "A call that is repeated under the same key is answered as it was, and carried out once.",
            "schema": {
                "type": "string",
                "minLength": 1,
                "maxLength": kept_answers.KEY_CHARACTERS_MAX,
                "pattern": "^[!-~]+$",
            },
        }


def _webhook(told: EventType, schemas: dict[Any, Any]) -> dict[str, Any]:
    header = {"schema": {"type": "string"}}
    return {
        "operationId": f"webhook_{_NOT_A_NAME.sub('_', told.name).lower()}",
        "summary": told.name,
        "description": f"{told.description} Sent to every endpoint that listens, signed, until it is answered with a "
        "2xx. `event_id` is the same in every repeat; `id` is that of the call.",
        "tags": ["Events"],
        "security": [],
        "parameters": [
            {"name": "webhook-id", "in": "header", "required": True, "description": "The event_id.", **header},
            {"name": "webhook-timestamp", "in": "header", "required": True, "description": "Unix seconds.", **header},
            {
                "name": "webhook-signature",
                "in": "header",
                "description": "Standard Webhooks: one `v1,` signature per live secret.",
                **header,
            },
            {
                "name": "zenoti-webhook-signature",
                "in": "header",
                "description": "The contract's signature, when the endpoint asks for it.",
                **header,
            },
            {"name": "closebell-sequence", "in": "header", "description": "The event's place in the feed.", **header},
        ],
        "requestBody": {
            "required": True,
            "content": {_JSON: {"schema": schemas[told.envelope], "example": told.sample}},
        },
        "responses": {"2XX": {"description": "The receiver has it."}},
    }


def _schemas(docs: Sequence[Doc]) -> tuple[dict[Any, Any], dict[str, Any]]:
    """The schema of each type that travels, and the components that they refer to."""
    types: list[Any] = list(
        dict.fromkeys(
            [
                *(shape.value for shape in ErrorShape),
                *_ENVELOPES,
                *(t for doc in docs for t in (doc.body, doc.answer) if t),
            ]
        )
    )
    found, components = schemas_of(types, ref_template=_REFERENCE)
    answers = {doc.answer.__name__: doc.answer for doc in docs if doc.answer}
    for name in answers.keys() & components.keys():
        components[name]["required"] = _always_sent(answers[name])
    return dict(zip(types, found, strict=True)), components


def _always_sent(answer: Any) -> list[str]:
    """What every such answer has: a field with a default is there all the same, unless the default is to be unset."""
    fields = msgspec.structs.fields(answer)
    return [field.encode_name for field in fields if field.default is not msgspec.UNSET]
