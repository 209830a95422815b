from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell import samples
from closebell.domain.invoice import Tender, TransactionState
from closebell.domain.pricing import redeemed
from closebell.testing import NOON, a_centre, a_line, a_payment, an_appointment, an_invoice, guid_of

AT = f"/v1/invoices/{guid_of('invoice 1')}"
SECTIONS = {
    "InvoiceItems": {"invoice_items"},
    "Appointments": {"appointments"},
    "Transactions": {"transactions"},
    "dues_and_fees": {"invoice_dues", "environmental_fee"},
    "gst_parameters": {"gstin", "gst_sequence", "has_redemptions"},
    "Redemptions": {"redemptions"},
}


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", set()),
        ("?expand=", set()),
        ("?expand=InvoiceItems", {"InvoiceItems"}),
        ("?expand=InvoiceItems&expand=Transactions", {"InvoiceItems", "Transactions"}),
        ("?expand=InvoiceItems,Transactions", {"InvoiceItems", "Transactions"}),
        (
            "?expand=Appointments,%20dues_and_fees&expand=transactions",
            {"Appointments", "dues_and_fees", "Transactions"},
        ),
        ("?expand=INVOICEITEMS", {"InvoiceItems"}),
        ("?expand=gst_parameters&expand=Redemptions&expand=nonsense", {"gst_parameters", "Redemptions"}),
    ],
)
async def test_expand_takes_repeated_and_comma_separated_values(site: Site, query: str, expected: set[str]) -> None:
    await site.put(an_invoice(transactions=(a_payment(100),), appointments=(an_appointment(),)))
    reply = await site.get(AT + query)
    assert (reply.status, reply.document["error"]) == (200, None)
    shown = reply.document["invoice"].keys() & set().union(*SECTIONS.values())
    assert shown == set().union(*(SECTIONS[name] for name in expected))


async def test_an_invoice_is_read_as_the_contract_shows_it(site: Site) -> None:
    await site.put(an_invoice(paid=40000))
    invoice = (await site.get(AT)).document["invoice"]
    assert invoice["receipt_number"] == "0"
    assert invoice["is_closed"] is False
    assert invoice["total_price"]["sum_total"] == 488
    assert {"key": "currency_code", "value": "USD"} in invoice["additional_fields"]


async def test_dues_count_what_is_settled_and_the_fee_apart(site: Site) -> None:
    paid = (a_payment(400, ssg=20, fee=3), a_payment(50, name="late", state=TransactionState.PENDING))
    await site.put(an_invoice(total=1000, transactions=paid, ssg_amount=50, fee_amount=10))
    invoice = (await site.get(AT + "?expand=dues_and_fees")).document["invoice"]
    assert invoice["invoice_dues"] == {"total": Decimal("10.5"), "paid": Decimal("4.2"), "balance": Decimal("6.3")}
    fee = {"total": Decimal("0.1"), "paid": Decimal("0.03"), "balance": Decimal("0.07")}
    assert invoice["environmental_fee"] == fee
    assert "transactions" not in invoice


async def test_redemptions_say_what_the_guest_held(site: Site) -> None:
    card = replace(a_payment(300, tip=50, tender=Tender.GIFT_CARD), account_id=guid_of("card"))
    points = replace(a_payment(20, name="points", tender=Tender.LOYALTY_POINTS), payment_name="Stars")
    line = replace(a_line(), unit_price=10_000, tax_rate=Decimal(10))
    invoice = an_invoice(
        lines=[redeemed(line, guid_of("package"))], transactions=(card, points, a_payment(1, name="cash"))
    )
    await site.put(invoice)
    shown = (await site.get(AT + "?expand=Redemptions")).document["invoice"]
    assert shown["redemptions"] == [
        {
            "transaction_id": card.id,
            "option": {"id": guid_of("card"), "mode": 0, "name": "Gift card"},
            "amount": Decimal("3.5"),
            "payment_date": "2026-01-05T11:00:00",
        },
        {
            "transaction_id": points.id,
            "option": {"id": points.option_id, "mode": 1, "name": "Stars"},
            "amount": Decimal("0.2"),
            "payment_date": "2026-01-05T11:00:00",
        },
        {
            "transaction_id": line.id,
            "option": {"id": guid_of("package"), "mode": 2, "name": "Package"},
            "amount": 110,
            "payment_date": "2026-01-05T09:00:00",
        },
    ]


@pytest.mark.parametrize(
    ("fields", "gstin", "sequence"),
    [
        ({}, None, {"prefix": "R", "number": "0"}),
        ({"receipt_number": "R2650", "closed_at": NOON}, None, {"prefix": "R", "number": "2650"}),
        ({"receipt_number": "OLD7", "closed_at": NOON}, "29ABCDE1234F2Z5", {"prefix": "", "number": "OLD7"}),
    ],
)
async def test_gst_parameters_are_the_centres_and_the_receipts(
    site: Site, fields: dict[str, Any], gstin: str | None, sequence: dict[str, str]
) -> None:
    centre = replace(a_centre(receipt_prefix="R"), gstin=gstin or "")
    await site.put(an_invoice(centre=centre, transactions=(a_payment(1, tender=Tender.CASH),), **fields))
    invoice = (await site.get(AT + "?expand=gst_parameters")).document["invoice"]
    assert (invoice["gstin"], invoice["gst_sequence"], invoice["has_redemptions"]) == (gstin, sequence, False)


async def test_has_redemptions_tells_whether_there_are_any(site: Site) -> None:
    await site.put(an_invoice(transactions=(a_payment(1, tender=Tender.PREPAID_CARD),)))
    assert (await site.get(AT + "?expand=gst_parameters")).document["invoice"]["has_redemptions"] is True


async def test_what_became_of_an_invoice_stands_beside_the_contracts_fields(site: Site) -> None:
    first = an_invoice("first", additional_fields=(("note", "x"),))
    refund = an_invoice("1", total=-100, is_refund=True, refund_of_id=first.id, cancelled_at=NOON)
    await site.put(first, refund)
    plain = (await site.get(f"/v1/invoices/{first.id}")).document["invoice"]
    assert plain["additional_fields"] == [{"key": "currency_code", "value": "USD"}, {"key": "note", "value": "x"}]
    shown = (await site.get(AT)).document["invoice"]
    assert shown["additional_fields"] == [
        {"key": "currency_code", "value": "USD"},
        {"key": "refund_of", "value": first.id},
        {"key": "cancelled_at", "value": "2026-01-05T04:00:00"},
    ]


async def test_an_unknown_invoice_is_428(site: Site) -> None:
    reply = await site.get(AT)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (404, 428, "Invoice not found.")


async def test_what_was_read_imports_elsewhere_unchanged(site: Site) -> None:
    await site.post("/v1/import?as_open=true", samples.invoice_closed())
    everything = "?expand=InvoiceItems,Appointments,Transactions,dues_and_fees,gst_parameters,Redemptions"
    at = "/v1/invoices/7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"
    captured = await site.get(at + everything)
    again = await site.post("/v1/import", captured.body)
    assert again.status == 200
    assert (await site.get(at + everything)).body == captured.body
