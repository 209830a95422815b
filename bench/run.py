"""One engine from an empty database to its figures, everything on one server and one set of tables."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Final

import msgspec

from bench import driver as books
from bench import figures
from bench.callers import Stock, calling
from bench.closing import measure_closing, measure_told_closing
from bench.driver import Driver
from bench.fairness import CALLERS as FAIRNESS_CALLERS
from bench.fairness import measure_fairness
from bench.figures import EngineReport, Figure, Proof
from bench.growth import measure_growth
from bench.latency import measure_latency
from bench.plan import CALLERS, CROWDED, Plan
from bench.postgresql import postgresql_driver
from bench.reading import measure_reading
from bench.receiver import receiving
from bench.sending import measure_sending
from bench.server import Server, serving
from bench.sqlite import sqlite_driver
from bench.stage import Stage, invoice_ids, load_template

ENGINES: Final[dict[str, Callable[[Path], AbstractAsyncContextManager[Driver]]]] = {
    "sqlite": sqlite_driver,
    "postgresql": postgresql_driver,
}
MEMORY_IDLE_MIB: Final = 150
SETTLES_S: Final = 1.0
"""Seconds after its start at which the server counts as idle."""


async def measure(
    engine: str, plan: Plan, directory: Path, say: Callable[[str], None], *, only_reading: bool = False
) -> EngineReport:
    """All figures of an engine.

    Errors: NotVerified at the first thing that is not as it must be.
    """
    said_s = time.monotonic()

    def done(what: str) -> None:
        nonlocal said_s
        now_s = time.monotonic()
        say(f"{engine:10}  {now_s - said_s:5.1f} s  {what}")
        said_s = now_s

    async with ENGINES[engine](directory) as driver, serving(driver.url, directory) as server:
        await asyncio.sleep(SETTLES_S)
        idle = figures.at_most("Memory idle", server.resident_mib(), "MiB", target=MEMORY_IDLE_MIB)
        await driver.open()
        try:
            template_id = await load_template(server)
            measured, proof = [idle], Proof()
            if not only_reading:
                written, proof = await _measure_writing(server, driver, template_id, plan, done)
                measured = [*written, idle]
            read = await measure_reading(server, driver, template_id, plan, done)
        finally:
            await driver.close()
    return EngineReport(
        engine=engine,
        version=driver.version,
        figures=[*measured, *read.figures],
        proof=msgspec.structs.replace(proof, reads=read.reads),
    )


async def _measure_writing(
    server: Server, driver: Driver, template_id: str, plan: Plan, done: Callable[[str], None]
) -> tuple[list[Figure], Proof]:
    """Closing and sending, on a stock of open invoices; and a look at the books afterwards."""
    ids = invoice_ids(plan.invoices)
    await driver.copy(books.INVOICE_TABLES, template_id, ["id"], [(invoice_id,) for invoice_id in ids])
    done(f"{len(ids):,} open invoices, copies of the public sample")
    async with receiving(CROWDED) as receiver, calling(server, CALLERS) as crowd:
        stage = Stage(server=server, driver=driver, receiver=receiver, crowd=crowd, stock=Stock(ids))
        measured = await _measure(stage, plan, done)
    await books.books_are_right(driver, stage.closes + stage.driver_closes)
    done("the books: receipts, sequence, hash chain, an event for every close")
    return measured, Proof(
        closes=stage.closes, driver_closes=stage.driver_closes, webhooks=stage.webhooks, repeats=stage.repeats
    )


async def _measure(stage: Stage, plan: Plan, done: Callable[[str], None]) -> list[Figure]:
    closing = await measure_closing(stage, plan)
    done(closing.name)
    told = await measure_told_closing(stage, plan)
    done(told[0].name)
    latency = await measure_latency(stage, plan)
    done(latency[0].name)
    sending = await measure_sending(stage, plan)
    done(sending[0].name)
    growth = await measure_growth(stage, plan)
    done(growth[0].name)
    # Meanwhile nobody closed anything, and the server lets go of connections that are idle for long.
    async with calling(stage.server, FAIRNESS_CALLERS) as stage.crowd:
        fairness = await measure_fairness(stage, plan)
    done(fairness[0].name)
    return [closing, *told, *sending[:2], *growth[:-1], *latency, *fairness, *sending[2:], growth[-1]]
