from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from closebell.background.duty import keep_doing, repeat
from closebell.errors import Unavailable


async def test_what_fails_is_begun_again() -> None:
    times: list[int] = []
    went_on = asyncio.Event()

    async def duty() -> None:
        times.append(len(times))
        if len(times) < 3:
            raise ZeroDivisionError
        went_on.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_doing("sums", duty, pause_s=0))
    async with asyncio.timeout(30):
        await went_on.wait()
    assert times == [0, 1, 2]
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_what_has_nothing_to_do_is_left() -> None:
    async def duty() -> None:
        pass

    async with asyncio.timeout(30):
        await keep_doing("nothing", duty)


async def test_a_database_that_cannot_answer_is_told_of_and_asked_again() -> None:
    times: list[int] = []

    async def work() -> None:
        times.append(len(times))
        if len(times) == 1:
            raise Unavailable("disk full")
        if len(times) == 3:
            raise ZeroDivisionError

    with capture_logs() as logs, pytest.raises(ZeroDivisionError):
        async with asyncio.timeout(30):
            await repeat("sums.database_unavailable", work, every_s=0)
    assert times == [0, 1, 2], "what nobody foresaw is for whoever does the duty"
    assert logs == [{"event": "sums.database_unavailable", "error": "disk full", "log_level": "warning"}]
