"""What the documentation shows of guests: Ada and Grace of the sample salon, what they hold, and somebody new."""

from __future__ import annotations

from typing import Final

from closebell.api.examples.sample import (
    CENTER_ID,
    GIFT_CARD_NUMBER,
    GUEST_ID,
    LOYALTY_PROGRAM_ID,
    MEMBERSHIP_ID,
    PACKAGE_ID,
    PREPAID_CARD_NUMBER,
    SERVICE_ID,
    Document,
)

MEMBER_ID: Final = "5a5c6df5-0a1e-5c7d-98fe-203e1544f0b0"
"""Grace, who has a membership."""

_NO_PHONES: Final[Document] = {"work_phone": None, "home_phone": None}
_NOTHING_MORE: Final[Document] = {
    "is_minor": False,
    "nationality_id": -1,
    "anniversary_date": None,
    "lock_guest_custom_data": False,
    "pan": "",
    "dob_incomplete_year": "",
}
_NO_ADDRESS: Final[Document] = {
    "address_1": "",
    "address_2": "",
    "city": "",
    "country_id": -1,
    "state_id": -1,
    "state_other": "",
    "zip_code": "",
    "postal_code": "",
}
_PREFERENCES: Final[Document] = {
    "receive_transactional_email": True,
    "receive_transactional_sms": True,
    "receive_transactional_whatsapp": False,
    "receive_marketing_email": False,
    "receive_marketing_sms": False,
    "receive_marketing_whatsapp": False,
    "recieve_lp_stmt": False,
    "opt_in_for_loyalty_program": False,
}
_ADA: Final[Document] = {
    "id": GUEST_ID,
    "_id": 1119771281486739,
    "code": "G1",
    "center_id": CENTER_ID,
    "center_name": "Bellevue",
    "created_date": None,
    "last_updated": None,
    "personal_info": {
        "user_name": "",
        "first_name": "Ada",
        "last_name": "Guest",
        "middle_name": "",
        "email": "ada@guests.example",
        "mobile_phone": {
            "country_code": None,
            "phone_code": 1,
            "number": "206-555-0100",
            "display_number": "+1 206-555-0100",
        },
        **_NO_PHONES,
        "gender": 0,
        "date_of_birth": None,
        **_NOTHING_MORE,
    },
    "address_info": _NO_ADDRESS,
    "preferences": _PREFERENCES,
}
GUEST: Final[Document] = {**_ADA, "referral": None, "error": None}
GUESTS: Final[Document] = {
    "guests": [{**_ADA, "referral": None}],
    "page_info": {"total": 1, "page": 1, "size": 10},
    "error": None,
}
ERASURE: Final[Document] = {
    "guest_id": GUEST_ID,
    "state": "done",
    "created_at": "2026-01-05T12:00:00Z",
    "finished_at": "2026-01-05T12:01:15Z",
    "redacted_events": 3,
    "blanked_attempts": 2,
    "error": None,
}
GUEST_CHANGE: Final[Document] = {"personal_info": {"email": "ada.guest@guests.example"}}
ADA_CHANGED: Final[Document] = {
    **_ADA,
    "last_updated": "2026-01-05T04:00:00",
    "personal_info": {**_ADA["personal_info"], "email": "ada.guest@guests.example"},
}
"""The guest as the event of the change tells of them."""
CHANGED_GUEST: Final[Document] = {**ADA_CHANGED, "referral": None, "error": None}
NEW_GUEST: Final[Document] = {
    "center_id": CENTER_ID,
    "personal_info": {
        "first_name": "Nora",
        "last_name": "New",
        "email": "nora@guests.example",
        "mobile_phone": {"country_code": 225, "phone_code": 1, "number": "206-555-0199"},
        "date_of_birth": "1990-09-22",
    },
    "address_info": {"city": "Seattle", "zip_code": "98101"},
    "preferences": {"receive_marketing_email": True},
}
NORA: Final[Document] = {
    "id": "5594aa6b-342f-4d0a-ba5e-4842fab428f7",
    "_id": 4599888148148733,
    "code": "",
    "center_id": CENTER_ID,
    "center_name": "Bellevue",
    "created_date": "2026-01-05T04:00:00",
    "last_updated": "2026-01-05T04:00:00",
    "personal_info": {
        "user_name": "",
        "first_name": "Nora",
        "last_name": "New",
        "middle_name": "",
        "email": "nora@guests.example",
        "mobile_phone": {
            "country_code": 225,
            "phone_code": 1,
            "number": "206-555-0199",
            "display_number": "+1 206-555-0199",
        },
        **_NO_PHONES,
        "gender": -1,
        "date_of_birth": "1990-09-22",
        **_NOTHING_MORE,
    },
    "address_info": {**_NO_ADDRESS, "city": "Seattle", "zip_code": "98101", "postal_code": "98101"},
    "preferences": {**_PREFERENCES, "receive_marketing_email": True},
}
"""The new guest as the event of their creation tells of them."""
CREATED_GUEST: Final[Document] = {**NORA, "referral": None, "error": None}

