from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from calling import KEY, Site, running
from closebell.api.access import KNOWN_FOR_S, KNOWN_MAX, Gatekeeper
from closebell.api.catalogue import OPERATIONS
from closebell.api.examples.sample import PATH_VALUES
from closebell.config import Settings
from closebell.domain.caller import OPERATOR, Caller, Role
from closebell.errors import Unauthorised
from closebell.store.keys import digest
from closebell.testing import guid_of

GUARDED = [op.doc for op in OPERATIONS if not op.doc.is_open]


@pytest.mark.parametrize("key", [None, "f" * 64])
async def test_no_route_but_what_says_so_is_open_without_a_key(site: Site, key: str | None) -> None:
    for doc in GUARDED:
        reply = await site.call(doc.method, doc.path.format(**PATH_VALUES), key=key)
        assert reply.status == 401, f"{doc.method} {doc.path}"
        assert reply.error["message"] == "Authorization has been denied for this request."
        assert reply.headers["www-authenticate"] == "apikey, bearer"


async def test_health_needs_no_key(site: Site) -> None:
    assert (await site.get("/healthz", key=None)).document == {"status": "ok", "error": None}
    assert (await site.get("/readyz", key=None)).document == {"status": "ok", "error": None}


@pytest.mark.parametrize(
    "shown", [f"apikey {KEY}", f"ApiKey  {KEY} ", f"APIKEY {KEY}", f"Bearer {KEY}", f"BEARER {KEY}"]
)
async def test_the_scheme_may_be_in_any_case_and_a_key_is_taken_as_a_bearers_too(site: Site, shown: str) -> None:
    assert (await site.get("/v1/keys", key=None, headers={"Authorization": shown})).status == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "apikey",
        "apikey ",
        KEY,
        f"basic {KEY}",
        f"apikey:{KEY}",
        f"apikey {KEY[:-1]}",
        f"apikey {KEY}é",
        "apikey " + "x" * 9999,
    ],
)
async def test_anything_else_is_denied_and_not_repeated(site: Site, shown: str) -> None:
    reply = await site.get("/v1/keys", key=None, headers={"Authorization": shown})
    assert reply.status == 401
    assert KEY[:20].encode() not in reply.body


async def test_a_key_that_was_made_is_good_until_it_is_revoked(site: Site) -> None:
    made = (await site.post("/v1/keys", {"name": "till"})).document
    assert (await site.get("/v1/keys", key=made["key"])).status == 200
    assert (await site.call("DELETE", f"/v1/keys/{made['id']}")).document == {"is_revoked": True, "error": None}
    assert (await site.get("/v1/keys", key=made["key"])).status == 401
    again = await site.call("DELETE", f"/v1/keys/{made['id']}")
    assert again.status == 404


async def test_a_key_is_shown_once(site: Site) -> None:
    made = await site.post("/v1/keys", {"name": "till"})
    assert made.status == 201
    key = made.document["key"]
    assert len(key) == 64
    listed = await site.get("/v1/keys")
    assert key.encode() not in listed.body
    assert [row["name"] for row in listed.document["keys"]] == ["till"]
    assert (await site.post("/v1/keys", {"name": ""})).error["message"].startswith("name: ")


async def test_the_first_start_makes_a_key_and_shows_it_to_the_person_alone(settings: Settings) -> None:
    bare = replace(settings, admin_key=None)
    with capture_logs() as logs:
        async with running(bare) as site:
            (key,) = site.shown_keys
            assert (await site.get("/v1/keys", key=key)).status == 200
        async with running(bare) as site:
            assert site.shown_keys == []
            assert (await site.get("/v1/keys", key=key)).status == 200
    assert key not in str(logs)
    assert "admin_key.created" in {entry["event"] for entry in logs}


class Asked:
    """Who was asked for, and what time it is."""

    def __init__(self, *good: str) -> None:
        self.good = {digest(key): Caller(id=guid_of(key), role=Role.READER) for key in good}
        self.count = 0
        self.now_s = 0.0
        self.meanwhile: Callable[[], None] = lambda: None

    async def __call__(self, shown: bytes, *, is_bearer: bool) -> Caller | None:
        self.count += 1
        found = self.good.get(shown)
        self.meanwhile()
        return found


