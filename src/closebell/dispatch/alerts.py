"""Tell people by mail of endpoints that were deactivated: at once, again if need be, and by one process.

What is to be mailed is in the failure log, written when the endpoint was deactivated, so that no crash loses it. A try
claims its entry by moving the time at which it is due, as a lease does: other processes leave it alone, and if this
one dies it is due again. A crash after the server took the mail and before that is recorded sends it twice, with the
same Message-ID.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from email.errors import MessageError
from email.message import EmailMessage
from typing import Final, Protocol

import structlog

from closebell.clock import Clock
from closebell.dispatch.mail_server import MAIL_S_MAX, NotMailed, Refused
from closebell.domain import alert
from closebell.domain.alert import Alert
from closebell.domain.text import one_line
from closebell.errors import Unavailable
from closebell.store import failure_log
from closebell.store.failure_log import HELD_COUNTED_MAX, DueMail, Failure
from closebell.store.unit import Database
from closebell.store.wake import Wake, moved

log = structlog.get_logger()

LOOK_EVERY_S: Final = 30
"""Seconds between two looks for mails that are due, where nothing happened in this process."""
CLAIM: Final = timedelta(minutes=5)
"""How long a mail belongs to the process that sends it."""
ERROR_CHARACTERS_MAX: Final = 500
"""Characters of a mail server's answer that are kept."""


class MailOutcome(enum.StrEnum):
    """What came of a try to send a mail."""

    SENT = "sent"
    FAILED = "failed"
    """It is tried again."""
    GIVEN_UP = "given_up"


class Mails(Protocol):
    """Anything that hands a mail in."""

    async def send(self, mail: EmailMessage, *, sender: str, to: Sequence[str]) -> Mapping[str, Refused]:
        """Hand it in; those it was not taken for.

        Errors: NotMailed.
        """
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes to whom, and under which address the service is reached, if it is known."""

    sender: str
    to: tuple[str, ...]
    public_url: str | None = None


class Alerts:
    """Sends the mails that are due; `observe` is told what came of each."""

    def __init__(
        self,
        *,
        database: Database,
        mail_server: Mails,
        letterhead: Letterhead,
        clock: Clock,
        observe: Callable[[MailOutcome], None] = lambda _outcome: None,
    ) -> None:
        assert CLAIM.total_seconds() > 2 * MAIL_S_MAX, "a claim must outlast the mail it covers"
        self._database = database
        self._mail_server = mail_server
        self._letterhead = letterhead
        self._clock = clock
        self._observe = observe
        self._news = Wake()

    def look_soon(self) -> None:
        """An endpoint was deactivated: look now."""
        self._news.notify()

    async def run(self, *, every_s: float = LOOK_EVERY_S) -> None:
        """Send what is due until cancelled; a database that cannot answer is asked again the next time."""
        while True:
            ticket = self._news.ticket()
            try:
                await self.send_due()
            except Unavailable as error:
                log.warning("alerts.database_unavailable", error=str(error))
            await moved(ticket, timeout_s=every_s)

    async def send_due(self) -> None:
        """Send every mail that is due, one after the other.

        Errors: Unavailable.
        """
        while (due := await self._claim()) is not None:
            await self._send(due)

    async def _claim(self) -> DueMail | None:
        """The next mail, claimed; a database with nothing due is only looked into."""
        at = await self._database.read(failure_log.next_mail_at)
        now = self._clock.now()
        if at is None or at > now:
            return None
        return await self._database.write(failure_log.claim_mail, now=now, until=now + CLAIM)

    async def _send(self, due: DueMail) -> None:
        to = due.to or self._letterhead.to
        found, sender = await self._alert(due.failure), self._letterhead.sender
        try:
            mail = alert.message(found, sender=sender, to=to, now=self._clock.now())
            refused = await self._mail_server.send(mail, sender=sender, to=to)
        except NotMailed as error:
            await self._try_again(due, str(error))
            return
        except (MessageError, ValueError) as error:
            # A mail that cannot be written must not keep those behind it from being sent.
            await self._try_again(due, f"The mail cannot be written: {error}")
            return
        for_good = {address: one for address, one in refused.items() if not one.may_pass}
        now_out = replace(due, refused=_joined(due.refused, *_reasons(for_good)))
        if later := {address: one for address, one in refused.items() if one.may_pass}:
            await self._try_again(replace(now_out, to=tuple(later)), _joined(*_reasons(later)))
        else:
            await self._mailed(now_out)

    async def _alert(self, failure: Failure) -> Alert:
        found = await self._database.read(failure_log.situation, failure.endpoint_id)
        return Alert(
            failure_id=failure.id,
            endpoint_id=failure.endpoint_id,
            name=found.name,
            url=found.url,
            at=failure.at,
            failing_since=failure.failing_since,
            consecutive_failures=failure.consecutive_failures,
            delivery_id=failure.delivery_id,
            status=failure.status,
            error=failure.error,
            detail=failure.detail,
            state=found.state,
            held=min(found.held, HELD_COUNTED_MAX),
            held_is_more=found.held > HELD_COUNTED_MAX,
            log=f"{self._letterhead.public_url or ''}/v1/webhook_endpoints/{failure.endpoint_id}/failure_log",
        )

    async def _mailed(self, due: DueMail) -> None:
        failure, refused = due.failure, _bounded(due.refused)
        await self._database.write(failure_log.mark_mailed, failure, now=self._clock.now(), error=refused)
        log.info("alert.mailed", endpoint_id=failure.endpoint_id, failure_id=failure.id, refused=refused)
        self._observe(MailOutcome.SENT)

    async def _try_again(self, due: DueMail, error: str) -> None:
        """It is due again later for those it has not reached, or given up, which the log of failures shows."""
        failure, refused = due.failure, _bounded(due.refused)
        at = alert.next_try_at(failure.mail_attempts, now=self._clock.now())
        said = _bounded(_joined(refused, error))
        await self._database.write(
            failure_log.mark_not_mailed, failure, error=said, due_at=at, to=due.to, refused=refused
        )
        facts = {"endpoint_id": failure.endpoint_id, "failure_id": failure.id, "error": said}
        if at is None:
            log.error("alert.given_up", **facts)
            self._observe(MailOutcome.GIVEN_UP)
        else:
            log.warning("alert.not_mailed", **facts, attempts=failure.mail_attempts, again_at=at.isoformat())
            self._observe(MailOutcome.FAILED)


def _reasons(refused: Mapping[str, Refused]) -> Iterator[str]:
    return (f"{address}: {one.reason}" for address, one in refused.items())


def _joined(*reasons: str) -> str:
    return "; ".join(reason for reason in reasons if reason)


def _bounded(text: str) -> str:
    """On one line, as it is kept and logged."""
    return one_line(text)[:ERROR_CHARACTERS_MAX]
