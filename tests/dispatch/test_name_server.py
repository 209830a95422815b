"""Webhooks to names that a hostile name server answers for: nothing is called that was not judged."""

from __future__ import annotations

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from closebell.dispatch.address import KNOWN_FOR_S, AddressBook, Resolve, SystemResolver
from closebell.dispatch.sender import OutgoingRequest, Sender
from closebell.domain.address import SETTING, parse_networks
from closebell.domain.delivery import Fault, Outcome
from closebell.testing import FixedClock
from naming import NameServer, naming
from receiving import receiving

HOST = "receiver.example"
METADATA = "169.254.169.254"
LOOPBACK = ("127.0.0.0/8",)
NOON = dt.datetime(2026, 1, 5, 12, tzinfo=dt.UTC)


class Seconds:
    """A stopwatch that a test moves."""

    def __init__(self) -> None:
        self.now_s = 0.0

    def __call__(self) -> float:
        return self.now_s


@asynccontextmanager
async def sending(
    server: NameServer,
    *,
    allowed: Sequence[str] = LOOPBACK,
    deadline_s: float = 10,
    watch: Seconds | None = None,
    resolve: Resolve | None = None,
) -> AsyncIterator[Sender]:
    book = AddressBook(
        allowed_networks=parse_networks(allowed),
        resolve=resolve or server.addresses_of,
        monotonic_s=watch or Seconds(),
    )
    sender = Sender(clock=FixedClock(NOON), addresses=book, deadline_s=deadline_s)
    try:
        yield sender
    finally:
        await sender.close()


async def call(sender: Sender, port: int, *, host: str = HOST, scheme: str = "http") -> Outcome:
    url = f"{scheme}://{host}:{port}/hook"
    return await sender.send(OutgoingRequest(method="POST", url=url, headers=(), body=b"{}"))


def always(*addresses: str) -> Callable[[str, int], Sequence[str]]:
    return lambda _host, _times: addresses


async def test_the_name_server_is_asked_once_and_its_answer_is_called() -> None:
    async with receiving() as receiver, naming(always("127.0.0.1")) as server, sending(server) as sender:
        for _ in range(3):
            assert (await call(sender, receiver.port)).error is None
    assert server.asked == {HOST: 1}
    # No other resolver knows this name: had the client resolved it for itself, nothing would have come.
    assert [one.headers["host"] for one in receiver.calls] == [f"{HOST}:{receiver.port}"] * 3


async def test_an_answer_that_changes_between_two_resolutions_is_judged_anew() -> None:
    def rebind(_host: str, times: int) -> Sequence[str]:
        return ("127.0.0.1",) if times % 2 else (METADATA,)

    watch = Seconds()
    async with receiving() as receiver, naming(rebind) as server, sending(server, watch=watch) as sender:
        outcomes = []
        for _ in range(4):
            outcomes.append(await call(sender, receiver.port))
            # What the server said meanwhile changes nothing for as long as its first answer is known.
            outcomes.append(await call(sender, receiver.port))
            watch.now_s += KNOWN_FOR_S
    refused = Fault.ADDRESS_REFUSED
    assert [one.error for one in outcomes] == [None, None, refused, refused, None, None, refused, refused]
    assert server.asked == {HOST: 4}
    assert len(receiver.calls) == 4
    for one in outcomes:
        if one.error is refused:
            assert METADATA in one.detail
            assert SETTING in one.detail
            assert (one.duration_us, one.status, one.response_excerpt) == (0, None, "")


@pytest.mark.parametrize(
    ("addresses", "named"),
    [
        (("127.0.0.1", METADATA), METADATA),
        ((METADATA, "127.0.0.1"), METADATA),
        (("93.184.215.14", "10.0.0.7"), "10.0.0.7"),
        (("127.0.0.1", "::ffff:169.254.169.254"), METADATA),
        (("127.0.0.1", "fd00::1"), "fd00::1"),
        (("127.0.0.1", "64:ff9b::a9fe:a9fe"), METADATA),
        (("127.0.0.1", "2002:a9fe:a9fe::1"), METADATA),
        (("::ffff:10.0.0.1",), "10.0.0.1"),
        (("0.0.0.0",), "0.0.0.0"),
        (("100.100.100.200",), "100.100.100.200"),
        (("fe80::1",), "fe80::1"),
        (("inside.example", "192.168.1.1"), "192.168.1.1"),
        (("a.example", "b.example", "127.0.0.1", METADATA), METADATA),
    ],
)
async def test_one_forbidden_answer_among_others_refuses_the_host(addresses: tuple[str, ...], named: str) -> None:
    async with receiving() as receiver, naming(always(*addresses)) as server, sending(server) as sender:
        for scheme in ("http", "https"):
            outcome = await call(sender, receiver.port, scheme=scheme)
            assert outcome.error is Fault.ADDRESS_REFUSED
            assert named in outcome.detail
            assert (outcome.duration_us, outcome.status, outcome.response_excerpt) == (0, None, "")
    assert receiver.calls == []


