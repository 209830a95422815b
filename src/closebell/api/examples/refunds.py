"""What the documentation shows of refunds: of the sample salon's closed invoice, the bottle of oil comes back."""

from __future__ import annotations

from typing import Final

from closebell.api.examples import sample as examples
from closebell.api.examples.sample import Document

REFUND_ID: Final = "b0f8a5d2-6f6e-4d0a-9d52-3f7c8e1a4b90"
REFUND_LINE_ID: Final = "e2b7c1f4-0d3a-4b6e-8a19-5c4d7f2e6a83"
REFUND_TRANSACTION_ID: Final = "4d9a3c7e-2b1f-4f68-a0d5-7e6b8c9f1a24"
OIL_LINE_ID: Final = "13000000-5a10-4000-8000-000000000002"
CASH_ID: Final = "13000000-5a10-4000-8000-000000000012"

REFUND: Final[Document] = {
    "items": [{"invoice_item_id": OIL_LINE_ID, "quantity": 1}],
    "payments": [{"transaction_id": CASH_ID, "amount": 55.05}],
    "comments": "The bottle was broken",
    "created_by_id": examples.EMPLOYEE_ID,
    "close": True,
}
REFUNDED: Final[Document] = {
    "refund_invoice": {
        "id": REFUND_ID,
        "invoice_number": "7449",
        "invoice_number_prefix": "BEL1",
        "receipt_number": "R2650",
        "appointment_group_id": None,
        "group_invoice_id": None,
        "lock": False,
        "is_closed": True,
        "is_refund": True,
        "invoice_date": "2022-03-11T06:22:00",
        "center_id": examples.CENTER_ID,
        "total_price": {
            "currency_id": 0,
            "net_price": -50,
            "tax": -5.05,
            "rounding_adjustment": 0,
            "sum_total": -55.05,
        },
        "guest": examples.INVOICE["invoice"]["guest"],
        "invoice_items": [
            {
                "invoice_item_id": REFUND_LINE_ID,
                "id": examples.PRODUCT_ID,
                "name": "Lavender oil",
                "type": 2,
                "code": "OIL1",
                "price": {"currency_id": 148, "sales": -50, "tax": -5.05, "final": -55.05, "discount": 0},
                "quantity": -1,
                "sale_by_id": examples.EMPLOYEE_ID,
                "therapist_name": "Ines Moreau",
            }
        ],
        "transactions": [
            {
                **examples.TRANSACTION,
                "transaction_id": REFUND_TRANSACTION_ID,
                "payment_option": {"id": None, "payment_mode": 0, "payment_name": "Cash", "card_number": ""},
                "total_amount_paid": -55.05,
                "amount_paid": -55.05,
                "tender": "cash",
            }
        ],
        "additional_fields": [
            {"key": "currency_code", "value": "USD"},
            {"key": "refund_of", "value": examples.CLOSED_INVOICE_ID},
        ],
    },
    "error": None,
}
