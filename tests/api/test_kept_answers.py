"""Idempotency-Key: nothing is done twice, and every repeat is answered as the first call was."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from datetime import timedelta
from typing import Any, Never

import pytest
from sqlalchemy import Connection, select

from calling import KEY, Reply, Site, asgi, running
from closebell.api.exchange import Answer, ApiRequest
from closebell.api.front_door import Api, handle
from closebell.api.kept_answers import KEPT_BYTES_MAX, UNDER_WAY_FOR
from closebell.api.limits import KeyLimit
from closebell.api.routing import Doc, Operation
from closebell.config import Settings
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.errors import Conflict, TooOften, Unavailable
from closebell.store import tables
from closebell.store.kept_answers import KEPT_FOR, Call
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, FixedClock, SeededLuck, a_paid_invoice, an_invoice, guid_of, snapshot
from closebell.usecase.answer_once import begin
from closebell.usecase.manage_keys import NewKey, create_key

PATH = "/v1/things"
LUCK = SeededLuck(7)
NO_CALLER = "00000000-0000-0000-0000-000000000000"
BODY = {"name": "thing"}

Handler = Callable[[ApiRequest], Awaitable[Answer]]


def add_thing(connection: Connection, name: str, refuse: str = "") -> NewKey:
    """An effect that can be counted: a row more in a table."""
    made = create_key(connection, name, clock=FixedClock(), luck=LUCK)
    if refuse:
        raise Conflict(refuse)
    return made


def answered(made: NewKey) -> Answer:
    return Answer.of({"id": made.api_key.id, "error": None}, status=201)


class Bench:
    """An application with one route, whose handler a test may change, and how to call it."""

    def __init__(self, site: Site, **doc: Any) -> None:
        self.site = site
        self.handler: Handler = self.add
        self.refuse = ""
        doc = {"method": "POST", "path": PATH, "summary": "", "tag": "", **doc}
        self.app = Api(
            [Operation(doc=Doc(**doc), handler=self._handle).register()],
            request_class=ApiRequest,
            exception_handlers={Exception: handle},
            openapi_config=None,
            logging_config=None,
        )

    async def _handle(self, request: ApiRequest) -> Answer:
        return await self.handler(request)

    async def add(self, request: ApiRequest) -> Answer:
        """What a handler is: it reads its body and writes once."""
        await request.payload()
        return await request.write(answered, add_thing, "thing", self.refuse)

    async def post(
        self, key: str | None = "k1", body: bytes = b"{}", *, method: str = "POST", path: str = PATH, by: str = KEY
    ) -> Reply:
        self.app.service = self.site.service
        shown = {"authorization": f"apikey {by}"} | ({} if key is None else {"Idempotency-Key": key})
        return await asgi(self.app, method, path, shown, (body,))

    async def things(self) -> int:
        return len((await self.rows())["api_keys"])

    async def rows(self) -> dict[str, list[Any]]:
        return await self.site.service.database.read(snapshot)


@pytest.fixture
async def site(database_url: str) -> AsyncIterator[Site]:
    """The application, on each engine in turn."""
    migrate(database_url)
    async with running(Settings(database_url=database_url, admin_key=KEY, secret_keys=(SECRET_KEY,))) as site:
        yield site


@pytest.fixture
def bench(site: Site) -> Bench:
    return Bench(site)


def same(first: Reply, second: Reply) -> bool:
    """Whether the second is the first, once more."""
    assert "idempotency-replayed" not in first.headers
    return (
        (first.status, first.body, first.headers["content-type"])
        == (second.status, second.body, second.headers["content-type"])
    ) and second.headers["idempotency-replayed"] == "true"


async def test_the_same_key_twice_is_done_once_and_answered_alike(bench: Bench) -> None:
    first, second = [await bench.post() for _ in range(2)]
    assert first.status == 201
    assert same(first, second)
    assert await bench.things() == 1
    third = await bench.post("k2")
    assert third.body != first.body
    assert await bench.things() == 2


async def test_the_answer_is_in_the_transaction_of_its_effect(bench: Bench) -> None:
    def broken() -> Never:
        raise RuntimeError("the process ends here: it is committed, and nobody was answered")

    sound = bench.site.service.told
    bench.site.alter(told=broken)
    assert (await bench.post()).status == 500
    bench.site.alter(told=sound)
    assert await bench.things() == 1
    again = await bench.post()
    assert (again.status, again.headers["idempotency-replayed"]) == (201, "true")
    assert await bench.things() == 1


async def test_eight_at_once_are_one(bench: Bench) -> None:
    replies = await asyncio.gather(*(bench.post() for _ in range(8)))
    assert len({reply.body for reply in replies}) == 1
    assert sorted(reply.headers.get("idempotency-replayed", "") for reply in replies) == ["", *["true"] * 7]
    assert await bench.things() == 1


async def test_eight_at_once_in_two_processes_are_one(database_url: str) -> None:
    migrate(database_url)
    settings = Settings(database_url=database_url, admin_key=KEY, secret_keys=(SECRET_KEY,))
    async with AsyncExitStack() as stack:
        benches = [Bench(await stack.enter_async_context(running(settings))) for _ in range(2)]
        replies = await asyncio.gather(*(bench.post() for bench in benches * 4))
        assert {reply.status for reply in replies} == {201}
        assert len({reply.body for reply in replies}) == 1
        assert await benches[0].things() == 1


@pytest.mark.parametrize(
    ("body", "path"), [(b'{"name": "other"}', PATH), (b"{} ", PATH), (b"{}", f"{PATH}?a=1"), (b"", PATH)]
)
async def test_the_same_key_for_something_else_is_refused_and_says_so(bench: Bench, body: bytes, path: str) -> None:
    await bench.post()
    before = await bench.rows()
    reply = await bench.post(body=body, path=path)
    assert (reply.status, reply.error["code"]) == (409, 409)
    assert "this key was used for another request (POST /v1/things)" in reply.error["message"]
    assert await bench.rows() == before


async def test_a_refusal_is_kept_and_leaves_nothing_else_behind(bench: Bench) -> None:
    before = await bench.rows()
    bench.refuse = "not today"
    first = await bench.post()
    assert (first.status, first.error["message"]) == (409, "not today")
    bench.refuse = ""
    assert same(first, await bench.post())
    after = await bench.rows()
    assert len(after.pop("kept_answers")) == 1
    before.pop("kept_answers")
    assert after == before
    assert (await bench.post("k2")).status == 201


@pytest.mark.parametrize("error", [Unavailable("disk full"), TooOften("x", retry_after_s=1), RuntimeError("a bug")])
async def test_what_may_go_well_the_next_time_is_not_kept(bench: Bench, error: Exception) -> None:
    async def fail(_request: ApiRequest) -> Never:
        raise error

    bench.handler = fail
    assert (await bench.post()).status in {429, 500, 503}
    bench.handler = bench.add
    reply = await bench.post()
    assert (reply.status, "idempotency-replayed" in reply.headers) == (201, False)


async def test_a_key_is_free_again_after_a_day(bench: Bench) -> None:
    first = await bench.post()
    bench.site.clock.advance(KEPT_FOR - timedelta(seconds=1))
    assert same(first, await bench.post())
    bench.site.clock.advance(timedelta(seconds=1))
    again = await bench.post(body=b"[]")
    assert (again.status, again.body != first.body) == (201, True)
    assert await bench.things() == 2
    assert same(again, await bench.post(body=b"[]"))


async def test_callers_do_not_see_each_others_keys(bench: Bench) -> None:
    database, clock = bench.site.service.database, bench.site.clock
    other = await database.write(create_key, "other", grant=Grant(role=Role.CASHIER), clock=clock, luck=LUCK)
    first, second = await bench.post(), await bench.post(by=other.key)
    assert first.body != second.body
    assert same(second, await bench.post(by=other.key))


@pytest.mark.parametrize("key", ["", " ", "a b", "x" * 256, "é", "a\tb"])
async def test_a_key_is_a_word_of_bounded_length(bench: Bench, key: str) -> None:
    before = await bench.rows()
    reply = await bench.post(key)
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith("Idempotency-Key: must be one text of 1 to 255")
    assert await bench.rows() == before
    assert (await bench.post("x" * 255)).status == 201


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
async def test_the_header_means_nothing_to_other_methods(site: Site, method: str) -> None:
    bench = Bench(site, method=method)
    for key in ("k1", "k1", "not a key"):
        reply = await bench.post(key, method=method)
        assert (reply.status, "idempotency-replayed" in reply.headers) == (201, False)
    assert await bench.things() == 3
    assert (await bench.rows())["kept_answers"] == []


async def test_a_call_without_a_key_keeps_nothing(bench: Bench) -> None:
    assert [(await bench.post(None)).status for _ in range(2)] == [201, 201]
    assert await bench.things() == 2
    assert (await bench.rows())["kept_answers"] == []


async def test_of_an_answer_that_is_too_large_it_is_kept_that_it_was_given(bench: Bench) -> None:
    def large(_made: NewKey) -> Answer:
        return Answer(b'"' + b"x" * KEPT_BYTES_MAX + b'"')

    async def add(request: ApiRequest) -> Answer:
        return await request.write(large, add_thing, "thing")

    bench.handler = add
    assert (await bench.post()).status == 200
    again = await bench.post()
    assert again.status == 409
    assert "was carried out at 2026-01-05T12:00:00Z with status 200; its answer is not kept" in again.error["message"]
    assert await bench.things() == 1


async def test_whoever_uses_too_many_keys_gets_no_new_ones_and_keeps_those_they_have(bench: Bench) -> None:
    bench.site.alter(key_limit=KeyLimit(keys_max=2, monotonic_s=lambda: 0.0))
    database, clock = bench.site.service.database, bench.site.clock
    other = await database.write(create_key, "other", grant=Grant(role=Role.CASHIER), clock=clock, luck=LUCK)
    first, second = await bench.post("k1"), await bench.post("k2")
    before = await bench.rows()
    refused = await bench.post("k3")
    assert (refused.status, refused.error["code"], refused.error["message"]) == (429, 429, "Too many requests.")
    assert refused.error["InternalMessage"].startswith("More than 2 new Idempotency-Keys were used")
    assert refused.headers["retry-after"] == str(int(KEPT_FOR.total_seconds()) // 2)
    assert await bench.rows() == before
    assert same(first, await bench.post("k1"))
    assert same(second, await bench.post("k2"))
    assert (await bench.post(None)).status == 201
    assert (await bench.post("k3", by=other.key)).status == 201


async def test_without_room_for_its_answer_a_call_is_still_carried_out_once(bench: Bench) -> None:
    bench.site.alter(key_limit=KeyLimit(bytes_max=1, monotonic_s=lambda: 0.0))
    first = await bench.post("k1")
    assert same(first, await bench.post("k1"))
    assert (await bench.post("k2")).status == 201
    again = await bench.post("k2")
    assert (again.status, again.error["code"]) == (409, 409)
    assert "with status 201; its answer is not kept" in again.error["message"]
    assert await bench.things() == 2
    kept = (await bench.rows())["kept_answers"]
    assert [len(body) for *_, body, _created_at in kept] == [len(first.body), 0]


async def test_room_is_used_up_by_refusals_and_by_what_is_kept_after_the_fact_too(bench: Bench) -> None:
    async def answer(_request: ApiRequest) -> Answer:
        return Answer.of({"error": None})

    for handler, refuse, status in ((bench.add, "not today", 409), (answer, "", 200)):
        bench.site.alter(key_limit=KeyLimit(bytes_max=1, monotonic_s=lambda: 0.0))
        bench.handler, bench.refuse = handler, refuse
        assert [(await bench.post(f"{status} {n}".replace(" ", "-"))).status for n in range(2)] == [status, status]
        assert "its answer is not kept" in (await bench.post(f"{status}-1")).error["message"]


async def test_an_answer_that_cannot_be_kept_is_given_all_the_same(bench: Bench) -> None:
    class FullDisk:
        def __init__(self, database: Any) -> None:
            self.read = database.read

        async def write(self, *_arguments: Any, **_named: Any) -> Never:
            raise Unavailable("disk full")

    async def done(_request: ApiRequest) -> Answer:
        return Answer.of({"error": None})

    kept = bench.site.service.database
    bench.handler = done
    bench.site.alter(database=FullDisk(kept))
    reply = await bench.post()
    bench.site.alter(database=kept)
    assert (reply.status, reply.document) == (200, {"error": None})


# --- what is kept after the fact: closing, importing ---------------------------------------------------------------

CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"


def with_key(key: str = "k1") -> dict[str, Any]:
    return {"headers": {"Idempotency-Key": key}}


async def test_a_close_is_answered_alike_and_told_once(site: Site) -> None:
    await site.put(a_paid_invoice())
    replies = await asyncio.gather(*(site.post(CLOSE, **with_key()) for _ in range(8)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.body for reply in replies}) == 1
    assert len((await site.rows())["events"]) == 1
    assert (await site.post(CLOSE, {"status": 1}, **with_key())).status == 409


async def test_a_refused_close_stays_refused_under_its_key(site: Site) -> None:
    await site.put(an_invoice("1", total=1000))
    first = await site.post(CLOSE, **with_key())
    assert (first.status, first.error["code"]) == (409, 419)
    await site.service.database.write(lambda c: c.execute(tables.invoices.update().values(sum_total=0, net_price=0)))
    assert same(first, await site.post(CLOSE, **with_key()))
    assert (await site.post(CLOSE, **with_key("k2"))).status == 200


async def test_a_close_without_a_key_asks_the_database_for_nothing_beside_itself(site: Site) -> None:
    class Untouched:
        """The desk has the database itself."""

        async def read(self, *_arguments: Any, **_named: Any) -> Never:
            raise AssertionError("a close reads nothing by the way")

        write = read

    await site.put(a_paid_invoice())
    untouched: Any = Untouched()
    kept = site.service.database
    site.alter(database=untouched)
    assert (await site.post(CLOSE)).status == 200
    site.alter(database=kept)


async def test_an_import_may_be_larger_than_other_bodies_with_a_key_too(site: Site) -> None:
    site.alter(body_bytes_max=1024)
    body = {"guests": [{"id": guid_of(f"guest {n}"), "first_name": "A" * 100} for n in range(20)]}
    first = await site.post("/v1/import", body, **with_key())
    assert (first.status, first.document["created"]) == (200, 20)
    assert same(first, await site.post("/v1/import", body, **with_key()))
    too_large = await site.post("/v1/keys", b" " * 1025, **with_key("k2"))
    assert too_large.status == 413


async def test_what_was_done_is_told_though_another_process_kept_a_refusal_at_that_instant(bench: Bench) -> None:
    reached, go_on = asyncio.Event(), asyncio.Event()

    async def slow(_request: ApiRequest) -> Answer:
        reached.set()
        await go_on.wait()
        return Answer.of({"is_done": True, "error": None})

    async def refuse(_request: ApiRequest) -> Never:
        raise Conflict("not yet")

    bench.handler = slow
    doing = asyncio.create_task(bench.post())
    await reached.wait()
    bench.handler = refuse
    bench.site.service.calls_under_way._ends.clear()  # as another process would not see it
    ends = bench.site.service.calls_under_way._ends
    assert (await bench.post()).status == 409
    ends[NO_CALLER, "k1"] = asyncio.Event()
    go_on.set()
    assert (await doing).document["is_done"] is True
    again = await bench.post()
    assert (again.document["is_done"], again.headers["idempotency-replayed"]) == (True, "true")


# --- work of several transactions ----------------------------------------------------------------------------------


@pytest.fixture
def steps(site: Site) -> Bench:
    bench = Bench(site, has_steps=True)

    async def two_steps(request: ApiRequest) -> Answer:
        await request.write(answered, add_thing, "first")
        if bench.refuse:
            raise Conflict(bench.refuse)
        return await request.write(answered, add_thing, "second")

    bench.handler = two_steps
    return bench


async def test_work_in_steps_is_done_once(steps: Bench) -> None:
    first, *others = await asyncio.gather(*(steps.post() for _ in range(4)))
    assert first.status == 201
    assert all(same(first, other) for other in others)
    assert await steps.things() == 2


async def test_work_in_steps_that_is_refused_in_the_middle_stays_refused(steps: Bench) -> None:
    steps.refuse = "the card was declined"
    first = await steps.post()
    assert first.status == 409
    steps.refuse = ""
    assert same(first, await steps.post())
    assert await steps.things() == 1


async def test_work_in_steps_that_never_ended_is_not_begun_again(steps: Bench) -> None:
    async def crash(request: ApiRequest) -> Never:
        await request.write(answered, add_thing, "first")
        raise RuntimeError("the process ends here")

    steps.handler, sound = crash, steps.handler
    assert (await steps.post()).status == 500
    steps.handler = sound
    under_way = await steps.post()
    assert (under_way.status, under_way.headers["retry-after"]) == (409, "1")
    assert under_way.error["message"] == "Idempotency-Key: the same request is still being carried out"
    steps.site.clock.advance(UNDER_WAY_FOR)
    lost = await steps.post()
    assert (lost.status, "retry-after" in lost.headers) == (409, False)
    assert "was begun at 2026-01-05T12:00:00Z and was never answered" in lost.error["message"]
    assert await steps.things() == 1
    assert (await steps.post("k2")).status == 201


async def test_whoever_takes_the_key_first_in_another_process_has_it(steps: Bench) -> None:
    """The other process takes it after this one has looked, and before it begins."""
    database, clock = steps.site.service.database, steps.site.clock
    taken = Call(caller_id=NO_CALLER, key="k1", route="POST /v1/other", digest=b"another")

    class Late:
        write = database.write

        async def read(self, *_arguments: Any, **_named: Any) -> None:
            assert await database.write(begin, taken, now=clock.now()) is None

    late: Any = Late()
    steps.site.alter(database=late)
    reply = await steps.post()
    steps.site.alter(database=database)
    assert (reply.status, "another request (POST /v1/other)" in reply.error["message"]) == (409, True)
    assert await steps.things() == 0


async def test_a_handler_that_writes_twice_must_say_so(bench: Bench) -> None:
    async def twice(request: ApiRequest) -> Answer:
        await request.write(answered, add_thing, "first")
        return await request.write(answered, add_thing, "second")

    bench.handler = twice
    assert (await bench.post(None)).status == 201
    assert (await bench.post()).status == 500


# --- answers that show secrets -------------------------------------------------------------------------------------

HOOK = {"name": "Books", "url": "https://books.example/hook", "event_types": ["Invoice.Closed"]}
USER = {"user_name": "ada", "password": "correct horse battery", "role": "cashier"}


@pytest.mark.parametrize(
    ("path", "body", "member"),
    [("/v1/keys", {"name": "till"}, "key"), ("/v1/webhook_endpoints", HOOK, "secret"), ("/v1/users", USER, "id")],
)
async def test_a_secret_is_shown_once_and_kept_nowhere(site: Site, path: str, body: Any, member: str) -> None:
    wrong = await site.post(path, {}, **with_key())
    assert wrong.status == 400
    first = await site.post(path, body, **with_key())
    assert first.status == 201
    again = await site.post(path, body, **with_key())
    assert again.status == 409
    assert "was carried out" in again.error["message"]
    ((*_, digest, status, _headers, kept, _at),) = (await site.service.database.read(snapshot))["kept_answers"]
    assert (status, kept) == (201, b"")
    assert first.document[member].encode() not in again.body
    other = await site.post(path, {**body, "name": "other"}, **with_key("k2"))
    rows = await site.service.database.read(lambda c: c.execute(select(tables.kept_answers.c.request_digest)).all())
    assert {bytes(row.request_digest) for row in rows} == {bytes(digest)}, "nothing can be guessed from what is kept"
    assert other.status in {201, 409}
