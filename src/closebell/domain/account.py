"""What a guest holds: a gift card, a prepaid card, loyalty points, package units, a membership.

Each is an account with a balance that is never negative, and every movement of it is an entry that stays.
"""

from __future__ import annotations

import enum
import json
from dataclasses import dataclass
from datetime import date
from typing import Final

from closebell.domain.money import Currency, Minor

ONE_USE: Final = "is_onetime_use"
"""The name under which the details of a card say that it is good for one payment."""


class AccountKind(enum.StrEnum):
    """What kind of thing is held."""

    GIFT_CARD = "gift_card"
    PREPAID_CARD = "prepaid_card"
    LOYALTY_POINTS = "loyalty_points"
    PACKAGE = "package"
    MEMBERSHIP = "membership"


class AccountState(enum.StrEnum):
    """Issued by an open invoice, active once that is closed, or cancelled."""

    ISSUED = "issued"
    ACTIVE = "active"
    CANCELLED = "cancelled"


class EntryReason(enum.StrEnum):
    """Why a balance moved."""

    ISSUED = "issued"
    IMPORTED = "imported"
    REDEEMED = "redeemed"
    RESTORED = "restored"
    REFUNDED = "refunded"
    CANCELLED = "cancelled"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """One thing a guest holds.

    Shape: `number` is what is printed on a card; `item_id` the thing that was sold, `service_id` the service that a
           package's units are for; `invoice_id` and `invoice_item_id` the line that sold it, None when imported.
           `details` is what only its kind knows, as JSON: occasion, recipient and message of a gift card.
    Units: `value` and `balance` are minor units of `currency` on a card, points, or units of a package.
    """

    id: str
    kind: AccountKind
    state: AccountState = AccountState.ACTIVE
    guest_id: str | None = None
    center_id: str | None = None
    number: str | None = None
    currency: Currency | None = None
    item_id: str | None = None
    service_id: str | None = None
    program_id: str | None = None
    value: Minor = 0
    balance: Minor = 0
    expires_on: date | None = None
    invoice_id: str | None = None
    invoice_item_id: str | None = None
    details: str = "{}"

    @property
    def is_spent(self) -> bool:
        """Whether it was sold to be paid with once, and has paid: what is left on it is lost."""
        return self.balance < self.value and json.loads(self.details).get(ONE_USE) is True

    def is_usable(self, today: date) -> bool:
        """Whether it can be paid with on this date."""
        is_over = self.expires_on is not None and today > self.expires_on
        return self.state is AccountState.ACTIVE and not is_over and not self.is_spent
