"""Processors of card payments: the one that the settings name, and the built-in one, which moves no money.

Source: docs/payments.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import Final

from closebell.domain.invoice import TransactionState
from closebell.domain.processor import Charge, ChargeRequest, Processor
from closebell.errors import MisuseError

NONE: Final = "none"
"""The setting of a service that takes no payments online."""
GROUP: Final = "closebell.processors"
"""The group of entry points under which installed packages offer processors, each a callable that makes one."""
NAME_CHARACTERS_MAX: Final = 40
"""Characters of a processor's name."""


def processor_named(name: str) -> Processor | None:
    """The processor that the setting `payment_processor` names, None for "none".

    Errors: MisuseError when no installed package offers it, or it has no name that a payment could keep.
    """
    if name == NONE:
        return None
    if name == TestProcessor.name:
        return TestProcessor()
    offered = {point.name: point for point in entry_points(group=GROUP)}
    if name not in offered:
        known = ", ".join([NONE, TestProcessor.name, *sorted(offered)])
        raise MisuseError(f"payment_processor is {name!r}, which no installed package offers; there are: {known}")
    made: Processor = offered[name].load()()
    if not 0 < len(made.name) <= NAME_CHARACTERS_MAX:
        right = f"a processor's name has 1 to {NAME_CHARACTERS_MAX} characters"
        raise MisuseError(f"payment_processor {name!r} calls itself {made.name!r:.60}: {right}")
    return made


SETTLES: Final = "4242424242424242"
"""The test card whose payments settle at once."""
DECLINES: Final = "4000000000000002"
"""The test card that is always declined."""
STAYS_PENDING: Final = "4000000000000259"
"""The test card whose payments stay on their way until somebody settles them."""

_OUTCOMES: Final[Mapping[str, TransactionState]] = MappingProxyType(
    {
        SETTLES: TransactionState.SETTLED,
        DECLINES: TransactionState.FAILED,
        STAYS_PENDING: TransactionState.PENDING,
    }
)


class TestProcessor:
    """A processor for trying things out. What becomes of a charge is in its card's number, and in its reference."""

    __test__ = False  # no test, whatever its name

    name: Final = "test"
    takes_card_numbers: Final = True

    async def charge(self, request: ChargeRequest) -> Charge:
        """Settle, decline or keep pending as the card's number says; any other number is declined."""
        state = _OUTCOMES.get(request.card, TransactionState.FAILED)
        if state is not TransactionState.FAILED:
            return Charge(state=state, reference=f"test_{state}_{request.transaction_id}")
        is_known = request.card == DECLINES
        return Charge(state=state, reason="The card was declined." if is_known else "This is no test card.")

    async def find(self, transaction_id: str, reference: str) -> Charge:
        """What the reference says."""
        for state in (TransactionState.SETTLED, TransactionState.PENDING):
            if reference == f"test_{state}_{transaction_id}":
                return Charge(state=state, reference=reference)
        return Charge(state=TransactionState.FAILED, reason="No such charge.")

    async def void(self, transaction_id: str, reference: str) -> Charge:
        """Give it back; there is nothing that could be against it."""
        return Charge(state=TransactionState.FAILED, reference=reference, reason="Given back.")
