"""The identifiers of the wire: GUIDs for records, 24 hexadecimal digits for events and webhook calls."""

from __future__ import annotations

import re

from closebell.errors import InvalidInput

_GUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\Z")
_GUID_BARE = re.compile(r"[0-9a-f]{32}\Z")
_OBJECT_ID = re.compile(r"[0-9a-f]{24}\Z")

NO_GUID = "00000000-0000-0000-0000-000000000000"
"""What the contract's systems send where there is no identifier."""

OBJECT_ID_DIGITS = 24
OBJECT_ID_ENTROPY_BYTES = 8
OBJECT_ID_AT_S_MAX = 0xFFFFFFFF
"""The last second that an identifier can tell: in the year 2106."""


def guid(text: str, *, field: str) -> str:
    """The GUID in its wire spelling: lower case, with dashes.

    Errors: InvalidInput naming the field when the text is not a GUID.
    Source: the contract's scalars; a GUID of 32 bare digits is accepted because its documentation says so.

    >>> guid("7E4E1A62-5982-4B3C-B9AC-DA0F122E7AE5", field="id")
    '7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5'
    """
    lowered = text.lower()
    if _GUID.match(lowered):
        return lowered
    if _GUID_BARE.match(lowered):
        return "-".join((lowered[:8], lowered[8:12], lowered[12:16], lowered[16:20], lowered[20:]))
    raise InvalidInput(
        field, f"{text!r:.60} is not a GUID; write 32 hexadecimal digits as 7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"
    )


def object_id(*, at_s: int, entropy: bytes) -> str:
    """A 24-digit identifier that sorts by the second it was made in.

    Shape: 8 digits of time, then 16 digits from 8 bytes of `entropy`.

    >>> object_id(at_s=1_646_980_000, entropy=bytes(8))
    '622aeba00000000000000000'
    """
    assert len(entropy) == OBJECT_ID_ENTROPY_BYTES, "an identifier takes 8 bytes of entropy"
    return f"{at_s & OBJECT_ID_AT_S_MAX:08x}{entropy.hex()}"


def checked_object_id(text: str, *, field: str) -> str:
    """The identifier of an event or a delivery in its wire spelling, which is lower case.

    Errors: InvalidInput naming the field.

    >>> checked_object_id("622AEBA00000000000000000", field="event_id")
    '622aeba00000000000000000'
    """
    lowered = text.lower()
    if not _OBJECT_ID.match(lowered):
        raise InvalidInput(field, f"{text!r:.60} is not an id; write its {OBJECT_ID_DIGITS} hexadecimal digits")
    return lowered


def object_id_floor(at_s: int) -> str:
    r"""What sorts before every identifier that was made in this second or later, and after all earlier ones.

    >>> object_id_floor(1_646_980_000) < object_id(at_s=1_646_980_000, entropy=bytes(8))
    True
    >>> object_id_floor(1_646_980_001) > object_id(at_s=1_646_980_000, entropy=b"\xff" * 8)
    True
    """
    if at_s > OBJECT_ID_AT_S_MAX:
        return "g"  # beyond the last hexadecimal digit
    return f"{max(at_s, 0):08x}"
