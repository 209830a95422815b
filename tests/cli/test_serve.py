"""The service as a process: how it starts, how it ends, and what it leaves behind."""

from __future__ import annotations

import asyncio
import http.client
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from sqlalchemy import text

from closebell.cli.listening import ADMIN_KEY, LISTENING, listen
from closebell.errors import MisuseError
from closebell.store.database import open_database
from closebell.testing import SECRET_KEY
from receiving import receiving
from serving import ADMIN_KEY as TEST_KEY
from serving import Server, invoice_id, invoices, serving, start

ENDS_WITHIN_S = 30
POSTGRESQL = "postgresql://nobody:secret@127.0.0.1:1/none"


def endpoint(url: str) -> dict[str, Any]:
    return {"name": "till", "url": url, "event_types": ["Invoice.Closed"]}


async def rows(database_url: str, statement: str) -> list[Any]:
    database = open_database(database_url)
    try:
        return await database.read(lambda connection: [tuple(row) for row in connection.execute(text(statement))])
    finally:
        await database.close()


@contextmanager
def served(directory: Path, *flags: str) -> Iterator[tuple[subprocess.Popen[str], list[str]]]:
    """A server without settings from outside, and the lines it said until it listened."""
    command = [sys.executable, "-m", "closebell", "serve", "--port", "0", "--log-level", "error", *flags]
    with subprocess.Popen(command, cwd=directory, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            lines = []
            for line in process.stdout:
                lines.append(line.rstrip("\n"))
                if line.startswith(LISTENING):
                    break
            yield process, lines
        finally:
            process.kill()


def failed(directory: Path, *flags: str) -> tuple[int, str]:
    """The exit code and the one line of a server that does not start."""
    command = [sys.executable, "-m", "closebell", "serve", *flags]
    ran = subprocess.run(command, cwd=directory, capture_output=True, text=True, check=False, timeout=ENDS_WITHIN_S)
    assert ran.stdout == ""
    assert ran.stderr.startswith("closebell: "), ran.stderr
    assert ran.stderr.count("\n") == 1, ran.stderr
    return ran.returncode, ran.stderr


def get(url: str, path: str, key: str = "") -> http.client.HTTPResponse:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(str(parts.hostname), parts.port, timeout=ENDS_WITHIN_S)
    try:
        connection.request("GET", path, headers={"Authorization": f"apikey {key}"} if key else {})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_the_first_start_shows_a_key_once_and_a_signal_ends_it_well(tmp_path: Path, number: signal.Signals) -> None:
    with served(tmp_path) as (process, lines):
        shown, listening = lines
        url, key = listening.removeprefix(LISTENING), shown.removeprefix(ADMIN_KEY)
        answer = get(url, "/v1/keys", key)
        assert answer.status == 200
        assert answer.getheader("server") is None
        assert get(url, "/v1/keys").status == 401
        process.send_signal(number)
        assert process.wait(ENDS_WITHIN_S) == 0
        assert process.stdout is not None
        assert process.stdout.read() == ""
    with served(tmp_path) as (_, lines):
        assert len(lines) == 1
        assert get(lines[0].removeprefix(LISTENING), "/v1/keys", key).status == 200


def test_no_key_is_made_when_the_settings_have_one(tmp_path: Path) -> None:
    with served(tmp_path, "--admin-key", "k" * 64) as (_, (listening,)):
        assert get(listening.removeprefix(LISTENING), "/v1/keys", "k" * 64).status == 200


async def test_sigterm_lets_deliveries_finish_and_leaves_nothing_leased(sqlite_url: str, tmp_path: Path) -> None:
    async with receiving(lambda _call: None) as receiver:
        server = await start(sqlite_url, tmp_path, delivery_timeout_s="1", lease_s="60")
        try:
            await server.ask("POST", "/v1/import", {"invoices": invoices(1)})
            await server.ask("POST", "/v1/webhook_endpoints", endpoint(receiver.url))
            await server.ask("POST", f"/v1/invoices/{invoice_id(0)}/close")
            await receiver.wait_for(1)

            assert await server.stop() == 0
        finally:
            await server.kill()

    assert await rows(sqlite_url, "SELECT state, lease_id FROM deliveries") == [("pending", None)]
    assert await rows(sqlite_url, "SELECT number, error FROM attempts") == [(1, "timeout")]


async def test_sigterm_does_not_wait_for_those_who_wait(sqlite_url: str, tmp_path: Path) -> None:
    server = await start(sqlite_url, tmp_path)
    try:
        parts = urlsplit(server.url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        head = f"GET /v1/events?wait=30 HTTP/1.1\r\nhost: here\r\nauthorization: apikey {TEST_KEY}\r\n\r\n"
        writer.write(head.encode())
        await writer.drain()
        # Answered after the first request has been read, as both are read by one loop.
        await server.ask("GET", "/readyz")

        async with asyncio.timeout(ENDS_WITHIN_S):
            assert await server.stop() == 0
            answer = await reader.read()
        writer.close()
    finally:
        await server.kill()

    assert answer.startswith(b"HTTP/1.1 200 ")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["events"] == []


async def test_sigkill_loses_nothing(sqlite_url: str, tmp_path: Path) -> None:
    async with receiving() as receiver:
        server = await start(sqlite_url, tmp_path)
        await server.ask("POST", "/v1/import", {"invoices": invoices(1)})
        _, made = await server.ask("POST", "/v1/webhook_endpoints", endpoint(receiver.url))
        await server.ask("POST", f"/v1/webhook_endpoints/{made['id']}/disable")
        status, closed = await server.ask("POST", f"/v1/invoices/{invoice_id(0)}/close")
        await server.kill()
        assert status == 200
        assert receiver.calls == []

        async with serving(sqlite_url, tmp_path) as after:
            await after.ask("POST", f"/v1/webhook_endpoints/{made['id']}/enable")
            (call,) = await receiver.wait_for(1)
            told = json.loads(call.body)["data"]["invoice"]
            assert told["receipt_number"] == closed["receipt_number"]
            assert await feed(after) == [call.headers["webhook-id"]]


async def feed(server: Server) -> list[str]:
    _, page = await server.ask("GET", "/v1/events")
    return [event["event_id"] for event in page["events"]]


def test_a_port_in_use(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        code, line = failed(tmp_path, "--port", str(port))
    assert code == 2
    assert line == f"closebell: cannot listen on 127.0.0.1 port {port} (CLOSEBELL_PORT): Address already in use\n"
    assert list(tmp_path.iterdir()) == [], "nothing is created before the port is ours"


@pytest.mark.parametrize(
    ("flags", "code", "says"),
    [
        (["--database-url", "sqlite:////nowhere/closebell.db"], 2, "/nowhere is not a directory"),
        (["--database-url", "sqlite:////proc/closebell.db"], 1, "closebell.db.serving cannot be made"),
        (["--database-url", POSTGRESQL, "--secret-keys", SECRET_KEY], 1, "127.0.0.1"),
        (["--database-url", POSTGRESQL], 2, "`closebell secrets new-key`"),
        (["--host", "no-such-host.invalid"], 2, "no-such-host.invalid"),
        (["--host", "192.0.2.1"], 2, "cannot listen on 192.0.2.1"),
        (["--lease-s", "1"], 2, "CLOSEBELL_LEASE_S"),
    ],
)
def test_a_server_that_cannot_start_says_why_in_one_line(
    tmp_path: Path, flags: list[str], code: int, says: str
) -> None:
    ended, line = failed(tmp_path, "--port", "0", *flags)
    assert ended == code, line
    assert says in line
    assert "nobody:secret" not in line


def test_a_name_with_several_addresses_has_one_port() -> None:
    sockets = listen("localhost", 0)
    try:
        assert len({made.getsockname()[1] for made in sockets}) == 1
    finally:
        for made in sockets:
            made.close()


def test_what_was_claimed_is_let_go_when_the_rest_cannot_be() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken, pytest.raises(MisuseError, match="Address already in use"):
        listen("127.0.0.1", taken.getsockname()[1])
