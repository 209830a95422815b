"""What the documentation shows of lists and reports, out of the sample salon."""

from __future__ import annotations

from typing import Final

from closebell.api.examples.sample import (
    CENTER_ID,
    CLOSED_INVOICE_ID,
    EMPLOYEE_ID,
    GUEST_ID,
    INVOICE,
    OPEN_INVOICE_ID,
    SERVICE_ID,
    Document,
)

LISTED: Final[Document] = {
    **{name: value for name, value in INVOICE["invoice"].items() if name != "transactions"},
    "id": OPEN_INVOICE_ID,
    "invoice_number": "7443",
    "total_price": {"currency_id": 0, "net_price": 170, "tax": 5.05, "rounding_adjustment": 0, "sum_total": 175.05},
}
INVOICES: Final[Document] = {
    "invoices": [LISTED],
    "page_info": {"total": 1, "page": 1, "size": 10},
    "error": None,
}
_OPEN: Final[Document] = {
    "invoice_no": "BEL17443",
    "name": "Ada Guest",
    "items": "Swedish massage, Lavender oil",
    "sale_date": "2022-03-11T08:00:00",
    "appointment_date": "2022-03-11T00:00:00",
    "start_time": "2022-03-11T10:00:00",
    "price": 170,
    "discount": 0,
    "redemptions": 0,
    "final_price": 170,
    "final_price_tax": 175.05,
    "taxes": 5.05,
    "rounding_adjustment": 0,
    "mobile_phone": "+1 206-555-0100",
    "email": "ada@guests.example",
    "invoice_id": OPEN_INVOICE_ID,
    "receive_email": True,
    "SSG_amount": 0,
    "unassigned_tip": 0,
    "app_group_id": None,
    "user_id": GUEST_ID,
    "therapist_name": "Henry Peterson",
}
CENTER_INVOICES: Final[Document] = {"todays_invoices": [_OPEN], "invoices": [_OPEN], "total": 1, "error": None}
OPEN_INVOICES: Final[Document] = {"open_invoices": [_OPEN], "total": 1, "error": None}

REPORT: Final[Document] = {"center_ids": [CENTER_ID], "start_date": "2022-03-01", "end_date": "2022-03-31"}
_SALE: Final[Document] = {
    "sale_date": "2022-03-10T09:00:00",
    "invoice_date": "2022-03-10T09:00:00",
    "invoice_id": CLOSED_INVOICE_ID,
    "invoice_no": "BEL17442",
    "receipt_no": "R2649",
    "invoice_item_id": "13000000-5a10-4000-8000-000000000001",
    "guest_id": GUEST_ID,
    "guest_name": "Ada Guest",
    "guest_code": "G1",
    "center_id": CENTER_ID,
    "center_name": "Bellevue",
    "center_code": "BEL",
    "item_id": SERVICE_ID,
    "item_name": "Swedish massage",
    "item_code": "MAS60",
    "item_type": "Service",
    "qty": 1,
    "currency_code": "USD",
    "sales_exc_tax": 120,
    "discount": 0,
    "tax": 0,
    "sales_inc_tax": 120,
    "rounding_adjustment": 0,
    "collected": 120,
    "redeemed": 0,
    "due": 0,
    "payment_type": "Visa, Cash",
    "sale_type": "Sale",
    "status": "Closed",
    "base_invoice_no": None,
    "provider": "Ines Moreau",
    "sold_by_id": EMPLOYEE_ID,
    "sold_by": "Ines Moreau",
    "created_by_id": None,
    "created_by": "",
    "closed_by_id": EMPLOYEE_ID,
    "closed_by": "Ines Moreau",
    "invoice_notes": "",
}
_SALES_TOTAL: Final[Document] = {
    "currency_code": "USD",
    "invoices": 1,
    "sales_exc_tax": 120,
    "tax": 0,
    "sales_inc_tax": 120,
    "rounding_adjustment": 0,
    "collected": 120,
    "redeemed": 0,
    "due": 0,
}
SALES: Final[Document] = {
    "sales": [_SALE],
    "total": _SALES_TOTAL,
    "totals": [_SALES_TOTAL],
    "page_info": {"total": 1, "page": 1, "size": 1000},
    "error": None,
}
_COLLECTION: Final[Document] = {
    "payment_date": "2022-03-10T11:10:00",
    "transaction_id": "13000000-5a10-4000-8000-000000000011",
    "invoice_id": CLOSED_INVOICE_ID,
    "invoice_no": "BEL17442",
    "receipt_no": "R2649",
    "guest_id": GUEST_ID,
    "guest_name": "Ada Guest",
    "center_id": CENTER_ID,
    "center_name": "Bellevue",
    "tender": "card",
    "payment_type": "Visa",
    "sale_type": "Sale",
    "currency_code": "USD",
    "amount_paid": 120,
    "tip_amount": 0,
    "ssg_amount": 0,
    "fee_amount": 0,
    "total_amount_paid": 120,
    "cash_back_amount": 0,
    "collected_by_id": EMPLOYEE_ID,
    "collected_by": "Ines Moreau",
    "processor": "",
    "processor_reference": "",
    "additional_data": "",
}
_COLLECTED: Final[Document] = {
    "currency_code": "USD",
    "tender": None,
    "transactions": 1,
    "amount_paid": 120,
    "tip_amount": 0,
    "ssg_amount": 0,
    "fee_amount": 0,
    "total_amount_paid": 120,
    "cash_back_amount": 0,
}
COLLECTIONS: Final[Document] = {
    "collections": [_COLLECTION],
    "totals": [_COLLECTED],
    "tenders": [{**_COLLECTED, "tender": "card"}],
    "page_info": {"total": 1, "page": 1, "size": 1000},
    "error": None,
}


def _file(row: Document) -> str:
    """The row below the names of its fields, as it stands in a file."""
    cells = ("" if value is None else str(value) for value in row.values())
    return "".join(",".join(line) + "\r\n" for line in (row, cells))


SALES_FILE: Final = _file({**_SALE, "payment_type": "Visa"})
COLLECTIONS_FILE: Final = _file(_COLLECTION)
