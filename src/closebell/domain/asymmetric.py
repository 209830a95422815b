"""Signatures that a receiver can verify and not make: ed25519, the `v1a` of Standard Webhooks.

The only file of the domain that needs `cryptography`; whoever verifies nothing but HMAC does not import it.

Source: https://www.standardwebhooks.com; RFC 8032.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass, field
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from closebell.domain.signature import ASYMMETRIC_ENTRY, PUBLIC_KEY_PREFIX
from closebell.errors import InvalidInput

PRIVATE_KEY_PREFIX: Final = "whsk_"
KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, repr=False)
class PrivateKey:
    """A signing key that does not show itself by accident, made by `generate` or `parse`."""

    _text: str
    _key: Ed25519PrivateKey = field(compare=False)

    @classmethod
    def generate(cls, random_bytes: bytes) -> Self:
        """A new key from 32 bytes of the caller's luck."""
        if len(random_bytes) != KEY_BYTES:
            raise ValueError(f"A private key is made of {KEY_BYTES} random bytes, not {len(random_bytes)}.")
        text = PRIVATE_KEY_PREFIX + base64.b64encode(random_bytes).decode("ascii")
        return cls(text, Ed25519PrivateKey.from_private_bytes(random_bytes))

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key written as `whsk_` and base64.

        Errors: InvalidInput on `private_key`, which never repeats what was given.
        """
        return cls(text, Ed25519PrivateKey.from_private_bytes(_decoded(text, PRIVATE_KEY_PREFIX, "private_key")))

    def reveal(self) -> str:
        """The text, for the one moment it is sealed."""
        return self._text

    @property
    def public_key(self) -> str:
        """What receivers verify with, as text: it is no secret."""
        return PUBLIC_KEY_PREFIX + base64.b64encode(self._key.public_key().public_bytes_raw()).decode("ascii")

    def sign_standard(self, message: bytes) -> str:
        """One entry of `webhook-signature` over `{id}.{timestamp}.{body}`."""
        return ASYMMETRIC_ENTRY + base64.b64encode(self._key.sign(message)).decode("ascii")

    def __repr__(self) -> str:
        return f"PrivateKey({PRIVATE_KEY_PREFIX}****)"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """What a receiver verifies with.

    >>> PublicKey.parse("whpk_" + base64.b64encode(bytes(31)).decode())
    Traceback (most recent call last):
    closebell.errors.InvalidInput: public_key: must be 'whpk_' followed by base64 of 32 bytes
    """

    text: str
    _key: Ed25519PublicKey = field(compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The key written as `whpk_` and base64.

        Errors: InvalidInput on `public_key`.
        """
        return cls(text, Ed25519PublicKey.from_public_bytes(_decoded(text, PUBLIC_KEY_PREFIX, "public_key")))

    def verifies(self, entry: str, message: bytes) -> bool:
        """Whether the key's other half signed this message: `entry` is one of `webhook-signature`, whatever came."""
        try:
            signature = base64.b64decode(entry.removeprefix(ASYMMETRIC_ENTRY), validate=True)
            self._key.verify(signature, message)
        except (binascii.Error, ValueError, InvalidSignature):
            return False
        return True


def _decoded(text: str, prefix: str, name: str) -> bytes:
    problem = f"must be '{prefix}' followed by base64 of {KEY_BYTES} bytes"
    if not text.startswith(prefix):
        raise InvalidInput(name, problem)
    try:
        key = base64.b64decode(text.removeprefix(prefix), validate=True)
    except (binascii.Error, ValueError):
        # `from None`: the cause's traceback may carry the text.
        raise InvalidInput(name, problem) from None
    if len(key) != KEY_BYTES:
        raise InvalidInput(name, problem)
    return key
