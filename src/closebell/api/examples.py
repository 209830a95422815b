"""What the documentation shows: one spa, one guest, one invoice of 488.00 USD, as in the public sample."""

from __future__ import annotations

from typing import Any, Final

INVOICE_ID: Final = "7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5"
EMPLOYEE_ID: Final = "f54dd9c1-7dd6-42ba-a3bb-fde4b2e0e5c5"
TRANSACTION_ID: Final = "8f1c2a1e-51f2-4a57-b31d-4d7a3d3c7d0e"
CUSTOM_PAYMENT_ID: Final = "0d2b4f63-5f7b-4b0f-9e0f-6f6b1e8f1a55"
CENTER_ID: Final = "5528ee09-5321-4153-8ca7-31c78d757dcb"
ENDPOINT_ID: Final = "3f0a7a52-9a38-4c5f-8f3f-2c9f6f8f2b11"
EVENT_ID: Final = "622b5b33a961750e01db6510"
DELIVERY_ID: Final = "622b5b33a961750e01db6512"
KEY_ID: Final = "b7c2a5b0-3b58-4d8e-9d6b-5a7e6f0c9d21"

PATH_VALUES: Final[dict[str, str]] = {
    "invoice_id": INVOICE_ID,
    "group_invoice_id": "1c1e3b9f-7f4e-4a64-9d0e-0c5a5c0a2c77",
    "transaction_id": TRANSACTION_ID,
    "endpoint_id": ENDPOINT_ID,
    "event_id": EVENT_ID,
    "delivery_id": DELIVERY_ID,
    "key_id": KEY_ID,
}
"""An example of every parameter that stands in a path."""

Document = dict[str, Any]

