"""One event a line, named; the lines of a request carry its id; no row of the database shows."""

from __future__ import annotations

import asyncio
import io
import json
from typing import Any, Literal

import pytest
import structlog
from sqlalchemy import Connection, insert
from sqlalchemy.exc import IntegrityError

from calling import Site, asgi
from closebell.api import log
from closebell.store import tables
from closebell.store.unit import Database
from closebell.testing import SeededLuck, a_paid_invoice, guid_of

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
SENT = f"00-{TRACE}-00f067aa0ba902b7-01"
CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"


def written(log_format: Literal["json", "console"], level: str = "debug") -> io.StringIO:
    """What is logged from now on, as the service writes it."""
    log.configure(log_format=log_format, level=level)
    told = io.StringIO()
    structlog.configure(logger_factory=structlog.PrintLoggerFactory(file=told))
    return told


def lines(told: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in told.getvalue().splitlines()]


async def test_each_line_of_a_request_carries_its_id_and_its_trace(site: Site) -> None:
    log_lines = written("json")
    await site.put(a_paid_invoice())
    first = await site.post(CLOSE, headers={"traceparent": SENT})
    second = await site.get("/v1/keys")
    found = {line["request_id"]: line for line in lines(log_lines) if line["event"] == "request.answered"}
    assert found.keys() == {first.headers["x-request-id"], second.headers["x-request-id"]}
    assert found[first.headers["x-request-id"]]["trace_id"] == TRACE
    assert "trace_id" not in found[second.headers["x-request-id"]]


async def test_nothing_that_is_logged_moves_the_cursor(site: Site) -> None:
    told = written("console")
    for strange in ("\x1b[31mred", "\x9bK", "\u2028next", "\u202eback", "\nline"):
        await site.get(f"/v1/{strange}")
    shown = told.getvalue()
    assert shown.count("request.answered") == len(shown.splitlines()) == 5
    assert all(character.isprintable() or character == "\n" for character in shown)
    assert r"\x1b[31mred" in shown


async def test_what_requests_share_is_logged_as_nobodys(site: Site) -> None:
    log_lines = written("json")

    class Broken:
        engine_name = "sqlite"
        writers = 1

        async def write(self, *_args: Any, **_named: Any) -> Any:
            raise RuntimeError("unforeseen")

    kept = site.service.desk._database
    site.service.desk._database = Broken()  # type: ignore[assignment]
    reply = await site.post(CLOSE)
    site.service.desk._database = kept
    assert reply.status == 500
    told = {line["event"]: line for line in lines(log_lines)}
    assert "request_id" not in told["close.failed"]
    assert told["request.failed"]["reference"] == reply.headers["x-request-id"]
    assert reply.headers["x-request-id"] in reply.error["InternalMessage"]


async def test_every_answer_has_an_id_of_its_own_whatever_the_caller_says(site: Site) -> None:
    said = {"x-request-id": "mine"}
    replies = [
        await site.get("/healthz", key=None, headers=said),
        await site.get("/v1/keys", key=None, headers=said),
        await site.get("/v1/no/such/route", headers=said),
        await asgi(site.app, "BREW", "/", {"host": "x"}, (b"",)),
    ]
    ids = {reply.headers["x-request-id"] for reply in replies}
    assert len(ids) == len(replies)
    assert "mine" not in ids


async def test_a_task_that_a_request_began_keeps_its_mark_and_others_have_none() -> None:
    seen: list[str | None] = []

    async def look() -> None:
        seen.append(log.current_request())

    mark = log.within_request("one", None)
    await asyncio.create_task(look())
    log.leave_request(mark)
    await asyncio.create_task(look())
    assert seen == ["one", None]


def test_ids_differ_between_processes_and_between_requests() -> None:
    here, there = log.RequestIds(SeededLuck(1)), log.RequestIds(SeededLuck(2))
    assert len({here.next(), here.next(), there.next(), there.next()}) == 4


@pytest.mark.parametrize("log_format", ["json", "console"])
async def test_a_statement_that_failed_shows_no_row(database: Database, log_format: Literal["json", "console"]) -> None:
    def twice(connection: Connection) -> None:
        row = {
            "id": guid_of("guest"),
            "first_name": "Secretia",
            "last_name": "Hidden\nDETAIL: more",
            "gender": 1,
            "code": "C",
            "mobile_phone": "",
            "email": "secretia@salon.example",
            "is_stub": False,
        }
        for _ in range(2):
            connection.execute(insert(tables.guests), row)

    log_lines = written(log_format)
    with pytest.raises(IntegrityError) as failed:
        await database.write(twice)
    structlog.get_logger().error("request.failed", exc_info=failed.value)
    told = log_lines.getvalue()
    assert "request.failed" in told
    assert "INSERT INTO guests" in told, "what was tried is told"
    for value in ("Secretia", "secretia@", "Hidden", guid_of("guest")):
        assert value not in told
