"""Who may ask: whoever shows a key that is known and not revoked."""

from __future__ import annotations

import hmac
import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final

from closebell.errors import Unauthorised
from closebell.store.keys import digest

SCHEME: Final = b"apikey"
KNOWN_FOR_S: Final = 5.0
"""Seconds a good key is good without asking again; a key revoked by another process lives that much longer."""
KNOWN_KEYS_MAX: Final = 1024
"""Keys remembered at once; one more and all are asked for anew."""
KEY_BYTES_MAX: Final = 512
"""Bytes of a key that are looked at; ours have 64."""

_WRITE: Final = "write `Authorization: apikey <key>`"


class Gatekeeper:
    """Knows good keys by their hash. A key that is not good is never remembered, so it costs a look each time."""

    def __init__(
        self,
        *,
        is_live: Callable[[bytes], Awaitable[bool]],
        admin_key: str | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._is_live = is_live
        self._admin_hash = None if admin_key is None else digest(admin_key)
        self._monotonic_s = monotonic_s
        self._known: dict[bytes, float] = {}

    async def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> None:
        """Return if the request may pass.

        Errors: Unauthorised, saying what is missing and never repeating what was sent; Unavailable.
        """
        key_hash = digest(_key(headers))
        until_s = self._known.get(key_hash)
        if until_s is not None and until_s > self._monotonic_s():
            return
        if self._admin_hash is not None and hmac.compare_digest(key_hash, self._admin_hash):
            self._remember(key_hash)
            return
        if not await self._is_live(key_hash):
            self._known.pop(key_hash, None)
            raise Unauthorised("Nobody here knows this key, or it has been revoked.")
        self._remember(key_hash)

    def forget(self) -> None:
        """Ask for every key anew: one was revoked."""
        self._known.clear()

    def _remember(self, key_hash: bytes) -> None:
        if len(self._known) >= KNOWN_KEYS_MAX:
            self._known.clear()
        self._known[key_hash] = self._monotonic_s() + KNOWN_FOR_S


def _key(headers: Iterable[tuple[bytes, bytes]]) -> str:
    """The key that a request shows; the scheme may be in any case."""
    shown = [value for name, value in headers if name == b"authorization"]
    if not shown:
        raise Unauthorised(f"The request shows no key; {_WRITE}.")
    if len(shown) > 1:
        raise Unauthorised(f"The request shows more than one key; {_WRITE} once.")
    scheme, _, key = shown[0].strip().partition(b" ")
    key = key.strip()
    if scheme.lower() != SCHEME or not key:
        raise Unauthorised(f"The request shows no key of this scheme; {_WRITE}.")
    if len(key) > KEY_BYTES_MAX or not key.isascii():
        raise Unauthorised("Nobody here knows this key, or it has been revoked.")
    return key.decode("ascii")
