"""The older closes: the same rules, in PascalCase, with status 200 whatever comes of it."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import Any

import pytest

from calling import Site
from closebell.api.legacy_shapes import legacy_invoice
from closebell.domain.document import encode
from closebell.domain.invoice import ItemType, Tender, TransactionState
from closebell.errors import Unavailable
from closebell.testing import (
    NOON,
    a_guest,
    a_line,
    a_paid_invoice,
    a_payment,
    a_tip,
    an_employee,
    an_invoice,
    guid_of,
)

PATHS = [f"{root}/Catalog/{kind}/CloseInvoice" for root in ("", "/api") for kind in ("Memberships", "SeriesPackages")]
ONE = guid_of("invoice 1")


def lines() -> list[Any]:
    """One of each kind, and one of a type that nobody uses."""
    kinds = [*ItemType, 1]
    made = [replace(a_line(f"Item {kind}", final=1000 + kind, tax=10), type=int(kind)) for kind in kinds]
    return [replace(made[0], sale_by_id=an_employee(), therapist_name="Ines Staff", discount=250), *made[1:]]


@pytest.mark.parametrize("path", PATHS)
async def test_a_sale_is_closed_and_shown(site: Site, path: str) -> None:
    sold = lines()
    total = sum(line.final for line in sold)
    paid = a_payment(total, tip=200, tender=Tender.CARD)
    invoice = an_invoice(
        lines=sold,
        transactions=(paid, a_payment(1, name="x", state=TransactionState.FAILED)),
        employee_tips=(a_tip(200, transaction="payment"),),
        notes="thanks",
    )
    await site.put(invoice)
    reply = await site.post(f"{path}/{ONE.upper()}")
    answer = reply.document
    assert reply.status == 200
    assert (answer["MailSentSuccess"], answer["ReceiptSentSuccess"], answer["Error"]) == (False, False, None)
    assert answer["PaymentOptions"] == [
        {"Id": paid.option_id, "PaymentMode": 3, "PaymentName": "Card", "CardNumber": ""}
    ]
    shown = answer["Invoice"]
    assert (shown["Id"], shown["ReceiptNumber"], shown["Status"], shown["Notes"]) == (ONE, "1", 4, "thanks")
    assert (shown["GuestId"], shown["Guest"]["FirstName"]) == (a_guest().id, "Ada")
    assert (shown["Price"]["Final"], shown["Price"]["Tip"]) == (Decimal(total) / 100, 2)
    assert shown["Price"]["Sales"] + shown["Price"]["Tax"] == shown["Price"]["Final"] == shown["Price"]["Final1"]
    kinds = ("InvoiceServices", "InvoiceProducts", "InvoiceMemberships", "InvoiceSeriesPackages", "InvoiceGiftCards")
    assert [len(shown[kind]) for kind in kinds] == [2, 1, 1, 2, 1]
    assert [one["TransactionId"] for one in shown["Payments"]] == [paid.id]
    assert (await site.get(f"/v1/invoices/{ONE}")).document["invoice"]["is_closed"] is True
    again = await site.post(f"{path}/{ONE}", {"ignored": True})
    assert again.document == answer
    assert len((await site.get("/v1/events")).document["events"]) == 1


async def test_each_line_stands_under_the_name_of_its_kind(site: Site) -> None:
    sold = lines()
    invoice = an_invoice(lines=sold, campaign_id=guid_of("campaign"))
    shown = legacy_invoice(invoice)
    (service, other) = shown.invoice_services
    assert encode(service).decode().startswith('{"AppointmentService":{"Service":{"Id":"')
    assert b"AppointmentProduct" not in encode(service)
    assert encode(shown.invoice_memberships[0]).decode().startswith('{"AppointmentMembership":{"Membership":{')
    assert (
        encode(shown.invoice_series_packages[1]).decode().startswith('{"AppointmentSeriesPackage":{"SeriesPackage":{')
    )
    assert encode(shown.invoice_gift_cards[0]).decode().startswith('{"AppointmentGiftCard":{"GiftCard":{')
    assert (service.applied_package, service.applied_membership) == (None, None)
    assert service.applied_discount is not None
    assert service.applied_discount.discount_amount == Decimal("2.5")
    assert service.applied_discount.campaign_id == guid_of("campaign")
    assert other.applied_discount is None
    line = service.appointment_service
    assert not isinstance(line, type(service.appointment_product))
    assert (line.employee.id, line.employee.name) == (an_employee(), "Ines Staff")  # type: ignore[union-attr]


async def test_what_a_guest_held_is_a_redemption_and_no_payment(site: Site) -> None:
    package = guid_of("package")
    card = replace(a_payment(300, name="card", tender=Tender.GIFT_CARD), account_id=guid_of("card"))
    served = replace(a_line("Massage", final=0), redeemed_from_id=package)
    invoice = an_invoice(lines=(served, a_line("Oil", final=1000)), transactions=(card, a_payment(700)))
    shown = legacy_invoice(invoice)
    assert [one.amount_paid for one in shown.payments] == [7]
    assert [(one.option.id, one.option.mode) for one in shown.redemptions] == [(guid_of("card"), 0), (package, 2)]
    applied = [one.applied_package for one in shown.invoice_services]
    assert [None if one is None else one.package_id for one in applied] == [package, None]


REFUSED = [
    ("unpaid", 419, "Full Payment of invoice is not made.", "0.00 of 488.00 USD is paid; 488.00 is missing."),
    ("grouped", 492, "Group Invoice Not Supported.", f"The invoice belongs to group invoice {guid_of('group')}."),
    ("cancelled", 719, "Invoice could not be closed.", "The invoice was cancelled."),
    ("nobody", 428, "Invoice not found.", f"No invoice has the id {guid_of('invoice nobody')}."),
]


@pytest.mark.parametrize(("name", "code", "message", "detail"), REFUSED)
@pytest.mark.parametrize("path", PATHS)
async def test_what_keeps_it_from_closing_is_answered_with_200(
    site: Site, path: str, *, name: str, code: int, message: str, detail: str
) -> None:
    await site.put(
        an_invoice("unpaid"),
        a_paid_invoice("grouped", group_invoice_id=guid_of("group")),
        a_paid_invoice("cancelled", cancelled_at=NOON),
    )
    before = await site.rows()
    reply = await site.post(f"{path}/{guid_of(f'invoice {name}')}")
    assert reply.status == 200
    assert reply.document == {
        "MailSentSuccess": False,
        "ReceiptSentSuccess": False,
        "Invoice": None,
        "PaymentOptions": [],
        "Error": {"StatusCode": code, "Message": message, "InternalMessage": detail},
    }
    assert await site.rows() == before


async def test_a_path_that_is_no_guid_is_an_error_too(site: Site) -> None:
    answer = (await site.post(f"{PATHS[0]}/x")).document
    assert answer["Error"]["StatusCode"] == 502
    assert answer["Error"]["Message"].startswith("invoice_id: 'x' is not a GUID")


async def test_who_may_not_and_what_is_our_fault_have_their_own_status(site: Site) -> None:
    await site.put(a_paid_invoice())
    assert (await site.post(f"{PATHS[0]}/{ONE}", key=None)).status == 401
    reader = await site.post("/v1/keys", {"name": "reader", "role": "reader"})
    denied = await site.post(f"{PATHS[0]}/{ONE}", key=reader.document["key"])
    assert (denied.status, denied.error["code"]) == (403, 438)

    class Down:
        async def close(self, _command: Any) -> Any:
            raise Unavailable("the disk is full")

    site.alter(desk=Down())
    reply = await site.post(f"{PATHS[0]}/{ONE}")
    assert (reply.status, reply.headers["retry-after"]) == (503, "1")