_BELLEVUE: Final[Document] = {"id": CENTER_ID, "name": "Bellevue"}
_BROUGHT: Final[Document] = {"invoice": None, "center": _BELLEVUE}
MEMBERSHIPS: Final[Document] = {
    "guest_memberships": [
        {
            "user_membership_id": "514538d4-3c40-51e4-8b2b-f3e30ea77004",
            "status": 1,
            "is_refunded": False,
            "redeemable": True,
            "membership": {"id": MEMBERSHIP_ID, "name": "Gold membership", "code": "GOLD", "type": 0},
            **_BROUGHT,
            "purchase": None,
            "expiry_date": "2099-12-31T00:00:00",
        }
    ],
    "error": None,
}
PACKAGES: Final[Document] = {
    "guest_packages": [
        {
            "user_package_id": "00279d90-af66-5153-af9c-f5c96b6d63f9",
            "status": 1,
            "user_package_state": 1,
            "redeemable": True,
            "package": {"id": PACKAGE_ID, "name": "Five massages and a facial", "code": "PACK5", "type": 0},
            **_BROUGHT,
            "purchase": None,
            "date": {"end": "2099-12-31T00:00:00"},
            "services": [
                {
                    "id": "b9bcfd58-3bb5-553b-bee9-562d2b314cc0",
                    "name": "Facial",
                    "service_type_info": {
                        "id": "b9bcfd58-3bb5-553b-bee9-562d2b314cc0",
                        "name": "Facial",
                        "duration": 45,
                    },
                    "total": 1,
                    "used": 0,
                    "balance": 1,
                },
                {
                    "id": SERVICE_ID,
                    "name": "Swedish massage",
                    "service_type_info": {"id": SERVICE_ID, "name": "Swedish massage", "duration": 60},
                    "total": 5,
                    "used": 1,
                    "balance": 4,
                },
            ],
        }
    ],
    "error": None,
}
POINTS: Final[Document] = {
    "guest_points": {
        "balance_points": 1200,
        "balance_amount": 60,
        "exchange_rate": 0.05,
        "loyalty_programs": [
            {
                "id": LOYALTY_PROGRAM_ID,
                "name": "Petals",
                "balance_points": 1200,
                "balance_amount": 60,
                "exchange_rate": 0.05,
                "currency_code": "USD",
            }
        ],
    },
    "error": None,
}
PREPAID_CARDS: Final[Document] = {
    "guest_prepaid_cards": [
        {
            "id": "c76f7ab7-4db1-5866-bf8d-127ea480773c",
            "prepaid_card_number": PREPAID_CARD_NUMBER,
            **_BROUGHT,
            "purchase_details": None,
            "expiration_date": None,
            "value": 300,
            "balance": 200,
            "is_closed": False,
            "is_one_time_use": False,
            "sale_invoice": None,
            "state": "active",
            "currency_code": "USD",
        }
    ],
    "error": None,
}
GIFT_CARDS: Final[Document] = {
    "gift_cards": [
        {
            "id": "2f8b6d13-7a95-4c40-8e2b-d16f90c3a574",
            "code": GIFT_CARD_NUMBER,
            "type": 1,
            **_BROUGHT,
            "sale_date": None,
            "expiry_date": "2099-12-31T00:00:00",
            "price": None,
            "value": 200,
            "balance": 200,
            "is_closed": False,
            "is_one_time_use": False,
            "state": "active",
            "currency_code": "USD",
        }
    ],
    "page_info": {"total": 1, "page": 1, "size": 10},
    "error": None,
}
