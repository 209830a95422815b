"""What can go wrong, in one tree. The docstring of a leaf says when it is raised.

    ClosebellError
    ├── Refusal               a rule of the contract says no; carries the wire code and literal message
    ├── InvalidInput          a value from outside is malformed; names the field and what would be right
    ├── NotFound              a resource other than an invoice does not exist
    ├── Conflict              the request contradicts what is stored
    ├── TooLarge              a body or a batch is over its limit
    ├── Unauthorised          no key, or a key nobody knows
    ├── Unavailable           the database is locked, full or gone; the same request may succeed later
    │   └── Stopping          the service is stopping, and says how much of the request was done
    └── MisuseError           a command or setting is wrong; one line for the person at the terminal

No error here knows of HTTP: `api/problems.py` gives each its status.
"""

from __future__ import annotations

import enum


class RefusalCode(enum.Enum):
    """Every refusal of the contract: its wire code and its literal message.

    Source: public page "close-an-invoice". Codes are not unique; the message tells them apart.
    """

    INVOICE_NOT_FOUND = (428, "Invoice not found.")
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
    PAYMENT_ON_CLOSED = (728, "ApiPaymentCannotBeAddedForClosedInvoice")
    IN_GROUP = (928, "InvoiceinGroup")

    @property
    def wire_code(self) -> int:
        """The number clients read as `error.code`."""
        return self.value[0]

    @property
    def message(self) -> str:
        """The literal text clients compare."""
        return self.value[1]


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


class Unavailable(ClosebellError):
    """The database is locked, full or gone; nothing was half-done and the same request may succeed later."""

    def __init__(self, reason: str, *, retry_after_s: int = 1) -> None:
        super().__init__(reason)
        self.retry_after_s = retry_after_s


class Stopping(Unavailable):
    """The service is stopping; the text says how much of the request was done."""


class MisuseError(ClosebellError):
    """A command or a setting is wrong; the text is one line for the person at the terminal."""
