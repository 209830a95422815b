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
RECOVERY_ID: Final = "9d4e6b1a-2c7f-4b35-8e0d-5f1a3c8b7e62"
KEY_ID: Final = "b7c2a5b0-3b58-4d8e-9d6b-5a7e6f0c9d21"
TOKEN_ID: Final = "EAAAAFoQQACAAAAAAAAAAQ1Cn2Y1p0yXj0kZ1m4Yk2oPz3J4c5d6e7f8091a2b3c4d5e6f708192a3b4c5d6e7"  # noqa: S105  # an example
USER_ID: Final = "2b8f9c1d-6a3e-4f57-8c02-9e4d7a1b5c63"

ORGANIZATION_ID: Final = "0a6f2c3d-58b1-4f0e-9a52-61f1a3f0d7c1"
GUEST_ID: Final = "464d1eea-e19a-4880-ae4c-c2973b395981"
SERVICE_ID: Final = "f2032f7a-033a-4806-afe0-e7c1a927d125"
PRODUCT_ID: Final = "d1894a6a-81c1-416b-9a9d-a94c8753f96f"
MEMBERSHIP_ID: Final = "07ca7206-14db-490a-87c7-a1fd22de3bd9"
PACKAGE_ID: Final = "5d7ae2c0-95a4-4a52-8a39-7b7a30a5b0f3"
GIFT_CARD_TEMPLATE_ID: Final = "a2a9c1f7-6f3a-4a6a-8f0b-94f2f62a8d10"
LOYALTY_PROGRAM_ID: Final = "c4b8d7b1-0b0e-4f58-8c38-3f8c1a6b7e21"
SAVED_CARD_ID: Final = "e0f3a4c5-8b1d-4a7c-9b52-2f6d1c9e8a34"
OFFER_CODE: Final = "SPRING20"
GIFT_CARD_NUMBER: Final = "GC-100200300"
PREPAID_CARD_NUMBER: Final = "PC-400500600"
OPEN_INVOICE_ID: Final = "10000000-5a10-4000-8000-000000000001"
"""Unpaid: a service and a product."""
PAID_INVOICE_ID: Final = "10000000-5a10-4000-8000-000000000002"
"""Fully paid, its tip assigned: it closes."""
CLOSED_INVOICE_ID: Final = "10000000-5a10-4000-8000-000000000003"
"""Closed before it was imported: it can be refunded."""
GROUPED_INVOICE_ID: Final = "10000000-5a10-4000-8000-000000000004"
"""A member of the group invoice, paid."""
GROUP_INVOICE_ID: Final = "1c1e3b9f-7f4e-4a64-9d0e-0c5a5c0a2c77"

TOKYO_CENTER_ID: Final = "9b7d2a60-3c1e-4f5a-8d47-2e60b1c9f384"
KUWAIT_CENTER_ID: Final = "c3e85f17-60ab-4d92-b7f4-81d05a6e2c39"
OPEN_SERVICE_LINE_ID: Final = "11000000-5a10-4000-8000-000000000001"
CAMPAIGN_ID: Final = "6e1d9b42-0f7c-4a83-95d6-3b8e2c7f1a50"
PACKAGE_ACCOUNT_ID: Final = "71c4e0a9-5b26-4f8d-a3e7-06d9b8f2c145"
"""What is left of a package: four units of the service."""

