from __future__ import annotations

import asyncio

import pytest

from closebell.dispatch.duty import keep_doing


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
