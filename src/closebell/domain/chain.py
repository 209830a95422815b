"""The hash chain over all events: altering, removing or inserting one breaks every link after it.

A link covers the hash of a body and not the body, so that a body can be forgotten while the chain is proved as before.
"""

from __future__ import annotations

import hashlib
from typing import Final

HASH_BYTES: Final = 32
SEQUENCE_BYTES: Final = 8
SEQUENCE_MAX: Final = 2**63 - 1
"""The largest number that a sequence can reach."""
GENESIS: Final = bytes(HASH_BYTES)
"""What the first event is linked to: there is nothing before it."""


def body_hash(body: bytes) -> bytes:
    """The hash of a body as it was told: SHA-256 over its bytes.

    >>> body_hash(b"{}").hex()
    '44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a'
    """
    return hashlib.sha256(body).digest()


def link(previous: bytes, sequence: int, hash_of_body: bytes) -> bytes:
    """The hash of one event: SHA-256 over the previous hash, the sequence (8 bytes, big endian) and the body's hash.

    Every part has a fixed length, so no two different events read as the same bytes.

    >>> link(GENESIS, 1, body_hash(b"{}")).hex()
    '11877e2e7b75bc88d35d117371131d661b930d8bc576d3a189fa753f95e10266'
    """
    for name, digest in (("previous hash", previous), ("body's hash", hash_of_body)):
        if len(digest) != HASH_BYTES:
            raise ValueError(f"A {name} is {HASH_BYTES} bytes, not {len(digest)}.")
    return hashlib.sha256(previous + sequence.to_bytes(SEQUENCE_BYTES, "big") + hash_of_body).digest()
