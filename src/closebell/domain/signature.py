"""Which headers prove that a webhook is ours, and whether they do.

    SignatureRefused              the root: whatever came, do not act on it
    ├── SignatureMissing          a header that the style needs is not there
    ├── SignatureMalformed        a header is there and cannot be read
    ├── SignatureMismatch         no secret given makes the signature that came
    └── SignatureStale            the signature is ours, its timestamp is too far from now

Three styles. *Standard Webhooks* signs id, timestamp and body: with a secret that both sides share, or with a private
key (ed25519) whose public half verifies. The contract's style signs the body alone: it proves the origin and not the
time, so a receiver that can choose takes one of the others.

Source: docs/webhooks.md; https://www.standardwebhooks.com; the contract, section 6.3.
"""

from __future__ import annotations

import base64
import binascii
import enum
import hmac
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final, Protocol, Self

from closebell.errors import ClosebellError, InvalidInput

ID_HEADER: Final = "webhook-id"
TIMESTAMP_HEADER: Final = "webhook-timestamp"
STANDARD_HEADER: Final = "webhook-signature"
ZENOTI_HEADER: Final = "zenoti-webhook-signature"

TOLERANCE: Final = timedelta(minutes=5)
"""How far the clocks of sender and receiver may differ, either way, before a call counts as replayed."""

SECRET_PREFIX: Final = "whsec_"  # noqa: S105  # what every secret starts with is no secret
PUBLIC_KEY_PREFIX: Final = "whpk_"
SECRET_BYTES: Final = 32
SECRET_BYTES_MIN: Final = 24
SECRET_BYTES_MAX: Final = 64

ENTRIES_MAX: Final = 32
"""Signatures of one call that are looked at: several times what a rotation needs, little for a stranger to waste."""
SYMMETRIC_ENTRY: Final = "v1,"
ASYMMETRIC_ENTRY: Final = "v1a,"
"""How the two kinds of entries in `webhook-signature` begin."""

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SECOND: Final = timedelta(seconds=1)
_UNIX_SECONDS: Final = re.compile(r"-?[0-9]{1,12}", re.ASCII)
# What integrators use in production, made strict about length and about letters beyond ASCII.
_ZENOTI_VALUE: Final = re.compile(r"\s*sha256\s*=\s*((?:[0-9a-f]{2}-?){31}[0-9a-f]{2})\s*", re.ASCII | re.IGNORECASE)


class SignatureRefused(ClosebellError):
    """Whatever came, do not act on it."""


class SignatureMissing(SignatureRefused):
    """A header that the style needs is not there."""


class SignatureMalformed(SignatureRefused):
    """A header is there and cannot be read."""


class SignatureMismatch(SignatureRefused):
    """No secret given makes the signature that came: another secret, or an altered body."""


class SignatureStale(SignatureRefused):
    """The signature is ours and its timestamp is too far from now: a replay, or a clock that is wrong."""


class SignatureStyle(enum.StrEnum):
    """How a webhook is signed; an endpoint may ask for several at once."""

    STANDARD = "standard"
    ED25519 = "ed25519"
    ZENOTI = "zenoti"


class Signs(Protocol):
    """A private key."""

    def sign_standard(self, message: bytes) -> str:
        """One entry of `webhook-signature` over `{id}.{timestamp}.{body}`."""
        ...


class Verifies(Protocol):
    """A public key."""

    def verifies(self, entry: str, message: bytes) -> bool:
        """Whether its private half made this entry of `webhook-signature` over the message; never raises."""
        ...


