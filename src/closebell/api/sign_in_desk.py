"""Where passwords are checked: few at a time, away from the event loop, and slowly for whoever guesses."""

from __future__ import annotations

import asyncio
import hashlib
import math
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from closebell.errors import TooOften
from closebell.store import passwords

AT_ONCE: Final = 2
"""Passwords that are hashed at the same time, each in a thread of its own and with 46 MiB."""
WAITING_MAX: Final = 64
"""Passwords that are being hashed or wait for it; one more is told to come back."""
FAILURES_MAX: Final = 5
"""Wrong passwords for one user name, within WINDOW_S, after which none is looked at."""
WINDOW_S: Final = 60
"""Seconds that failures count, from the first of them on."""
NAMES_MAX: Final = 10_000
"""User names whose failures are remembered; with one more, the one that failed first is forgotten."""


class SignInDesk:
    """Checks and hashes passwords; remembers, in this process, for whom wrong ones were shown."""

    def __init__(self, *, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._monotonic_s = monotonic_s
        self._turns = asyncio.Semaphore(AT_ONCE)
        self._waiting = 0
        self._failures: dict[bytes, tuple[float, int]] = {}

    async def check(self, user_name: str, password: str, kept: str) -> bool:
        """Whether the password is the one whose hash was kept, of a user of this name or of nobody.

        Errors: TooOften after FAILURES_MAX wrong ones, or when WAITING_MAX others wait.
        """
        name = hashlib.sha256(user_name.encode(errors="surrogatepass")).digest()
        async with self._turn():
            # Counted before it is known, so that whoever hangs up in the middle has tried as well.
            self._count(name)
            is_right = await asyncio.to_thread(passwords.matches, password, kept)
            if is_right:
                self._failures.pop(name, None)
        return is_right

    async def hashed(self, password: str) -> str:
        """What is kept of a password.

        Errors: TooOften when WAITING_MAX others wait.
        """
        async with self._turn():
            return await asyncio.to_thread(passwords.hashed, password)

    @asynccontextmanager
    async def _turn(self) -> AsyncIterator[None]:
        if self._waiting >= WAITING_MAX:
            raise TooOften(f"{WAITING_MAX} others are signing in at this moment.", retry_after_s=1)
        self._waiting += 1
        try:
            async with self._turns:
                yield
        finally:
            self._waiting -= 1

    def _count(self, name: bytes) -> None:
        """One more attempt for this name.

        Errors: TooOften.
        """
        now_s = self._monotonic_s()
        since_s, failures = self._failures.get(name, (now_s, 0))
        if now_s - since_s >= WINDOW_S:
            del self._failures[name]  # what is forgotten first is what began first
            since_s, failures = now_s, 0
        if failures >= FAILURES_MAX:
            raise TooOften(
                f"{FAILURES_MAX} wrong passwords were shown for this user name within {WINDOW_S} s.",
                retry_after_s=math.ceil(since_s + WINDOW_S - now_s),
            )
        if name not in self._failures and len(self._failures) >= NAMES_MAX:
            del self._failures[next(iter(self._failures))]
        self._failures[name] = since_s, failures + 1
