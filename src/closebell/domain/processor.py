"""Who moves the money of cards: what a processor is asked, what it says, and what it has to be able to do.

Source: docs/payments.md.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Protocol

from closebell.domain import payment_page
from closebell.domain.invoice import Transaction, TransactionState
from closebell.domain.money import Currency, Minor

REFERENCE_CHARACTERS_MAX: Final = 200
"""Characters of a processor's own name for a charge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChargeRequest:
    """So much is to be taken from a card.

    Shape: a processor that has seen `transaction_id` before answers what became of that charge and makes no other.
           `card` is the processor's own token of a saved card; `billing` is what was said of who pays.
    Units: `amount` is in minor units, everything included.
    """

    transaction_id: str
    card: str = field(repr=False)
    amount: Minor
    currency: Currency
    source: int
    billing: Mapping[str, str] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Charge:
    """What became of a charge: its state, the processor's name for it, and why not, for a person.

    Shape: PENDING is also what is not known.
    """

    state: TransactionState
    reference: str = ""
    reason: str = ""

    def __post_init__(self) -> None:
        if len(self.reference) > REFERENCE_CHARACTERS_MAX:
            raise ValueError(f"a processor's reference has at most {REFERENCE_CHARACTERS_MAX} characters")


class Processor(Protocol):
    """Anything that moves the money of cards. Every call may be cancelled at its deadline, and may raise anything."""

    @property
    def name(self) -> str:
        """What transactions and saved cards say of who moves their money."""
        ...

    @property
    def takes_card_numbers(self) -> bool:
        """Whether a card's number may be its token: true of a test only, where no number is a real one."""
        ...

    async def charge(self, request: ChargeRequest) -> Charge:
        """Take the money."""
        ...

    async def find(self, transaction_id: str, reference: str) -> Charge:
        """What became of a charge; FAILED when there is none."""
        ...

    async def void(self, transaction_id: str, reference: str) -> Charge:
        """Give the money back, or see to it that it is never taken: then FAILED, and otherwise what it still is."""
        ...


def is_held(transaction: Transaction) -> bool:
    """Whether a processor has this money, or may have it."""
    is_asked = transaction.processor != "" and not payment_page.is_open(transaction)
    return is_asked and transaction.state is not TransactionState.FAILED
