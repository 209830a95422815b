"""What the documentation shows of selling: Ada of the sample salon buys things at Bellevue."""

from __future__ import annotations

from typing import Final

from closebell.api.examples.sample import (
    CAMPAIGN_ID,
    CENTER_ID,
    EMPLOYEE_ID,
    GIFT_CARD_TEMPLATE_ID,
    GUEST_ID,
    MEMBERSHIP_ID,
    OFFER_CODE,
    OPEN_INVOICE_ID,
    OPEN_SERVICE_LINE_ID,
    PACKAGE_ACCOUNT_ID,
    PACKAGE_ID,
    PRODUCT_ID,
    SERVICE_ID,
    Document,
)

OPEN: Final = {"invoice_id": OPEN_INVOICE_ID}
OPEN_ITEM: Final = {"invoice_id": OPEN_INVOICE_ID, "invoice_item_id": OPEN_SERVICE_LINE_ID}

SOLD: Final[Document] = {"invoice_id": OPEN_INVOICE_ID, "invoice_number": "1", "error": None}
PRODUCTS: Final[Document] = {
    "center_id": CENTER_ID,
    "guest_id": GUEST_ID,
    "notes": "Ring twice",
    "products": [{"id": PRODUCT_ID, "quantity": 2, "sale_by_id": EMPLOYEE_ID}],
    "created_by_id": EMPLOYEE_ID,
}
MORE_PRODUCTS: Final[Document] = {"products": [{"id": PRODUCT_ID, "quantity": 1, "sale_by_id": EMPLOYEE_ID}]}
SERVICE: Final[Document] = {
    "id": SERVICE_ID,
    "sale_by_id": EMPLOYEE_ID,
    "therapist_id": EMPLOYEE_ID,
    "start_time": "2022-03-11T09:00:00",
    "room_name": "Room 3",
    "therapist_request_type": 3,
}
SERVICES: Final[Document] = {"center_id": CENTER_ID, "guest_id": GUEST_ID, "services": [SERVICE]}
MORE_SERVICES: Final[Document] = {"services": [SERVICE]}
MEMBERSHIPS: Final[Document] = {
    "center_id": CENTER_ID,
    "user_id": GUEST_ID,
    "membership_ids": MEMBERSHIP_ID,
    "sale_by_id": EMPLOYEE_ID,
}
MEMBERSHIPS_SOLD: Final[Document] = {**SOLD, "success": True}
PACKAGES: Final[Document] = {
    "center_id": CENTER_ID,
    "guest_id": GUEST_ID,
    "notes": "",
    "package_details": [{"id": PACKAGE_ID, "sale_by_id": EMPLOYEE_ID}],
}
GIFT: Final[Document] = {
    "schedule_time": "2022-03-12T09:00:00",
    "occassion": {"id": None, "image_id": None, "message": "Happy birthday!"},
    "recepient": {"name": "Grace", "email": "grace@guests.example"},
}
GIFT_CARDS: Final[Document] = {
    "center_id": CENTER_ID,
    "guest_id": GUEST_ID,
    "giftcards": [{"template_id": GIFT_CARD_TEMPLATE_ID, **GIFT}],
}
CUSTOM_CARDS: Final[Document] = {
    "center_id": CENTER_ID,
    "guest_id": GUEST_ID,
    "gift_cards": [
        {
            "type": 0,
            "custom_amount": {"price": 50, "value": 60},
            "occasion": {"id": "birthday"},
            "recepient": {"name": "Grace", "email": "grace@guests.example", "phone": "+1 206-555-0101"},
            "notes": "",
            "is_onetime_use": False,
            "expiry": {"days": 365},
        }
    ],
}
CARD: Final[Document] = {
    "invoice_item_id": "0a1f9b1c-6a6e-4f61-9d25-5f8b3e0c2d11",
    "card_number": "GC-4821-0937-5560-1184",
    "value": 100,
    "expires_on": "2024-03-10",
    "state": "issued",
}
CARDS_SOLD: Final[Document] = {**SOLD, "gift_cards": [CARD]}
CARDS_READ: Final[Document] = {"invoice_id": OPEN_INVOICE_ID, "gift_cards": [CARD], "error": None}
REMOVED: Final[Document] = {"success": True, "message": "", "error": None}
CANCELLED: Final[Document] = {"success": True, "is_charge_applied": False, "error": None}
CAMPAIGN: Final[Document] = {"offer_code": OFFER_CODE, "center_id": CENTER_ID}
DISCOUNTED: Final[Document] = {
    "discount_applied": True,
    "campaign_id": CAMPAIGN_ID,
    "discount_amount": 34,
    "error": None,
}
REDEMPTION: Final[Document] = {"redemptions": [{"invoice_item_id": OPEN_SERVICE_LINE_ID}]}
REDEEMED: Final[Document] = {
    "invoice_id": OPEN_INVOICE_ID,
    "redemptions": [
        {
            "invoice_item_id": OPEN_SERVICE_LINE_ID,
            "user_package_id": PACKAGE_ACCOUNT_ID,
            "units": 1,
            "units_left": 3,
        }
    ],
    "error": None,
}
