"""What is not verified is not reported: a run ends at the first thing that is not as it must be."""

from __future__ import annotations


class NotVerified(Exception):
    """Something that was measured did not do what it should; the text says what."""


def must(holds: object, otherwise: str) -> None:
    """Go on only if this holds.

    Errors: NotVerified with what is the matter otherwise.
    """
    if not holds:
        raise NotVerified(otherwise)
