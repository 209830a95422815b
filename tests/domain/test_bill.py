from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from closebell.domain.bill import bill
from closebell.domain.invoice import Tender
from closebell.domain.pricing import redeemed
from closebell.testing import a_line, a_payment, a_tip, an_invoice, guid_of


def test_the_way_from_the_price_to_what_is_left() -> None:
    cut = replace(a_line("Oil", final=8_800, tax=800), discount=1_200)
    free = replace(a_line("Massage"), unit_price=10_000, tax_rate=Decimal(10))
    invoice = replace(
        an_invoice(
            lines=[cut, redeemed(free, guid_of("account"))],
            transactions=(
                a_payment(3_000, name="card", tender=Tender.GIFT_CARD, tip=500),
                a_payment(1_000, name="cash", tip=100),
            ),
            employee_tips=(a_tip(200),),
        ),
        rounding_adjustment=5,
        sum_total=8_805,
    )
    found = bill(invoice)
    assert (found.price, found.discount, found.redemptions) == (8_000 + 1_200 + 10_000, 1_200, 10_000 + 3_000)
    assert found.final_price == 5_000
    assert (found.taxes, found.rounding_adjustment, found.final_price_tax) == (800, 5, 5_805)
    assert found.final_price_tax == invoice.sum_total - 3_000
    assert found.unassigned_tip == 400
