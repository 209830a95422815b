"""Every POST of the documentation, sent twice under one key: done once, and answered the second time as the first."""

from __future__ import annotations

import pytest

from api.test_examples import ARRANGED, DOCS, named, target
from calling import Site
from closebell.api.routing import Doc
from closebell.store.unit import Database
from closebell.testing import snapshot

POSTS = [doc for doc in DOCS if doc.method == "POST" and not doc.is_open]


async def state(database: Database) -> dict[str, list[tuple[object, ...]]]:
    """Every row there is, save for what delivering changes by itself."""
    rows = await database.read(snapshot)
    return {name: found for name, found in rows.items() if name not in {"deliveries", "attempts", "endpoints"}}


@pytest.mark.parametrize("doc", POSTS, ids=named)
async def test_the_second_changes_nothing_and_is_answered_as_the_first(salon: Site, doc: Doc) -> None:
    values = await ARRANGED[named(doc)](salon) if named(doc) in ARRANGED else {}
    key = {"Idempotency-Key": "till-3-000481"}
    first = await salon.post(target(doc, values), doc.body_example, headers=key)
    assert first.status == doc.status, first.body
    before = await state(salon.service.database)
    again = await salon.post(target(doc, values), doc.body_example, headers=key)
    assert await state(salon.service.database) == before
    if doc.shows_secret:
        assert (again.status, "was carried out" in again.error["message"]) == (409, True)
    else:
        assert (again.status, again.body) == (first.status, first.body)
        assert again.headers["content-type"] == first.headers["content-type"]
        assert (first.headers.get("idempotency-replayed"), again.headers["idempotency-replayed"]) == (None, "true")
