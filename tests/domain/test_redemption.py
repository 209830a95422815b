from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest

from closebell.domain.invoice import Line, Tender, TransactionState
from closebell.domain.pricing import redeemed
from closebell.domain.redemption import RedemptionMode, redemptions, unredeemed
from closebell.testing import a_line, a_payment, an_invoice, guid_of

ACCOUNT = guid_of("account")


def sold_at(price: int, *, quantity: str = "1", tax_rate: str = "10") -> Line:
    line = replace(a_line(), unit_price=price, tax_rate=Decimal(tax_rate), quantity=Decimal(quantity))
    return redeemed(line, ACCOUNT)


@pytest.mark.parametrize(
    ("tender", "mode"),
    [
        (Tender.GIFT_CARD, RedemptionMode.CARD),
        (Tender.PREPAID_CARD, RedemptionMode.CARD),
        (Tender.LOYALTY_POINTS, RedemptionMode.POINTS),
        (Tender.PACKAGE, RedemptionMode.PACKAGE),
        (Tender.CASH, None),
        (Tender.CARD, None),
        (Tender.CHECK, None),
        (Tender.CUSTOM, None),
    ],
)
def test_what_the_guest_held_is_redeemed_and_money_is_not(tender: Tender, mode: RedemptionMode | None) -> None:
    paid = replace(a_payment(700, tip=50, tender=tender), account_id=ACCOUNT)
    found = redemptions(an_invoice(transactions=(paid,)))
    assert [(one.row_id, one.option_id, one.mode, one.amount) for one in found] == (
        [] if mode is None else [(paid.id, ACCOUNT, mode, 750)]
    )


@pytest.mark.parametrize("state", [TransactionState.PENDING, TransactionState.FAILED])
def test_what_is_not_settled_has_redeemed_nothing(state: TransactionState) -> None:
    assert redemptions(an_invoice(transactions=(a_payment(tender=Tender.GIFT_CARD, state=state),))) == ()


def test_a_card_that_came_without_an_account_goes_by_its_option() -> None:
    paid = replace(a_payment(tender=Tender.GIFT_CARD), payment_name="")
    (found,) = redemptions(an_invoice(transactions=(paid,)))
    assert (found.option_id, found.name, found.on) == (paid.option_id, "Gift card", paid.payment_date)


def test_a_package_redeems_what_its_line_would_have_cost() -> None:
    line = sold_at(10_000, quantity="2")
    invoice = an_invoice(lines=[line, a_line("Oil", final=500)])
    (found,) = redemptions(invoice)
    assert (found.row_id, found.option_id, found.mode) == (line.id, ACCOUNT, RedemptionMode.PACKAGE)
    assert (found.amount, found.on) == (22_000, invoice.invoice_date)


def test_a_refund_of_such_a_line_gives_as_much_back() -> None:
    line = sold_at(10_000, quantity="-1")
    assert (unredeemed(line).sales, unredeemed(line).tax, unredeemed(line).final) == (-10_000, -1_000, -11_000)


def test_a_line_whose_terms_nobody_knows_is_worth_nothing_more() -> None:
    line = replace(a_line(final=0), redeemed_from_id=ACCOUNT)
    assert unredeemed(line).final == 0
