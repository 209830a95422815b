"""What the demo plays on: the real server in a process of its own, and a real HTTP receiver on loopback."""

from __future__ import annotations

import http.client
import json
import os
import queue
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

from closebell.cli.listening import ADMIN_KEY, LISTENING
from closebell.clock import SystemClock
from closebell.config import VARIABLE_PREFIX
from closebell.domain.document import encode
from closebell.errors import ClosebellError

LOOPBACK: Final = "127.0.0.1"
START_S: Final = 20
"""Seconds in which the server must be listening; about one is usual."""
STOP_S: Final = 20
"""Seconds in which it must have ended after SIGTERM; less than one is usual."""
CALL_S: Final = 10
"""Seconds for one call of its API."""
_NO_HEADERS: Final[Mapping[str, str]] = MappingProxyType({})


class StageFailed(ClosebellError):
    """The server did not start, did not answer or did not stop; or nobody called the receiver."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """An answer of the API; every number in `document` is a Decimal."""

    status: int
    document: Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Received:
    """One call that came in, as it came."""

    at: datetime
    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes


def as_json(value: Any) -> str:
    """JSON of what came as JSON, with its numbers as they were."""
    return encode(value).decode()


class Receiver:
    """An application that wants to be told: answers every call with `status` and keeps what came."""

    def __init__(self, *, status: int = 204) -> None:
        self._calls: queue.SimpleQueue[Received] = queue.SimpleQueue()
        self._server = _Listener((LOOPBACK, 0), _handler(self._calls, status))
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
        self.url = f"http://{LOOPBACK}:{self._server.server_port}/hook"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next_call(self, *, within_s: float) -> Received:
        """The next call, waiting for it if need be.

        Errors: StageFailed when none comes in time.
        """
        try:
            return self._calls.get(timeout=within_s)
        except queue.Empty:
            raise StageFailed(f"nobody called the receiver within {within_s:g} s") from None

    def calls_waiting(self) -> int:
        """How many calls came that nobody has taken."""
        return self._calls.qsize()

    def all_calls(self) -> tuple[Received, ...]:
        """Every call that nobody has taken, in the order in which they came."""
        return tuple(self._calls.get() for _ in range(self._calls.qsize()))


class _Listener(ThreadingHTTPServer):
    request_queue_size = 128  # a dispatcher calls many times at once


def _handler(calls: queue.SimpleQueue[Received], status: int) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            at = SystemClock().now()
            headers = {name.lower(): value for name, value in self.headers.items()}
            calls.put(Received(at=at, method=self.command, path=self.path, headers=headers, body=body))
            self.send_response(status)
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name is the base class's
            """Say nothing: the story tells."""

    return Handler


class Server:
    """`closebell serve` under way, and the way to call it."""

    def __init__(self, process: subprocess.Popen[str], *, url: str, key: str) -> None:
        self._process = process
        self.key = key
        self.url = url

    def call(
        self,
        method: str,
        path: str,
        body: bytes | Mapping[str, Any] | None = None,
        headers: Mapping[str, str] = _NO_HEADERS,
    ) -> Reply:
        """Call the API with the admin key.

        Errors: StageFailed when there is no answer, or none in JSON.
        """
        sent = body if isinstance(body, bytes | None) else as_json(body).encode()
        parts = urlsplit(self.url)
        connection = http.client.HTTPConnection(parts.hostname or LOOPBACK, parts.port, timeout=CALL_S)
        try:
            connection.request(method, path, sent, {"Authorization": f"apikey {self.key}", **headers})
            answer = connection.getresponse()
            text = answer.read().decode()
            document = json.loads(text, parse_float=Decimal, parse_int=Decimal)
            return Reply(status=answer.status, document=document)
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise StageFailed(f"{method} {path} got no answer: {error!r}") from error
        finally:
            connection.close()

    def stop(self) -> int:
        """Send SIGTERM and wait for the end; its exit code.

        Errors: StageFailed when it does not end in time.
        """
        self._process.terminate()
        try:
            return self._process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            raise StageFailed(f"the server has not ended {STOP_S} s after SIGTERM") from None


@contextmanager
def running_server(
    directory: Path, *, database_url: str = "", secret_key: str = "", processor: str = "none"
) -> Iterator[Server]:
    """`closebell serve` on a new SQLite file and a free port, which may call receivers on loopback.

    Shape:  `database_url` names another, empty database, whose secrets are sealed under `secret_key`. `processor` moves
            the money of payments online.
    Errors: StageFailed with the server's own last words when it does not start.
    """
    complaints = directory / "server.log"
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
    options = ["--database-url", database_url or f"sqlite:///{directory}/demo.db", "--payment-processor", processor]
    own = {f"{VARIABLE_PREFIX}SECRET_KEYS": secret_key} if secret_key else {}
    with complaints.open("w", encoding="utf-8") as stderr, _started(directory, stderr, options, own) as process:
        reader = threading.Thread(target=_read_lines, args=(process, lines), daemon=True)
        reader.start()
        try:
            url, key = _announced(lines, complaints)
            yield Server(process, url=url, key=key)
        finally:
            process.kill()
            reader.join()


def _started(
    directory: Path, stderr: Any, options: Sequence[str], variables: Mapping[str, str]
) -> subprocess.Popen[str]:
    """The process, with no setting but ours: neither the caller's variables nor a closebell.toml reach it."""
    command = [sys.executable, "-m", "closebell", "serve", "--host", LOOPBACK, "--port", "0"]
    command += ["--allowed-networks", "127.0.0.0/8", "--log-level", "error", *options]
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLE_PREFIX)}
    return subprocess.Popen(  # noqa: S603  # the command is ours alone
        command,
        cwd=directory,
        env={**inherited, **variables},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=stderr,
        text=True,
    )


def _announced(lines: queue.SimpleQueue[str | None], complaints: Path) -> tuple[str, str]:
    """The URL and the key that the server says when it is up."""
    key = ""
    while True:
        try:
            line = lines.get(timeout=START_S)
        except queue.Empty:
            raise StageFailed(f"the server is not listening after {START_S} s") from None
        if line is None:
            said = complaints.read_text(encoding="utf-8").strip().splitlines()
            raise StageFailed(f"the server did not start: {said[-1] if said else 'it said nothing'}")
        if line.startswith(ADMIN_KEY):
            key = line.removeprefix(ADMIN_KEY).strip()
        if line.startswith(LISTENING):
            return line.removeprefix(LISTENING).strip(), key


def _read_lines(process: subprocess.Popen[str], lines: queue.SimpleQueue[str | None]) -> None:
    """Hand over each line, and None at the end; until then it keeps the pipe from filling up."""
    assert process.stdout is not None, "it was started with a pipe"
    for line in process.stdout:
        lines.put(line)
    lines.put(None)