PATH_VALUES: Final[dict[str, str]] = {
    "invoice_id": INVOICE_ID,
    "group_invoice_id": GROUP_INVOICE_ID,
    "center_id": CENTER_ID,
    "guest_id": GUEST_ID,
    "giftcard_number": GIFT_CARD_NUMBER,
    "invoice_item_id": OPEN_SERVICE_LINE_ID,
    "transaction_id": TRANSACTION_ID,
    "token_id": TOKEN_ID,
    "endpoint_id": ENDPOINT_ID,
    "event_id": EVENT_ID,
    "delivery_id": DELIVERY_ID,
    "recovery_id": RECOVERY_ID,
    "key_id": KEY_ID,
    "user_id": USER_ID,
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
CLOSE_MANY: Final[Document] = {"invoice_ids": [PAID_INVOICE_ID], "closed_by_id": EMPLOYEE_ID}
CLOSED_MANY: Final[Document] = {
    "results": [{"invoice_id": PAID_INVOICE_ID, "is_invoice_closed": True, "receipt_number": "R2650", "error": None}],
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
            "id": GUEST_ID,
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
_IMPORTED_GUEST_ID: Final = "5d3f1a86-2c7b-4e90-b1d4-7a8e6c5f0b12"
_IMPORTED_INVOICE_ID: Final = "20000000-5a10-4000-8000-000000000001"
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
    "guests": [{"id": _IMPORTED_GUEST_ID, "first_name": "Bea", "last_name": "New", "center_id": CENTER_ID}],
    "items": [
        {
            "id": GIFT_CARD_TEMPLATE_ID,
            "type": 6,
            "name": "Gift card 100",
            "code": "GIFT100",
            "validity_days": 365,
            "centers": [{"center_id": CENTER_ID, "price": 95, "value": 100}],
        }
    ],
    "invoices": [
        {
            "id": _IMPORTED_INVOICE_ID,
            "center_id": CENTER_ID,
            "guest": {"id": _IMPORTED_GUEST_ID},
            "invoice_date": "2022-02-30",
            "total_price": {"sum_total": 88},
        }
    ],
}


def _imported(kind: str, record_id: str, result: str, **more: str) -> Document:
    row = {"kind": kind, "index": 0, "id": record_id, "result": result}
    return {**row, "code": None, "field": "", "reason": "", **more}


IMPORTED: Final[Document] = {
    "created": 1,
    "updated": 1,
    "unchanged": 1,
    "refused": 1,
    "rows": [
        _imported("center", CENTER_ID, "unchanged"),
        _imported("guest", _IMPORTED_GUEST_ID, "created"),
        _imported(
            "item",
            GIFT_CARD_TEMPLATE_ID,
            "updated",
            reason=f"validity_days was 730; price at {CENTER_ID} was 100.00 USD; "
            f"centre {TOKYO_CENTER_ID} sells it no more; centre {KUWAIT_CENTER_ID} sells it no more",
        ),
        _imported(
            "invoice",
            _IMPORTED_INVOICE_ID,
            "refused",
            code="invalid_input",
            field="invoices[0].invoice_date",
            reason="'2022-02-30' is a date or time that does not exist",
        ),
    ],
    "error": None,
}
ENDPOINT_REQUEST: Final[Document] = {
    "name": "Book-keeping",
    "url": "https://books.example.com/hooks/closebell",
    "event_types": ["Invoice.Closed"],
    "rate_per_s": 20,
    "conditions": [{"field": "data.invoice.is_refund", "equals": False}],
    "headers": {"X-Api-Key": "3f1c"},
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
    "rate_per_s": 20,
    "recovers_when_enabled": False,
    "conditions": [{"field": "data.invoice.is_refund", "equals": False}],
    "state": "active",
    "state_reason": "",
    "consecutive_failures": 0,
    "created_at": "2022-03-11T14:00:00Z",
    "updated_at": "2022-03-11T14:00:00Z",
    "enabled_at": None,
    "headers": {"X-Api-Key": "****"},
    "authorization": {"type": "none", "username": None},
    "public_keys": [],
    "secrets": [{"kind": "hmac", "created_at": "2022-03-11T14:00:00Z", "expires_at": None}],
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
            "body_hash": "0b4c7d1f5e3a2968d7c6b5a49382716f5e4d3c2b1a0987f6e5d4c3b2a1908f7e",
            "redacted_at": None,
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
RESENT: Final[Document] = {"state": "pending", "due_at": "2022-03-11T15:00:00Z", "finished_at": None}
"""What is different of a delivery that is sent again."""
RECOVERY: Final[Document] = {
    "id": RECOVERY_ID,
    "endpoint_id": ENDPOINT_ID,
    "since": "2022-03-11T00:00:00Z",
    "until": "2022-03-12T00:00:00Z",
    "state": "running",
    "matched": 1200,
    "recovered": 300,
    "percent": 25,
    "rate_per_s": 50,
    "is_automatic": False,
    "created_at": "2022-03-12T08:00:00Z",
    "next_at": "2022-03-12T08:00:06Z",
    "finished_at": None,
}
RECOVER: Final[Document] = {"since": "2022-03-11T00:00:00Z", "until": "2022-03-12T00:00:00Z"}
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
