"""Passwords as they are kept: argon2id, with a salt of their own each.

Both functions take about 80 ms and 46 MiB, which is the point of them; nobody calls them in a transaction or where an
event loop runs.
"""

from __future__ import annotations

import unicodedata
from typing import Final

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

PASSES: Final = 2
"""Times that the memory is filled; one would be the least that is advised for this much memory."""
MEMORY_KIB: Final = 46 * 1024
"""KiB that one password takes to be hashed."""
LANES: Final = 1
"""Threads that one password takes."""
HASH_BYTES: Final = 32
"""Bytes of the hash."""
SALT_BYTES: Final = 16
"""Bytes of the salt."""

_HASHER: Final = PasswordHasher(
    time_cost=PASSES, memory_cost=MEMORY_KIB, parallelism=LANES, hash_len=HASH_BYTES, salt_len=SALT_BYTES, type=Type.ID
)

NOBODYS: Final = "$argon2id$v=19$m=47104,t=2,p=1$veCC8MEzoshi910Wp9xWRA$/EitrLebXoaozyn9TIeByKE20mwI3ITad/5I+4103S4"
"""The hash of a password that was forgotten: checked where there is no user, so that this takes as long."""


def hashed(password: str) -> str:
    """What is kept of a password: parameters, salt and hash."""
    return _HASHER.hash(_composed(password))


def matches(password: str, kept: str) -> bool:
    """Whether this is the password; compared in constant time."""
    try:
        return _HASHER.verify(kept, _composed(password))
    except (VerificationError, InvalidHashError):
        return False


def _composed(password: str) -> str:
    """The same letters are the same password, however a keyboard composes them."""
    return unicodedata.normalize("NFKC", password)
