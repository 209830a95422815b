"""Runs the world of a seed from its beginning to its end."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from structlog.processors import format_exc_info
from structlog.testing import capture_logs

from simulation.conditions import Conditions, drawn
from simulation.life import Life
from simulation.mail import MailServer
from simulation.network import Network
from simulation.process import of_their_processes
from simulation.reckoning import Reckoning
from simulation.virtual_time import VirtualTimeLoop
from simulation.witness import Witness
from simulation.world import Violation, World


class SeedFailed(AssertionError):
    """A seed whose world went wrong, with how to see it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What came of a world in which nothing went wrong."""

    seed: int
    digest: str
    virtual_s: float
    events: int
    calls: int
    lines: list[str]


def run(seed: int) -> Seen:
    """Live through the world of a seed.

    Errors: SeedFailed, naming the seed, the conditions, and what happened last.
    """
    chance = random.Random(seed)
    conditions = drawn(chance)
    loop = VirtualTimeLoop()
    world = World(loop=loop, chance=chance, conditions=conditions)
    world.network, world.mail, world.witness = Network(world), MailServer(), Witness(world)
    loop.set_task_factory(of_their_processes)
    unhandled: list[dict[str, Any]] = []
    loop.set_exception_handler(lambda _loop, context: unhandled.append(context))
    with capture_logs(processors=[format_exc_info]) as logged:
        try:
            _live_and_judge(world)
            _must_be_silent(unhandled, logged)
        except Exception as error:
            raise _failed(seed, conditions, world, world.witness.problem or error) from error
        finally:
            _end(loop)
    books = world.witness.books
    return Seen(
        seed=seed,
        digest=world.record.digest(),
        virtual_s=loop.time(),
        events=len({row.event_id for row in books.deliveries.values()}),
        calls=len(books.calls),
        lines=world.record.lines,
    )


def _live_and_judge(world: World) -> None:
    life = Life(world)
    reckoning = Reckoning(world, life)

    async def history() -> None:
        await life.live()
        reckoning.at_any_time()
        await life.set_right()

    world.loop.run_until_complete(history())
    if world.witness.problem is not None:
        raise world.witness.problem
    reckoning.at_the_end()


def _must_be_silent(unhandled: Iterable[dict[str, Any]], logged: Iterable[Any]) -> None:
    """No task may fail unseen, and no code may log an error: errors are for bugs of ours."""
    for context in unhandled:
        raise Violation(f"unhandled: {context}")
    for entry in logged:
        if entry["log_level"] in {"error", "critical"}:
            raise Violation(f"logged as an error: {entry.pop('exception', '')}\n{entry}")


def _end(loop: VirtualTimeLoop) -> None:
    """Leave nothing behind, however the world ended."""
    tasks = asyncio.all_tasks(loop)
    for task in tasks:
        task.cancel()
    if tasks:
        loop.run_until_complete(asyncio.wait(tasks))
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.close()


def _failed(seed: int, conditions: Conditions, world: World, error: BaseException) -> SeedFailed:
    return SeedFailed(
        f"seed {seed}: {error!r}\n{conditions}\n{world.record.end()}\n\nSee it again with: make sim SEEDS=1 FROM={seed}"
    )
