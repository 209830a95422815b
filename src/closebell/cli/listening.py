"""Where the service listens, and how it says so.

The sockets are claimed before anything else is done, so that a taken address is told at once.
"""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import Final

from closebell.errors import MisuseError

BACKLOG: Final = 2048
"""Connections that may wait to be accepted."""

LISTENING: Final = "Closebell listens on "
"""How the line begins that says where; whoever starts the service may wait for it."""
ADMIN_KEY: Final = "Admin key, shown once: "
"""How the line begins that shows the first key."""


def listen(host: str, port: int) -> list[socket.socket]:
    """A listening socket for each address of the host, all on the same port; 0 takes any free one.

    Errors: MisuseError when the host has no address here, or the port is taken or not ours to take.
    """
    with ExitStack() as opened:
        sockets: list[socket.socket] = []
        for family, address in _addresses(host, port):
            made = opened.enter_context(socket.socket(family, socket.SOCK_STREAM))
            _claim(made, address, port or _port(sockets))
            sockets.append(made)
        opened.pop_all()
        return sockets


def url_of(host: str, sockets: list[socket.socket]) -> str:
    """The address to call, with the real port; `0.0.0.0` is shown as it was asked for.

    >>> with socket.create_server(("127.0.0.1", 0)) as made:
    ...     url_of("127.0.0.1", [made]) == f"http://127.0.0.1:{made.getsockname()[1]}"
    True
    """
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{_port(sockets)}"


def _addresses(host: str, port: int) -> list[tuple[int, tuple[str, ...]]]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
    except OSError as error:
        raise MisuseError(f"host (CLOSEBELL_HOST) is {host!r}, which has no address: {error.strerror}") from None
    unique = {(family, address): None for family, _type, _protocol, _name, address in found}
    return [(family, (str(address[0]), *map(str, address[2:]))) for family, address in unique]


def _claim(made: socket.socket, address: tuple[str, ...], port: int) -> None:
    made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    if made.family == socket.AF_INET6:
        made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    try:
        made.bind((address[0], port, *map(int, address[1:])))
        # Only listening claims the port: with SO_REUSEADDR two processes may bind it, and one of them fails later.
        made.listen(BACKLOG)
    except OSError as error:
        # asyncio's own text repeats the address; errno's is enough.
        raise MisuseError(f"cannot listen on {address[0]} port {port} (CLOSEBELL_PORT): {error.strerror}") from None


def _port(sockets: list[socket.socket]) -> int:
    return int(sockets[0].getsockname()[1]) if sockets else 0
