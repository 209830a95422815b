"""`closebell sample`: print a chain of salons to try things on."""

from __future__ import annotations

from closebell import samples


def sample() -> None:
    """Print a chain of salons to try things on, ready to be imported.

    Three centres with all they need to sell, and invoices in every state, as POST /v1/import and `closebell load`
    take them: `closebell sample | closebell load -`.
    """
    print(samples.salon().decode(), end="")
