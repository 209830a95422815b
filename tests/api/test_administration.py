from __future__ import annotations

from calling import Site
from closebell import samples
from closebell.testing import guid_of

SAMPLE = "7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"


async def test_the_public_sample_loads_as_open_and_then_changes_nothing(site: Site) -> None:
    first = (await site.post("/v1/import?as_open=true", samples.invoice_closed())).document
    assert (first["created"], first["unchanged"], first["refused"], first["error"]) == (1, 0, 0, None)
    (row,) = first["rows"]
    assert (row["kind"], row["id"], row["result"]) == ("invoice", SAMPLE, "created")
    before = await site.rows()
    second = (await site.post("/v1/import?as_open=true", samples.invoice_closed())).document
    assert (second["created"], second["unchanged"]) == (0, 1)
    assert await site.rows() == before
    assert (await site.get(f"/v1/invoices/{SAMPLE}")).document["invoice"]["is_closed"] is False


async def test_each_record_is_reported_with_the_path_of_what_is_wrong(site: Site) -> None:
    body = {
        "centers": [{"id": guid_of("c"), "name": "C", "time_zone": "Mars/Base", "currency": "USD"}],
        "employees": [{"id": "x", "first_name": "A", "last_name": "B"}],
        "guests": [{"id": guid_of("g"), "first_name": "Ada"}],
    }
    report = (await site.post("/v1/import", body)).document
    assert (report["created"], report["refused"]) == (1, 2)
    by_kind = {row["kind"]: row for row in report["rows"]}
    assert by_kind["center"]["field"] == "centers[0].time_zone"
    assert by_kind["employee"]["field"] == "employees[0].id"
    assert by_kind["guest"]["result"] == "created"


async def test_an_empty_import_is_fine(site: Site) -> None:
    assert (await site.post("/v1/import", {})).document == {
        "created": 0,
        "updated": 0,
        "unchanged": 0,
        "refused": 0,
        "rows": [],
        "error": None,
    }


async def test_an_import_ends_between_two_portions_when_the_service_stops(site: Site) -> None:
    assert site.app.service is not None
    site.app.service.stopping.set()
    reply = await site.post("/v1/import", {"employees": [{"id": guid_of("somebody")}]})
    assert reply.status == 503
    assert reply.error["InternalMessage"] == "The service is stopping; 0 records are imported. Send the same again."
