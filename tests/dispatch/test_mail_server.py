"""A mail is handed in whole, to a server that is who it says; whatever else happens is said in a sentence."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from email.errors import MessageError
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest

from closebell.dispatch.mail_server import MailServer, NotMailed, Refused
from mailing import HOST, Behaviour, hang, hang_up, hang_up_after_the_mail, identity, mailing, misbehaving, take_and_go

SENDER = "closebell@salon.example"
ADA, BOB = "ada@salon.example", "bob@salon.example"
SHORT_S = 0.2


def a_mail() -> EmailMessage:
    mail = EmailMessage()
    mail["From"], mail["To"], mail["Subject"] = SENDER, f"{ADA}, {BOB}", "Hello"
    mail.set_content("A line.\n.\nAnother, after one that ends mails.\n", cte="quoted-printable")
    return mail


async def send(port: int, *, to: tuple[str, ...] = (ADA, BOB), **options: Any) -> Mapping[str, Refused]:
    server = MailServer(**{"host": HOST, "port": port, "security": "none", **options})
    return await server.send(a_mail(), sender=SENDER, to=to)


async def refusal(port: int, **options: Any) -> str:
    with pytest.raises(NotMailed) as refused:
        await send(port, **options)
    return str(refused.value)


async def test_a_mail_arrives_whole_and_once_for_all() -> None:
    async with mailing() as mailbox:
        assert await send(mailbox.port) == {}
    (taken,) = mailbox.taken
    assert (taken.sender, taken.to) == (SENDER, (ADA, BOB))
    assert taken.mail.get_content().splitlines() == ["A line.", ".", "Another, after one that ends mails."]


@pytest.mark.parametrize("security", ["starttls", "tls"])
async def test_who_signs_in_does_so_behind_tls(tmp_path: Path, security: str) -> None:
    certified = identity(tmp_path)
    async with mailing(**{security: certified.shown}) as mailbox:
        options: dict[str, Any] = {"security": security, "trusted": certified.trusted, "user": "closebell"}
        assert await send(mailbox.port, **options, password="hunter2") == {}
        assert len(mailbox.taken) == 1
        assert "535" in await refusal(mailbox.port, **options, password="wrong")
        assert {*mailbox.signed_in} == {b"closebell"}
    assert len(mailbox.taken) == 1


@pytest.mark.parametrize("security", ["starttls", "tls"])
@pytest.mark.parametrize(("days", "is_trusted"), [(1, False), (-1, True)])
async def test_a_certificate_is_always_verified(tmp_path: Path, security: str, days: int, *, is_trusted: bool) -> None:
    certified = identity(tmp_path, days=days)
    async with mailing(**{security: certified.shown}) as mailbox:
        options = {"trusted": certified.trusted} if is_trusted else {}
        said = await refusal(mailbox.port, security=security, user="closebell", password="hunter2", **options)
        assert "certificate" in said
        assert (mailbox.taken, mailbox.signed_in) == ([], [])


async def test_a_server_without_starttls_gets_neither_mail_nor_password() -> None:
    async with mailing() as mailbox:
        said = await refusal(mailbox.port, security="starttls", user="closebell", password="hunter2")
        assert "STARTTLS" in said
        assert (mailbox.taken, mailbox.signed_in) == ([], [])


async def test_one_of_two_refused_is_named_and_the_other_is_mailed() -> None:
    async with mailing(refused={BOB: "550 5.1.1 No such user"}) as mailbox:
        assert await send(mailbox.port) == {BOB: Refused(reason="550 5.1.1 No such user", may_pass=False)}
        mailbox.refused = {ADA: "450 4.2.0 Greylisted"}
        assert await send(mailbox.port) == {ADA: Refused(reason="450 4.2.0 Greylisted", may_pass=True)}
    assert [taken.to for taken in mailbox.taken] == [(ADA,), (BOB,)]


async def test_all_refused_is_a_refusal_that_names_each() -> None:
    async with mailing(refused={ADA: "550 No such user", BOB: "450 Later"}) as mailbox:
        assert await refusal(mailbox.port) == f"{ADA}: 550 No such user; {BOB}: 450 Later"
    assert mailbox.taken == []


async def test_a_refused_mail_says_what_the_server_said() -> None:
    async with mailing(answer="554 5.7.1 Not from you") as mailbox:
        assert await refusal(mailbox.port) == "554 5.7.1 Not from you"


@pytest.mark.parametrize(
    ("behave", "says"),
    [
        pytest.param(hang, "did not answer in time", id="hangs"),
        pytest.param(hang_up, "", id="hangs up"),
        pytest.param(hang_up_after_the_mail, "", id="hangs up after the mail"),
    ],
)
async def test_a_server_that_does_not_behave_is_a_refusal(behave: Behaviour, says: str) -> None:
    async with misbehaving(behave) as port:
        said = await refusal(port, mail_s_max=SHORT_S if says else 10)
    assert says in said
    assert said


async def test_a_server_that_is_not_there_is_a_refusal() -> None:
    async with mailing() as mailbox:
        port = mailbox.port
    assert f"{port}" in await refusal(port)


class Unwritable(EmailMessage):
    """A mail that the library refuses to write, as it does one with a line break in a header."""

    def as_bytes(self, *_options: Any, **_more: Any) -> bytes:
        raise MessageError("Header value contains newline")


async def test_a_mail_that_cannot_be_written_is_a_refusal() -> None:
    async with mailing() as mailbox:
        server = MailServer(host=HOST, port=mailbox.port, security="none")
        with pytest.raises(NotMailed, match="Header value contains newline"):
            await server.send(Unwritable(), sender=SENDER, to=[ADA])
    assert mailbox.taken == []


async def test_who_is_cancelled_while_the_server_answers_ends() -> None:
    async with mailing() as mailbox:
        sending = asyncio.create_task(send(mailbox.port))
        await mailbox.came.wait()
        sending.cancel()
        with pytest.raises(asyncio.CancelledError):
            await sending


async def test_a_farewell_without_an_answer_does_not_undo_what_was_taken() -> None:
    async with misbehaving(take_and_go) as port:
        assert await send(port) == {}


def test_a_password_is_never_shown() -> None:
    assert "hunter2" not in repr(MailServer(host=HOST, port=1, security="tls", user="u", password="hunter2"))
