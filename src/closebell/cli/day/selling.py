"""What is put on an invoice, taken off it and done with it as a whole, before any money."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from types import MappingProxyType
from typing import Any, Final

from closebell.cli.day.calls import expect
from closebell.cli.day.evidence import invoice
from closebell.cli.day.ledger import Bill, Held, Line
from closebell.cli.day.plan import Cancel, Discount, DropItem, Redeem, Sale, Sell
from closebell.cli.day.till import Till
from closebell.domain.invoice import ItemType, Tender

START: Final = "T10:15:00"
"""When appointments begin, on the centre's wall."""
COMMENT: Final = "changed my mind"


def sell(till: Till, bill: Bill, step: Sell) -> None:
    """The first sale makes the invoice, every other adds to it; a campaign on it is spread anew."""
    lines = _lines(till, len(bill.lines), step)
    body = {"center_id": till.place.id, **_BODIES[step.sale](bill, lines)}
    if step.refused is not None:
        till.api.refused(step.refused, "PUT", f"/v1/invoices/{bill.id}/{step.sale.value}", body)
        return
    if bill.id:
        till.api.put(f"/v1/invoices/{bill.id}/{step.sale.value}", body)
    else:
        bill.id = till.api.post(f"/v1/invoices/{step.sale.value}", body)["invoice_id"]
    bill.lines += lines
    bill.discount()
    _issue(till, bill, lines)


def _lines(till: Till, first: int, step: Sell) -> list[Line]:
    staff = till.place.staff
    return [
        Line(
            item=pick.item,
            quantity=pick.quantity,
            seller_id=staff[number % len(staff)],
            server_id=staff[(number + (pick.in_days is not None)) % len(staff)],
            starts_at=None if pick.in_days is None else f"{till.today + timedelta(days=pick.in_days)}{START}",
        )
        for number, pick in enumerate(step.picks, start=first)
    ]


def _issue(till: Till, bill: Bill, lines: Sequence[Line]) -> None:
    """What is sold to be held is there at once, and empty until the invoice closes."""
    for line in lines:
        if line.item.type is ItemType.CARD:
            till.books.held[bill.name] = Held(tender=Tender.GIFT_CARD, guest_id=bill.guest_id, balance=0, sold_by=bill)
        for service, _ in line.item.benefits:
            till.books.held[f"{bill.name} {service.name}"] = Held(
                tender=Tender.PACKAGE, guest_id=bill.guest_id, balance=0, service_id=service.id, sold_by=bill
            )


def discount(till: Till, bill: Bill, step: Discount) -> None:
    """A campaign by its code or a voucher's."""
    path = f"/v1/invoices/{bill.id}/campaign_discount/apply"
    body = {"offer_code": step.code, "center_id": till.place.id}
    if step.refused is not None:
        till.api.post(path, body, refused=step.refused)
        return
    answer = till.api.post(path, body)
    bill.deal = till.place.campaigns[step.deal]
    bill.discount()
    expect("campaign_id", answer["campaign_id"], bill.deal.id)
    expect("discount_amount", answer["discount_amount"], till.place.said(sum(line.discount for line in bill.lines)))


def redeem(till: Till, bill: Bill, step: Redeem) -> None:
    """A unit of a package pays for the first line, which costs nothing any more."""
    till.name_lines(bill)
    line = bill.lines[0]
    body = {"redemptions": [{"invoice_item_id": line.id}]}
    till.api.post(f"/v1/invoices/{bill.id}/redemptions/packages", body)
    line.discount = 0
    line.redeemed_from = till.held(f"{step.sold_by} {line.item.name}")
    line.redeemed_from.balance -= line.quantity
    bill.discount()


def drop_item(till: Till, bill: Bill, step: DropItem) -> None:
    """A line goes."""
    till.name_lines(bill)
    path = f"/v1/invoices/{bill.id}/invoiceitems/{bill.lines[step.place].id}"
    if step.refused is not None:
        till.api.refused(step.refused, "DELETE", path, {"comments": COMMENT})
        return
    till.api.done("DELETE", path, {"comments": COMMENT})
    bill.lines.pop(step.place)
    bill.discount()


def lock(till: Till, bill: Bill) -> None:
    """Nothing on the invoice may be changed any more."""
    till.api.put(f"/v1/invoices/{bill.id}/lock")
    bill.is_locked = True


def confirm(till: Till, bill: Bill) -> None:
    """The guest says that it is right."""
    till.api.put(f"/v1/invoices/{bill.id}/confirm", {"updated_by_id": till.place.staff[0]})


def cancel(till: Till, bill: Bill, step: Cancel) -> None:
    """Everything is called off; units of packages go back."""
    path = f"/v1/invoices/{bill.id}/cancel"
    if step.refused is not None:
        before = invoice(till.api, bill)
        till.api.refused(step.refused, "PUT", path, {"comments": COMMENT})
        expect("the invoice that was not cancelled", invoice(till.api, bill), before)
        return
    till.api.put(path, {"comments": COMMENT})
    bill.is_cancelled = True
    for line in bill.lines:
        if line.redeemed_from is not None:
            line.redeemed_from.balance += line.quantity
    till.look(bill)


# --- what each route is sent -----------------------------------------------------------------------------------------

_Made = Callable[[Bill, Sequence[Line]], dict[str, Any]]


def _products(bill: Bill, lines: Sequence[Line]) -> dict[str, Any]:
    rows = [{"id": line.item.id, "quantity": line.quantity, "sale_by_id": line.seller_id} for line in lines]
    return {"guest_id": bill.guest_id, "products": rows}


def _services(bill: Bill, lines: Sequence[Line]) -> dict[str, Any]:
    return {"guest_id": bill.guest_id, "services": [_service(line) for line in lines]}


def _service(line: Line) -> dict[str, Any]:
    said = {"id": line.item.id, "quantity": line.quantity, "sale_by_id": line.seller_id}
    return said if line.starts_at is None else {**said, "therapist_id": line.server_id, "start_time": line.starts_at}


def _memberships(bill: Bill, lines: Sequence[Line]) -> dict[str, Any]:
    ids = ",".join(line.item.id for line in lines)
    return {"user_id": bill.guest_id, "membership_ids": ids, "sale_by_id": lines[0].seller_id}


def _packages(bill: Bill, lines: Sequence[Line]) -> dict[str, Any]:
    rows = [{"id": line.item.id, "sale_by_id": line.seller_id} for line in lines]
    return {"guest_id": bill.guest_id, "package_details": rows}


def _template_cards(bill: Bill, lines: Sequence[Line]) -> dict[str, Any]:
    to = {"name": "A friend", "email": "friend@guests.example"}
    rows = [{"template_id": line.item.id, "recepient": to, "occassion": {"message": "Enjoy"}} for line in lines]
    return {"guest_id": bill.guest_id, "giftcards": rows}


def _free_cards(bill: Bill, lines: Sequence[Line]) -> dict[str, Any]:
    rows = []
    for line in lines:
        assert line.item.value is not None, "a card is worth something"
        said = bill.place.said
        rows.append({"type": 0, "custom_amount": {"price": said(line.item.price), "value": said(line.item.value)}})
    return {"guest_id": bill.guest_id, "gift_cards": rows}


_BODIES: Final[Mapping[Sale, _Made]] = MappingProxyType(
    {
        Sale.PRODUCTS: _products,
        Sale.SERVICES: _services,
        Sale.MEMBERSHIPS: _memberships,
        Sale.PACKAGES: _packages,
        Sale.TEMPLATE_CARDS: _template_cards,
        Sale.FREE_CARDS: _free_cards,
    }
)
