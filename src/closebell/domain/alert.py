"""The mail that tells people of an endpoint that is no longer called: its words and headers, and when it is retried."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Final
from urllib.parse import urlsplit

from closebell.domain.endpoint import EndpointState
from closebell.domain.text import one_line

SUBJECT_NAME_CHARACTERS_MAX: Final = 80
"""Characters of an endpoint's name in the subject."""

RETRIES: Final = (
    *(timedelta(minutes=minutes) for minutes in (1, 5, 15)),
    *(timedelta(hours=hours) for hours in (1, 3, 6, 12, 24)),
)
"""How long after each try that failed the next one is made."""
ATTEMPTS_MAX: Final = len(RETRIES) + 1
"""Tries to send a mail, after which it is given up."""

_URL: Final = re.compile(r"(https?://[^/\s]+)/\S*")
"""An address that a redirect names; its path may repeat a key in ours."""
_GONE: Final = 410
_LINES: Final = policy.SMTP.clone(cte_type="7bit", max_line_length=76)


@dataclass(frozen=True, slots=True, kw_only=True)
class Alert:
    """What a mail has to tell.

    Shape: `held_is_more` when more deliveries wait than the `held` that were counted. `state` is the endpoint's as the
           mail is written, which may be long after it was deactivated; `log` is where the failure log is to be read.
    """

    failure_id: str
    endpoint_id: str
    name: str
    url: str
    at: datetime
    failing_since: datetime | None
    consecutive_failures: int
    delivery_id: str | None
    status: int | None
    error: str | None
    detail: str
    state: EndpointState
    held: int
    held_is_more: bool
    log: str


def next_try_at(attempts: int, *, now: datetime) -> datetime | None:
    """When a mail is tried again after so many tries that failed; None when it is given up."""
    return now + RETRIES[attempts - 1] if attempts < ATTEMPTS_MAX else None


def message(alert: Alert, *, sender: str, to: Sequence[str], now: datetime) -> EmailMessage:
    """The mail, whole. Its Message-ID is that of the failure, so that one sent twice is known to be the same.

    >>> from datetime import UTC
    >>> noon = datetime(2026, 1, 5, 12, tzinfo=UTC)
    >>> alert = Alert(failure_id="f1", endpoint_id="e1", name="Books", url="https://books.example/hook?key=1", at=noon,
    ...     failing_since=None, consecutive_failures=20, delivery_id=None, status=None, error=None, detail="", held=2,
    ...     state=EndpointState.DEACTIVATED, held_is_more=False, log="/log")
    >>> mail = message(alert, sender="closebell@salon.example", to=["ops@salon.example"], now=noon)
    >>> mail["Subject"], mail["Message-ID"]
    ('Webhook endpoint deactivated: Books', '<closebell.f1@salon.example>')
    """
    mail = EmailMessage(policy=_LINES)
    mail["From"] = _as_it_stands(sender)
    mail["To"] = _as_it_stands(", ".join(to))
    name = _as_it_stands(one_line(alert.name))[:SUBJECT_NAME_CHARACTERS_MAX]
    mail["Subject"] = f"Webhook endpoint deactivated: {name}"
    mail["Date"] = format_datetime(now)
    mail["Message-ID"] = f"<closebell.{alert.failure_id}@{_as_it_stands(sender.rpartition('@')[2])}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(words(alert), cte="quoted-printable")
    return mail


def _as_it_stands(text: str) -> str:
    """The text, with nothing in it that a header takes for encoded: decoded, it could hold a line break and headers.

    >>> _as_it_stands("=?utf-8?q?a=0D=0ABcc=3A_evil@x?=")
    '= ?utf-8?q?a=0D=0ABcc=3A_evil@x?='
    """
    return text.replace("=?", "= ?")


def words(alert: Alert) -> str:
    """What the mail says. Of the URL only the host: the rest of it may be a secret."""
    facts = {
        "Endpoint": f"{one_line(alert.name)} ({alert.endpoint_id})",
        "Receiver": _host(alert.url),
        "Deactivated": _instant(alert.at),
        "Failing since": "-" if alert.failing_since is None else _instant(alert.failing_since),
        "Failed in a row": f"{alert.consecutive_failures}",
        "Last failure": f"{alert.error or '-'}: {_without_paths(one_line(alert.detail))}",
        "Last delivery": alert.delivery_id or "-",
        "Waiting": f"{'more than ' if alert.held_is_more else ''}{alert.held} deliveries",
    }
    width = max(map(len, facts)) + 2
    table = "\n".join(f"  {name:<{width}}{value}" for name, value in facts.items())
    return f"{_opening(alert)}\n\n{table}\n\n{_advice(alert)}\n"


def _opening(alert: Alert) -> str:
    because = "its receiver answered 410 Gone" if alert.status == _GONE else "its receiver kept failing"
    if alert.state is EndpointState.DEACTIVATED:
        return f"Closebell no longer calls this webhook endpoint, because {because}."
    since = "enabled again" if alert.state is EndpointState.ACTIVE else "deleted"
    return f"Closebell stopped calling this webhook endpoint, because {because}.\nIt has been {since} since."


def _advice(alert: Alert) -> str:
    log = (
        "What failed, attempt by attempt:\n\n"
        f"  closebell endpoints failures {alert.endpoint_id} --attempts\n\n"
        f"or, with a key, over the API:\n\n  {alert.log}"
    )
    if alert.state is not EndpointState.DEACTIVATED:
        return log
    return (
        "Nothing is lost: what the endpoint should be told is held, and sent once it is enabled\n"
        "again. Until somebody does that, it is told nothing.\n\n"
        "Put the receiver right, try it, and enable it:\n\n"
        f"  closebell endpoints test {alert.endpoint_id}\n"
        f"  closebell endpoints enable {alert.endpoint_id}\n\n"
        f"{log}"
    )


def _host(url: str) -> str:
    """The host of a URL, and nothing else of it.

    >>> _host("https://user:secret@books.example:8443/hooks/key?token=secret")
    'books.example'
    """
    try:
        return one_line(urlsplit(url).hostname or "-")
    except ValueError:
        return "-"


def _without_paths(text: str) -> str:
    return _URL.sub(r"\1/...", text)


def _instant(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
