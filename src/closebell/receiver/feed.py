"""The pull side: what no push brought can be read in order, and the order can be proved."""

from __future__ import annotations

import http.client
import re
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from itertools import pairwise
from typing import Any, Final

from closebell.domain import chain
from closebell.errors import ClosebellError, InvalidInput
from closebell.receiver.event import Event, EventMalformed, exact_json, fields_of, instant_of, text_of

TIMEOUT_S: Final = 10.0
"""How long a page may take beyond the time we ask the server to wait for events."""

PAGE_BYTES_MAX: Final = 64 * 1024 * 1024
"""A page above this is refused and not read on; ask for fewer events per page."""

GUEST_ERASED: Final = "Guest.Erased"
"""The type of the events that tell which bodies were replaced because a guest was erased."""

_HASH: Final = re.compile(r"[0-9a-f]{64}", re.ASCII)

Fetch = Callable[[str, Mapping[str, str], float], tuple[int, bytes]]
"""One GET: url, headers and seconds of silence allowed, to HTTP status and body. OSError when there is no answer."""


class FeedUnavailable(ClosebellError):
    """The feed did not answer, or not with a page; nothing is lost by asking again from the same cursor."""

    def __init__(self, reason: str, *, status: int | None = None) -> None:
        super().__init__(reason)
        self.status = status


class FeedMalformed(ClosebellError):
    """The answer is no page of events in sequence order."""