CLOSE: Final[Document] = {"closed_by_id": EMPLOYEE_ID}
CLOSED: Final[Document] = {
    "is_invoice_closed": True,
    "error": None,
    "status": 1,
    "closed_by_id": EMPLOYEE_ID,
    "receipt_number": "R2650",
}
CLOSE_MANY: Final[Document] = {"invoice_ids": [INVOICE_ID], "closed_by_id": EMPLOYEE_ID}
CLOSED_MANY: Final[Document] = {
    "results": [{"invoice_id": INVOICE_ID, "is_invoice_closed": True, "receipt_number": "R2650", "error": None}],
    "error": None,
}
NOT_FULLY_PAID: Final[Document] = {
    "error": {
        "code": 419,
        "message": "Full Payment of invoice is not made.",
        "StatusCode": 419,
        "Message": "Full Payment of invoice is not made.",
        "InternalMessage": "400.00 of 488.00 USD is paid; 88.00 is missing.",
    },
    "code": 419,
    "message": "Full Payment of invoice is not made.",
}
CLOSE_CHECK: Final[Document] = {
    "invoice_id": INVOICE_ID,
    "is_closed": False,
    "can_close": False,
    "currency_code": "USD",
    "blockers": [
        {
            "rule": "must_be_fully_paid",
            "code": 419,
            "message": "Full Payment of invoice is not made.",
            "detail": "400.00 of 488.00 USD is paid; 88.00 is missing.",
            "amounts": {"due": 488, "paid": 400, "missing": 88},
            "rows": [TRANSACTION_ID],
            "clear_with": {
                "method": "POST",
                "path": f"/v1/invoices/{INVOICE_ID}/payment/custom",
                "body": {"custom_payment_id": CUSTOM_PAYMENT_ID, "amount": 88},
                "note": "Take the payments in the order of the blockers, or one of their sum; "
                "any GUID does for a payment type.",
            },
        }
    ],
    "error": None,
}
PAYMENT: Final[Document] = {"custom_payment_id": CUSTOM_PAYMENT_ID, "amount": 488, "tip_amount": 0}
TRANSACTION: Final[Document] = {
    "transaction_id": TRANSACTION_ID,
    "payment_option": {
        "id": CUSTOM_PAYMENT_ID,
        "payment_mode": 3,
        "payment_name": "Custom",
        "card_number": "",
    },
    "total_amount_paid": 488,
    "amount_paid": 488,
    "tip_amount": 0,
    "ssg_amount": 0,
    "fee_amount": 0,
    "cash_back_amount": 0,
    "payment_date": "2022-03-11T06:22:00",
    "transaction_center": {"id": CENTER_ID, "name": "Bellevue"},
    "state": "settled",
    "tender": "custom",
}
PAID: Final[Document] = {"transaction": TRANSACTION, "error": None}
TIPS: Final[Document] = {
    "employee_tips": [{"employee_id": EMPLOYEE_ID, "amount": 12.5, "transaction_id": TRANSACTION_ID}]
}
INVOICE: Final[Document] = {
    "invoice": {
        "id": INVOICE_ID,
        "invoice_number": "7448",
        "invoice_number_prefix": "BEL1",
        "receipt_number": "0",
        "appointment_group_id": None,
        "group_invoice_id": None,
        "lock": False,
        "is_closed": False,
        "is_refund": False,
        "invoice_date": "2022-03-11T08:00:00",
        "center_id": CENTER_ID,
        "total_price": {"currency_id": 0, "net_price": 488, "tax": 0, "rounding_adjustment": 0, "sum_total": 488},
        "guest": {
            "id": "464d1eea-e19a-4880-ae4c-c2973b395981",
            "first_name": "Ada",
            "last_name": "Guest",
            "gender": 0,
            "code": "G1",
            "mobile_phone": "+1 206-555-0100",
            "guest_email": "ada@guests.example",
            "email": "ada@guests.example",
        },
        "transactions": [TRANSACTION],
        "additional_fields": [{"key": "currency_code", "value": "USD"}],
    },
    "error": None,
}
EVENT: Final[Document] = {
    "id": DELIVERY_ID,
    "event_id": EVENT_ID,
    "event_schema": "v1",
    "event_resource": "Invoice",
    "event_type": "Invoice.Closed",
    "event_timestamp": "2022-03-11T14:22:43.3847040Z",
    "data": {"invoice": {**INVOICE["invoice"], "is_closed": True, "receipt_number": "R2650"}},
}
IMPORT: Final[Document] = {
    "centers": [
        {
            "id": CENTER_ID,
            "name": "Bellevue",
            "time_zone": "America/Los_Angeles",
            "currency": "USD",
            "currency_id": 148,
            "receipt_prefix": "R",
            "next_receipt_number": 2650,
            "invoice_prefix": "BEL1",
        }
    ],
    "invoices": [INVOICE],
}
IMPORTED: Final[Document] = {
    "created": 1,
    "unchanged": 0,
    "refused": 1,
    "rows": [
        {
            "kind": "center",
            "index": 0,
            "id": CENTER_ID,
            "result": "created",
            "code": None,
            "field": "",
            "reason": "",
        },
        {
            "kind": "invoice",
            "index": 0,
            "id": INVOICE_ID,
            "result": "refused",
            "code": "invalid_input",
            "field": "invoices[0].invoice.invoice_date",
            "reason": "'2022-02-30' is a date or time that does not exist",
        },
    ],
    "error": None,
}
ENDPOINT_REQUEST: Final[Document] = {
    "name": "Book-keeping",
    "url": "https://books.example.com/hooks/closebell",
    "event_types": ["Invoice.Closed"],
}
ENDPOINT: Final[Document] = {
    "id": ENDPOINT_ID,
    "name": "Book-keeping",
    "description": "",
    "url": "https://books.example.com/hooks/closebell",
    "http_method": "POST",
    "event_types": ["Invoice.Closed"],
    "center_ids": [],
    "signature_styles": ["standard"],
    "policy": "standard",
    "state": "active",
    "state_reason": "",
    "consecutive_failures": 0,
    "created_at": "2022-03-11T14:00:00Z",
    "updated_at": "2022-03-11T14:00:00Z",
    "secret": "whsec_****",
}
SHOWN_SECRET: Final = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSwMfKQ9r8GKYo="  # noqa: S105  # an example, nobody's secret
TESTED: Final[Document] = {
    "is_delivered": True,
    "status": 200,
    "fault": None,
    "detail": "books.example.com:443 answered 200.",
    "response_excerpt": "ok",
    "duration_us": 48211,
    "error": None,
}
FEED: Final[Document] = {
    "events": [
        {
            "sequence": 1,
            "event_id": EVENT_ID,
            "event_type": "Invoice.Closed",
            "created_at": "2022-03-11T14:22:43.384704Z",
            "hash": "6d1f0b8f0d6a3f0a1e5c7a0f5b0d7d2a4c1f9e8b7a6d5c4b3a291807f6e5d4c3",
            "previous_hash": "0000000000000000000000000000000000000000000000000000000000000000",
            "body": '{"id":"622b5b33a961750e01db6510","event_id":"622b5b33a961750e01db6510"}',
        }
    ],
    "next_after": 1,
    "has_more": False,
    "error": None,
}
DELIVERY: Final[Document] = {
    "id": DELIVERY_ID,
    "sequence": 1,
    "event_id": EVENT_ID,
    "event_type": "Invoice.Closed",
    "invoice_id": INVOICE_ID,
    "endpoint_id": ENDPOINT_ID,
    "state": "delivered",
    "due_at": None,
    "created_at": "2022-03-11T14:22:43.384704Z",
    "finished_at": "2022-03-11T14:22:43.432915Z",
    "reason": "",
    "attempts": [
        {
            "number": 1,
            "started_at": "2022-03-11T14:22:43.386000Z",
            "duration_us": 46915,
            "status": 200,
            "fault": None,
            "detail": "books.example.com:443 answered 200.",
            "response_excerpt": "ok",
        }
    ],
}
RECONCILIATION: Final[Document] = {
    "from": "2022-03-11T00:00:00Z",
    "to": "2022-03-12T00:00:00Z",
    "closes": 1,
    "events": 1,
    "endpoints": [
        {
            "endpoint_id": ENDPOINT_ID,
            "name": "Book-keeping",
            "delivered": 1,
            "pending": 0,
            "held": 0,
            "exhausted": 0,
            "cancelled": 0,
            "total": 1,
        }
    ],
    "balanced": True,
    "reasons": [],
    "error": None,
}
KEY: Final[Document] = {
    "id": KEY_ID,
    "name": "till",
    "hint": "4f0c1d",
    "created_at": "2022-03-11T14:00:00Z",
    "revoked_at": None,
}