async def test_a_mapped_address_is_called_where_it_leads_when_that_is_allowed() -> None:
    async with receiving() as receiver, naming(always("::ffff:127.0.0.1")) as server, sending(server) as sender:
        assert (await call(sender, receiver.port)).error is None
    assert len(receiver.calls) == 1


async def test_an_alias_is_followed_to_an_address_and_the_host_stays_the_one_that_was_asked_for() -> None:
    answers = always("elsewhere.example", "127.0.0.1")
    async with receiving() as receiver, naming(answers) as server, sending(server) as sender:
        assert (await call(sender, receiver.port)).error is None
    assert receiver.calls[0].headers["host"] == f"{HOST}:{receiver.port}"


async def test_names_that_share_an_address_are_judged_each() -> None:
    def by_name(host: str, _times: int) -> Sequence[str]:
        return (METADATA,) if host == "evil.example" else ("127.0.0.1",)

    async with receiving() as receiver, naming(by_name) as server, sending(server) as sender:
        assert (await call(sender, receiver.port, host="good.example")).error is None
        assert (await call(sender, receiver.port, host="evil.example")).error is Fault.ADDRESS_REFUSED
        assert (await call(sender, receiver.port, host="good.example")).error is None
    assert len(receiver.calls) == 2


async def test_a_name_server_that_keeps_silent_costs_the_deadline_and_no_more() -> None:
    async with naming(lambda _host, _times: None) as server, sending(server, deadline_s=0.3) as sender:
        outcome = await call(sender, 80)
    assert outcome.error is Fault.TIMEOUT
    assert outcome.detail == f"{HOST} was not resolved within 0.3 s."


async def test_names_that_hang_keep_no_other_name_waiting() -> None:
    """Forty hosts of a name server that keeps silent, each called twice; the names are resolved in threads."""
    hang = [f"hang-{number}.example" for number in range(40)]
    asked: set[str] = set()
    all_asked, is_over = asyncio.Event(), asyncio.Event()

    def answers(host: str, _times: int) -> Sequence[str] | None:
        asked.add(host)
        if asked.issuperset(hang):
            all_asked.set()
        return ("127.0.0.1",) if is_over.is_set() or host == HOST else None

    async with receiving() as receiver, naming(answers) as server:
        resolver = SystemResolver(look_up=server.look_up)
        async with sending(server, resolve=resolver, deadline_s=30) as sender:
            waiting = [asyncio.create_task(call(sender, receiver.port, host=host)) for host in hang * 2]
            async with asyncio.timeout(20):
                await all_asked.wait()
            assert (await call(sender, receiver.port)).error is None
            assert not any(one.done() for one in waiting)
            is_over.set()
            assert {outcome.error for outcome in await asyncio.gather(*waiting)} == {None}
    assert len(receiver.calls) == 1 + 2 * len(hang)


@pytest.mark.parametrize("garbage", [True, False])
async def test_a_name_server_without_an_answer_is_a_failure_and_is_asked_again(*, garbage: bool) -> None:
    async with naming(always(), garbage=garbage) as server, sending(server, deadline_s=0.5) as sender:
        for _ in range(2):
            outcome = await call(sender, 80)
            assert outcome.error in {Fault.DNS, Fault.TIMEOUT}
            assert outcome.status is None
    assert server.asked[HOST] >= 1 if garbage else server.asked[HOST] == 2


@pytest.mark.parametrize(
    "location",
    [
        f"http://{METADATA}/latest/meta-data/",
        "http://metadata.example/computeMetadata/v1/",
        "http://[fd00:ec2::254]/latest/",
        "//127.0.0.1/hook",
        "/another",
    ],
)
async def test_a_redirect_is_not_followed_wherever_it_leads(location: str) -> None:
    head = f"location: {location}\r\n"
    async with naming(always("127.0.0.1")) as server, sending(server) as sender:
        async with receiving(lambda _call: 307, extra_head=head) as receiver:
            outcome = await call(sender, receiver.port)
        assert (outcome.status, outcome.error) == (307, Fault.REDIRECT)
        assert len(receiver.calls) == 1
    assert server.asked == {HOST: 1}


async def test_a_burst_to_one_name_asks_once_and_spreads_over_its_connections() -> None:
    async with receiving() as receiver, naming(always("127.0.0.1")) as server, sending(server) as sender:
        outcomes = await asyncio.gather(*(call(sender, receiver.port) for _ in range(20)))
    assert {one.error for one in outcomes} == {None}
    assert server.asked == {HOST: 1}
    assert len(receiver.calls) == 20
