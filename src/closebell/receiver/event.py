"""One event as the receiver reads it: named fields, exact amounts, and the bytes themselves."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any, Final, Never, Self

from closebell.errors import ClosebellError

_FIRST_MEMBER_IS_ID: Final = re.compile(rb'(\s*\{\s*"id"\s*:\s*")([0-9a-f]{24})(?=")')


class EventMalformed(ClosebellError):
    """The body is no event envelope; said of a body whose signature was right."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """What happened, as told in one call.

    Shape:  `event_id` is the same in every repeat; `call_id` is that of this endpoint's call. `data` is the parsed
            `data` member, in which *every* number is a Decimal: 12 as well as 12.50, never a float. `sequence` is the
            event's place among all events of the organisation, None when the header was absent or unreadable.
    Units:  `timestamp` is aware, cut to microseconds (the wire has seven digits; `body` keeps them all).

    >>> Event.parse(b'{"id": "622b5b33a961750e01db6512", "event_id": "622b5b33a961750e01db6510",'
    ...             b' "event_type": "Invoice.Closed", "event_timestamp": "2022-03-11T14:22:43.3847049Z",'
    ...             b' "data": {"sum_total": 12345678901234567.89}}').data
    {'sum_total': Decimal('12345678901234567.89')}
    """

    event_id: str
    event_type: str
    timestamp: datetime
    call_id: str
    data: dict[str, Any] = field(hash=False)
    sequence: int | None = None
    body: bytes = field(repr=False)

    @classmethod
    def parse(cls, body: bytes, *, sequence: int | None = None) -> Self:
        """The event in a body that is trusted already.

        Errors: EventMalformed, naming the member.
        """
        return cls(**fields_of(body), sequence=sequence)


def fields_of(body: bytes) -> dict[str, Any]:
    """The members of an envelope as keyword arguments of `Event`."""
    envelope = exact_json(body)
    if not isinstance(envelope, dict):
        raise EventMalformed("The body is not a JSON object.")
    data = envelope.get("data")
    if not isinstance(data, dict):
        raise EventMalformed("data: must be an object.")
    return {
        "event_id": text_of(envelope, "event_id"),
        "event_type": text_of(envelope, "event_type"),
        "timestamp": instant_of(envelope, "event_timestamp"),
        "call_id": text_of(envelope, "id"),
        "data": data,
        "body": body,
    }


def exact_json(body: bytes) -> Any:
    """JSON with every number as the Decimal that was written.

    >>> exact_json(b'[0.1, 12, 1e2]')
    [Decimal('0.1'), Decimal('12'), Decimal('1E+2')]
    """
    try:
        return json.loads(body.decode("utf-8"), parse_float=Decimal, parse_int=Decimal, parse_constant=_refuse)
    except (ValueError, InvalidOperation, RecursionError) as error:
        raise EventMalformed("The body is not JSON in UTF-8.") from error


def stored_body(event: Event) -> bytes:
    """The body as the sender's store and feed hold it.

    A pushed body differs from it in one place: its first member `id` is that of the call, while the stored one repeats
    `event_id`. With this a pushed event can be compared with the feed's and so with the hash chain.

    >>> stored_body(Event.parse(b'{"id":"622b5b33a961750e01db6512","event_id":"622b5b33a961750e01db6510",'
    ...     b'"event_type":"Invoice.Closed","event_timestamp":"2022-03-11T14:22:43Z","data":{}}'))[:35]
    b'{"id":"622b5b33a961750e01db6510","e'
    """
    first = _FIRST_MEMBER_IS_ID.match(event.body)
    if first is None or len(event.event_id) != len(first[2]):
        raise EventMalformed("id: must be the first member and, like event_id, 24 hexadecimal digits.")
    return first[1] + event.event_id.encode("utf-8") + event.body[first.end() :]


def text_of(envelope: dict[str, Any], name: str) -> str:
    """A member of an object that must be a text with something in it.

    Errors: EventMalformed.
    """
    value = envelope.get(name)
    if not isinstance(value, str) or not value:
        raise EventMalformed(f"{name}: must be a text that is not empty.")
    return value


def instant_of(envelope: dict[str, Any], name: str) -> datetime:
    """The aware instant that a member of an object says.

    Errors: EventMalformed.
    """
    try:
        value = datetime.fromisoformat(text_of(envelope, name))
    except ValueError as error:
        raise EventMalformed(f"{name}: must be an ISO 8601 instant.") from error
    if value.tzinfo is None:
        raise EventMalformed(f"{name}: must carry its zone ('Z').")
    return value


def _refuse(constant: str) -> Never:
    raise ValueError(f"{constant} is not JSON.")
