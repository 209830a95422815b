"""What the documentation shows of payments: the sample salon's open invoice of 175.05 USD, and who pays it how."""

from __future__ import annotations

from typing import Any, Final

from closebell.api.examples import sample as examples

Document = dict[str, Any]

PROGRAM_ID: Final = examples.LOYALTY_PROGRAM_ID
OPEN_INVOICE: Final = {"invoice_id": examples.OPEN_INVOICE_ID}


def _transaction(mode: int, name: str, tender: str, amount: float, tip: float = 0, **fields: Any) -> Document:
    option = {"id": fields.pop("option_id", None), "payment_mode": mode, "payment_name": name}
    return {
        "transaction_id": examples.TRANSACTION_ID,
        "payment_option": {**option, "card_number": fields.pop("card_number", "")},
        "total_amount_paid": amount + tip,
        "amount_paid": amount,
        "tip_amount": tip,
        "ssg_amount": 0,
        "fee_amount": 0,
        "cash_back_amount": fields.pop("cash_back", 0),
        "payment_date": "2022-03-11T11:20:00",
        "transaction_center": {"id": examples.CENTER_ID, "name": "Bellevue"},
        "state": "settled",
        "tender": tender,
    }


def _paid(transaction: Document) -> Document:
    return {"transaction": transaction, "error": None}


CASH: Final[Document] = {"amount": 185.05, "tip_amount": 10, "amount_tendered": 200}
CASH_PAID: Final = _paid(_transaction(0, "Cash", "cash", 175.05, 10, cash_back=14.95))
CHECK: Final[Document] = {"amount": 175.05, "check_number": "1001", "bank_name": "First Bank"}
CHECK_PAID: Final = _paid(_transaction(2, "Check", "check", 175.05))
CARD: Final[Document] = {
    "amount": 195.05,
    "tip_amount": 20,
    "card_number": "************4242",
    "card_type": "Visa",
    "auth_code": "08831Z",
    "collected_by_id": examples.EMPLOYEE_ID,
}
CARD_PAID: Final = _paid(_transaction(1, "Visa", "card", 175.05, 20, card_number="4242"))
SETTLE: Final[Document] = {"state": "settled"}
SETTLED: Final = _paid(_transaction(1, "Online card", "card", 175.05, card_number="0259"))

GIFT_CARD: Final[Document] = {"card_number": examples.GIFT_CARD_NUMBER, "amount": 185.05, "tip_amount": 10}
GIFT_CARD_APPLIED: Final[Document] = {
    "is_applied": True,
    "payment": _transaction(4, "Gift card", "gift_card", 175.05, 10, card_number="0300"),
    "error": None,
}
BALANCE: Final[Document] = {
    "balance": 200,
    "user_id": examples.GUEST_ID,
    "expiry": "2099-12-31T00:00:00",
    "type": "gift_card",
    "status": "active",
    "currency_code": "USD",
    "error": None,
}

POINTS: Final[Document] = {
    "points": 1000,
    "center_id": examples.CENTER_ID,
    "program_id": PROGRAM_ID,
    "redeem_across_programs": 0,
}
POINTS_PAID: Final[Document] = {
    "payment": _transaction(6, "Petals", "loyalty_points", 50, option_id=PROGRAM_ID),
    "redemptions": [
        {
            "transaction_id": examples.TRANSACTION_ID,
            "option": {"id": "124fbc97-7c49-518e-8e9a-04e71c6672b9", "mode": 1, "name": "Petals"},
            "amount": 50,
            "payment_date": "2022-03-11T11:20:00",
        }
    ],
    "invoice": examples.INVOICE["invoice"],
    "error": None,
}
REDEEMABLE: Final[Document] = {
    "lp_redeemable": {
        "points": 1200,
        "amount": 60,
        "loyalty_programs": [
            {
                "id": PROGRAM_ID,
                "name": "Petals",
                "points": {"earned": 1200, "redeemable": 1200},
                "exchange_rate": 0.05,
                "minimum_points": 100,
            }
        ],
        "total_available_points": 1200,
        "total_available_amount": 60,
        "exchange_rate": 0.05,
    },
    "error": None,
}

ONLINE: Final[Document] = {
    "account_id": examples.SAVED_CARD_ID,
    "center_id": examples.CENTER_ID,
    "redirect_uri": "https://spa.example.com/thanks",
    "tip_amount": 20,
    "source": 1,
}
COLLECTED: Final[Document] = {
    "success": True,
    "error": None,
    "invoice_transaction_id": examples.TRANSACTION_ID,
    "state": "settled",
    "token_id": None,
}
CARD_ENTERED: Final[Document] = {"card_number": "4242424242424242"}
SAVED_CARDS: Final[Document] = {
    "accounts": [{"account_id": examples.SAVED_CARD_ID, "last_four": "4242", "name": "Ada Guest", "processor": "test"}],
    "error": None,
}
