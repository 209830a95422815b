from __future__ import annotations

import json
import random
import sqlite3
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from closebell.domain import chain, signature
from closebell.errors import InvalidInput
from closebell.receiver import (
    ChainBroken,
    Feed,
    FeedEvent,
    FeedMalformed,
    FeedUnavailable,
    Receiver,
    Secret,
    SignatureStyle,
    SqliteInbox,
    stored_body,
    verify_chain,
    verify_redactions,
)

API_KEY = "ab" * 32
AT = datetime(2022, 3, 11, tzinfo=UTC)


def envelope(sequence: int, *, call_id: str | None = None) -> str:
    event_id = f"{sequence:024x}"
    members = {
        "id": call_id or event_id,
        "event_id": event_id,
        "event_type": "Invoice.Closed",
        "event_timestamp": "2022-03-11T14:22:43.3847049Z",
        "data": {"invoice": {"name": "Zoë's ½", "total_price": {"sum_total": sequence}}},
    }
    return json.dumps(members, separators=(",", ":"), ensure_ascii=False)


def items(count: int) -> list[dict[str, Any]]:
    made, previous = [], chain.GENESIS
    for sequence in range(1, count + 1):
        body = envelope(sequence)
        hashed = chain.body_hash(body.encode())
        linked = chain.link(previous, sequence, hashed)
        made.append(
            {
                "sequence": sequence,
                "event_id": f"{sequence:024x}",
                "event_type": "Invoice.Closed",
                "created_at": "2022-03-11T14:22:43.3847049Z",
                "hash": linked.hex(),
                "previous_hash": previous.hex(),
                "body_hash": hashed.hex(),
                "redacted_at": None,
                "body": body,
            }
        )
        previous = linked
    return made


def page(events: list[dict[str, Any]], *, next_after: int, has_more: bool = False) -> bytes:
    return json.dumps({"events": events, "next_after": next_after, "has_more": has_more, "error": None}).encode()


@dataclass
class FakeFeed:
    """The server's side, in memory; as a Fetch or behind a real socket."""

    items: list[dict[str, Any]]
    asked: list[str] = field(default_factory=list)

    def __call__(self, url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        self.asked.append(url)
        if headers.get("Authorization") != f"apikey {API_KEY}":
            return 401, b"{}"
        query = {name: int(values[0]) for name, values in parse_qs(urlsplit(url).query).items()}
        later = [item for item in self.items if item["sequence"] > query["after"]]
        sent = later[: query["limit"]]
        next_after = sent[-1]["sequence"] if sent else query["after"]
        return 200, page(sent, next_after=next_after, has_more=len(later) > len(sent))


@contextmanager
def serving(answer: Callable[[str, Mapping[str, str], float], tuple[int, bytes]]) -> Iterator[str]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            status, body = answer(self.path, dict(self.headers), 0)
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing: the test's output is the test's."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def feed_of(fetch: Callable[[str, Mapping[str, str], float], tuple[int, bytes]], *, limit: int = 100) -> Feed:
    return Feed(base_url="https://closebell.example/", api_key=API_KEY, limit=limit, fetch=fetch)


def answering(body: bytes, *, status: int = 200) -> Feed:
    return feed_of(lambda *_: (status, body))


def test_over_a_real_socket_events_come_in_order_with_their_bytes() -> None:
    with serving(FakeFeed(items(7))) as base_url:
        events = list(Feed(base_url=base_url, api_key=API_KEY, limit=3).pull(after=2))

    assert [event.sequence for event in events] == [3, 4, 5, 6, 7]
    assert [event.body for event in events] == [envelope(sequence).encode() for sequence in range(3, 8)]


def test_what_is_asked() -> None:
    fake = FakeFeed(items(5))
    feed = Feed(base_url="https://closebell.example/", api_key=API_KEY, limit=2, wait_s=20, fetch=fake)

    assert len(list(feed.pull(after=0))) == 5

    asked = "https://closebell.example/v1/events?after={}&limit=2&wait=20"
    assert fake.asked == [asked.format(after) for after in (0, 2, 4)]


def test_the_server_may_wait_as_long_as_asked() -> None:
    allowed: list[float] = []

    def fetch(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        allowed.append(timeout_s)
        return 200, page([], next_after=0)

    assert list(Feed(base_url="http://x", api_key="", wait_s=25, fetch=fetch).pull(after=0)) == []
    assert allowed == [35]


@pytest.mark.parametrize("status", [301, 302, 307, 401, 429, 500, 503])
def test_an_answer_that_is_no_page_is_unavailable(status: int) -> None:
    asked: list[str] = []

    def answer(url: str, headers: Mapping[str, str], timeout_s: float) -> tuple[int, bytes]:
        asked.append(url)
        return status, b"{}"

    with serving(answer) as base_url, pytest.raises(FeedUnavailable, match=str(status)) as unavailable:
        Feed(base_url=base_url, api_key=API_KEY).page(after=0)

    assert unavailable.value.status == status
    assert len(asked) == 1, "no redirect is followed"


def test_no_answer_is_unavailable() -> None:
    with serving(FakeFeed([])) as base_url:
        gone = base_url

    with pytest.raises(FeedUnavailable) as unavailable:
        Feed(base_url=gone, api_key=API_KEY).page(after=0)
    assert unavailable.value.status is None


def test_the_key_is_not_printed() -> None:
    assert API_KEY not in repr(feed_of(FakeFeed([])))


@pytest.mark.parametrize("base_url", ["", "closebell.example", "file:///etc/passwd", "ftp://x"])
def test_an_address_of_another_scheme_is_refused(base_url: str) -> None:
    with pytest.raises(InvalidInput, match="base_url"):
        Feed(base_url=base_url, api_key="")


ONE = items(1)[0]
TWO = items(2)[1]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"events": null, "next_after": 0, "has_more": false}',
        b'{"events": [null], "next_after": 0, "has_more": false}',
        page([], next_after=0)[:-1],
        page([ONE], next_after=0),
        page([ONE, TWO], next_after=1),
        page([], next_after=0, has_more=True),
        page([TWO, ONE], next_after=2),
        page([ONE, ONE], next_after=1),
        page([ONE | {"sequence": 0}], next_after=1),
        page([ONE | {"sequence": 1.5}], next_after=2),
        page([ONE | {"sequence": "1"}], next_after=1),
        page([ONE | {"sequence": True}], next_after=1),
        page([ONE], next_after=1).replace(b'"next_after": 1', b'"next_after": 1e999999999'),
        page([ONE | {"hash": "ab"}], next_after=1),
        page([ONE | {"hash": None}], next_after=1),
        page([ONE | {"body_hash": "ab"}], next_after=1),
        page([ONE | {"redacted_at": "yesterday"}], next_after=1),
        page([ONE | {"body": None}], next_after=1),
        page([ONE | {"body": None, "redacted_at": AT.isoformat(), "event_id": 1}], next_after=1),
        page([ONE | {"body": {}}], next_after=1),
        page([ONE | {"body": "{}"}], next_after=1),
        page([ONE | {"body": "\ud800"}], next_after=1),
        page([ONE | {"event_id": TWO["event_id"]}], next_after=1),
    ],
)
def test_an_answer_that_makes_no_sense_is_malformed(body: bytes) -> None:
    with pytest.raises(FeedMalformed):
        list(answering(body).pull(after=0))


