"""A page opens with its token, for a while, until somebody pays on it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from closebell.domain import payment_page
from closebell.domain.invoice import TransactionState
from closebell.domain.payment_page import OPEN_FOR, Token
from closebell.domain.processor import REFERENCE_CHARACTERS_MAX, Charge, is_held
from closebell.errors import InvalidInput
from closebell.testing import NOON, a_payment, guid_of

SECRET = bytes(range(32))
TOKEN = Token(invoice_id=guid_of("invoice 1"), transaction_id=guid_of("transaction 1"), secret=SECRET)
WAITING = replace(
    a_payment(state=TransactionState.PENDING),
    processor="test",
    processor_reference=payment_page.reference(SECRET, now=NOON),
)


def test_a_token_is_read_as_it_was_written() -> None:
    assert Token.read(TOKEN.text) == TOKEN
    assert len(TOKEN.text) == 86
    assert set(TOKEN.text) <= set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_")


@pytest.mark.parametrize("text", ["", "x", "é", TOKEN.text[:-1], TOKEN.text + "A", TOKEN.text[:-2] + "!!", "=" * 86])
def test_anything_else_is_no_token(text: str) -> None:
    assert Token.read(text) is None


def test_it_opens_with_its_secret_until_its_time_is_over() -> None:
    assert payment_page.opens_with(WAITING, SECRET, now=NOON)
    assert payment_page.opens_with(WAITING, SECRET, now=NOON + OPEN_FOR - timedelta(seconds=1))
    assert not payment_page.opens_with(WAITING, SECRET, now=NOON + OPEN_FOR)
    assert not payment_page.opens_with(WAITING, bytes(32), now=NOON)
    assert payment_page.open_until(WAITING) == NOON + OPEN_FOR


def test_once_paid_on_it_is_no_page_any_more() -> None:
    for changes in (
        {"processor_reference": ""},
        {"state": TransactionState.FAILED},
        {"state": TransactionState.SETTLED},
    ):
        used = replace(WAITING, **changes)
        assert not payment_page.is_open(used)
        assert not payment_page.opens_with(used, SECRET, now=NOON)


def test_nothing_kept_of_it_opens_it() -> None:
    reference = WAITING.processor_reference
    assert SECRET.hex() not in reference
    assert TOKEN.text not in reference
    assert len(reference) <= REFERENCE_CHARACTERS_MAX


def test_overdue_references_sort_before_now() -> None:
    later = NOON + OPEN_FOR + timedelta(seconds=1)
    assert WAITING.processor_reference < payment_page.opened_before(later)
    assert not WAITING.processor_reference < payment_page.opened_before(NOON)


def test_a_processor_holds_what_it_was_asked_for() -> None:
    asked = replace(WAITING, processor_reference="")
    assert not is_held(WAITING)
    assert is_held(asked)
    assert is_held(replace(asked, state=TransactionState.SETTLED))
    assert not is_held(replace(asked, state=TransactionState.FAILED))
    assert not is_held(a_payment())


def test_addresses_to_go_to_are_text_that_can_be_shown_and_only_some_are_links() -> None:
    for uri in ("", "https://spa.example/thanks?x=1", "spa-app://paid"):
        assert payment_page.redirect_uri(uri, field="redirect_uri") == uri
    for wrong in ("https://spa.example/ x", "https://spa.example/\n", "x" * 2049, "https://spä.example"):
        with pytest.raises(InvalidInput) as refused:
            payment_page.redirect_uri(wrong, field="redirect_uri")
        assert refused.value.field == "redirect_uri"
    assert payment_page.is_link("HTTPS://spa.example")
    assert not any(
        payment_page.is_link(uri) for uri in ("javascript:alert(1)", "data:text/html,x", "spa-app://paid", "")
    )


def test_a_reference_that_could_not_be_kept_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="at most 200"):
        Charge(state=TransactionState.SETTLED, reference="x" * 201)
