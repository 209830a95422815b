"""What can go wrong, in one tree. The docstring of a leaf says when it is raised.

    ClosebellError
    ├── Refusal               a rule of the contract says no; carries the wire code and literal message
    ├── InvalidInput          a value from outside is malformed; names the field and what would be right
    ├── NotFound              a resource other than an invoice does not exist
    ├── Conflict              the request contradicts what is stored
    ├── TooLarge              a body or a batch is over its limit
    ├── Unauthorised          no key, or a key nobody knows
    ├── TooOften              more calls or sign-ins than are allowed in a while
    ├── Unavailable           the database is locked, full or gone; the same request may succeed later
    │   ├── InDoubt           the database went away during the commit; nobody knows whether it was done
    │   └── Stopping          the service is stopping, and says how much of the request was done
    ├── SealBroken            a sealed secret does not open: its key is missing, or it was altered or moved
    └── MisuseError           a command or setting is wrong; one line for the person at the terminal

No error here knows of HTTP: `api/problems.py` gives each its status.
"""

from __future__ import annotations

import enum


class RefusalKind(enum.Enum):
    """What a refusal means to whoever asked."""

    RULE = "what is stored forbids it"
    INPUT = "a value of the request is missing or wrong"
    MISSING = "what was named does not exist"
    DENIED = "the caller may not reach it"


class RefusalCode(enum.Enum):
    """Every refusal of the contract: its wire code, its literal message, and its kind where it is not a rule.

    Source: the contract, sections 1 to 5. Codes are not unique; the message tells them apart.
    """

    # closing
    INVOICE_NOT_FOUND = (428, "Invoice not found.", RefusalKind.MISSING)
    GROUP_INVOICE = (492, "Group Invoice Not Supported.")
    FUTURE_APPOINTMENT = (
        1113,
        "This invoice has a future appointment and will not be closed.",
    )
    NOT_FULLY_PAID = (419, "Full Payment of invoice is not made.")
    SSG_NOT_PAID = (419, "SSG not paid fully.")
    PAID_IN_EXCESS = (459, "Payment is made in excess.")
    LOYALTY_OVER_CAP = (
        459,
        "The loyalty points payments in this invoice exceed the maximum amount you can pay using points.",
    )
    TIPS_UNASSIGNED = (
        1112,
        "There are some unassigned tips. You must assign all tips to close the invoice.",
    )
    COULD_NOT_BE_CLOSED = (719, "Invoice could not be closed.")

    # selling
    BODY_MISSING = (502, "request body is not supplied.", RefusalKind.INPUT)
    CENTER_INVALID = (502, "Invalid center_id.", RefusalKind.INPUT)
    CANNOT_ACCESS = (438, "cannot access.", RefusalKind.DENIED)
    GUEST_INVALID = (502, "Invalid guest_id.", RefusalKind.INPUT)
    QUANTITY_INVALID = (502, "Invalid quantity.", RefusalKind.INPUT)
    SELLER_INVALID = (502, "Invalid sale_by_employee_id.", RefusalKind.INPUT)
    STOCK_UNKNOWN = (502, "unable to retrieve stock details of product.", RefusalKind.INPUT)
    PRODUCT_INVALID = (502, "Invalid product id.", RefusalKind.INPUT)
    NOT_RETAIL = (502, "only retail products are allowed for sale.", RefusalKind.INPUT)
    SALE_FAILED = (4023, "invoice create unsuccessful.")
    ITEM_NOT_FOUND = (429, "Invoice item not found.", RefusalKind.MISSING)
    ITEM_TO_REMOVE_NOT_FOUND = (
        429,
        "invoice item passed is not found, invoice item id passed.",
        RefusalKind.MISSING,
    )
    INVOICE_TO_CANCEL_NOT_FOUND = (428, "Request invoices are Invalid.", RefusalKind.MISSING)
    PAYMENTS_TO_DELETE = (502, "payments are added to invoice, delete payments and retry.")

    # campaigns
    OFFER_CODE_MISSING = (503, "Offer code is required for applying campaign.", RefusalKind.INPUT)
    CAMPAIGN_INVOICE_NOT_FOUND = (418, "Invoice not found.", RefusalKind.MISSING)
    CAMPAIGN_ON_GROUP = (492, "Group Invoice not supported.")
    USER_CANNOT_ACCESS = (4051, "User cannot access.", RefusalKind.DENIED)
    CENTER_EMPTY = (4045, "Center ID cannot be empty.", RefusalKind.INPUT)
    CENTER_NOT_OF_INVOICE = (502, "Invoice center is not a valid center.", RefusalKind.INPUT)
    ORGANIZATION_NOT_OF_INVOICE = (
        502,
        "Organization ID does not match with invoice's organization ID.",
        RefusalKind.INPUT,
    )
    CAMPAIGN_NOT_FOUND = (4017, "Campaign cannot be found with the given campaign details.", RefusalKind.MISSING)
    DISCOUNTS_NOT_ALLOWED = (468, "Organization does not allow custom discounts.")
    CAMPAIGN_ALREADY_APPLIED = (
        4024,
        (
            "This campaign cannot be applied simultaneously with another campaign. "
            "Undo applied campaigns to proceed with this campaign."
        ),
    )
    CAMPAIGN_NOT_APPLICABLE = (4025, "Campaign can not be applied as Discount pre-requisites are not present.")
    VOUCHER_USED = (4026, "Voucher cannot be redeemed as the voucher code was already used.")
    VOUCHER_UNKNOWN = (4027, "Voucher cannot be redeemed as the voucher code does not exist.", RefusalKind.MISSING)
    CAMPAIGN_EXHAUSTED = (
        4028,
        "Campaign cannot be redeemed since maximum number of redemptions for campaign has already been reached.",
    )

    # paying
    PAYMENT_ON_CLOSED = (728, "ApiPaymentCannotBeAddedForClosedInvoice")
    IN_GROUP = (928, "InvoiceinGroup")
    PAYMENT_INVALID = (502, "InvalidInput", RefusalKind.INPUT)
    PAYMENT_INPUT_MISSING = (503, "MissingInput", RefusalKind.INPUT)
    PAYMENT_INVOICE_NOT_FOUND = (418, "InvoiceNotFound", RefusalKind.MISSING)
    ONLINE_INVOICE_NOT_FOUND = (400, "Invoice not found", RefusalKind.MISSING)
    USER_NOT_FOUND = (405, "UserNotFound", RefusalKind.MISSING)
    USER_NOT_AUTHORIZED = (438, "UserNotAuthorized", RefusalKind.DENIED)
    ALREADY_PAID = (460, "PaymentIsAlreadyMade")
    GIFT_CARD_INVALID = (436, "invalid giftcard_number.", RefusalKind.INPUT)
    GIFT_CARD_UNKNOWN = (436, "Gift Card Does not exist.", RefusalKind.MISSING)
    GIFT_CARD_DENIED = (502, "user cannot access.", RefusalKind.DENIED)
    GIFT_CARD_UNREADABLE = (492, "unable to check giftcard balance.")
    POINTS_OVER_BALANCE = (502, "Points to redeem can not be more than the available points.")

    # groups
    GROUP_WITHOUT_INVOICES = (502, "Invalid inputs. The invoice_id is not passed.", RefusalKind.INPUT)
    MEMBER_PARTLY_PAID = (4001, "This invoice has already been partially paid.")
    GROUP_PARTLY_PAID = (
        4002,
        "You\u2019ve already accepted payment for this group. Remove it to change the invoices of the group.",
    )

    @property
    def wire_code(self) -> int:
        """The number clients read as `error.code`."""
        return int(self.value[0])

    @property
    def message(self) -> str:
        """The literal text clients compare."""
        return str(self.value[1])

    @property
    def kind(self) -> RefusalKind:
        """What it means to whoever asked."""
        return self.value[2] if len(self.value) > _CODE_AND_MESSAGE else RefusalKind.RULE


