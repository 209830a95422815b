"""The mail server: takes one mail for several addresses, and says which of them it did not take it for."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
from collections.abc import Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from email.errors import MessageError
from email.message import EmailMessage
from typing import Any, Final, Literal, TypeVar

import aiosmtplib

from closebell.errors import ClosebellError

COMMAND_S_MAX: Final = 20
"""Seconds until the server must have answered a command."""
MAIL_S_MAX: Final = 60
"""Seconds until a mail must be handed over, from resolving the name to the last answer."""
FAREWELL_S_MAX: Final = 2
"""Seconds that are given to a polite end, once the mail is handed over."""
_PERMANENT: Final = 500

R = TypeVar("R")
Security = Literal["starttls", "tls", "none"]


class NotMailed(ClosebellError):
    """The mail server took the mail for nobody; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """An address that the server did not take the mail for; one that `may_pass` is worth another try."""

    reason: str
    may_pass: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mails are handed in. Certificates are always verified, and nobody signs in before they are.

    Shape: `trusted` says whose certificates are; None is whoever this machine trusts.
    """

    host: str
    port: int
    security: Security
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    trusted: ssl.SSLContext | None = field(default=None, repr=False)
    mail_s_max: float = MAIL_S_MAX

    async def send(self, mail: EmailMessage, *, sender: str, to: Sequence[str]) -> Mapping[str, Refused]:
        """Hand the mail in; the addresses it was not taken for, when it was taken for another.

        Errors: NotMailed when it was taken for nobody, or nobody knows.
        """
        client = self._client(local_name=sender.rpartition("@")[2])
        try:
            refused = await _within(self.mail_s_max, client, _hand_in(client, mail, sender=sender, to=to))
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise NotMailed("; ".join(f"{one.recipient}: {_said(one)}" for one in error.recipients)) from None
        except aiosmtplib.SMTPResponseException as error:
            raise NotMailed(_said(error)) from None
        except TimeoutError:
            raise NotMailed(f"{self.host}:{self.port} did not answer in time.") from None
        except (aiosmtplib.SMTPException, MessageError, OSError, ValueError) as error:
            raise NotMailed(str(error) or type(error).__name__) from None
        else:
            await _part(client)
        finally:
            client.close()
        return {
            address: Refused(reason=f"{answer.code} {answer.message}", may_pass=answer.code < _PERMANENT)
            for address, answer in refused.items()
        }

    def _client(self, *, local_name: str) -> aiosmtplib.SMTP:
        return aiosmtplib.SMTP(
            hostname=self.host,
            port=self.port,
            username=self.user,
            password=self.password,
            local_hostname=local_name,
            timeout=min(COMMAND_S_MAX, self.mail_s_max),
            use_tls=self.security == "tls",
            start_tls=self.security == "starttls",
            tls_context=self.trusted,
        )


async def _hand_in(
    client: aiosmtplib.SMTP, mail: EmailMessage, *, sender: str, to: Sequence[str]
) -> Mapping[str, aiosmtplib.SMTPResponse]:
    await client.connect()
    refused, _answer = await client.sendmail(sender, list(to), mail.as_bytes())
    return refused


async def _part(client: aiosmtplib.SMTP) -> None:
    """Take leave; the mail is handed over already, whatever comes of this."""
    with contextlib.suppress(aiosmtplib.SMTPException, OSError):
        await _within(FAREWELL_S_MAX, client, client.quit())


async def _within(seconds: float, client: aiosmtplib.SMTP, work: Coroutine[Any, Any, R]) -> R:
    """What comes of the work, in a task of its own.

    The library can take a cancellation that meets an answer for the answer, and go on. So it is not cancelled with us:
    its connection is closed, and there is nothing that it could go on with.

    Errors: TimeoutError; whatever the work raises.
    """
    task = asyncio.create_task(work)
    is_over = False
    try:
        await asyncio.wait([task], timeout=seconds)
        is_over = task.done()
    finally:
        if not task.done():
            client.close()
            task.cancel()
            await asyncio.wait([task])
        has_failed = task.cancelled() or task.exception() is not None
    if has_failed and not is_over:
        raise TimeoutError
    return task.result()


def _said(error: aiosmtplib.SMTPResponseException) -> str:
    return f"{error.code} {error.message}"
