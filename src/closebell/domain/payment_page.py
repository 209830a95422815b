"""The page on which a guest pays with a card that nobody has saved: known by a secret token, open for a while.

Until somebody pays on it, a pending transaction stands for the page, and its `processor_reference` says until when
the page is open and the digest of the token's secret. The token itself is kept nowhere.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Final

from closebell.domain.invoice import Transaction, TransactionState
from closebell.errors import InvalidInput

OPEN_FOR: Final = timedelta(minutes=30)
"""How long a page can be paid on."""
SECRET_BYTES: Final = 32
"""Bytes of luck in a token."""

MARK: Final = "page:"
"""How the reference of a page begins."""
URI_CHARACTERS_MAX: Final = 2048
"""Characters of the address to which a guest goes afterwards."""

_GUID_BYTES: Final = 16
_URI: Final = re.compile(r"[!-~]*", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class Token:
    """What names a page in its address: whose payment it is, and a secret.

    >>> token = Token(invoice_id=str(uuid.UUID(int=1)), transaction_id=str(uuid.UUID(int=2)), secret=bytes(32))
    >>> Token.read(token.text) == token, Token.read("nonsense")
    (True, None)
    """

    invoice_id: str
    transaction_id: str
    secret: bytes

    @property
    def text(self) -> str:
        """The token as it stands in an address."""
        ids = uuid.UUID(self.invoice_id).bytes + uuid.UUID(self.transaction_id).bytes
        return base64.urlsafe_b64encode(ids + self.secret).decode().rstrip("=")

    @classmethod
    def read(cls, text: str) -> Token | None:
        """The token that this text spells, None when it spells none."""
        try:
            spelled = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
        except (binascii.Error, ValueError):
            return None
        if len(spelled) != 2 * _GUID_BYTES + SECRET_BYTES:
            return None
        return cls(
            invoice_id=str(uuid.UUID(bytes=spelled[:_GUID_BYTES])),
            transaction_id=str(uuid.UUID(bytes=spelled[_GUID_BYTES : 2 * _GUID_BYTES])),
            secret=spelled[2 * _GUID_BYTES :],
        )


def reference(secret: bytes, *, now: datetime) -> str:
    """What the transaction of a page that opens now keeps."""
    return f"{MARK}{int((now + OPEN_FOR).timestamp())}:{_digest(secret)}"


def opened_before(now: datetime) -> str:
    """What the reference of a page sorts before that is not open any more now; their times have equally many digits."""
    return f"{MARK}{int(now.timestamp())}:"


def is_open(transaction: Transaction) -> bool:
    """Whether the transaction stands for a page that nobody has paid on, in time or not."""
    return transaction.state is TransactionState.PENDING and transaction.processor_reference.startswith(MARK)


def open_until(transaction: Transaction) -> datetime:
    """When its page stops being open."""
    assert is_open(transaction), "it stands for a page"
    return datetime.fromtimestamp(int(transaction.processor_reference.split(":")[1]), UTC)


def opens_with(transaction: Transaction, secret: bytes, *, now: datetime) -> bool:
    """Whether this secret opens its page now."""
    if not is_open(transaction) or now >= open_until(transaction):
        return False
    return hmac.compare_digest(transaction.processor_reference.split(":")[2], _digest(secret))


def _digest(secret: bytes) -> str:
    return hashlib.sha256(secret).hexdigest()


def redirect_uri(written: str, *, field: str) -> str:
    """Where a guest goes afterwards, as it was written; an app may have a scheme of its own.

    Errors: InvalidInput naming the field.
    """
    if len(written) > URI_CHARACTERS_MAX or not _URI.fullmatch(written):
        raise InvalidInput(field, f"is no address; write up to {URI_CHARACTERS_MAX} visible ASCII characters")
    return written


def is_link(uri: str) -> bool:
    """Whether a page may link there: a script, too, can be written as an address."""
    return uri.lower().startswith(("https://", "http://"))
