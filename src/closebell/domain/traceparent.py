"""Which trace a call belongs to, in one text: the header `traceparent`.

Such a text names the trace (32 hexadecimal digits), the span of whoever calls (16), and whether it is recorded. It
travels as it is; what is no such text is as good as none. Nothing else of a trace is read or kept.

Source: W3C Trace Context, section 3.2; docs/webhooks.md.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

HEADER: Final = "traceparent"
SPAN_ID_BYTES: Final = 8
FLAGS_KNOWN: Final = 0x03
"""What we pass on of the flags: that the trace is recorded, and that its id was drawn at random."""

_NAME: Final = HEADER.encode()
_FORM: Final = re.compile(
    rb"(?!ff)(?P<version>[0-9a-f]{2})-(?!0{32})(?P<trace>[0-9a-f]{32})-(?!0{16})(?P<span>[0-9a-f]{16})"
    rb"-(?P<flags>[0-9a-f]{2})(?P<more>-.*)?"
)
_TRACE: Final = slice(3, 35)
_SPAN: Final = slice(36, 52)
_FLAGS: Final = slice(53, 55)


def found_in(headers: Iterable[tuple[bytes, bytes]]) -> str | None:
    """The trace that the headers of a request name, if it is one and named once."""
    values = [value for name, value in headers if name == _NAME]
    return parse(values[0]) if len(values) == 1 else None


def parse(value: bytes) -> str | None:
    """The header as the version we know writes it; None for anything else.

    >>> parse(b"00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    >>> parse(b"cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-09-what the future brings")
    '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
    >>> parse(b"00-00000000000000000000000000000000-00f067aa0ba902b7-01") is None
    True
    """
    found = _FORM.fullmatch(value.strip(b" \t"))
    if found is None or (found["version"] == b"00" and found["more"] is not None):
        return None
    flags = int(found["flags"], 16) & FLAGS_KNOWN
    return f"00-{found['trace'].decode()}-{found['span'].decode()}-{flags:02x}"


def child(traceparent: str, span_id: bytes) -> str:
    """The same trace, named by a call that is made within it.

    >>> child("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01", bytes(range(8)))
    '00-4bf92f3577b34da6a3ce929d0e0e4736-0001020304050607-01'
    """
    assert len(span_id) == SPAN_ID_BYTES, "a span's id has eight bytes"
    return f"{traceparent[:36]}{span_id.hex()}{traceparent[52:]}"


def trace_id(traceparent: str) -> str:
    """The trace, as its viewers show it."""
    return traceparent[_TRACE]


def span_id(traceparent: str) -> str:
    """The span of whoever calls."""
    return traceparent[_SPAN]


def is_sampled(traceparent: str) -> bool:
    """Whether whoever calls records the trace."""
    return bool(int(traceparent[_FLAGS], 16) & 1)
