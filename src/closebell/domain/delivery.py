"""What came of one attempt, and what follows from it: delivered, due again, exhausted, endpoint deactivated."""

from __future__ import annotations

import enum
import re
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from urllib.parse import urlsplit

from closebell.domain.retry import RETRY_AFTER_S_MAX, RetryPolicy, next_retry_at

FAILURES_IN_A_ROW_MAX: Final = 20
"""Failed attempts in a row after which an endpoint is deactivated."""
DETAIL_CHARACTERS_MAX: Final = 500
"""Characters of the sentence that explains an attempt."""
EXCERPT_CHARACTERS_MAX: Final = 512
"""Characters of a receiver's answer that are kept with the attempt."""
_GONE: Final = 410
_ASK_TO_WAIT: Final = frozenset({429, 503})
_HOST_AND_PORT: Final = re.compile(
    r"(?:[a-z0-9._-]{1,253}|\[[0-9a-f:.]{2,45}\])(?::[0-9]{1,5})?", re.ASCII | re.IGNORECASE
)


class DeliveryState(enum.StrEnum):
    """Where a delivery stands. A pending delivery of a deactivated endpoint is *held*; that is not stored."""

    PENDING = "pending"
    DELIVERED = "delivered"
    EXHAUSTED = "exhausted"
    """Every attempt of the policy failed; visible, kept, recoverable."""
    CANCELLED = "cancelled"
    """The endpoint was deleted."""


class Fault(enum.StrEnum):
    """Why an attempt failed, as a short code that does not change."""

    TIMEOUT = "timeout"
    """The exchange was not over at the deadline."""
    ADDRESS_REFUSED = "address_refused"
    """The host has an address that may not be called, or asks for plain http where https is required."""
    DNS = "dns"
    """The host name has no address."""
    CONNECT_REFUSED = "connect_refused"
    """Nothing listens there."""
    CONNECT = "connect"
    """No connection came about, for another reason."""
    TLS = "tls"
    """The certificate or the handshake is not acceptable."""
    CLOSED = "closed"
    """The connection ended before the answer did."""
    NOT_HTTP = "not_http"
    """What came back is not an HTTP answer."""
    REDIRECT = "redirect"
    """A 3xx; redirects are not followed."""
    HTTP_STATUS = "http_status"
    """Any other status than 2xx."""
    UNSENDABLE = "unsendable"
    """The stored URL or a stored header cannot be put on the wire, or what it is signed with does not open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What one attempt brought. It names host and port at most: no query, no header, no secret.

    Shape: `error` is None exactly when the answer was a 2xx and complete, or longer than is read. `status` is None when
           no such answer came: a 200 whose body stops half-way is a `timeout` or `closed` without a status. `detail`
           is one sentence for a person. `response_excerpt` is text fit to store: no NUL.
    Units: `duration_us` covers the whole exchange; 0 when the address was refused, since timing would tell about
           the network behind us.
    """

    started_at: datetime
    duration_us: int
    status: int | None = None
    error: Fault | None = None
    detail: str
    response_excerpt: str = ""
    retry_after_s: int | None = None

    def __post_init__(self) -> None:
        assert self.started_at.tzinfo is not None, "instants are aware"
        assert self.duration_us >= 0, "an exchange takes no negative time"
        assert self.error is not None or (self.status is not None and is_success(self.status)), "only a 2xx delivers"
        assert 0 < len(self.detail) <= DETAIL_CHARACTERS_MAX, "the detail is one bounded sentence"
        assert len(self.response_excerpt) <= EXCERPT_CHARACTERS_MAX, "the excerpt is bounded"
        assert self.retry_after_s is None or 0 <= self.retry_after_s <= RETRY_AFTER_S_MAX, "Retry-After is bounded"

    @property
    def asks_to_wait(self) -> bool:
        """Whether the receiver is there and asks for fewer calls, or later ones."""
        return self.status in _ASK_TO_WAIT and self.retry_after_s is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivered:
    """The receiver has it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DueAgain:
    """It stays pending and is due at `at`; held, if the same decision deactivates the endpoint."""

    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Exhausted:
    """The policy allows no further attempt."""

    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class StillDelivered:
    """The policy allows no further attempt; it was sent again though the receiver had it, and it still does."""

    reason: str


Verdict = Delivered | DueAgain | Exhausted | StillDelivered


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What follows from an attempt, for the delivery and for its endpoint.

    Shape: `deactivate` is the reason why the endpoint must be deactivated, or None; `counts` says that the attempt is
           one more of those in a row that failed.
    """

    verdict: Verdict
    deactivate: str | None = None
    counts: bool = True

    @property
    def state(self) -> DeliveryState:
        """The delivery's new state."""
        match self.verdict:
            case Delivered() | StillDelivered():
                return DeliveryState.DELIVERED
            case DueAgain():
                return DeliveryState.PENDING
            case Exhausted():
                return DeliveryState.EXHAUSTED


