"""The contract's rate limit: one bucket for the whole service, told in headers, and nobody's but its callers'."""

from __future__ import annotations

import pytest

from calling import Site
from closebell.api.limits import KeyLimit, RateLimit
from closebell.config import Settings
from closebell.errors import TooOften
from closebell.store.kept_answers import KEPT_FOR
from closebell.testing import a_paid_invoice, guid_of

CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"


class Watch:
    """A monotonic clock that obeys."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


def limited(site: Site, per_minute: int) -> Watch:
    watch = Watch()
    site.alter(rate_limit=RateLimit(per_minute=per_minute, monotonic_s=watch))
    return watch


async def test_there_is_no_limit_unless_one_is_set(site: Site) -> None:
    assert Settings().rate_limit_per_minute == 0
    reply = await site.get("/v1/keys")
    assert not [name for name in reply.headers if "ratelimit" in name]


async def test_every_answer_tells_what_is_left(site: Site) -> None:
    watch = limited(site, 60)
    left = []
    for path in ("/v1/keys", "/v1/nowhere", f"/v1/invoices/{guid_of('nobody')}"):
        reply = await site.get(path)
        assert reply.headers["organization-ratelimit-limit"] == "60;w=60;b=60"
        left.append((reply.status, reply.headers["ratelimit-remaining"], reply.headers["ratelimit-reset"]))
    assert left == [(200, "59", "1"), (404, "58", "2"), (404, "57", "3")]
    watch.now_s += 2
    assert (await site.get("/v1/keys")).headers["ratelimit-remaining"] == "58"
    watch.now_s += 3600
    full = await site.get("/v1/keys")
    assert (full.headers["ratelimit-remaining"], full.headers["ratelimit-reset"]) == ("59", "1")


async def test_one_too_many_changes_nothing_and_says_when_to_come_back(site: Site) -> None:
    watch = limited(site, 3)
    await site.put(a_paid_invoice())
    for _ in range(3):
        assert (await site.get("/v1/keys")).status == 200
    before = await site.rows()
    refused = await site.post(CLOSE)
    assert (refused.status, refused.error["code"], refused.error["message"]) == (429, 429, "Too many requests.")
    assert refused.error["InternalMessage"] == "More than 3 calls were made in 60 s."
    assert (refused.headers["retry-after"], refused.headers["ratelimit-remaining"]) == ("20", "0")
    assert refused.headers["ratelimit-reset"] == "60"
    assert await site.rows() == before
    watch.now_s += 19.9
    assert (await site.post(CLOSE)).headers["retry-after"] == "1"
    watch.now_s += 0.1
    assert (await site.post(CLOSE)).status == 200
    assert (await site.post(CLOSE)).status == 429


async def test_strangers_and_health_use_up_nobodys_share(site: Site) -> None:
    limited(site, 1)
    for _ in range(3):
        assert (await site.get("/v1/keys", key="f" * 64)).status == 401
        assert (await site.get("/healthz", key=None)).status == 200
        assert (await site.post("/v1/tokens", {"grant_type": "x"}, key=None)).status == 400
    assert (await site.get("/v1/keys")).status == 200
    assert (await site.get("/v1/keys")).status == 429
    assert (await site.get("/readyz")).status == 200


def test_a_burst_is_a_minutes_worth_and_no_more() -> None:
    watch = Watch()
    limit = RateLimit(per_minute=5, monotonic_s=watch)
    watch.now_s += 10_000
    for _ in range(5):
        limit.take()
    with pytest.raises(TooOften) as refused:
        limit.take()
    assert refused.value.retry_after_s == 12


DAY_S = KEPT_FOR.total_seconds()


def test_new_keys_come_back_evenly_within_the_time_that_answers_are_kept() -> None:
    watch = Watch()
    limit = KeyLimit(keys_max=4, monotonic_s=watch)
    for _ in range(4):
        limit.begin("till")
    with pytest.raises(TooOften, match="More than 4 new Idempotency-Keys were used") as refused:
        limit.begin("till")
    assert refused.value.retry_after_s == DAY_S / 4
    limit.begin("another caller")
    watch.now_s += DAY_S / 4
    limit.begin("till")
    with pytest.raises(TooOften):
        limit.begin("till")


def test_room_for_answers_is_used_up_by_what_is_kept_and_comes_back() -> None:
    watch = Watch()
    limit = KeyLimit(bytes_max=100, monotonic_s=watch)
    limit.keep("till", 99)
    assert limit.has_room("till")
    limit.keep("till", 51)
    assert not limit.has_room("till")
    assert limit.has_room("another caller")
    watch.now_s += DAY_S / 2
    assert not limit.has_room("till")
    watch.now_s += 1
    assert limit.has_room("till")


def test_whoever_used_a_key_last_is_remembered() -> None:
    limit = KeyLimit(keys_max=1, callers_max=2, monotonic_s=Watch())
    for caller in ("first", "second"):
        limit.begin(caller)
    assert limit.has_room("first")
    limit.begin("third")
    with pytest.raises(TooOften):
        limit.begin("first")
    limit.begin("second")
