"""May this resolved address be called?"""

from __future__ import annotations

import asyncio
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

import pytest

from closebell.dispatch.address import (
    KNOWN_FOR_S,
    KNOWN_HOSTS_MAX,
    RESOLUTIONS_MAX,
    AddressBook,
    AddressRefused,
    NameNotResolved,
    SystemResolver,
)
from closebell.domain.address import SETTING, parse_networks
from closebell.usecase.manage_endpoints import ENDPOINTS_MAX

HOST = "receiver.example"
PUBLIC, OTHER_PUBLIC, METADATA = "93.184.215.14", "8.8.8.8", "169.254.169.254"


class Names:
    """A name server of the test's own: the next answer each time it is asked, the last one for ever."""

    def __init__(self, *answers: Sequence[str] | Exception) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def __call__(self, host: str) -> Sequence[str]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer


class Seconds:
    """A monotonic clock that moves when told to."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def book(names: Names, *allowed: str, seconds: Seconds | None = None) -> AddressBook:
    return AddressBook(allowed_networks=parse_networks(allowed), resolve=names, monotonic_s=seconds or Seconds())


async def vet(addresses: AddressBook, host: str = HOST, *, plain: bool = False) -> tuple[str, ...]:
    return await addresses.vet(host, plain=plain, deadline_s=5)


@pytest.mark.asyncio
async def test_public_addresses_are_vetted_in_the_resolvers_order() -> None:
    names = Names([PUBLIC, "2606:4700:4700::1111"])
    assert await vet(book(names)) == (PUBLIC, "2606:4700:4700::1111")
    assert names.asked == [HOST]


@pytest.mark.asyncio
@pytest.mark.parametrize(
    "answer",
    [
        [METADATA],
        [PUBLIC, METADATA],
        [METADATA, PUBLIC],
        [PUBLIC, "::1"],
        [PUBLIC, "::ffff:127.0.0.1"],
        ["64:ff9b::7f00:1"],
        ["0.0.0.0"],
    ],
)
async def test_one_forbidden_address_refuses_the_host(answer: list[str]) -> None:
    with pytest.raises(AddressRefused, match=f"^{HOST} resolves to .*{SETTING}"):
        await vet(book(Names(answer)))


@pytest.mark.asyncio
@pytest.mark.parametrize("host", ["127.0.0.1", "::1", METADATA, "::ffff:a00:1"])
async def test_literal_addresses_are_judged_without_a_resolver(host: str) -> None:
    names = Names([PUBLIC])
    with pytest.raises(AddressRefused, match=f"^{host}.*{SETTING}"):
        await vet(book(names), host)
    assert await vet(book(names, "0.0.0.0/0", "::/0"), host) != ()
    assert names.asked == []


@pytest.mark.asyncio
async def test_a_mapped_address_is_vetted_as_the_one_it_stands_for() -> None:
    assert await vet(book(Names(["::ffff:127.0.0.1"]), "127.0.0.0/8")) == ("127.0.0.1",)


@pytest.mark.asyncio
async def test_plain_http_needs_every_address_to_be_allowed() -> None:
    assert await vet(book(Names(["127.0.0.1"]), "127.0.0.0/8"), plain=True) == ("127.0.0.1",)
    for answer in ([PUBLIC], ["127.0.0.1", PUBLIC]):
        addresses = book(Names(answer), "127.0.0.0/8")
        with pytest.raises(AddressRefused, match=f"{HOST} must be called by https.*{SETTING}"):
            await vet(addresses, plain=True)
        with pytest.raises(AddressRefused, match="must be called by https"):
            addresses.known(HOST, plain=True)
        assert await vet(addresses) == tuple(answer)


@pytest.mark.asyncio
async def test_a_changed_answer_is_judged_before_it_is_used() -> None:
    names, seconds = Names([PUBLIC], [METADATA], [OTHER_PUBLIC]), Seconds()
    addresses = book(names, seconds=seconds)
    assert addresses.known(HOST, plain=False) is None
    assert await vet(addresses) == (PUBLIC,)

    seconds.now_s += KNOWN_FOR_S - 0.1
    assert addresses.known(HOST, plain=False) == (PUBLIC,)
    assert len(names.asked) == 1

    seconds.now_s += 0.1
    assert addresses.known(HOST, plain=False) is None
    with pytest.raises(AddressRefused):
        await vet(addresses)
    with pytest.raises(AddressRefused):
        addresses.known(HOST, plain=False)
    assert len(names.asked) == 2

    seconds.now_s += KNOWN_FOR_S
    assert await vet(addresses) == (OTHER_PUBLIC,)


@pytest.mark.asyncio
@pytest.mark.parametrize("failure", [socket.gaierror(-2, "Name or service not known"), UnicodeError("label"), ()])
async def test_a_name_without_address_is_no_refusal_and_is_asked_again(failure: Exception | tuple[()]) -> None:
    names = Names(failure, [PUBLIC])
    addresses = book(names)
    with pytest.raises(NameNotResolved, match=HOST):
        await vet(addresses)
    assert addresses.known(HOST, plain=False) is None
    assert await vet(addresses) == (PUBLIC,)


@pytest.mark.asyncio
async def test_a_burst_asks_once_and_one_impatient_caller_spoils_nothing() -> None:
    asked, answer = [], asyncio.Event()

    async def resolve(host: str) -> Sequence[str]:
        asked.append(host)
        await answer.wait()
        return (PUBLIC,)

    addresses = AddressBook(allowed_networks=(), resolve=resolve)
    patient = [asyncio.create_task(vet(addresses)) for _ in range(20)]
    with pytest.raises(TimeoutError):
        await addresses.vet(HOST, plain=False, deadline_s=0.01)
    patient.pop().cancel()
    answer.set()
    assert await asyncio.gather(*patient) == [(PUBLIC,)] * 19
    assert asked == [HOST]


@pytest.mark.asyncio
async def test_what_is_known_is_bounded() -> None:
    addresses = book(Names([PUBLIC]))
    for number in range(KNOWN_HOSTS_MAX + 1):
        await vet(addresses, f"host-{number}.example")
    assert addresses.known("host-0.example", plain=False) is None
    assert addresses.known("host-1.example", plain=False) == (PUBLIC,)
    assert addresses.known(f"host-{KNOWN_HOSTS_MAX}.example", plain=False) == (PUBLIC,)


@pytest.mark.asyncio
async def test_closing_abandons_what_is_under_way() -> None:
    started = asyncio.Event()

    async def resolve(host: str) -> Sequence[str]:
        started.set()
        await asyncio.Event().wait()
        raise AssertionError(host)

    addresses = AddressBook(allowed_networks=(), resolve=resolve)
    waiting = asyncio.create_task(vet(addresses))
    await started.wait()
    await addresses.close()
    with pytest.raises(asyncio.CancelledError):
        await waiting


@pytest.mark.asyncio
async def test_the_system_resolver_knows_this_machine() -> None:
    found = await SystemResolver()("localhost")
    assert set(found) & {"127.0.0.1", "::1"}
    assert len(found) == len(set(found))


# --- threads -----------------------------------------------------------------------------------------------------


class Blocking:
    """A resolver that blocks its thread for every host but those that are let through."""

    def __init__(self) -> None:
        self.begun: Counter[str] = Counter()
        self._let_through: set[str] = set()
        self._changed = threading.Condition()

    def __call__(self, host: str) -> Sequence[str]:
        with self._changed:
            self.begun[host] += 1
            self._changed.notify_all()
            self._changed.wait_for(lambda: host in self._let_through or "*" in self._let_through)
        if host.startswith("broken"):
            raise ValueError(host)
        return (PUBLIC,)

    def let(self, host: str) -> None:
        with self._changed:
            self._let_through.add(host)
            self._changed.notify_all()

    async def begins(self, satisfied: Callable[[Counter[str]], bool]) -> None:
        def wait() -> bool:
            with self._changed:
                return self._changed.wait_for(lambda: satisfied(self.begun), timeout=20)

        assert await asyncio.to_thread(wait), self.begun


@pytest.fixture
def blocking() -> Iterator[Blocking]:
    """Whatever came of the test, no thread stays behind."""
    made = Blocking()
    yield made
    made.let("*")


@pytest.mark.asyncio
async def test_a_host_that_hangs_holds_one_thread_however_many_wait_for_it(blocking: Blocking) -> None:
    addresses = AddressBook(allowed_networks=(), resolve=SystemResolver(blocking))
    with pytest.raises(TimeoutError):
        await addresses.vet(HOST, plain=False, deadline_s=0.01)
    waiting = [asyncio.create_task(vet(addresses)) for _ in range(20)]
    await blocking.begins(lambda begun: begun[HOST] > 0)
    blocking.let("other.example")
    assert await vet(addresses, "other.example") == (PUBLIC,)
    blocking.let(HOST)
    assert set(await asyncio.gather(*waiting)) == {(PUBLIC,)}
    assert blocking.begun == {HOST: 1, "other.example": 1}


@pytest.mark.asyncio
async def test_threads_are_bounded_and_those_left_behind_count_until_they_end(blocking: Blocking) -> None:
    resolver = SystemResolver(blocking)
    hosts = [f"host-{number}.example" for number in range(RESOLUTIONS_MAX)]
    left_behind = [asyncio.create_task(resolve(resolver, host)) for host in hosts]
    await blocking.begins(lambda begun: len(begun) == RESOLUTIONS_MAX)
    for one in left_behind:
        one.cancel()
    await asyncio.gather(*left_behind, return_exceptions=True)

    late = [asyncio.create_task(resolve(resolver, f"late-{number}.example")) for number in range(2)]
    blocking.let(hosts[5])
    await blocking.begins(lambda begun: begun["late-0.example"] == 1)
    assert set(blocking.begun) == {*hosts, "late-0.example"}
    blocking.let("*")
    assert await asyncio.gather(*late) == [(PUBLIC,)] * 2


def test_each_endpoint_finds_a_thread_when_all_others_hang() -> None:
    assert RESOLUTIONS_MAX > ENDPOINTS_MAX


@pytest.mark.asyncio
async def test_what_goes_wrong_in_a_thread_is_raised_where_it_is_waited_for(blocking: Blocking) -> None:
    blocking.let("*")
    with pytest.raises(ValueError, match="broken"):
        await vet(AddressBook(allowed_networks=(), resolve=SystemResolver(blocking)), "broken.example")


@pytest.mark.asyncio
async def test_a_system_without_a_thread_to_spare_is_a_failure_and_costs_no_room(blocking: Blocking) -> None:
    blocking.let("*")
    addresses = AddressBook(allowed_networks=(), resolve=SystemResolver(blocking))
    before = threading.stack_size(1 << 47)  # more than there is address space
    try:
        for _ in range(RESOLUTIONS_MAX + 1):
            with pytest.raises(NameNotResolved, match="the system allows no further thread"):
                await vet(addresses)
    finally:
        threading.stack_size(before)
    assert await vet(addresses) == (PUBLIC,)


STOPS = """
import asyncio, threading
from closebell.dispatch.address import AddressBook, SystemResolver

def hang(host):
    begun.set()
    threading.Event().wait()

async def main():
    book = AddressBook(allowed_networks=(), resolve=SystemResolver(hang))
    waiting = asyncio.create_task(book.vet("receiver.example", plain=False, deadline_s=60))
    await asyncio.to_thread(begun.wait)
    await book.close()
    await asyncio.gather(waiting, return_exceptions=True)

begun = threading.Event()
asyncio.run(main())
"""


def test_a_process_that_stops_waits_for_no_name() -> None:
    assert subprocess.run([sys.executable, "-c", STOPS], check=True, timeout=60, capture_output=True).stderr == b""


async def resolve(resolver: SystemResolver, host: str) -> Sequence[str]:
    return await resolver(host)
