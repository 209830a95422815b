"""What there is to choose from, page by page, on both engines; and no list looks at what is another centre's."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import Connection

from closebell import samples
from closebell.api.examples import sample as examples
from closebell.domain.catalogue import Offer
from closebell.domain.invoice import ItemType
from closebell.store import catalogue, catalogue_pages
from closebell.store.catalogue_pages import Found, Slice
from closebell.store.unit import Database
from closebell.testing import NOON
from closebell.usecase.import_records import decode, import_records
from planning import plans

ALL = Slice(limit=100)
CENTRE = examples.CENTER_ID
READS: dict[str, Callable[[Connection, Slice], Found[Any]]] = {
    "centres": lambda c, part: catalogue_pages.centers_page(c, part, among_ids=None),
    "a caller's centres": lambda c, part: catalogue_pages.centers_page(c, part, among_ids={CENTRE}),
    "employees": lambda c, part: catalogue_pages.employees_page(c, CENTRE, part),
    "services": lambda c, part: catalogue_pages.offers_page(c, CENTRE, [ItemType.SERVICE], part),
    "packages": lambda c, part: catalogue_pages.offers_page(c, CENTRE, [4, 5], part),
    "ways to pay": catalogue_pages.custom_payments_page,
}


@pytest.fixture
async def stocked(database: Database) -> Database:
    await database.write(import_records, decode(samples.salon()), as_open=False, now=NOON)
    return database


@pytest.mark.parametrize("name", READS)
async def test_pages_make_up_the_list_and_know_its_length(stocked: Database, name: str) -> None:
    whole = await stocked.read(READS[name], ALL)
    assert whole.total == len(whole.rows) > 0
    pieces = [await stocked.read(READS[name], Slice(limit=1, offset=offset)) for offset in range(whole.total + 2)]
    assert [row for piece in pieces for row in piece.rows] == list(whole.rows)
    assert {piece.total for piece in pieces} == {whole.total}


async def test_an_offer_is_as_the_till_sees_it(stocked: Database) -> None:
    found: Found[Offer] = await stocked.read(READS["packages"], ALL)
    ids = [offer.item.id for offer in found.rows]
    assert examples.PACKAGE_ID in ids
    assert await stocked.read(catalogue.offers, CENTRE, ids) == {offer.item.id: offer for offer in found.rows}


@pytest.mark.parametrize("name", READS)
async def test_no_list_sorts_or_scans_what_is_not_on_it(stocked: Database, name: str) -> None:
    def look(connection: Connection) -> list[str]:
        if connection.dialect.name == "postgresql":
            # A table this small is scanned because that is cheap; what is asked is whether it has to be.
            connection.exec_driver_sql("SET LOCAL enable_seqscan = off")
        return plans(connection, lambda c: READS[name](c, Slice(limit=2, offset=1)))

    for plan in await stocked.read(look):
        scanned = set(re.findall(r"^SCAN (\w+)(?! USING)", plan, re.MULTILINE)) | set(
            re.findall(r"Seq Scan on (\w+)", plan)
        )
        assert not scanned & {"employees", "catalog_items", "center_items", "package_benefits"}, plan
        if "package_benefits" not in plan:  # a package's few services are put in order
            assert "TEMP B-TREE" not in plan, plan
