"""What every store module needs to ask for many rows at once."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import BindParameter, bindparam

IDS: BindParameter[Any] = bindparam("ids", expanding=True)
"""The parameter of statements that ask for many ids."""

IDS_MAX = 1_024
"""Ids in one statement; `in_chunks` cuts longer lists."""


def padded(ids: Sequence[str]) -> list[str]:
    """The ids, the last one repeated until their number is a power of two.

    A statement is prepared once per number of parameters, so this keeps a handful of texts instead of a thousand.
    """
    size = 1 << (len(ids) - 1).bit_length() if ids else 0
    return [*ids, *([ids[-1]] * (size - len(ids)))] if ids else []


def in_chunks(ids: Iterable[str]) -> list[list[str]]:
    """The ids without repeats, sorted, in lists that fit one statement."""
    ordered = sorted(set(ids))
    return [ordered[start : start + IDS_MAX] for start in range(0, len(ordered), IDS_MAX)]
