"""From what arrived to an event that may be acted upon."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

from closebell.clock import SystemClock
from closebell.domain import signature
from closebell.domain.signature import PUBLIC_KEY_PREFIX, Secret, SignatureMissing, SignatureStyle, Verifies
from closebell.receiver.event import Event, EventMalformed

SEQUENCE_HEADER: Final = "closebell-sequence"

_SEQUENCE: Final = re.compile(r"[0-9]{1,18}", re.ASCII)
_EITHER: Final = frozenset(SignatureStyle)


class Receiver:
    """Verifies what arrives at one endpoint.

    Shape:  `secrets` is the endpoint's secret (`whsec_`) or its public key (`whpk_`), or several while one replaces
            another. Of `styles` the standard ones are used when their header came. Leave the contract's style out when
            every sender signs the standard way: it proves no time, so whoever got hold of a call could repeat it for
            ever.
    Errors: InvalidInput on a secret or a key that is none.
    """

    __slots__ = ("_public_keys", "_secrets", "_styles", "_tolerance")

    def __init__(
        self,
        secrets: str | Secret | Iterable[str | Secret],
        *,
        styles: Collection[SignatureStyle] = _EITHER,
        tolerance: timedelta = signature.TOLERANCE,
    ) -> None:
        several = [secrets] if isinstance(secrets, str | Secret) else secrets
        keys = [_key(one) if isinstance(one, str) else one for one in several]
        self._secrets = tuple(key for key in keys if isinstance(key, Secret))
        self._public_keys = tuple(key for key in keys if not isinstance(key, Secret))
        self._styles = frozenset(styles)
        self._tolerance = tolerance

    def verify(self, body: bytes, headers: Mapping[str, str], *, now: datetime | None = None) -> Event:
        """The event in `body`, when the sender signed exactly these bytes.

        Shape:  `body` as it came, before any parsing. Header names in any case. `sequence` is taken from a header
                that no signature covers: a hint that something was missed, never a reason to drop an event.
        Errors: a SignatureRefused, or EventMalformed; nothing else, whatever came.
        """
        came = {name.lower(): value for name, value in headers.items()}
        style = self._style_of(came)
        if style is not SignatureStyle.ZENOTI:
            signature.verify_standard(
                event_id=_required(came, signature.ID_HEADER),
                timestamp=_required(came, signature.TIMESTAMP_HEADER),
                signature=came[signature.STANDARD_HEADER],
                body=body,
                secrets=self._secrets if SignatureStyle.STANDARD in self._styles else (),
                public_keys=self._public_keys if SignatureStyle.ED25519 in self._styles else (),
                now=now or SystemClock().now(),
                tolerance=self._tolerance,
            )
        else:
            signature.verify_zenoti(signature=came[signature.ZENOTI_HEADER], body=body, secrets=self._secrets)
        event = Event.parse(body, sequence=_sequence(came.get(SEQUENCE_HEADER, "")))
        if style is not SignatureStyle.ZENOTI and event.event_id != came[signature.ID_HEADER]:
            raise EventMalformed(f"event_id: differs from the header {signature.ID_HEADER}.")
        return event

    def _style_of(self, came: Mapping[str, str]) -> SignatureStyle:
        wanted = {
            SignatureStyle.STANDARD: signature.STANDARD_HEADER,
            SignatureStyle.ED25519: signature.STANDARD_HEADER,
            SignatureStyle.ZENOTI: signature.ZENOTI_HEADER,
        }
        for style, header in wanted.items():
            if style in self._styles and header in came:
                return style
        accepted = " or ".join(dict.fromkeys(header for style, header in wanted.items() if style in self._styles))
        raise SignatureMissing(f"The call carries no {accepted}.")


def verify(
    body: bytes,
    headers: Mapping[str, str],
    secrets: str | Secret | Iterable[str | Secret],
    *,
    now: datetime | None = None,
) -> Event:
    """`Receiver(secrets).verify(body, headers)`, for a script that verifies once."""
    return Receiver(secrets).verify(body, headers, now=now)


def _key(text: str) -> Secret | Verifies:
    """What verifies, as it is written."""
    if not text.startswith(PUBLIC_KEY_PREFIX):
        return Secret.parse(text)
    # Not above: it needs `cryptography`, and who shares a secret with the sender needs the standard library alone.
    from closebell.domain.asymmetric import PublicKey  # noqa: PLC0415

    return PublicKey.parse(text)


def _required(came: Mapping[str, str], header: str) -> str:
    value = came.get(header)
    if not value:
        raise SignatureMissing(f"The call carries no {header}.")
    return value


def _sequence(text: str) -> int | None:
    return int(text) if _SEQUENCE.fullmatch(text) else None
