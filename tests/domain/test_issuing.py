"""What a sold thing gives its buyer: nothing yet, and what it will be."""

from __future__ import annotations

import re
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain import issuing
from closebell.domain.account import Account, AccountKind, AccountState
from closebell.domain.invoice import ItemType
from closebell.errors import InvalidInput
from closebell.testing import a_line, an_invoice, an_offer, guid_of

TODAY = date(2026, 1, 5)


@given(entropy=st.binary(min_size=16, max_size=16))
def test_a_card_number_has_sixteen_digits_in_groups(entropy: bytes) -> None:
    assert re.fullmatch(r"PC(-\d{4}){4}", issuing.card_number(AccountKind.PREPAID_CARD, entropy))


def test_other_luck_is_another_number() -> None:
    kinds = [AccountKind.GIFT_CARD] * 256
    assert len({issuing.card_number(kind, bytes([n]) * 16) for n, kind in enumerate(kinds)}) == 256


def test_what_is_sold_today_is_good_for_so_many_days() -> None:
    assert issuing.expires_on(None, TODAY, field="x") is None
    assert issuing.expires_on(365, TODAY, field="x") == date(2027, 1, 5)
    with pytest.raises(InvalidInput, match=r"gift_cards\[0\]: 9999999 days after 2026-01-05 is beyond the year 9999"):
        issuing.expires_on(9_999_999, TODAY, field="gift_cards[0]")


def test_everything_is_issued_to_the_guest_and_holds_nothing_yet() -> None:
    invoice, line = an_invoice(), a_line()
    offer = an_offer(kind=ItemType.PACKAGE, benefits=[(guid_of("item A"), 5), (guid_of("item B"), 1)])
    ids = iter(["1", "2"])
    units = issuing.package(invoice, line, offer, new_id=lambda: next(ids), until=TODAY)
    card = issuing.card(
        invoice, line, AccountKind.GIFT_CARD, account_id="3", number="GC-1", value=6000, until=TODAY, details="{}"
    )
    held: list[Account] = [*units, card, issuing.membership(invoice, line, account_id="4", until=TODAY)]
    assert [one.id for one in held] == ["1", "2", "3", "4"]
    assert invoice.guest is not None
    for one in held:
        assert (one.state, one.balance, one.guest_id) == (AccountState.ISSUED, 0, invoice.guest.id)
        assert (one.invoice_id, one.invoice_item_id, one.center_id) == (invoice.id, line.id, invoice.centre.id)
        assert (one.item_id, one.expires_on) == (line.item_id, TODAY)
        assert not one.is_usable(TODAY)
    assert [(one.kind.value, one.value, one.service_id) for one in held] == [
        ("package", 5, guid_of("item A")),
        ("package", 1, guid_of("item B")),
        ("gift_card", 6000, None),
        ("membership", 0, None),
    ]
    assert [one.currency for one in held] == [None, None, invoice.currency, None]


def test_a_sale_to_nobody_is_held_by_nobody() -> None:
    invoice = an_invoice(guest=None)
    assert issuing.membership(invoice, a_line(), account_id="1", until=None).guest_id is None


@pytest.mark.parametrize(
    ("details", "balance", "usable"),
    [("{}", 1, True), ('{"is_onetime_use": true}', 100, True), ('{"is_onetime_use": true}', 99, False)],
)
def test_a_card_for_one_use_is_good_while_it_is_whole(details: str, balance: int, usable: bool) -> None:
    card = Account(id="1", kind=AccountKind.GIFT_CARD, value=100, balance=balance, details=details)
    assert card.is_usable(TODAY) is usable
