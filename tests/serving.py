"""The real server in a process of its own, over real HTTP; it can be stopped, and it can be killed."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
from pyreqwest.client import Client, ClientBuilder

from closebell.testing import SECRET_KEY

ADMIN_KEY = "5e" * 32
STARTED_WITHIN_S = 60
_LISTENING = b"Closebell listens on "


class NotStarted(AssertionError):
    """The process ended before it listened."""


@dataclass
class Server:
    """A server that runs, and a client that has its key."""

    url: str
    process: asyncio.subprocess.Process
    client: Client

    async def ask(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """The status and the decoded body of one request."""
        status, _, answered = await self.exchange(method, path, body)
        return status, answered

    async def exchange(self, method: str, path: str, body: Any = None) -> tuple[int, Mapping[str, str], Any]:
        """The same with the headers of the answer in between."""
        request = self.client.request(method, self.url + path).header("authorization", f"apikey {ADMIN_KEY}")
        if body is not None:
            request = request.body_bytes(body if isinstance(body, bytes) else msgspec.json.encode(body))
        response = await request.build().send()
        return response.status, dict(response.headers), msgspec.json.decode(bytes(await response.bytes()))

    async def kill(self) -> None:
        """End it without a chance to do anything."""
        with suppress(ProcessLookupError):
            self.process.kill()
        await self.process.wait()

    async def stop(self) -> int:
        """Ask it to end; its exit code."""
        with suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGTERM)
        return await self.process.wait()


async def spawn(database_url: str, directory: Path, **settings: str) -> asyncio.subprocess.Process:
    """The process alone, as soon as there is one; it will listen on a free port and may call loopback.

    Further settings are `CLOSEBELL_*` variables in lower case.
    """
    given = {
        "database_url": database_url,
        "admin_key": ADMIN_KEY,
        "allowed_networks": "127.0.0.0/8",
        "secret_keys": SECRET_KEY,
        **settings,
    }
    environment = {**os.environ, **{f"CLOSEBELL_{name.upper()}": value for name, value in given.items()}}
    return await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "closebell", "serve", "--port", "0", "--log-level", "warning"),
        cwd=directory,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )


async def start(database_url: str, directory: Path, **settings: str) -> Server:
    """The process once it listens; settings as `spawn` takes them."""
    process = await spawn(database_url, directory, **settings)
    try:
        async with asyncio.timeout(STARTED_WITHIN_S):
            url = await _announced(process)
    except BaseException:
        if process.returncode is None:
            process.kill()
        await process.wait()
        raise
    return Server(url=url, process=process, client=ClientBuilder().no_proxy().build())


async def _announced(process: asyncio.subprocess.Process) -> str:
    assert process.stdout is not None
    async for line in process.stdout:
        if line.startswith(_LISTENING):
            return line.removeprefix(_LISTENING).decode().strip()
    raise NotStarted(f"the server ended with {await process.wait()} before it listened")


@asynccontextmanager
async def serving(database_url: str, directory: Path, **settings: str) -> AsyncIterator[Server]:
    """A server for the length of the block; stopped cleanly at its end."""
    server = await start(database_url, directory, **settings)
    try:
        yield server
    finally:
        await server.stop()


def invoices(count: int, *, first: int = 0, paid: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
    """Open invoices as `POST /v1/import` takes them: of 10.00, each paid by one payment unless said otherwise."""
    return [_invoice(number, paid) for number in range(first, first + count)]


def invoice_id(number: int) -> str:
    """The id of the invoice with this number."""
    return f"00000000-0000-4000-8000-{number:012d}"


def _invoice(number: int, paid: Mapping[str, Any] | None) -> dict[str, Any]:
    price = {"currency_id": 148, "sales": 10, "tax": 0, "final": 10, "discount": 0}
    item = f"00000000-0000-4000-9000-{number:012d}"
    payment = {"transaction_id": f"00000000-0000-4000-a000-{number:012d}", "amount_paid": 10, "total_amount_paid": 10}
    return {
        "id": invoice_id(number),
        "invoice_number": str(number),
        "center_id": "00000000-0000-4000-b000-000000000001",
        "invoice_date": "2026-01-05T09:00:00",
        "total_price": {"net_price": 10, "tax": 0, "rounding_adjustment": 0, "sum_total": 10},
        "invoice_items": [
            {"invoice_item_id": item, "id": item, "name": "Trim", "type": 0, "price": price, "quantity": 1}
        ],
        "transactions": [payment if paid is None else dict(paid)] if paid != {} else [],
    }
