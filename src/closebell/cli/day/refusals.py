"""The words in which the public contract says no, as any application compares them."""

from __future__ import annotations

from typing import Final

from closebell.cli.day.plan import Says

# closing
UNDERPAID: Final = Says(status=409, code=419, message="Full Payment of invoice is not made.")
SSG_UNPAID: Final = Says(status=409, code=419, message="SSG not paid fully.")
OVERPAID: Final = Says(status=409, code=459, message="Payment is made in excess.")
TOO_MANY_POINTS: Final = Says(
    status=409,
    code=459,
    message="The loyalty points payments in this invoice exceed the maximum amount you can pay using points.",
)
TIPS_UNASSIGNED: Final = Says(
    status=409,
    code=1112,
    message="There are some unassigned tips. You must assign all tips to close the invoice.",
)
IN_THE_FUTURE: Final = Says(
    status=409, code=1113, message="This invoice has a future appointment and will not be closed."
)
IN_A_GROUP: Final = Says(status=409, code=492, message="Group Invoice Not Supported.")
CANNOT_CLOSE: Final = Says(status=409, code=719, message="Invoice could not be closed.")
NO_SUCH_INVOICE: Final = Says(status=404, code=428, message="Invoice not found.")

# discounts
NO_SUCH_CAMPAIGN: Final = Says(
    status=404, code=4017, message="Campaign cannot be found with the given campaign details."
)
ANOTHER_CAMPAIGN: Final = Says(
    status=409,
    code=4024,
    message="This campaign cannot be applied simultaneously with another campaign. "
    "Undo applied campaigns to proceed with this campaign.",
)
NOT_ENTITLED: Final = Says(
    status=409, code=4025, message="Campaign can not be applied as Discount pre-requisites are not present."
)
VOUCHER_USED: Final = Says(
    status=409, code=4026, message="Voucher cannot be redeemed as the voucher code was already used."
)
NO_SUCH_VOUCHER: Final = Says(
    status=404, code=4027, message="Voucher cannot be redeemed as the voucher code does not exist."
)
EXHAUSTED: Final = Says(
    status=409,
    code=4028,
    message="Campaign cannot be redeemed since maximum number of redemptions for campaign has already been reached.",
)

# paying
CLOSED_FOR_MONEY: Final = Says(status=409, code=728, message="ApiPaymentCannotBeAddedForClosedInvoice")
GROUPED_FOR_MONEY: Final = Says(status=409, code=928, message="InvoiceinGroup")
PAID_ALREADY: Final = Says(status=409, code=460, message="PaymentIsAlreadyMade")
DECLINED: Final = Says(status=402, code=402, message="The payment was declined.")
PARTLY_PAID: Final = Says(status=409, code=4001, message="This invoice has already been partially paid.")
PAYMENTS_ON_IT: Final = Says(status=409, code=502, message="payments are added to invoice, delete payments and retry.")

CONTRADICTS: Final = Says(status=409, code=409)
"""What is asked for contradicts what is stored; the message says how."""
