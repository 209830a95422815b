"""However calls end, and whatever receivers answer: nothing secret is in the log, the database, or any answer."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import structlog
from sqlalchemy import Connection, func, select

from calling import KEY, Site, running
from closebell.config import Settings
from closebell.domain.sealed import SecretKind, secret_place
from closebell.store import tables
from closebell.store.database import open_database
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, a_vault, snapshot
from dispatching import Works, working

AT = "/v1/webhook_endpoints"
OWN = "whsec_" + base64.b64encode(b"own/secret+of-the-receiver=?>").decode()
HEADER, PASSWORD, TOKEN = "header/va+lue", 'pass"word/&', "tok.en/+secret"
BASIC = {"type": "basic", "username": "till", "password": PASSWORD}
BEARER = {"type": "bearer", "token": TOKEN}
STYLES = ["standard", "ed25519", "zenoti"]


# --- a receiver that says back all it was told, in every way ---


def whole(status: str, head: str, body: str) -> bytes:
    return f"HTTP/1.1 {status}\r\n{head}content-length: {len(body.encode())}\r\n\r\n{body}".encode("latin-1", "replace")


def escaped(headers: str) -> str:
    return json.dumps({"you sent": headers.splitlines()}).replace("/", "\\/")


ANSWERS: dict[str, Callable[[str], bytes]] = {
    "taken": lambda headers: whole("200 OK", "", headers[-500:]),
    "taken-escaped": lambda headers: whole("202 Accepted", "", escaped(headers)[-505:]),
    "failed": lambda headers: whole("500 No", "", headers[-490:]),
    "failed-cut": lambda headers: whole("500 No", "", "." * 400 + headers[headers.index("X-Api") :]),
    "moved": lambda _headers: whole("302 Found", f"location: https://elsewhere.example/{HEADER}/there\r\n", ""),
    "busy": lambda _headers: whole("503 Busy", f"retry-after: {HEADER}\r\n", HEADER),
    "gone": lambda headers: whole("410 Gone", "", headers[-300:]),
    "half": lambda headers: whole("200 OK", "", headers)[:-20],
    "garbage": lambda headers: headers[-300:].encode(),
    "closed": lambda _headers: b"",
}


@asynccontextmanager
async def echoing() -> AsyncIterator[int]:
    """The port of the receiver; the path of a call says how it is answered."""
    tasks: set[asyncio.Task[None]] = set()
    writers: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.IncompleteReadError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            length = next(int(line[15:]) for line in head.splitlines() if line.lower().startswith("content-length:"))
            await reader.readexactly(length)
            first, _, headers = head.partition("\r\n")
            name = first.split(" ")[1].removeprefix("/")
            writer.write(ANSWERS[name](headers))
            await writer.drain()
        writer.close()

    def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writers.append(writer)
        tasks.add(asyncio.create_task(serve(reader, writer)))

    server = await asyncio.start_server(accept, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for writer in writers:
            writer.transport.abort()
        await server.wait_closed()


# --- everything that is secret, and everywhere it could be ---


def spellings(texts: Iterable[str]) -> set[bytes]:
    """What must be found nowhere: each text, what is behind its prefix, and both in base64."""
    found = set()
    for text in texts:
        for one in (text, text.partition("_")[2] if text.startswith("wh") else text):
            encoded = base64.b64encode(one.encode())
            found |= {one.encode(), json.dumps(one)[1:-1].encode(), encoded.rstrip(b"="), encoded}
            found |= {base64.urlsafe_b64encode(one.encode()).rstrip(b"="), one.encode().hex().encode()}
    return found


def leaks(where: str, raw: bytes, secret: set[bytes]) -> list[str]:
    return [f"{where}: {needle!r}" for needle in secret if needle in raw]


def stored(rows: dict[str, list[tuple[Any, ...]]]) -> dict[str, bytes]:
    """The raw bytes of each table."""
    return {
        name: b"\n".join(value if isinstance(value, bytes) else str(value).encode() for row in table for value in row)
        for name, table in rows.items()
    }


def private_keys(connection: Connection) -> list[str]:
    vault, secrets = a_vault(), tables.endpoint_secrets
    return [
        vault.open(row.secret, secret_place(row.endpoint_id, SecretKind(row.kind), row.position))
        for row in connection.execute(select(secrets).where(secrets.c.kind == "ed25519"))
    ]


async def create_all(site: Site, urls: dict[str, str]) -> set[str]:
    """An endpoint for each URL, with everything secret that it can have; the secrets that were shown."""
    shown = set()
    for number, (name, url) in enumerate(urls.items()):
        body = {
            "name": name,
            "url": url,
            "event_types": ["Invoice.Closed"],
            "signature_styles": STYLES,
            "headers": {"X-Api-Key": HEADER},
            "authorization": BASIC if number % 2 else BEARER,
            **({"secret": OWN} if number % 3 else {}),
        }
        made = await site.post(AT, body, headers={"idempotency-key": name})
        assert made.status == 201, made.document
        rotated = await site.post(f"{AT}/{made.document['id']}/secret/rotate", headers={"idempotency-key": f"r{name}"})
        shown |= {made.document["secret"], rotated.document["secret"]}
    return shown


async def call_all(works: Works, count: int) -> None:
    """Close an invoice, and wait until each endpoint was called once and that is recorded."""

    def attempts(connection: Connection) -> int:
        return connection.execute(select(func.count()).select_from(tables.attempts)).scalar_one()

    async def enough() -> bool:
        return await works.database.read(attempts) >= count

    dispatcher = await works.start(works.dispatcher())
    await works.close(works.desk(dispatcher), "1")
    await works.until(enough)
    await works.stop(dispatcher)


async def answers(site: Site) -> dict[str, bytes]:
    """Everything that the API tells of endpoints and deliveries, and what refusals say."""
    endpoints = (await site.get(AT)).document["webhook_endpoints"]
    found = {"list": (await site.get(AT)).body, "deliveries": (await site.get("/v1/deliveries?limit=100")).body}
    for one in endpoints:
        path = f"{AT}/{one['id']}"
        found[one["name"]] = (await site.get(path)).body
        found[f"{one['name']} tested"] = (await site.post(f"{path}/test")).body
        found[f"{one['name']} moved"] = (await site.call("PATCH", path, {"url": "https://new.example/"})).body
        again = await site.post(f"{path}/secret/rotate", headers={"idempotency-key": f"r{one['name']}"})
        assert again.status == 409
        found[f"{one['name']} again"] = again.body
    for path in ("/v1/events", "/v1/openapi.json", "/metrics"):
        found[path] = (await site.get(path)).body
    return found


async def test_nothing_secret_is_kept_or_told(
    database_url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    migrate(database_url)
    settings = Settings(
        database_url=database_url,
        admin_key=KEY,
        allowed_networks=("127.0.0.0/8",),
        secret_keys=(SECRET_KEY,),
        delivery_timeout_s=1,
        lease_s=60,
    )
    with structlog.testing.capture_logs() as logs:
        async with echoing() as port:
            urls = {name: f"http://127.0.0.1:{port}/{name}" for name in ANSWERS}
            urls |= {"tls": f"https://127.0.0.1:{port}/taken", "refused": "http://127.0.0.1:9/taken"}
            async with running(settings) as site:
                shown = await create_all(site, urls)
            database = open_database(database_url)
            async with working(database) as works:
                await call_all(works, len(urls))
            rows, keys = await database.read(snapshot), await database.read(private_keys)
            await database.close()
            async with running(settings) as site:
                told = await answers(site)
    assert len(keys) == len(urls)
    assert all(key.startswith("whsk_") for key in keys)
    basic = base64.b64encode(f"till:{PASSWORD}".encode()).decode()
    secret = spellings({*shown, OWN, *keys, HEADER, PASSWORD, TOKEN, basic})
    found = [
        leak
        for where, raw in {
            **stored(rows),
            **told,
            "log": repr(logs).encode(),
            "stdlib log": caplog.text.encode(),
        }.items()
        for leak in leaks(where, raw, secret)
    ]
    for path in in_files(tmp_path):
        found += leaks(path.name, path.read_bytes(), secret)
    found += leaks("terminal", "".join(capsys.readouterr()).encode(), secret)
    assert found == []
    # The test could not fail if nothing had been said back.
    assert told["deliveries"].count(b"****") >= 4
    assert {line["event"] for line in logs} >= {"delivery.attempt_failed"}


def in_files(directory: Path) -> list[Path]:
    """The files of a SQLite database, as somebody who stole them has them."""
    return [path for path in directory.iterdir() if path.is_file()]
