from __future__ import annotations

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from calling import KEY, Site, running
from closebell.api.access import KNOWN_FOR_S, KNOWN_KEYS_MAX, Gatekeeper
from closebell.api.catalogue import OPERATIONS
from closebell.api.examples import PATH_VALUES
from closebell.api.routing import Doc
from closebell.config import Settings
from closebell.errors import Unauthorised
from closebell.store.keys import digest

GUARDED = [op.doc for op in OPERATIONS if not op.doc.is_open]


@pytest.mark.parametrize("doc", GUARDED, ids=[f"{doc.method} {doc.path}" for doc in GUARDED])
async def test_no_route_but_health_is_open_without_a_key(site: Site, doc: Doc) -> None:
    for key in (None, "f" * 64):
        reply = await site.call(doc.method, doc.path.format(**PATH_VALUES), key=key)
        assert reply.status == 401
        assert reply.error["message"] == "Authorization has been denied for this request."
        assert reply.headers["www-authenticate"] == "apikey"


async def test_health_needs_no_key(site: Site) -> None:
    assert (await site.get("/healthz", key=None)).document == {"status": "ok", "error": None}
    assert (await site.get("/readyz", key=None)).document == {"status": "ok", "error": None}


@pytest.mark.parametrize("shown", [f"apikey {KEY}", f"ApiKey  {KEY} ", f"APIKEY {KEY}"])
async def test_the_scheme_may_be_in_any_case(site: Site, shown: str) -> None:
    assert (await site.get("/v1/keys", key=None, headers={"Authorization": shown})).status == 200


@pytest.mark.parametrize(
    "shown",
    [
        "",
        "apikey",
        "apikey ",
        KEY,
        f"bearer {KEY}",
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
        self.good = {digest(key) for key in good}
        self.count = 0
        self.now_s = 0.0

    async def is_live(self, key_hash: bytes) -> bool:
        self.count += 1
        return key_hash in self.good


def _headers(key: str) -> list[tuple[bytes, bytes]]:
    return [(b"host", b"x"), (b"authorization", f"apikey {key}".encode())]


async def test_a_good_key_is_remembered_for_a_while_and_a_bad_one_never() -> None:
    asked = Asked("good")
    keeper = Gatekeeper(is_live=asked.is_live, monotonic_s=lambda: asked.now_s)
    await keeper.admit(_headers("good"))
    await keeper.admit(_headers("good"))
    assert asked.count == 1
    for _ in range(2):
        with pytest.raises(Unauthorised):
            await keeper.admit(_headers("bad"))
    assert asked.count == 3
    asked.now_s = KNOWN_FOR_S
    asked.good.clear()
    with pytest.raises(Unauthorised):
        await keeper.admit(_headers("good"))


async def test_what_is_remembered_is_bounded() -> None:
    keys = [str(number) for number in range(KNOWN_KEYS_MAX + 1)]
    asked = Asked(*keys)
    keeper = Gatekeeper(is_live=asked.is_live, monotonic_s=lambda: asked.now_s)
    for key in keys:
        await keeper.admit(_headers(key))
    assert len(keeper._known) == 1


async def test_two_keys_are_none() -> None:
    keeper = Gatekeeper(is_live=Asked("good").is_live)
    with pytest.raises(Unauthorised):
        await keeper.admit([*_headers("good"), *_headers("bad")])


async def test_the_admin_key_needs_no_database() -> None:
    asked = Asked()
    await Gatekeeper(is_live=asked.is_live, admin_key="admin" * 4).admit(_headers("admin" * 4))
    assert asked.count == 0


async def test_nothing_secret_is_logged(site: Site) -> None:
    with capture_logs() as logs:
        made = (await site.post("/v1/keys?name=secret-in-query", {"name": "till"})).document
        await site.get("/v1/keys", key=made["key"])
        await site.get("/v1/keys", key="wrong-key-1234")
        hook = {"name": "B", "url": "https://b.example/?token=hook-token", "event_types": ["Invoice.Closed"]}
        secret = (await site.post("/v1/webhook_endpoints", hook)).document["secret"]
    assert len([entry for entry in logs if entry["event"] == "request.answered"]) == 4
    for hidden in (made["key"], KEY, "wrong-key-1234", secret, "hook-token", "secret-in-query"):
        assert hidden not in str(logs)
