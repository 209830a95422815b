"""Routes of guests: create, read, change and find them."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from closebell.api import bodies, paging
from closebell.api.examples import guests as examples
from closebell.api.examples.sample import CENTER_ID
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.paging import PageInfo, page_of
from closebell.api.queries import QueryValues, guid_in_path, query_of
from closebell.api.routing import Doc, Operation, Query, operation
from closebell.domain.guest_document import GuestProfileDocument, render_whole
from closebell.domain.guest_shapes import GuestRequest
from closebell.domain.guest_terms import SearchField
from closebell.usecase.change_guest import change_guest
from closebell.usecase.create_guest import create_guest
from closebell.usecase.read_guests import GuestPage, read_guest, search_guests
from closebell.usecase.tell_of_guest import KnownGuest


class GuestAnswer(GuestProfileDocument, frozen=True, kw_only=True):
    """The guest as they are now."""

    error: None = None


class GuestsAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """The guests that were found, in the order of their ids."""

    guests: list[GuestProfileDocument]
    page_info: PageInfo
    error: None = None


_GUEST: Final = msgspec.json.Decoder(GuestRequest)
_NAMES: Final = {
    SearchField.FIRST_NAME: ("first_name",),
    SearchField.LAST_NAME: ("last_name",),
    SearchField.EMAIL: ("email",),
    SearchField.PHONE: ("phone", "mobile_phone"),
    SearchField.CODE: ("user_code", "code"),
}
"""The names that each field goes by in a query, the contract's own first."""


@operation(
    Doc(
        method="POST",
        path="/v1/guests",
        tag="Guests",
        summary="Create a guest",
        description="Only `center_id` and `personal_info.first_name` are required. Nobody is taken for somebody who is "
        "known already. `Guest.Created` is told.",
        body=GuestRequest,
        body_example=examples.NEW_GUEST,
        answer=GuestAnswer,
        answer_example=examples.CREATED_GUEST,
        refusals=(403, 409, 413),
    )
)
async def post_guest(request: ApiRequest) -> Answer:
    """Create a guest."""
    said = bodies.decode(await request.payload(), _GUEST)
    service = request.service
    return await request.write(
        _answer, create_guest, said, clock=service.clock, luck=service.luck, caller=request.caller
    )


@operation(
    Doc(
        method="GET",
        path="/v1/guests/{guest_id}",
        tag="Guests",
        summary="Read a guest",
        answer=GuestAnswer,
        answer_example=examples.GUEST,
        refusals=(403, 404),
    )
)
async def get_guest(request: ApiRequest) -> Answer:
    """Read a guest."""
    guest_id = guid_in_path(request, "guest_id")
    return _answer(await request.service.database.read(read_guest, guest_id, caller=request.caller))


@operation(
    Doc(
        method="PUT",
        path="/v1/guests/{guest_id}",
        tag="Guests",
        summary="Change a guest",
        description="What is not said stays. `Guest.Updated` is told if anything is new. Open invoices show the guest "
        "as they are from now on; what was told of closed ones stays.",
        body=GuestRequest,
        body_example=examples.GUEST_CHANGE,
        answer=GuestAnswer,
        answer_example=examples.CHANGED_GUEST,
        refusals=(403, 404, 413),
    )
)
async def put_guest(request: ApiRequest) -> Answer:
    """Change a guest."""
    guest_id = guid_in_path(request, "guest_id")
    said = bodies.decode(await request.payload(), _GUEST)
    service = request.service
    return await request.write(
        _answer, change_guest, guest_id, said, clock=service.clock, luck=service.luck, caller=request.caller
    )


def _query(name: str, sentence: str, example: str | None = None) -> Query:
    return Query(name=name, schema={"type": "string", "maxLength": 400}, sentence=sentence, example=example)


_SEARCH: Final = (
    Query(
        name="center_id",
        schema={"type": "string", "format": "uuid"},
        sentence="Only guests of this centre. Required when nothing else is asked for.",
        example=CENTER_ID,
    ),
    _query("first_name", "How the first name begins, in any case.", "ada"),
    _query("last_name", "How the last name begins, in any case."),
    _query("email", "How the e-mail address begins, in any case."),
    _query("phone", "How the mobile number begins, with or without the code of its country; only digits count."),
    _query("mobile_phone", "The same as `phone`."),
    _query("user_code", "How the guest's code begins, in any case."),
    _query("code", "The same as `user_code`."),
    *paging.QUERY,
)
_FIND: Final[dict[str, Any]] = {
    "tag": "Guests",
    "description": "All conditions hold at once. Without any, all guests of the centre are listed.",
    "query": _SEARCH,
    "answer": GuestsAnswer,
    "answer_example": examples.GUESTS,
    "refusals": (403, 422),
}


@operation(Doc(method="GET", path="/v1/guests/search", summary="Find guests", **_FIND))
async def search(request: ApiRequest) -> Answer:
    """Find guests."""
    return await _found(request)


@operation(Doc(method="GET", path="/v1/guests", summary="List guests", is_extension=True, **_FIND))
async def list_guests(request: ApiRequest) -> Answer:
    """The same under the name of the list."""
    return await _found(request)


async def _found(request: ApiRequest) -> Answer:
    query, page = query_of(request), page_of(request)
    found: GuestPage = await request.service.database.read(
        search_guests,
        _beginnings(query),
        center_id=query.guid("center_id"),
        offset=page.offset,
        limit=page.size,
        caller=request.caller,
    )
    documents = [render_whole(known.guest, known.centre) for known in found.guests]
    return Answer.of(GuestsAnswer(guests=documents, page_info=PageInfo.of(page, found.total)))


def _beginnings(query: QueryValues) -> dict[SearchField, str]:
    """What is looked for, by the first of a field's names that has a value."""
    said = {field: next(filter(None, map(query.text, names)), None) for field, names in _NAMES.items()}
    return {field: text for field, text in said.items() if text is not None}


def _answer(known: KnownGuest) -> Answer:
    document = render_whole(known.guest, known.centre)
    return Answer.of(GuestAnswer(**{name: getattr(document, name) for name in document.__struct_fields__}))


OPERATIONS: Final[tuple[Operation, ...]] = (post_guest, search, list_guests, get_guest, put_guest)
