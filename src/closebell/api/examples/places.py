"""What the documentation shows of centres, of who works there and of what they sell: the sample salon's."""

from __future__ import annotations

from typing import Final

from closebell.api.examples.sample import (
    CENTER_ID,
    CUSTOM_PAYMENT_ID,
    EMPLOYEE_ID,
    GIFT_CARD_TEMPLATE_ID,
    MEMBERSHIP_ID,
    ORGANIZATION_ID,
    PACKAGE_ID,
    PRODUCT_ID,
    SERVICE_ID,
    Document,
)

PAGE_INFO: Final[Document] = {"total": 1, "page": 1, "size": 10}
_ENDS: Final[Document] = {"page_info": PAGE_INFO, "error": None}

CENTER: Final[Document] = {
    "id": CENTER_ID,
    "code": "BEL",
    "name": "Bellevue",
    "display_name": "Bellevue",
    "description": "",
    "currency": {"id": 148, "name": "US Dollar", "code": "USD"},
    "location": {
        "time_zone": {
            "id": 0,
            "name": "America/Los_Angeles",
            "standard_name": "America/Los_Angeles",
            "symbol": "America/Los_Angeles",
        }
    },
    "organization_id": ORGANIZATION_ID,
    "invoice_prefix": "BEL1",
    "receipt_prefix": "R",
    "rounding_unit": 0.01,
    "ssg_rate": 0,
    "fee_rate": 0,
    "loyalty_cap_rate": 50,
    "allows_discounts": True,
    "gstin": "",
}
CENTERS: Final[Document] = {"centers": [CENTER], **_ENDS}
ONE_CENTER: Final[Document] = {
    "center": {**CENTER, "phone": "", "time_zone_id": 0, "currency_id": 148, "email": ""},
    "error": None,
}
_EMPLOYEE: Final[Document] = {
    "id": EMPLOYEE_ID,
    "code": "E1",
    "personal_info": {"first_name": "Ines", "last_name": "Moreau", "name": "Ines Moreau", "gender": -1},
    "job_info": {"id": None, "name": ""},
}
EMPLOYEES: Final[Document] = {"employees": [_EMPLOYEE], **_ENDS}
THERAPISTS: Final[Document] = {
    "therapists": [
        {**_EMPLOYEE, "personal_info": {**_EMPLOYEE["personal_info"], "nick_name": "", "gender": "-1"}},
    ],
    **_ENDS,
}


def _price_info(price: float, *, tax: float = 0, tax_rate: float = 0) -> Document:
    return {
        "currency_id": 148,
        "sale_price": price,
        "tax_id": "",
        "ssg": 0,
        "include_tax": False,
        "demand_group_id": "",
        "tax": tax,
        "price_without_tax": price,
        "final_price": price + tax,
        "tax_rate": tax_rate,
    }


SERVICES: Final[Document] = {
    "services": [
        {
            "id": SERVICE_ID,
            "code": "MAS60",
            "name": "Swedish massage",
            "description": "",
            "duration": 60,
            "recovery_time": 0,
            "is_couple_service": False,
            "price_info": _price_info(120),
            "additional_info": None,
            "catalog_info": None,
            "variants_info": None,
            "add_ons_info": None,
            "image_paths": None,
        }
    ],
    **_ENDS,
}
PRODUCTS: Final[Document] = {
    "products": [
        {
            "id": PRODUCT_ID,
            "code": "OIL1",
            "name": "Lavender oil",
            "description": "",
            "html_description": "",
            "preferences": {"consumable": False, "retail": True},
            "centers": [
                {
                    "center_id": CENTER_ID,
                    "center_code": "BEL",
                    "sale_info": {"currency_id": 148, "include_tax": False, "tax_id": None, "sale_price": 50},
                }
            ],
            "price_info": _price_info(50, tax=5.05, tax_rate=10.1),
        }
    ],
    **_ENDS,
}
MEMBERSHIPS: Final[Document] = {
    "memberships": [
        {
            "id": MEMBERSHIP_ID,
            "version_id": MEMBERSHIP_ID,
            "name": "Gold membership",
            "code": "GOLD",
            "price": {"currency_id": 148, "sales": 400, "tax": 0, "final": 400},
            "can_book": True,
            "show_price": True,
            "display_name": "Gold membership",
            "is_recurring_membership": False,
            "membership_type": 0,
            "description": "",
            "validity_days": 365,
        }
    ],
    "total_no_of_memberships": 1,
    **_ENDS,
}
PACKAGES: Final[Document] = {
    "packages": [
        {
            "id": PACKAGE_ID,
            "code": "PACK5",
            "name": "Five massages and a facial",
            "description": "",
            "version_id": PACKAGE_ID,
            "html_description": "",
            "centers": [{"center_id": CENTER_ID, "currency_id": 148, "sale_price": 590, "tax_id": None}],
            "benefits": {"services": [{"id": SERVICE_ID, "quantity": 5}]},
            "item_type": 4,
            "price_info": _price_info(590),
            "validity_days": 365,
        }
    ],
    **_ENDS,
}
_TEMPLATE: Final[Document] = {
    "id": GIFT_CARD_TEMPLATE_ID,
    "name": "Gift card 100",
    "description": "",
    "price": 100,
    "value": 100,
    "validity": 730,
    "is_amount": True,
    "can_be_sold": True,
    "price_model": {"currency_id": 148, "sales": 100, "tax": 0, "final": 100},
    "code": "GIFT100",
}
GIFT_CARDS: Final[Document] = {"giftcards": [_TEMPLATE], **_ENDS}
TEMPLATES: Final[Document] = {"templates": [_TEMPLATE], **_ENDS}
CUSTOM_PAYMENTS: Final[Document] = {
    "custom_payments": [{"id": CUSTOM_PAYMENT_ID, "name": "House account"}],
    **_ENDS,
}
