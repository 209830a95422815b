"""A receiver that pours: what it may send before its answer is there is bounded.

The HTTP client passes over interim answers (1xx) without counting them, and reads on for as long as there are any. One
receiver that sends nothing else would thus keep it from every other call until the deadline, and nothing in the client
tells of it. So while answers are awaited the connections to those receivers are looked at from outside, and one that
has brought far more than any answer can hold is shut.
"""

from __future__ import annotations

import asyncio
import os
import socket
import sys
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Final

LOOK_EVERY_S: Final = 0.1
"""Seconds between two looks; an answer that is there by the next one was never looked at."""
LOOK_PAUSE_FACTOR: Final = 100
"""A look is followed by a pause of at least that many times its own duration, however many connections there are."""
POURED_BYTES_MAX: Final = 1024 * 1024
"""Bytes that a connection may bring beside what its calls ask for. The client itself refuses a head of 0.4 MB, and of
a body 16 KiB are read."""
POURED_PER_BYTE_MAX: Final = 64
"""Bytes that it may bring for each one that was sent: a call has 500 at least, and its answer 32 KB at most."""

_DESCRIPTORS: Final = Path("/proc/self/fd")
CAN_LOOK: Final = sys.platform == "linux" and _DESCRIPTORS.is_dir()
"""Only Linux tells what a connection has brought; elsewhere nobody is looked at."""
_TCP_INFO: Final = 11
_INFO_BYTES: Final = 136
_ACKED, _RECEIVED = slice(120, 128), slice(128, 136)
"""Where in what it tells the bytes are that the other side has had and has sent. Source: linux/tcp.h, `tcp_info`."""

Peer = tuple[str, int]
"""Address and port of a receiver."""


@dataclass(slots=True, kw_only=True, eq=False)
class Awaited:
    """An answer that is awaited; `is_shut` once a connection to its receiver was."""

    peer: Peer
    look: int
    is_shut: bool = False


class Floods:
    """Looks at the connections of calls that take long, and shuts those that pour."""

    def __init__(self) -> None:
        self._awaited: set[Awaited] = set()
        self._looks = 0
        self._timer: asyncio.TimerHandle | None = None

    def begin(self, address: str, port: int) -> Awaited:
        """An answer is awaited from there; hand it to `end` once it is there, or will not come."""
        awaited = Awaited(peer=(address, port), look=self._looks)
        self._awaited.add(awaited)
        if self._timer is None:
            self._look_after(LOOK_EVERY_S)
        return awaited

    def end(self, awaited: Awaited) -> None:
        """Nothing is awaited any more."""
        self._awaited.remove(awaited)

    def close(self) -> None:
        """Looks no more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look_after(self, pause_s: float) -> None:
        self._timer = asyncio.get_running_loop().call_later(pause_s, self._look)

    def _look(self) -> None:
        began_s = perf_counter()
        self._timer = None
        late = [one for one in self._awaited if one.look < self._looks]
        self._looks += 1
        try:
            shut = shut_those_that_pour({one.peer for one in late}) if late else set()
            for one in late:
                one.is_shut |= one.peer in shut
        finally:
            if self._awaited:
                self._look_after(max(LOOK_EVERY_S, LOOK_PAUSE_FACTOR * (perf_counter() - began_s)))


def shut_those_that_pour(peers: set[Peer]) -> set[Peer]:
    """Shut each connection of this process to one of these that has brought too much; whom they were to."""
    found: set[Peer] = set()
    if not CAN_LOOK:
        return found
    for descriptor in _descriptors():
        try:
            # Finding out of which kind it is would take as long as all the rest; what is said has room for any address.
            connection = socket.socket(socket.AF_INET6, socket.SOCK_STREAM, 0, descriptor)
        except OSError:
            continue  # no socket, or closed meanwhile
        try:
            peer = connection.getpeername()[:2]
            if peer in peers and _pours(connection):
                connection.shutdown(socket.SHUT_RDWR)
                found.add(peer)
        except OSError:
            continue  # no connection, or closed meanwhile
        finally:
            # It is not ours, and may be a file of the database: whoever closes any descriptor of a file, a copy of it
            # even, lets go of all locks that the process has on that file.
            connection.detach()
    return found


def _descriptors() -> list[int]:
    """Every descriptor of this process; none when it has too many to open one more."""
    try:
        with os.scandir(_DESCRIPTORS) as entries:
            own = [int(entry.name) for entry in entries]
    except OSError:
        return []
    return own


def _pours(connection: socket.socket) -> bool:
    info = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _INFO_BYTES)
    acked, received = (int.from_bytes(info[place], sys.byteorder) for place in (_ACKED, _RECEIVED))
    return received > POURED_BYTES_MAX + POURED_PER_BYTE_MAX * acked
