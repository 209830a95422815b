"""What the documentation shows of the older routes, in their PascalCase."""

from __future__ import annotations

from typing import Final

from closebell.api.examples import refunds
from closebell.api.examples import sample as examples
from closebell.api.examples.sample import Document


def _price(sales: int, tax: int, *, tip: int = 0) -> Document:
    return {
        "CurrencyId": 148,
        "Sales": sales,
        "Tax": tax,
        "Final": sales + tax,
        "Final1": sales + tax,
        "Discount": 0,
        "Tip": tip,
        "SSG": 0,
        "RoundingCorrection": 0,
        "DiscountedPrice": sales,
        "environmental_fee": 0,
        "environmental_fee_label": "Environmental fee",
        "can_be_waived": False,
    }


_GUEST: Final[Document] = {
    "Id": examples.GUEST_ID,
    "Code": "G1",
    "FirstName": "Ada",
    "LastName": "Guest",
    "Gender": 0,
    "MobilePhone": "+1 206-555-0100",
    "Email": "ada@guests.example",
}
_CARD: Final[Document] = {"Id": None, "PaymentMode": 1, "PaymentName": "Visa", "CardNumber": "************4242"}
INVOICE: Final[Document] = {
    "Id": examples.PAID_INVOICE_ID,
    "InvoiceNumber": "7445",
    "GroupInvoiceId": None,
    "group_name": None,
    "ReceiptNumber": "R2650",
    "AppointmentGroupId": None,
    "ReservationId": None,
    "IsRebooking": False,
    "Notes": "",
    "GuestId": examples.GUEST_ID,
    "Guest": _GUEST,
    "Price": _price(120, 0, tip=20),
    "SaleDate": "2022-03-11T08:00:00",
    "FutureRecurringBillDate": None,
    "LinkedInvoiceId": None,
    "Status": 4,
    "InvoiceServices": [
        {
            "AppointmentService": {
                "Service": {"Id": examples.SERVICE_ID, "Name": "Swedish massage", "Code": "MAS60"},
                "InvoiceItemId": "4dcf4970-70fe-5fe4-868d-fa9279031fe9",
                "Employee": {"Id": examples.EMPLOYEE_ID, "Name": "Ines Moreau"},
                "Quantity": 1,
                "Price": _price(120, 0),
            },
            "AppliedMembership": None,
            "AppliedPackage": None,
            "AppliedDiscount": None,
        }
    ],
    "InvoiceProducts": [],
    "InvoiceMemberships": [],
    "InvoiceSeriesPackages": [],
    "InvoiceGiftCards": [],
    "Payments": [
        {
            "TransactionId": "12000000-5a10-4000-8000-000000000011",
            "PaymentOption": _CARD,
            "TotalAmountPaid": 140,
            "AmountPaid": 120,
            "TipAmount": 20,
            "SSGAmount": 0,
            "PaymentDate": "2022-03-11T11:20:00",
        }
    ],
    "Redemptions": [],
    "RefundItems": [],
    "Lock": False,
    "CanChangeGuest": False,
}
CLOSED: Final[Document] = {
    "MailSentSuccess": False,
    "ReceiptSentSuccess": False,
    "Invoice": INVOICE,
    "PaymentOptions": [_CARD],
    "Error": None,
}
REFUND: Final[Document] = {
    "InvoiceId": examples.CLOSED_INVOICE_ID,
    "CashRegisterId": None,
    "RefundItems": [{"InvoiceItemId": refunds.OIL_LINE_ID, "Quantity": 1, "RefundAmount": 55.05}],
    "RefundPayments": [{"TransactionId": refunds.CASH_ID, "Amount": 55.05}],
    "RefundTip": False,
    "Source": 0,
}
REFUNDED: Final[Document] = {
    "RefundInvoice": {
        **INVOICE,
        "Id": refunds.REFUND_ID,
        "InvoiceNumber": "7449",
        "Price": {**_price(-50, 0), "Tax": -5.05, "Final": -55.05, "Final1": -55.05},
        "LinkedInvoiceId": examples.CLOSED_INVOICE_ID,
        "InvoiceServices": [],
        "Payments": [],
        "RefundItems": [
            {
                "InvoiceItemId": refunds.OIL_LINE_ID,
                "ItemId": examples.PRODUCT_ID,
                "Quantity": 1,
                "RefundAmount": 55.05,
                "RefundDate": "2022-03-11T06:22:00",
            }
        ],
    },
    "RefundErrors": [],
    "ToppedPrepaidCard": None,
    "Error": None,
}
