"""The receiver process from the outside: start it, say what to expect, ask what came."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

import msgspec

from bench.receiver_process import LINE_BYTES_MAX, Await, Begin, Ports, Report, address_of
from bench.verified import must

ANSWERS_WITHIN_S: Final = 20
"""Seconds in which the receiver must start, and answer beyond the time it was given to wait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Receiver:
    """A receiver that runs."""

    process: asyncio.subprocess.Process
    ports: list[int]

    def url(self, number: int) -> str:
        """Where the receiver's endpoint of this number is."""
        return f"http://{address_of(number)}:{self.ports[number]}/hook"

    async def begin(
        self, secrets: Mapping[int, str], *, expected: int, timed: bool = False, silent: Sequence[int] = ()
    ) -> None:
        """Forget what came; expect that many events. `secrets` are by port; `silent` ports do not answer."""
        await self._order(Begin(expected=expected, secrets=dict(secrets), timed=timed, silent=list(silent)))

    async def all_came(self, expected: Mapping[int, str], *, within_s: float) -> Report:
        """What came, once it is all there. `expected` is the digest of the events by port.

        Errors: NotVerified when anything is missing, is too much, or has no valid signature.
        """
        report = await self.enough_came(within_s=within_s)
        must(report.digests == expected, f"{report.events} events came, and they are not those that were to come")
        return report

    async def enough_came(self, *, within_s: float) -> Report:
        """What came, once it is as much as was expected, or the time is up; more may come.

        Errors: NotVerified when anything has no valid signature.
        """
        report = await self._order(Await(within_s=within_s))
        must(report.refused == 0, f"{report.refused} webhooks had no valid signature")
        return report

    async def _order(self, order: Begin | Await) -> Report:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(msgspec.json.encode(order) + b"\n")
        patience_s = ANSWERS_WITHIN_S + (order.within_s if isinstance(order, Await) else 0)
        async with asyncio.timeout(patience_s):
            return msgspec.json.decode(await self.process.stdout.readline(), type=Report)


@asynccontextmanager
async def receiving(ports: int) -> AsyncIterator[Receiver]:
    """A receiver for the length of the block."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.receiver_process", str(ports)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        limit=LINE_BYTES_MAX,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            said = msgspec.json.decode(await process.stdout.readline(), type=Ports)
        yield Receiver(process=process, ports=said.ports)
    finally:
        process.stdin.close()
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()