def test_an_endless_page_is_cut() -> None:
    with pytest.raises(FeedMalformed, match="lower the limit"):
        answering(bytes(64 * 1024 * 1024 + 1)).page(after=0)


def pulled(count: int) -> list[FeedEvent]:
    return list(feed_of(FakeFeed(items(count))).pull(after=0))


def test_a_chain_that_is_whole() -> None:
    events = pulled(9)

    middle = verify_chain(events[:4])

    assert middle == events[3].hash
    assert verify_chain(events[4:], middle) == events[-1].hash
    assert verify_chain([], middle) == middle


ALTERATIONS: dict[str, Callable[[list[FeedEvent]], list[FeedEvent]]] = {
    "altered body": lambda e: [*e[:3], replace(e[3], body=e[3].body.replace(b":4}", b":5}")), *e[4:]],
    "altered sequence": lambda e: [*e[:3], replace(e[3], sequence=44), *e[4:]],
    "altered hash of a body": lambda e: [*e[:3], replace(e[3], body_hash=bytes(32)), *e[4:]],
    "altered hash": lambda e: [*e[:3], replace(e[3], hash=bytes(32)), *e[4:]],
    "altered link": lambda e: [*e[:3], replace(e[3], previous_hash=bytes(32)), *e[4:]],
    "removed": lambda e: [*e[:3], *e[4:]],
    "repeated": lambda e: [*e[:4], *e[3:]],
    "swapped": lambda e: [*e[:3], e[4], e[3], *e[5:]],
}


@pytest.mark.parametrize("alteration", ALTERATIONS)
def test_a_chain_that_was_tampered_with_names_the_event(alteration: str) -> None:
    tampered = ALTERATIONS[alteration](pulled(9))

    with pytest.raises(ChainBroken) as broken:
        verify_chain(tampered)

    expected = {"altered sequence": 44, "removed": 5, "swapped": 5}
    assert broken.value.sequence == expected.get(alteration, 4)


def test_a_removed_first_event_is_noticed() -> None:
    with pytest.raises(ChainBroken) as broken:
        verify_chain(pulled(3)[1:])
    assert broken.value.sequence == 2


def with_erasure(hash_told: str) -> list[FeedEvent]:
    """Four events; the guest of the second was erased, and the fourth says what stands there now."""
    events = pulled(3)
    told = {"guest_id": "g", "redacted_events": [{"sequence": Decimal(2), "redacted_body_hash": hash_told}]}
    redacted = replace(events[1], body=REDACTED, redacted_at=AT)
    erased = replace(events[2], sequence=4, event_type="Guest.Erased", data=told)
    return [events[0], redacted, events[2], erased]


