from __future__ import annotations

import pytest

from calling import Site
from closebell import samples
from closebell.testing import a_payment, an_appointment, an_invoice, guid_of

AT = f"/v1/invoices/{guid_of('invoice 1')}"
SECTIONS = {
    "InvoiceItems": {"invoice_items"},
    "Appointments": {"appointments"},
    "Transactions": {"transactions"},
    "dues_and_fees": {"invoice_dues", "environmental_fee"},
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
        ("?expand=gst_parameters&expand=Redemptions&expand=nonsense", set()),
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


async def test_an_unknown_invoice_is_428(site: Site) -> None:
    reply = await site.get(AT)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (404, 428, "Invoice not found.")


async def test_what_was_read_imports_elsewhere_unchanged(site: Site) -> None:
    await site.post("/v1/import?as_open=true", samples.invoice_closed())
    everything = "?expand=InvoiceItems,Appointments,Transactions,dues_and_fees"
    at = "/v1/invoices/7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"
    captured = await site.get(at + everything)
    again = await site.post("/v1/import", captured.body)
    assert again.status == 200
    assert (await site.get(at + everything)).body == captured.body