def _headers(key: str, scheme: str = "apikey") -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"authorization", f"{scheme} {key}".encode())]


async def test_a_good_key_is_remembered_for_a_while_and_a_bad_one_never() -> None:
    asked = Asked("good")
    keeper = Gatekeeper(find=asked, monotonic_s=lambda: asked.now_s)
    first = await keeper.admit(_headers("good"))
    assert await keeper.admit(_headers("good")) is first
    assert first == Caller(id=guid_of("good"), role=Role.READER)
    assert asked.count == 1
    for _ in range(2):
        with pytest.raises(Unauthorised):
            await keeper.admit(_headers("bad"))
    assert asked.count == 3
    asked.now_s = KNOWN_FOR_S
    asked.good.clear()
    with pytest.raises(Unauthorised):
        await keeper.admit(_headers("good"))


async def test_what_is_good_as_a_key_is_not_remembered_as_a_bearers() -> None:
    asked = Asked("good")
    keeper = Gatekeeper(find=asked, monotonic_s=lambda: asked.now_s)
    await keeper.admit(_headers("good", "bearer"))
    await keeper.admit(_headers("good", "apikey"))
    assert asked.count == 2


async def test_what_was_revoked_while_the_database_was_asked_is_not_remembered() -> None:
    asked = Asked("good")
    keeper = Gatekeeper(find=asked, monotonic_s=lambda: asked.now_s)
    asked.meanwhile = keeper.forget
    await keeper.admit(_headers("good"))
    asked.good.clear()
    with pytest.raises(Unauthorised):
        await keeper.admit(_headers("good"))


async def test_what_is_remembered_is_bounded() -> None:
    keys = [str(number) for number in range(KNOWN_MAX + 1)]
    asked = Asked(*keys)
    keeper = Gatekeeper(find=asked, monotonic_s=lambda: asked.now_s)
    for key in keys:
        await keeper.admit(_headers(key))
    assert len(keeper._known) == 1


async def test_two_keys_are_none() -> None:
    keeper = Gatekeeper(find=Asked("good"))
    with pytest.raises(Unauthorised):
        await keeper.admit([*_headers("good"), *_headers("bad")])


async def test_the_admin_key_needs_no_database() -> None:
    asked = Asked()
    caller = await Gatekeeper(find=asked, admin_key="admin" * 4).admit(_headers("admin" * 4))
    assert caller is OPERATOR
    assert asked.count == 0


async def test_nothing_secret_is_logged(site: Site) -> None:
    with capture_logs() as logs:
        made = (await site.post("/v1/keys?name=secret-in-query", {"name": "till"})).document
        await site.get("/v1/keys", key=made["key"])
        await site.get("/v1/keys", key="wrong-key-1234")
        hook = {"name": "B", "url": "https://b.example/?token=hook-token", "event_types": ["Invoice.Closed"]}
        secret = (await site.post("/v1/webhook_endpoints", hook)).document["secret"]
        await site.get("/v1/giftcards/GC-100200300/balance")
        await site.get("/v1/giftcards/GC-100200300/balance", key="wrong-key-1234")
        for unmeant in (
            "/v1/Giftcards/GC-100200300/balance",
            "//v1/giftcards/GC-100200300",
            "/v1/./giftcards/GC-100200300",
        ):
            assert (await site.get(unmeant)).status == 404
        await site.service.database.close()
        await site.get("/v1/giftcards/GC-100200300/balance")
        await site.get("/v1/hosted_payments/page-token", key=None)
    assert len([entry for entry in logs if entry["event"] == "request.answered"]) == 11
    in_address = ("hook-token", "secret-in-query", "GC-100200300", "page-token")
    for hidden in (made["key"], KEY, "wrong-key-1234", secret, *in_address):
        assert hidden not in str(logs)