@dataclass(frozen=True, slots=True, repr=False)
class Secret:
    """A signing secret that does not show itself by accident.

    Made by `generate` or `parse`; the decoded key is kept, because every call is signed with it.

    >>> Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    Secret(whsec_****)
    """

    _text: str
    _key: bytes = field(compare=False)

    @classmethod
    def generate(cls, random_bytes: bytes) -> Self:
        """A new secret from 32 bytes of the caller's luck (`os.urandom(32)`)."""
        if len(random_bytes) != SECRET_BYTES:
            raise ValueError(f"A secret is made of {SECRET_BYTES} random bytes, not {len(random_bytes)}.")
        return cls(SECRET_PREFIX + base64.b64encode(random_bytes).decode("ascii"), random_bytes)

    @classmethod
    def parse(cls, text: str) -> Self:
        """The secret written as `whsec_` and base64.

        Errors: InvalidInput on `secret`; its text never repeats what was given.
        """
        problem = f"must be '{SECRET_PREFIX}' followed by base64 of {SECRET_BYTES_MIN} to {SECRET_BYTES_MAX} bytes"
        if not text.startswith(SECRET_PREFIX):
            raise InvalidInput("secret", problem)
        try:
            key = base64.b64decode(text.removeprefix(SECRET_PREFIX), validate=True)
        except (binascii.Error, ValueError):
            # `from None`: the cause's traceback may carry the text.
            raise InvalidInput("secret", problem) from None
        if not SECRET_BYTES_MIN <= len(key) <= SECRET_BYTES_MAX:
            raise InvalidInput("secret", f"{problem}; it has {len(key)}")
        return cls(text, key)

    def reveal(self) -> str:
        """The text, for the one moment it is shown or encrypted."""
        return self._text

    def sign_standard(self, message: bytes) -> str:
        """One entry of `webhook-signature` over `{id}.{timestamp}.{body}`."""
        return SYMMETRIC_ENTRY + base64.b64encode(hmac.digest(self._key, message, "sha256")).decode("ascii")

    def sign_zenoti(self, body: bytes) -> bytes:
        """The HMAC of the contract's style: its key is the secret's text as shown, prefix and all."""
        return hmac.digest(self._text.encode("ascii"), body, "sha256")

    def __repr__(self) -> str:
        return f"Secret({self})"

    def __str__(self) -> str:
        return f"{SECRET_PREFIX}****"


def headers(
    *,
    event_id: str,
    at: datetime,
    body: bytes,
    secrets: Sequence[Secret],
    styles: Collection[SignatureStyle],
    private_keys: Sequence[Signs] = (),
) -> dict[str, str]:
    """The headers that go with one attempt to send `body`.

    Shape:  `webhook-id` and `webhook-timestamp` always, and what the styles need. `secrets` and `private_keys` are the
            live ones, newest first: `webhook-signature` carries a signature of each. The contract's style has room for
            one, made with the oldest secret: a receiver that knows the old one alone goes on until that one expires.
    Units:  `at` is the instant of this attempt, aware; the header carries whole unix seconds, rounded down.

    >>> made = headers(event_id="622b5b33a961750e01db6510", at=datetime(2022, 3, 11, tzinfo=UTC), body=b"{}",
    ...                secrets=[Secret.generate(bytes(32))], styles=[SignatureStyle.STANDARD])
    >>> made["webhook-timestamp"], made["webhook-signature"]
    ('1646956800', 'v1,+sWwxAMAknNewnRhcqqGQ5iVMaL7FJsYPGVzD3s3AiM=')
    """
    if not (secrets or {*styles} <= {SignatureStyle.ED25519}):
        raise ValueError("Signing needs at least one live secret.")
    if SignatureStyle.ED25519 in styles and not private_keys:
        raise ValueError("Signing with ed25519 needs at least one live private key.")
    timestamp = str(_unix_seconds(at))
    made = {ID_HEADER: event_id, TIMESTAMP_HEADER: timestamp}
    signers = [
        *(secrets if SignatureStyle.STANDARD in styles else ()),
        *(private_keys if SignatureStyle.ED25519 in styles else ()),
    ]
    if signers:
        message = _standard_message(event_id, timestamp, body)
        made[STANDARD_HEADER] = " ".join([signer.sign_standard(message) for signer in signers])
    if SignatureStyle.ZENOTI in styles:
        made[ZENOTI_HEADER] = "sha256 =" + secrets[-1].sign_zenoti(body).hex("-").upper()
    return made


