"""Who may ask: whoever shows a key that is known and not revoked, or the token of a user who signed in."""

from __future__ import annotations

import hmac
import time
from collections.abc import Callable, Iterable
from typing import Final, Protocol

from closebell.domain.caller import OPERATOR, Caller
from closebell.errors import Unauthorised
from closebell.store.keys import digest

KEY_SCHEME: Final = b"apikey"
BEARER_SCHEME: Final = b"bearer"
"""What tokens are shown with; keys too, because some clients force it on them."""
KNOWN_FOR_S: Final = 5.0
"""Seconds a good key or token is good without asking again; one that ends elsewhere lives that much longer."""
KNOWN_MAX: Final = 1024
"""Keys and tokens remembered at once; one more and all are asked for anew."""
KEY_BYTES_MAX: Final = 512
"""Bytes of a key or token that are looked at; ours have 64."""

_WRITE: Final = "write `Authorization: apikey <key>` or `Authorization: bearer <access token>`"
_UNKNOWN: Final = "Nobody here knows this key or token, or it has expired or been revoked."


class FindCaller(Protocol):
    """Asks the database who shows what has this hash."""

    async def __call__(self, shown: bytes, *, is_bearer: bool) -> Caller | None:
        """The caller, or None when nobody has it or has it any more."""
        ...


class Gatekeeper:
    """Knows good keys and tokens by their hash. What is not good is never remembered, so it costs a look each time."""

    def __init__(
        self,
        *,
        find: FindCaller,
        admin_key: str | None = None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._find = find
        self._admin_hash = None if admin_key is None else digest(admin_key)
        self._monotonic_s = monotonic_s
        self._known: dict[tuple[bytes, bool], tuple[Caller, float]] = {}
        self._times_forgotten = 0

    async def admit(self, headers: Iterable[tuple[bytes, bytes]]) -> Caller:
        """Who makes the request.

        Errors: Unauthorised, saying what is missing and never repeating what was sent; Unavailable.
        """
        text, is_bearer = _shown(headers)
        shown = digest(text)
        known = self._known.get((shown, is_bearer))
        if known is not None and known[1] > self._monotonic_s():
            return known[0]
        if self._admin_hash is not None and hmac.compare_digest(shown, self._admin_hash):
            return OPERATOR
        before = self._times_forgotten
        caller = await self._find(shown, is_bearer=is_bearer)
        if caller is None:
            self._known.pop((shown, is_bearer), None)
            raise Unauthorised(_UNKNOWN)
        if before == self._times_forgotten:
            # Otherwise something was revoked while the database was asked, and it may have been this.
            self._remember((shown, is_bearer), caller)
        return caller

    def forget(self) -> None:
        """Ask for every key and token anew: one was revoked."""
        self._known.clear()
        self._times_forgotten += 1

    def _remember(self, shown: tuple[bytes, bool], caller: Caller) -> None:
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        self._known[shown] = caller, self._monotonic_s() + KNOWN_FOR_S


def _shown(headers: Iterable[tuple[bytes, bytes]]) -> tuple[str, bool]:
    """The key or token that a request shows, and whether as a bearer; the scheme may be in any case."""
    found = [value for name, value in headers if name == b"authorization"]
    if not found:
        raise Unauthorised(f"The request shows no key; {_WRITE}.")
    if len(found) > 1:
        raise Unauthorised(f"The request shows more than one key; {_WRITE} once.")
    scheme, _, text = found[0].strip().partition(b" ")
    scheme, text = scheme.lower(), text.strip()
    if scheme not in {KEY_SCHEME, BEARER_SCHEME} or not text:
        raise Unauthorised(f"The request shows no key or token of a known scheme; {_WRITE}.")
    if len(text) > KEY_BYTES_MAX or not text.isascii():
        raise Unauthorised(_UNKNOWN)
    return text.decode("ascii"), scheme == BEARER_SCHEME