_CODE_AND_MESSAGE = 2


class ClosebellError(Exception):
    """Anything Closebell reports on purpose; its text is fit for the person who caused it."""


class Refusal(ClosebellError):
    """A rule of the contract says no.

    Shape: `code` is the wire code and literal message; `detail` says what and how much, in words.
    """

    def __init__(self, code: RefusalCode, detail: str) -> None:
        super().__init__(f"{code.message} {detail}")
        self.code = code
        self.detail = detail


class InvalidInput(ClosebellError):
    """A value from outside is malformed.

    Shape: `field` is the path of the value as the sender wrote it (`invoices[3].total_price.tax`), empty
    for the body as a whole; `problem` says what is wrong and what would be right.
    """

    def __init__(self, field: str, problem: str) -> None:
        super().__init__(f"{field}: {problem}" if field else problem)
        self.field = field
        self.problem = problem

    def under(self, parent: str) -> InvalidInput:
        """The same error as seen from the object that holds the field."""
        joined = f"{parent}.{self.field}" if self.field and not self.field.startswith("[") else parent + self.field
        return InvalidInput(joined, self.problem)


class NotFound(ClosebellError):
    """A resource other than an invoice does not exist."""


class Conflict(ClosebellError):
    """The request contradicts what is stored; nothing was changed."""


class TooLarge(ClosebellError):
    """A body or a batch is over its limit; the text names the limit."""


class Unauthorised(ClosebellError):
    """The request carries no key, or one that nobody knows."""


class TooOften(ClosebellError):
    """More was asked in a while than is allowed; nothing was done, and the text says what the limit is."""

    def __init__(self, reason: str, *, retry_after_s: int) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Unavailable(ClosebellError):
    """The database is locked, full or gone; nothing was half-done and the same request may succeed later."""

    def __init__(self, reason: str, *, retry_after_s: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class InDoubt(Unavailable):
    """The database went away while it committed, and nobody knows whether it was done; the text says so."""


class Stopping(Unavailable):
    """The service is stopping; the text says how much of the request was done."""


class SealBroken(ClosebellError):
    """A sealed secret does not open: its key is missing, or it was altered or moved. The text names key and place."""


class MisuseError(ClosebellError):
    """A command or a setting is wrong; the text is one line for the person at the terminal."""
