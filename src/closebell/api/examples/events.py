"""A whole envelope of every event type, as receivers get it; the closed invoice is that of the public sample."""

from __future__ import annotations

from typing import Final

from closebell.api.examples.guests import ADA_CHANGED, NORA
from closebell.api.examples.sample import CENTER_ID, DELIVERY_ID, EVENT_ID, GUEST_ID, INVOICE_ID, TRANSACTION, Document

_SELLER_ID: Final = "62ba6081-329e-4135-9c90-e4bc8ee35772"
_TREATED_LINE_ID: Final = "aee902a5-ee52-4d1a-b16e-ceff7b1c6ae7"
_TREATMENT_ID: Final = "f2032f7a-033a-4806-afe0-e7c1a927d125"


def _envelope(event_type: str, timestamp: str, data: Document) -> Document:
    return {
        "id": DELIVERY_ID,
        "event_id": EVENT_ID,
        "event_schema": "v1",
        "event_resource": event_type.partition(".")[0],
        "event_type": event_type,
        "event_timestamp": timestamp,
        "data": data,
    }


def _line(line_id: str, item_id: str, name: str, kind: int, code: str, *, sales: int, discount: int = 0) -> Document:
    return {
        "invoice_item_id": line_id,
        "id": item_id,
        "name": name,
        "type": kind,
        "code": code,
        "price": {"currency_id": 148, "sales": sales, "tax": 0, "final": sales, "discount": discount},
        "quantity": 1,
        "sale_by_id": _SELLER_ID,
        "therapist_name": "Henry Peterson",
    }


CLOSED_INVOICE: Final[Document] = {
    "id": INVOICE_ID,
    "invoice_number": "7448",
    "invoice_number_prefix": "",
    "receipt_number": "R2650",
    "appointment_group_id": "6849df99-3160-4475-a344-0495d34853fb",
    "group_invoice_id": None,
    "lock": True,
    "is_closed": True,
    "is_refund": False,
    "invoice_date": "2022-03-11T08:00:00",
    "center_id": CENTER_ID,
    "total_price": {"currency_id": 0, "net_price": 488, "tax": 0, "rounding_adjustment": 0, "sum_total": 488},
    "guest": {
        "id": GUEST_ID,
        "first_name": "test",
        "last_name": "membership",
        "gender": 1,
        "code": "",
        "mobile_phone": "+91 9885117036",
        "guest_email": "",
        "email": "",
    },
    "invoice_items": [
        _line(_TREATED_LINE_ID, _TREATMENT_ID, "45 minutes cardio vascular test", 0, "45m1", sales=0),
        _line(
            "14ad8aac-cedc-47b0-af9c-5f71d028a529",
            "d1894a6a-81c1-416b-9a9d-a94c8753f96f",
            "17product'",
            2,
            "awdsfd",
            sales=88,
            discount=12,
        ),
        _line(
            "a48d3728-742c-480b-bb72-4bc302ee29c6",
            "07ca7206-14db-490a-87c7-a1fd22de3bd9",
            "PD-134509",
            3,
            "jhge",
            sales=400,
        ),
    ],
    "appointments": [
        {
            "id": "044a689a-9e0f-47e6-82b7-93c6fbe0c845",
            "invoice_item_id": _TREATED_LINE_ID,
            "service_name": "45 minutes cardio vascular test",
            "service_id": _TREATMENT_ID,
            "start_time": "2022-03-11T02:30:00",
            "end_time": "2022-03-11T05:45:00",
            "serviceduration_in_miutes": 195,
            "has_add_ons": True,
            "is_add_on": False,
            "therapist_name": "Henry Peterson",
            "TherapistId": _SELLER_ID,
            "is_recurring": False,
            "appointment_type": 2,
            "therapist_request_type": 3,
            "room_name": "Room3",
            "equipment_name": "",
        }
    ],
    "transactions": [TRANSACTION],
    "additional_fields": [{"key": "currency_code", "value": "USD"}],
}

INVOICE_CLOSED: Final = _envelope("Invoice.Closed", "2022-03-11T14:22:43.3847049Z", {"invoice": CLOSED_INVOICE})
PAYMENTS_ADDED: Final = _envelope(
    "Invoice.Payments.Added",
    "2022-03-11T14:22:00.0000000Z",
    {"invoice_id": INVOICE_ID, "is_closed": False, "transactions": [TRANSACTION]},
)
PAYMENTS_DELETED: Final = _envelope(
    "Invoice.Payments.Deleted",
    "2022-03-11T14:22:10.0000000Z",
    {"invoice_id": INVOICE_ID, "is_closed": False, "transactions": []},
)
GUEST_CREATED: Final = _envelope("Guest.Created", "2026-01-05T12:00:00.0000000Z", NORA)
GUEST_UPDATED: Final = _envelope("Guest.Updated", "2026-01-05T12:00:00.0000000Z", ADA_CHANGED)
GUEST_ERASED: Final = _envelope(
    "Guest.Erased",
    "2026-01-05T12:00:00.0000000Z",
    {
        "guest_id": GUEST_ID,
        "redacted_events": [
            {
                "sequence": 1,
                "event_id": EVENT_ID,
                "redacted_body_hash": "b5bb9d8014a0f9b1d61e21e796d78dccdf1352f23cd32812f4850b878ae4944c",
            }
        ],
    },
)
