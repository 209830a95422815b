"""Captured documents that ship with the package."""

from __future__ import annotations

from importlib.resources import files


def invoice_closed() -> bytes:
    """The public `Invoice.Closed` sample, with the comma repaired that its public copy lacks.

    >>> invoice_closed().startswith(b"{")
    True
    """
    return files(__name__).joinpath("invoice_closed.json").read_bytes()
