"""docs/selling.md says the numbers that the code has."""

from __future__ import annotations

from pathlib import Path

import pytest

from closebell.domain import intake_accounts, issuing, sale
from closebell.domain.account import AccountKind
from closebell.usecase import sell_gift_cards

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "selling.md").read_text(encoding="utf-8")
API = (DOCS / "api.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "says",
    [
        f"a quantity from 0.{'1'.rjust(sale.QUANTITY_DECIMALS_MAX, '0')} to {sale.QUANTITY_MAX:,}",
        f"with up to {sale.QUANTITY_DECIMALS_MAX} decimals",
        f"An invoice has at most {sale.LINES_MAX:,} items",
        f"up to {sale.NOTES_KEPT_CHARACTERS_MAX:,} characters in all",
        f"{issuing.CARD_NUMBER_DIGITS} random digits",
        *(f'"kind": "{kind}"' for kind in issuing.CARD_ITEMS if kind is not AccountKind.GIFT_CARD),
    ],
)
def test_the_page_says_what_the_code_does(says: str) -> None:
    assert says in PAGE


@pytest.mark.parametrize(
    "says",
    [
        f"more than {sale.LINES_MAX:,} items",
        f"selling none of a thing, more than {sale.QUANTITY_MAX:,}, or",
        f"or with more than {sale.QUANTITY_DECIMALS_MAX} decimals",
        f"| `notes` | string or null | up to {sale.NOTES_CHARACTERS_MAX:,} characters |",
        f'`{{"comments": ""}}`, up to {sale.COMMENT_CHARACTERS_MAX:,} characters',
        f"`message` ({sell_gift_cards.MESSAGE_CHARACTERS_MAX:,} characters)",
        f"its number, up to {intake_accounts.CARD_NUMBER_LENGTH} visible ASCII characters but no slash",
        f"`days` from today, 1 to {issuing.VALIDITY_DAYS_MAX:,}",
    ],
)
def test_the_api_says_the_same_limits(says: str) -> None:
    assert says in API