class ChainBroken(ClosebellError):
    """An event was altered, removed or inserted; `sequence` is the first that does not fit."""

    def __init__(self, sequence: int, problem: str) -> None:
        super().__init__(f"Event {sequence}: {problem}")
        self.sequence = sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedEvent(Event):
    """An event as the feed holds it: its body is the stored one, and it knows its place in the chain.

    Shape: `body_hash` is that of the body as it was told. Since `redacted_at`, if it is set, the body is another one,
           from which a guest was erased; or it is not kept any more, and then `body` and `data` are empty.
    """

    sequence: int
    hash: bytes
    previous_hash: bytes
    body_hash: bytes
    redacted_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One answer of the feed."""

    events: tuple[FeedEvent, ...]
    next_after: int
    has_more: bool


def fetch_with_urllib(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
    """The Fetch used unless another is given. It follows no redirect: the key must not travel elsewhere."""
    opener = urllib.request.build_opener(_NoRedirect)
    request = urllib.request.Request(url, headers=dict(headers))  # noqa: S310  # Feed lets only http and https pass
    try:
        with opener.open(request, timeout=timeout_s) as response:
            return response.status, response.read(PAGE_BYTES_MAX + 1)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.read(PAGE_BYTES_MAX + 1)
    except http.client.HTTPException as error:
        raise OSError(f"The answer is not HTTP: {error!r}") from error


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """Reads `GET {base_url}/v1/events`.

    Sequences count every event of the organisation. An endpoint that listens to some centres or types sees holes in
    `closebell-sequence` by design, so pull by cursor and do not count.

    Shape:  `base_url` with http or https. `limit` is events per page.
    Units:  `wait_s` is how long the server may hold a page that would be empty (long poll); 0 answers at once.
    Errors: FeedUnavailable (ask again later), FeedMalformed, InvalidInput on the address.
    """

    base_url: str
    api_key: str = field(repr=False)
    limit: int = 100
    wait_s: int = 0
    fetch: Fetch = fetch_with_urllib

    def __post_init__(self) -> None:
        if not self.base_url.startswith(("http://", "https://")):
            raise InvalidInput("base_url", "must start with http:// or https://")

    def pull(self, *, after: int) -> Iterator[FeedEvent]:
        """Every event after the sequence `after`, in order, up to the newest there is now.

        Apply an event and advance the inbox in one transaction, one by one: whoever stops in between loses nothing.
        """
        while True:
            page = self.page(after=after)
            yield from page.events
            if not page.has_more:
                return
            after = page.next_after

    def page(self, *, after: int) -> Page:
        """The next events after the sequence `after`, at most `limit`."""
        query = urllib.parse.urlencode({"after": after, "limit": self.limit, "wait": self.wait_s})
        headers = {"Authorization": f"apikey {self.api_key}", "Accept": "application/json"}
        try:
            status, body = self.fetch(
                f"{self.base_url.rstrip('/')}/v1/events?{query}", headers, self.wait_s + TIMEOUT_S
            )
        except OSError as error:
            raise FeedUnavailable(f"The feed did not answer: {error}") from error
        if status != http.client.OK:
            raise FeedUnavailable(f"The feed answered {status}.", status=status)
        if len(body) > PAGE_BYTES_MAX:
            raise FeedMalformed(f"The page is over {PAGE_BYTES_MAX} bytes; lower the limit of {self.limit}.")
        return _page(body, after=after)


def verify_chain(events: Iterable[FeedEvent], previous_hash: bytes = chain.GENESIS) -> bytes:
    """The hash of the last event, once every one is proved to follow from the one before.

    Shape:  `previous_hash` is that of the event before the first of `events`; keep the answer for the next time.
    Errors: ChainBroken, naming the first event that does not fit.
    """
    previous, sequence = previous_hash, None
    for event in events:
        if sequence is not None and event.sequence != sequence + 1:
            raise ChainBroken(event.sequence, f"follows {sequence}; something between them is missing.")
        if event.previous_hash != previous:
            raise ChainBroken(event.sequence, "is linked to another event than the one before it.")
        if event.hash != chain.link(previous, event.sequence, event.body_hash):
            raise ChainBroken(event.sequence, "its body's hash or its sequence is not what was linked.")
        if event.redacted_at is None and event.body_hash != chain.body_hash(event.body):
            raise ChainBroken(event.sequence, "its body is not what was hashed.")
        previous, sequence = event.hash, event.sequence
    return previous


def verify_redactions(events: Iterable[FeedEvent]) -> None:
    """Return once every body from which a guest was erased is proved to be the one that `Guest.Erased` told of.

    Shape:  `events` are proved by `verify_chain` and go on to the end of the feed: what tells of a body comes later.
    Errors: ChainBroken, naming the first body that nobody told of.
    """
    redacted: dict[int, bytes] = {}
    told: dict[int, str] = {}
    for event in events:
        if event.redacted_at is not None and event.body:
            redacted[event.sequence] = event.body
        elif event.event_type == GUEST_ERASED:
            told.update(_told_by(event))
    for sequence, body in redacted.items():
        if told.get(sequence) != chain.body_hash(body).hex():
            raise ChainBroken(sequence, f"its body is not one that {GUEST_ERASED} tells of.")


def _told_by(erased: FeedEvent) -> Iterator[tuple[int, str]]:
    """The hash of each body that an event tells of, by sequence."""
    try:
        for one in erased.data["redacted_events"]:
            yield int(one["sequence"]), one["redacted_body_hash"]
    except (LookupError, TypeError, ValueError) as error:
        raise ChainBroken(erased.sequence, "does not say which bodies were redacted.") from error


def _page(body: bytes, *, after: int) -> Page:
    try:
        answer = exact_json(body)
        events = tuple(_event(item) for item in answer["events"])
        page = Page(events=events, next_after=_integer(answer["next_after"]), has_more=answer["has_more"] is True)
    except (EventMalformed, AttributeError, LookupError, TypeError, ValueError) as error:
        raise FeedMalformed(f"The answer is no page of events: {error}") from error
    sequences = [after, *(event.sequence for event in events)]
    if any(later <= earlier for earlier, later in pairwise(sequences)):
        raise FeedMalformed(f"The events after {after} are not in sequence order.")
    # Without this a server that repeats itself would keep `pull` busy for ever.
    if page.next_after < sequences[-1] or (page.has_more and page.next_after == after):
        raise FeedMalformed(f"next_after is {page.next_after} after a page that ends at {sequences[-1]}.")
    return page


def _event(item: Any) -> FeedEvent:
    redacted_at = None if item["redacted_at"] is None else instant_of(item, "redacted_at")
    if item["body"] is None and redacted_at is None:
        raise ValueError(f"item {item['sequence']} has no body, and nobody redacted it")
    event = FeedEvent(
        **(_without_body(item) if item["body"] is None else fields_of(item["body"].encode("utf-8"))),
        sequence=_integer(item["sequence"]),
        hash=_hash(item["hash"]),
        previous_hash=_hash(item["previous_hash"]),
        body_hash=_hash(item["body_hash"]),
        redacted_at=redacted_at,
    )
    if event.event_id != item["event_id"]:
        raise ValueError(f"item {event.sequence} holds the body of another event")
    return event


def _without_body(item: Any) -> dict[str, Any]:
    """What is known of an event whose body is not kept any more."""
    return {
        "event_id": text_of(item, "event_id"),
        "event_type": text_of(item, "event_type"),
        "timestamp": instant_of(item, "created_at"),
        "call_id": item["event_id"],
        "data": {},
        "body": b"",
    }


def _integer(value: Any) -> int:
    if not isinstance(value, Decimal) or not 0 <= value <= chain.SEQUENCE_MAX or value != value.to_integral_value():
        raise ValueError(f"{value!r} is no sequence")
    return int(value)


def _hash(value: Any) -> bytes:
    if not _HASH.fullmatch(value):
        raise ValueError(f"{value!r} is not a hash of {chain.HASH_BYTES} bytes in hexadecimal")
    return bytes.fromhex(value)


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *args: Any, **kwargs: Any) -> None:
        """None: urllib then reports the 3xx as the error it is here."""
