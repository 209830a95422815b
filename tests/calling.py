"""A running application, and how tests call it: in process, as a server would hand a request over."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, text

from closebell.api.front_door import Api
from closebell.api.service import Service
from closebell.app import build
from closebell.config import Settings
from closebell.domain.invoice import Invoice
from closebell.testing import FixedClock, SeededLuck, put
from closebell.tracing.spans import Tracer

KEY = "0123456789abcdef" * 4
TABLES = (
    *("invoices", "invoice_lines", "appointments", "transactions", "employee_tips", "group_invoices"),
    *("accounts", "account_entries", "campaigns", "vouchers", "invoice_counters", "receipt_counters"),
    *("events", "deliveries", "endpoints", "api_keys", "users", "tokens"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What came back."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        """The body as JSON, every number with a decimal point exact."""
        return json.loads(self.body, parse_float=Decimal)

    @property
    def error(self) -> Any:
        """The error object, once every shape of it is there; its code is a number, though some routes write a text."""
        found = self.document
        error = found["error"]
        assert int(error["code"]) == error["StatusCode"] == found["code"]
        assert error["message"] == error["Message"] == found["message"]
        assert isinstance(error["InternalMessage"], str)
        return {**error, "code": int(error["code"])}


@dataclass(slots=True, kw_only=True)
class Site:
    """The application and how to call it."""

    app: Api
    clock: FixedClock
    shown_keys: list[str] = field(default_factory=list)

    @property
    def service(self) -> Service:
        assert self.app.service is not None
        return self.app.service

    def alter(self, **changes: Any) -> None:
        """Let the running application differ in these parts of its service."""
        self.app.service = replace(self.service, **changes)

    async def put(self, *invoices: Invoice, employees: tuple[str, ...] = ()) -> None:
        await self.service.database.write(put, *invoices, employees=employees)

    async def rows(self) -> dict[str, list[Any]]:
        """Every row that a request could change."""
        return await self.service.database.read(_all_rows)

    async def call(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        key: str | None = KEY,
        headers: Mapping[str, str] | None = None,
        chunks: tuple[bytes, ...] | None = None,
    ) -> Reply:
        """One request, handed to the application as a server would hand it over."""
        shown = {"host": "testserver", **({"authorization": f"apikey {key}"} if key else {}), **(headers or {})}
        sent = chunks if chunks is not None else (_bytes(body),)
        return await asgi(self.app, method, path, shown, sent)

    async def get(self, path: str, **options: Any) -> Reply:
        return await self.call("GET", path, **options)

    async def post(self, path: str, body: Any = None, **options: Any) -> Reply:
        return await self.call("POST", path, body, **options)


def _bytes(body: Any) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else json.dumps(body).encode()


def _all_rows(connection: Connection) -> dict[str, list[Any]]:
    return {
        name: [tuple(row) for row in connection.execute(text(f"SELECT * FROM {name} ORDER BY 1, 2"))] for name in TABLES
    }


async def asgi(app: Api, method: str, target: str, headers: Mapping[str, str], chunks: tuple[bytes, ...]) -> Reply:
    path, _, query = target.partition("?")
    scope: Any = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": query.encode(),
        "headers": [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
        "server": ("testserver", 80),
    }
    waiting = [
        {"type": "http.request", "body": chunk, "more_body": index < len(chunks) - 1}
        for index, chunk in enumerate(chunks)
    ]
    sent: list[Any] = []

    async def receive() -> Any:
        if waiting:
            return waiting.pop(0)
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app(scope, receive, send)
    start, *parts = sent
    return Reply(
        status=int(start["status"]),
        headers={name.decode(): value.decode() for name, value in start["headers"]},
        body=b"".join(part["body"] for part in parts),
    )


@asynccontextmanager
async def running(settings: Settings, *, tracer: Tracer | None = None) -> AsyncIterator[Site]:
    clock = FixedClock()
    shown: list[str] = []
    app = build(settings, clock=clock, luck=SeededLuck(), show_admin_key=shown.append, tracer=tracer)
    started, stopping = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        # In a task of its own: what is entered here must be left by the same task, and fixtures give no such promise.
        async with app.lifespan():
            started.set()
            await stopping.wait()

    life = asyncio.create_task(live())
    await asyncio.wait([life, asyncio.create_task(started.wait())], return_when=asyncio.FIRST_COMPLETED)
    if life.done():
        await life
    try:
        yield Site(app=app, clock=clock, shown_keys=shown)
    finally:
        stopping.set()
        await life
