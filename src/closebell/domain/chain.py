"""The hash chain over all events: altering, removing or inserting one breaks every link after it."""

from __future__ import annotations

import hashlib
from typing import Final

HASH_BYTES: Final = 32
SEQUENCE_BYTES: Final = 8
GENESIS: Final = bytes(HASH_BYTES)
"""What the first event is linked to: there is nothing before it."""


def link(previous: bytes, sequence: int, body: bytes) -> bytes:
    """The hash of one event: SHA-256 over the previous hash, the sequence (8 bytes, big endian) and the body.

    Every part but the last has a fixed length, so no two different events read as the same bytes.

    >>> link(GENESIS, 1, b"{}").hex()
    '1bad765d926feacace97a8ddcd329a1f4254c208affc1ba86b3c7d59e8fba83e'
    """
    if len(previous) != HASH_BYTES:
        raise ValueError(f"A previous hash is {HASH_BYTES} bytes, not {len(previous)}.")
    return hashlib.sha256(previous + sequence.to_bytes(SEQUENCE_BYTES, "big") + body).digest()