def verify_standard(
    *,
    event_id: str,
    timestamp: str,
    signature: str,
    body: bytes,
    secrets: Sequence[Secret],
    now: datetime,
    tolerance: timedelta = TOLERANCE,
    public_keys: Sequence[Verifies] = (),
) -> None:
    """Return only when one of `secrets`, or the other half of one of `public_keys`, signed exactly this about now.

    Shape:  `event_id`, `timestamp`, `signature` are the header values as they came. Entries `v1` are compared with
            `secrets`, entries `v1a` with `public_keys`; others are skipped.
    Errors: SignatureMalformed, SignatureMismatch, SignatureStale, in this order; nothing else, whatever came.
    """
    if not _UNIX_SECONDS.fullmatch(timestamp):
        raise SignatureMalformed(f"{TIMESTAMP_HEADER} must be whole unix seconds.")
    entries = signature.split()[:ENTRIES_MAX]
    # Compared as bytes: compare_digest raises TypeError on text beyond ASCII.
    shared = [entry.encode("utf-8", "surrogatepass") for entry in entries if entry.startswith(SYMMETRIC_ENTRY)]
    asymmetric = [entry for entry in entries if public_keys and entry.startswith(ASYMMETRIC_ENTRY)]
    if not shared and not asymmetric:
        wanted = f"'{SYMMETRIC_ENTRY}<base64>'" + (f" or '{ASYMMETRIC_ENTRY}<base64>'" if public_keys else "")
        raise SignatureMalformed(f"{STANDARD_HEADER} has no entry of the form {wanted}.")
    message = _standard_message(event_id, timestamp, body)
    is_ours = _any_equal(shared, [secret.sign_standard(message).encode("ascii") for secret in secrets])
    if not is_ours and not any(key.verifies(entry, message) for entry in asymmetric for key in public_keys):
        raise SignatureMismatch(f"No secret given makes this {STANDARD_HEADER}.")
    # Judged last, so that "stale" is said of our own calls only.
    age_s = _unix_seconds(now) - int(timestamp)
    if abs(age_s) > tolerance.total_seconds():
        raise SignatureStale(f"Signed {abs(age_s)} s {'ago' if age_s > 0 else 'in the future'}; check the clocks.")


def verify_zenoti(*, signature: str, body: bytes, secrets: Sequence[Secret]) -> None:
    """Return only when one of `secrets` signed exactly this body; when it did so is unknown in this style.

    Errors: SignatureMalformed, SignatureMismatch; nothing else, whatever came.
    """
    parsed = _ZENOTI_VALUE.fullmatch(signature)
    if parsed is None:
        raise SignatureMalformed(f"{ZENOTI_HEADER} must be 'sha256 =' and 32 hexadecimal pairs joined by '-'.")
    came = bytes.fromhex(parsed[1].replace("-", ""))
    if not _any_equal([came], [secret.sign_zenoti(body) for secret in secrets]):
        raise SignatureMismatch(f"No secret given makes this {ZENOTI_HEADER}.")


def _standard_message(event_id: str, timestamp: str, body: bytes) -> bytes:
    return b"%b.%b.%b" % (event_id.encode("utf-8", "surrogatepass"), timestamp.encode("ascii"), body)


def _unix_seconds(at: datetime) -> int:
    if at.tzinfo is None:
        raise ValueError("An instant must be aware of its time zone.")
    # Integer division and not timestamp(): a float rounds the last microseconds of far years up.
    return (at - _EPOCH) // _SECOND


def _any_equal(came: Sequence[bytes], expected: Sequence[bytes]) -> bool:
    # sum() and not any(): every pair is looked at, so the time taken does not tell which one matched.
    return sum(hmac.compare_digest(one, other) for one in came for other in expected) > 0
