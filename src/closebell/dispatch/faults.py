"""What an error of the HTTP client means to a person: a stable code and a sentence without secrets."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from pyreqwest.exceptions import (
    ClientClosedError,
    DecodeError,
    DetailedPyreqwestError,
    RequestPanicError,
    RequestTimeoutError,
)

from closebell.domain.delivery import Fault

CAUSE_CHARACTERS_MAX: Final = 200
"""Characters of the client's own words that an explanation repeats."""

# How the client names the stage that failed, outermost first. A test for each fault notices when these change.
_CONNECTING: Final = "client error (Connect)"
_TCP: Final = "tcp connect error"
_REFUSED: Final = "connection refused"
_TRUNCATED: Final = "error reading a body from connection"


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """A fault, its sentence, and whether another address of the host is worth a try because this one never answered."""

    fault: Fault
    detail: str
    unreached: bool = False


def explain(error: DetailedPyreqwestError, *, receiver: str, secure: bool, deadline_s: float) -> Explained:
    """What the world did wrong.

    Shape:  `receiver` is host and port; `secure` means https.
    Errors: `error` itself when it is ours and not the world's.
    """
    if isinstance(error, ClientClosedError | RequestPanicError):
        raise error
    stages = _stages(error)
    if isinstance(error, RequestTimeoutError):
        return _late(stages, receiver, deadline_s)
    if _CONNECTING in stages:
        return _unconnected(stages, receiver, secure=secure)
    if isinstance(error, DecodeError) and _TRUNCATED not in stages:
        return Explained(fault=Fault.NOT_HTTP, detail=f"{receiver} answered what is not HTTP: {_last(stages)}.")
    return Explained(fault=Fault.CLOSED, detail=f"{receiver} closed the connection before its answer was complete.")


def poured(receiver: str) -> Explained:
    """The receiver's connection was shut, because it brought far more than an answer can be."""
    return Explained(
        fault=Fault.NOT_HTTP, detail=f"{receiver} answered what is not HTTP: far more than an answer, and never one."
    )


def _late(stages: Sequence[str], receiver: str, deadline_s: float) -> Explained:
    if _CONNECTING in stages:
        detail = f"{receiver} did not accept a connection within {deadline_s / 2:g} s."
        return Explained(fault=Fault.TIMEOUT, detail=detail, unreached=_TCP in stages)
    return Explained(fault=Fault.TIMEOUT, detail=f"{receiver} did not finish answering within {deadline_s:g} s.")


def _unconnected(stages: Sequence[str], receiver: str, *, secure: bool) -> Explained:
    last = _last(stages)
    if _TCP not in stages and secure:
        return Explained(fault=Fault.TLS, detail=f"{receiver} offered no acceptable TLS: {last}.")
    if last.lower().startswith(_REFUSED):
        return Explained(fault=Fault.CONNECT_REFUSED, detail=f"{receiver} refused the connection.", unreached=True)
    return Explained(fault=Fault.CONNECT, detail=f"{receiver} could not be reached: {last}.", unreached=True)


def _last(stages: Sequence[str]) -> str:
    return stages[-1][:CAUSE_CHARACTERS_MAX] if stages else "no reason given"


def _stages(error: DetailedPyreqwestError) -> tuple[str, ...]:
    """The causes but the first, outermost one, which quotes the URL with its query."""
    return tuple(cause["message"] for cause in (error.details["causes"] or ())[1:])