_DELIVERED: Final = Decision(verdict=Delivered(), counts=False)


def decide(
    outcome: Outcome,
    *,
    attempt_number: int,
    consecutive_failures: int,
    policy: RetryPolicy,
    luck: float,
    now: datetime,
    attempts_before: int = 0,
    was_delivered: bool = False,
    failed_at: datetime | None = None,
) -> Decision:
    """What follows from an attempt.

    Shape:  `consecutive_failures` are the endpoint's failed attempts in a row *before* this one, the last of which was
            counted at `failed_at`. `attempts_before` were
            made before the delivery was sent again and do not count for the policy; `was_delivered` says that one of
            them brought it to the receiver.
    Units:  attempts count from 1; `luck` is uniform in [0, 1).
    Source: docs/webhooks.md; the contract, section 6.4.
    """
    if outcome.error is None:
        return _DELIVERED
    if outcome.status == _GONE:
        # The receiver turned away the endpoint, not this delivery: it waits, due at once when somebody enables it.
        gone = "The receiver answered 410 Gone: it wants no more webhooks."
        return Decision(verdict=DueAgain(at=now), deactivate=gone)
    at = next_retry_at(
        now=now,
        attempt_number=attempt_number - attempts_before,
        policy=policy,
        luck=luck,
        retry_after_s=outcome.retry_after_s,
    )
    counts = _counts(outcome, failed_at)
    return Decision(
        verdict=_given_up(attempt_number, outcome, was_delivered=was_delivered) if at is None else DueAgain(at=at),
        deactivate=_too_many_failures(consecutive_failures + 1, outcome) if counts else None,
        counts=counts,
    )


def _counts(outcome: Outcome, failed_at: datetime | None) -> bool:
    """Every failure counts, but who asks to wait says so once: not again to calls that could not know of it yet."""
    return not outcome.asks_to_wait or failed_at is None or outcome.started_at > failed_at


def _given_up(attempt_number: int, outcome: Outcome, *, was_delivered: bool) -> Verdict:
    failed = f"Attempt {attempt_number} was the last and failed: {outcome.detail}"
    if was_delivered:
        return StillDelivered(reason=f"It had been delivered before it was sent again. {failed}")
    return Exhausted(reason=failed)


def _too_many_failures(in_a_row: int, outcome: Outcome) -> str | None:
    if in_a_row < FAILURES_IN_A_ROW_MAX:
        return None
    return f"{in_a_row} attempts in a row failed; the last: {outcome.detail}"


def is_success(status: int) -> bool:
    """Does this status mean that the receiver has it? Any 2xx does.

    >>> [status for status in (199, 200, 202, 299, 300) if is_success(status)]
    [200, 202, 299]
    """
    return 200 <= status < 300  # noqa: PLR2004  # the class of the status is its meaning


def explain_status(status: int, *, receiver: str, location: str | None) -> tuple[Fault, str]:
    """The fault in a complete answer that is no success, and the sentence that explains it.

    Shape: `receiver` is host and port; `location` the answer's Location header.

    >>> explain_status(308, receiver="receiver.example:443", location="https://www.receiver.example/hook?token=1")[1]
    'Redirects are not followed; receiver.example:443 answered 308 and points to https://www.receiver.example.'
    """
    if 300 <= status < 400:  # noqa: PLR2004  # the class of the status is its meaning
        pointed = f"and points to {_where(location)}" if location else "without a Location"
        return Fault.REDIRECT, f"Redirects are not followed; {receiver} answered {status} {pointed}."
    return Fault.HTTP_STATUS, f"{receiver} answered {status}."


def _where(location: str) -> str:
    """Scheme, host and port of a redirect's target: the rest may repeat a token of ours, or what an event told."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return "no web address"
    if not parts.scheme and not parts.netloc:
        return "another place on the same host"
    host = parts.netloc.rpartition("@")[2]
    if parts.scheme not in {"http", "https", ""} or _HOST_AND_PORT.fullmatch(host) is None:
        return "no web address"
    return f"{parts.scheme}://{host}" if parts.scheme else f"//{host}"


def fit_to_store(text: str, characters_max: int) -> str:
    r"""The text cut to its limit, and free of the NUL that PostgreSQL refuses.

    >>> fit_to_store("a\x00bcd", 4)
    'a�bc'
    """
    return text[:characters_max].replace("\x00", "\ufffd")