REDACTED = envelope(2).replace("Zoë", "").encode()


def test_a_body_from_which_a_guest_was_erased_is_proved_by_what_was_told() -> None:
    events = with_erasure(chain.body_hash(REDACTED).hex())
    verify_redactions(events)
    assert verify_chain(events[:3]) == events[2].hash, "the links hold whatever became of the body"
    gone = replace(events[1], body=b"", data={})
    verify_redactions([events[0], gone, events[2]])
    assert verify_chain([events[0], gone, events[2]]) == events[2].hash


@pytest.mark.parametrize("told", [chain.body_hash(b"another").hex(), "", "nothing"])
def test_a_redacted_body_that_nobody_told_of_is_named(told: str) -> None:
    events = with_erasure(told)
    for some in (events, events[:3]):
        with pytest.raises(ChainBroken, match=r"Guest\.Erased") as broken:
            verify_redactions(some)
        assert broken.value.sequence == 2


def test_an_erasure_that_says_nothing_is_named() -> None:
    events = with_erasure("")
    with pytest.raises(ChainBroken, match="does not say") as broken:
        verify_redactions([*events[:3], replace(events[3], data={})])
    assert broken.value.sequence == 4


def test_an_event_without_a_body_is_read_by_what_stands_beside_it() -> None:
    item = ONE | {"body": None, "redacted_at": "2026-01-05T12:00:00Z"}
    (event,) = answering(page([item], next_after=1)).page(after=0).events
    assert (event.event_id, event.event_type, event.body, event.data) == (ONE["event_id"], "Invoice.Closed", b"", {})
    assert event.timestamp == datetime(2022, 3, 11, 14, 22, 43, 384704, tzinfo=UTC)
    assert event.redacted_at == datetime(2026, 1, 5, 12, tzinfo=UTC)


# What the application does, as docs/webhooks.md tells it.


@dataclass
class Application:
    """A receiver with its own database: it lists the totals it was told, and must list each once."""

    connection: sqlite3.Connection
    receiver: Receiver
    feed: Feed

    def __post_init__(self) -> None:
        self.inbox = SqliteInbox(self.connection)
        self.inbox.create_tables()
        self.connection.execute("CREATE TABLE applied (event_id TEXT NOT NULL)")
        self.connection.commit()

    def receive(self, body: bytes, headers: Mapping[str, str]) -> None:
        event = self.receiver.verify(body, headers, now=AT)
        with self.connection:
            if self.inbox.remember(event):
                self.connection.execute("INSERT INTO applied VALUES (?)", (event.event_id,))

    def heal(self) -> None:
        for event in self.feed.pull(after=self.inbox.cursor()):
            with self.connection:
                if self.inbox.remember(event):
                    self.connection.execute("INSERT INTO applied VALUES (?)", (event.event_id,))
                self.inbox.advance(event.sequence)

    def applied(self) -> list[str]:
        return [row[0] for row in self.connection.execute("SELECT event_id FROM applied")]


@pytest.mark.parametrize("seed", range(20))
def test_losing_30_percent_and_repeating_20_ends_complete_and_once(seed: int) -> None:
    luck, secret, everything = random.Random(seed), Secret.generate(bytes(32)), items(300)
    fake = FakeFeed([])
    calls: list[tuple[bytes, dict[str, str]]] = []
    with closing(sqlite3.connect(":memory:")) as connection:
        application = Application(connection, Receiver(secret), feed_of(fake, limit=luck.randint(1, 50)))
        for item in everything:
            fake.items.append(item)
            calls.append(pushed(item, secret, luck))
            if luck.random() >= 0.3:
                application.receive(*calls[-1])
            if luck.random() < 0.2:
                application.receive(*luck.choice(calls))
            if luck.random() < 0.02:
                application.heal()
        application.heal()

        assert sorted(application.applied()) == [item["event_id"] for item in everything]
        assert application.inbox.cursor() == 300


@pytest.mark.parametrize("seed", range(5))
def test_what_was_pushed_is_what_the_chain_proves(seed: int) -> None:
    luck, secret, everything = random.Random(seed), Secret.generate(bytes(32)), items(20)
    calls = [pushed(item, secret, luck) for item in everything]
    events = [Receiver(secret).verify(body, headers, now=AT) for body, headers in calls]

    proved = list(feed_of(FakeFeed(everything)).pull(after=0))

    verify_chain(proved)
    assert [stored_body(event) for event in events] == [event.body for event in proved]
    assert [event.sequence for event in events] == [event.sequence for event in proved]


def pushed(item: dict[str, Any], secret: Secret, luck: random.Random) -> tuple[bytes, dict[str, str]]:
    body = envelope(item["sequence"], call_id=f"{luck.getrandbits(96):024x}").encode()
    headers = signature.headers(
        event_id=item["event_id"], at=AT, body=body, secrets=[secret], styles=[SignatureStyle.STANDARD]
    )
    return body, headers | {"closebell-sequence": str(item["sequence"])}
