"""How the service comes to its end: as one of two on a file, in the middle of a start, told twice, and by itself."""

from __future__ import annotations

import asyncio
import random
import signal
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from closebell.app import build
from closebell.cli.listening import listen
from closebell.cli.serve import DispatchEnded, serve_until_stopped
from closebell.config import Settings
from closebell.store.database import open_database
from closebell.store.schema import migrate
from receiving import receiving
from serving import ADMIN_KEY, Server, invoice_id, invoices, serving, start
from test_vault import OTHER_KEY

ENDS_WITHIN_S = 60
TERMINATIONS = 12
SEED = 20261122


def command(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "closebell", *arguments]


async def ended(directory: Path, *arguments: str) -> tuple[int | None, str]:
    """How a command that does not stay ended, and what it complained of."""
    process = await asyncio.create_subprocess_exec(
        *command(*arguments), cwd=directory, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )
    async with asyncio.timeout(ENDS_WITHIN_S):
        _, complaint = await process.communicate()
    return process.returncode, complaint.decode()


async def test_a_second_process_on_the_same_file_is_refused(sqlite_url: str, tmp_path: Path) -> None:
    (tmp_path / "linked.db").symlink_to("closebell.db")
    server = await start(sqlite_url, tmp_path)
    try:
        pid = server.process.pid
        code, line = await ended(tmp_path, "serve", "--port", "0", "--database-url", "sqlite:///linked.db")
        assert (code, line.count("\n")) == (2, 1), line
        assert line.startswith(f"closebell: process {pid} already serves from {tmp_path}/linked.db"), line
        assert await server.ask("GET", "/readyz") == (200, {"status": "ok", "error": None})
        # What holds the file lets go of it however it ends.
        await server.kill()
        async with serving(sqlite_url, tmp_path) as after:
            assert (await after.ask("GET", "/readyz"))[0] == 200
    finally:
        await server.kill()


async def test_a_process_without_the_key_says_which_it_lacks(sqlite_url: str, tmp_path: Path) -> None:
    async with serving(sqlite_url, tmp_path) as server:
        draft = {"name": "till", "url": "https://till.example/hook", "event_types": ["Invoice.Closed"]}
        assert (await server.ask("POST", "/v1/webhook_endpoints", draft))[0] == 201
    other = ("--secret-keys", OTHER_KEY)
    code, line = await ended(tmp_path, "serve", "--port", "0", "--database-url", sqlite_url, *other)
    assert (code, line.count("\n")) == (2, 1), line
    assert line.startswith("closebell: 1 secrets are sealed under the key test, which secret_keys "), line


async def test_a_command_beside_the_service_reaches_it(sqlite_url: str, tmp_path: Path) -> None:
    async with receiving() as receiver, serving(sqlite_url, tmp_path) as server:
        await server.ask("POST", "/v1/import", {"invoices": invoices(1)})
        draft = {"name": "till", "url": receiver.url, "event_types": ["Invoice.Closed"]}
        _, made = await server.ask("POST", "/v1/webhook_endpoints", draft)
        await server.ask("POST", f"/v1/webhook_endpoints/{made['id']}/disable")
        await server.ask("POST", f"/v1/invoices/{invoice_id(0)}/close")
        assert await ended(tmp_path, "endpoints", "enable", made["id"]) == (0, "")
        await receiver.wait_for(1)


async def test_a_signal_in_the_middle_of_a_start_is_no_failure(sqlite_url: str, tmp_path: Path) -> None:
    """Before Python has come to our code the signal ends it; from then on the exit code is 0."""
    chance, codes = random.Random(SEED), []
    for _ in range(TERMINATIONS):
        process = await asyncio.create_subprocess_exec(
            *command("serve", "--port", "0", "--log-level", "error", "--database-url", sqlite_url),
            cwd=tmp_path,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        await asyncio.sleep(chance.uniform(0, 1.5))
        process.terminate()
        async with asyncio.timeout(ENDS_WITHIN_S):
            _, complaint = await process.communicate()
        assert complaint == b""
        codes.append(process.returncode)
    assert set(codes) <= {0, -signal.SIGTERM}, codes


async def test_told_twice_it_waits_for_calls_and_not_for_requests(sqlite_url: str, tmp_path: Path) -> None:
    async with receiving(lambda _call: None) as receiver:
        server = await start(sqlite_url, tmp_path, delivery_timeout_s="2", lease_s="60")
        try:
            await server.ask("POST", "/v1/import", {"invoices": invoices(1)})
            draft = {"name": "till", "url": receiver.url, "event_types": ["Invoice.Closed"]}
            await server.ask("POST", "/v1/webhook_endpoints", draft)
            await server.ask("POST", f"/v1/invoices/{invoice_id(0)}/close")
            await receiver.wait_for(1)
            reader, writer = await unfinished_request(server)
            server.process.terminate()
            await listens_no_more(server)
            server.process.terminate()
            async with asyncio.timeout(ENDS_WITHIN_S):
                assert await server.process.wait() == 0
            assert not (await reader.read()).startswith(b"HTTP/1.1 2")
            writer.close()
        finally:
            await server.kill()
    assert await stored(sqlite_url, "SELECT lease_id FROM deliveries") == [(None,)]
    assert await stored(sqlite_url, "SELECT error FROM attempts") == [("timeout",)]


async def unfinished_request(server: Server) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A request whose body is announced and never comes."""
    parts = urlsplit(server.url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    head = "POST /v1/import HTTP/1.1\r\nhost: here\r\ncontent-length: 10\r\n"
    writer.write(f"{head}authorization: apikey {ADMIN_KEY}\r\n\r\n".encode())
    await writer.drain()
    # Answered after the head of the other has been read, as both are read by one loop.
    await server.ask("GET", "/readyz")
    return reader, writer


async def listens_no_more(server: Server) -> None:
    """Return once it has taken notice of a first signal."""
    parts = urlsplit(server.url)
    async with asyncio.timeout(ENDS_WITHIN_S):
        while True:
            try:
                _, writer = await asyncio.open_connection(parts.hostname, parts.port)
            except OSError:
                return
            writer.transport.abort()
            await asyncio.sleep(0.01)


async def stored(database_url: str, statement: str) -> list[tuple[object, ...]]:
    database = open_database(database_url)
    try:
        return await database.read(lambda connection: [tuple(row) for row in connection.execute(text(statement))])
    finally:
        await database.close()


@pytest.mark.parametrize("name", ["dispatch", "dispatch-record"])
async def test_a_service_that_can_deliver_no_more_ends(sqlite_url: str, name: str) -> None:
    migrate(sqlite_url)
    app = build(Settings(database_url=sqlite_url, admin_key=ADMIN_KEY, log_level="error"))
    started = asyncio.Event()
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    serve = asyncio.create_task(serve_until_stopped(app, listen("127.0.0.1", 0), started=started.set))
    async with asyncio.timeout(ENDS_WITHIN_S):
        await asyncio.wait([serve, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
        (task,) = (task for task in asyncio.all_tasks() if task.get_name() == name)
        task.cancel()
        with pytest.raises(DispatchEnded, match="start the service again"):
            await serve
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before
