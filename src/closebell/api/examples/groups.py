"""What the documentation shows of groups: two friends on one bill, as in the sample salon."""

from __future__ import annotations

from typing import Final

from closebell.api.examples import sample as examples
from closebell.api.examples.sample import Document

NEW_GROUP_ID: Final = "6c0e7d14-1f0b-4a39-9b3f-70d0f5b8a9e2"

GROUP_REQUEST: Final[Document] = {
    "group_name": "Birthday",
    "invoice_ids": [examples.OPEN_INVOICE_ID],
    "notes": "One bill, please",
    "created_by_id": examples.EMPLOYEE_ID,
}
_PRICE: Final[Document] = {
    "CurrencyId": 148,
    "Sales": 170,
    "Tax": 5.05,
    "Final": 175.05,
    "Final1": 175.05,
    "Discount": 0,
    "Tip": 0,
    "SSG": 0,
    "RoundingCorrection": 0,
    "DiscountedPrice": 170,
    "environmental_fee": 0,
    "environmental_fee_label": "Environmental fee",
    "can_be_waived": False,
}
GROUP_CREATED: Final[Document] = {
    "is_invoice_created": True,
    "group_invoice": {
        "Id": NEW_GROUP_ID,
        "name": "Birthday",
        "host_id": examples.GUEST_ID,
        "payment_made_by": None,
        "Invoices": [],
        "Redemptions": [],
        "Payments": [],
        "Price": _PRICE,
        "GroupRedemptions": [],
    },
    "error": None,
}
GROUP: Final[Document] = {
    "id": examples.GROUP_INVOICE_ID,
    "group_name": "Two friends",
    "comments": "Both on one bill",
    "is_surprise": False,
    "invoices": [
        {
            "id": examples.GROUPED_INVOICE_ID,
            "receipt_number": "0",
            "invoice_date": "2022-03-11T08:00:00",
            "center_id": examples.CENTER_ID,
            "appointment_group_id": None,
            "guest": {"id": examples.GUEST_ID},
        }
    ],
    "error": None,
}
GROUP_TRANSACTION: Final[Document] = {**examples.TRANSACTION, "invoice_id": examples.GROUPED_INVOICE_ID}
GROUP_TRANSACTIONS: Final[Document] = {"transactions": [GROUP_TRANSACTION], "error": None}
GROUP_PROPERTY: Final[Document] = {"property": 0, "value": "Four friends", "updated_by_id": examples.EMPLOYEE_ID}
GROUP_PAYMENT: Final[Document] = {
    "custom_payment_id": examples.CUSTOM_PAYMENT_ID,
    "amount": 10,
    "tip_amount": 10,
}
GROUP_CASH: Final[Document] = {"amount": 10, "tip_amount": 10, "collected_by_id": examples.EMPLOYEE_ID}
GROUP_TRANSACTION_ID: Final = "14000000-5a10-4000-8000-000000000011"
GROUP_CLOSED: Final[Document] = {
    "is_group_invoice_closed": True,
    "invoices": [{"id": examples.GROUPED_INVOICE_ID, "receipt_number": "R2650"}],
    "error": None,
}
