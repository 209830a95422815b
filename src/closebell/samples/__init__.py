"""Captured documents that ship with the package, and a chain of salons to try things on."""

from __future__ import annotations

from importlib.resources import files


def invoice_closed() -> bytes:
    """The public `Invoice.Closed` sample, with the comma repaired that its public copy lacks.

    >>> invoice_closed().startswith(b"{")
    True
    """
    return files(__name__).joinpath("invoice_closed.json").read_bytes()


def salon() -> bytes:
    """An import of three centres and all they need to sell, with invoices in every state."""
    return files(__name__).joinpath("salon.json").read_bytes()
