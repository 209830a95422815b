"""The real server in a process of its own, and what it uses of the machine."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import msgspec
from pyreqwest.client import Client, ClientBuilder

from bench.verified import must
from closebell.cli.listening import LISTENING
from closebell.config import VARIABLE_PREFIX
from closebell.testing import SECRET_KEY

ADMIN_KEY: Final = "5e" * 32
STARTS_WITHIN_S: Final = 60
STOPS_WITHIN_S: Final = 30
LAST_WORDS: Final = 30
"""Lines of the server's output that are kept, to be shown should it end by itself."""
MIB: Final = 1024 * 1024
_TICKS_PER_S: Final = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True, kw_only=True)
class Server:
    """A server that runs, and a client that has its key."""

    url: str
    process: asyncio.subprocess.Process
    client: Client
    said: deque[str] = field(repr=False)

    @property
    def port(self) -> int:
        """The port it listens on."""
        port = urlsplit(self.url).port
        assert port is not None, "the server says on which port it listens"
        return port

    async def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The decoded answer to one request.

        Errors: NotVerified when the status is not a success.
        """
        request = self.client.request(method, self.url + path).header("authorization", f"apikey {ADMIN_KEY}")
        if body is not None:
            request = request.body_bytes(body if isinstance(body, bytes) else msgspec.json.encode(body))
        response = await request.build().send()
        answer = bytes(await response.bytes())
        must(200 <= response.status < 300, f"{method} {path} answered {response.status}: {answer[:500]!r}")
        return msgspec.json.decode(answer) if answer else None

    def resident_mib(self) -> float:
        """Memory of the process that is in RAM now."""
        return _status_kib(self.process.pid, "VmRSS") * 1024 / MIB

    def peak_mib(self) -> float:
        """The most of it that was in RAM since `forget_peak`."""
        return _status_kib(self.process.pid, "VmHWM") * 1024 / MIB

    def forget_peak(self) -> None:
        """Let the peak begin anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5", encoding="ascii")

    def cpu_s(self) -> float:
        """Seconds of processor time that it has used, all threads together."""
        fields = Path(f"/proc/{self.process.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICKS_PER_S


def _status_kib(pid: int, name: str) -> int:
    for line in Path(f"/proc/{pid}/status").read_text(encoding="ascii").splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1])
    raise AssertionError(f"the kernel does not tell {name}")


@asynccontextmanager
async def serving(database_url: str, directory: Path) -> AsyncIterator[Server]:
    """A server with default settings that may call loopback, for the length of the block."""
    given = {
        "DATABASE_URL": database_url,
        "ADMIN_KEY": ADMIN_KEY,
        "ALLOWED_NETWORKS": "127.0.0.0/8",
        "SECRET_KEYS": SECRET_KEY,
    }
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLE_PREFIX)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "closebell", "serve", "--port", "0", "--log-level", "warning"),
        cwd=directory,
        env={**inherited, **{VARIABLE_PREFIX + name: value for name, value in given.items()}},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said: deque[str] = deque(maxlen=LAST_WORDS)
    listening: asyncio.Future[str] = asyncio.get_running_loop().create_future()
    hearing = asyncio.create_task(_hear(process, said, listening))
    try:
        async with asyncio.timeout(STARTS_WITHIN_S):
            url = await listening
        yield Server(url=url, process=process, client=ClientBuilder().no_proxy().build(), said=said)
    except BaseException:
        print("\n".join(said), file=sys.stderr)
        raise
    finally:
        await _stop(process)
        await hearing


async def _hear(process: asyncio.subprocess.Process, said: deque[str], listening: asyncio.Future[str]) -> None:
    """Read what the server says until it ends, so that it is never kept waiting."""
    assert process.stdout is not None
    async for line in process.stdout:
        text = line.decode(errors="replace").rstrip()
        said.append(text)
        if text.startswith(LISTENING) and not listening.done():
            listening.set_result(text.removeprefix(LISTENING))
    if not listening.done():
        listening.set_exception(AssertionError("the server ended before it listened"))


async def _stop(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.send_signal(signal.SIGTERM)
    try:
        async with asyncio.timeout(STOPS_WITHIN_S):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
