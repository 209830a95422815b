"""People are told of a deactivated endpoint: durably, at once, once, by one process, and again if it did not work."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from datetime import timedelta
from email.message import EmailMessage
from typing import Any

import pytest
from sqlalchemy import Connection
from structlog.testing import capture_logs

from closebell.dispatch.alerts import CLAIM, Alerts, Letterhead, MailOutcome
from closebell.dispatch.mail_server import MailServer, NotMailed, Refused
from closebell.domain.alert import ATTEMPTS_MAX, RETRIES
from closebell.domain.endpoint import EndpointState
from closebell.errors import Unavailable
from closebell.store import endpoints, failure_log
from closebell.store.failure_log import Failure, MailState, NewFailure
from closebell.store.unit import Database
from closebell.testing import NOON, FixedClock, SeededLuck, an_endpoint, guid_of
from closebell.usecase.manage_endpoints import enable_endpoint
from dispatching import working
from mailing import HOST, Mailbox, hang, mailing, misbehaving
from receiving import receiving

ADA, BOB = "ada@salon.example", "bob@salon.example"
SENDER = "closebell@salon.example"
ENDPOINT = an_endpoint().id
AWAITED_S = 20


async def deactivated(database: Database, *names: str, clock: FixedClock | None = None) -> None:
    """Endpoints that were deactivated just now, each with a mail that is due."""
    now = (clock or FixedClock()).now()

    def prepare(connection: Connection) -> None:
        for name in names or ("till",):
            endpoint = an_endpoint(
                name, state=EndpointState.DEACTIVATED, url="https://books.example/hook?token=hunter2"
            )
            endpoints.insert_one(connection, endpoint)
            failure = NewFailure(
                endpoint_id=endpoint.id,
                failing_since=now,
                consecutive_failures=20,
                delivery_id="622b5b33a961750e01db6512",
                status=502,
                error="http_status",
                detail="books.example:443 answered 502.",
            )
            failure_log.insert_one(connection, failure, id_=guid_of(f"failure {name}"), now=now, is_mailed=True)

    await database.write(prepare)


async def entry(database: Database, name: str = "till") -> Failure:
    (found,) = await database.read(failure_log.page, guid_of(f"endpoint {name}"), limit=2, offset=0)
    return found


def alerts(
    database: Database, mail_server: Any, clock: FixedClock, *, public_url: str | None = None, **options: Any
) -> Alerts:
    letterhead = Letterhead(sender=SENDER, to=(ADA, BOB), public_url=public_url)
    return Alerts(database=database, mail_server=mail_server, letterhead=letterhead, clock=clock, **options)


def at(mailbox: Mailbox | int, **options: Any) -> MailServer:
    port = mailbox if isinstance(mailbox, int) else mailbox.port
    return MailServer(host=HOST, port=port, security="none", **options)


async def test_everybody_is_mailed_once(database: Database) -> None:
    clock, outcomes = FixedClock(), list[MailOutcome]()
    await deactivated(database)
    async with mailing() as mailbox:
        telling = alerts(database, at(mailbox), clock, public_url="https://closebell.example", observe=outcomes.append)
        with capture_logs() as logs:
            await telling.send_due()
        clock.advance(timedelta(days=30))
        await telling.send_due()
    (taken,) = mailbox.taken
    assert (taken.sender, taken.to) == (SENDER, (ADA, BOB))
    assert taken.mail["To"] == f"{ADA}, {BOB}"
    assert taken.mail["Message-ID"] == f"<closebell.{guid_of('failure till')}@salon.example>"
    said = taken.mail.get_content()
    assert f"https://closebell.example/v1/webhook_endpoints/{ENDPOINT}/failure_log" in said
    assert "0 deliveries" in said
    assert "hunter2" not in said
    found = await entry(database)
    assert (found.mail_state, found.mailed_at, found.mail_attempts, found.mail_error) == (MailState.SENT, NOON, 1, "")
    assert outcomes == [MailOutcome.SENT]
    assert [(log["event"], log["endpoint_id"]) for log in logs] == [("alert.mailed", ENDPOINT)]


async def test_a_mail_that_cannot_be_written_is_given_up_visibly_and_keeps_no_other(database: Database) -> None:
    clock, outcomes = FixedClock(), list[MailOutcome]()
    await deactivated(database, "till", "books")
    async with mailing() as mailbox:
        broken = Letterhead(sender=f"{SENDER}\nBcc: evil@x.example", to=(ADA,))
        telling = Alerts(
            database=database, mail_server=at(mailbox), letterhead=broken, clock=clock, observe=outcomes.append
        )
        for wait in (*RETRIES, timedelta()):
            await telling.send_due()
            clock.advance(wait)
    assert mailbox.taken == []
    for name in ("till", "books"):
        found = await entry(database, name)
        assert found.mail_state is MailState.GIVEN_UP
        assert found.mail_error.startswith("The mail cannot be written: ")
    assert outcomes.count(MailOutcome.GIVEN_UP) == 2


async def test_where_nothing_is_due_nothing_is_sent(database: Database) -> None:
    await deactivated(database)
    clock = FixedClock(NOON - timedelta(seconds=1))
    async with mailing() as mailbox:
        await alerts(database, at(mailbox), clock).send_due()
    assert mailbox.taken == []
    assert (await entry(database)).mail_state is MailState.DUE


async def test_a_mail_that_fails_is_tried_again_later_and_given_up_visibly(database: Database) -> None:
    clock, outcomes = FixedClock(), list[MailOutcome]()
    await deactivated(database)
    async with mailing(answer="451 4.3.0 Try later\r\n451 really") as mailbox:
        telling = alerts(database, at(mailbox), clock, observe=outcomes.append)
        for attempt, wait in enumerate(RETRIES, start=1):
            await telling.send_due()
            found = await entry(database)
            assert (found.mail_state, found.mail_attempts) == (MailState.DUE, attempt)
            assert found.mail_due_at == clock.now() + wait
            assert found.mail_error.startswith("451 4.3.0 Try later")
            clock.advance(wait)
        with capture_logs() as logs:
            await telling.send_due()
        found = await entry(database)
        assert (found.mail_state, found.mail_attempts, found.mail_due_at) == (MailState.GIVEN_UP, ATTEMPTS_MAX, None)
        assert logs[-1]["event"] == "alert.given_up"
        assert outcomes == [MailOutcome.FAILED] * len(RETRIES) + [MailOutcome.GIVEN_UP]
        mailbox.answer = "250 Taken"
        clock.advance(timedelta(days=30))
        await telling.send_due()
    assert mailbox.taken == []


async def test_a_mail_server_that_comes_back_gets_the_mail(database: Database) -> None:
    clock = FixedClock()
    await deactivated(database)
    async with misbehaving(hang) as port:
        await alerts(database, at(port, mail_s_max=0.1), clock).send_due()
    found = await entry(database)
    assert (found.mail_state, found.mail_error) == (MailState.DUE, f"{HOST}:{port} did not answer in time.")
    clock.advance(RETRIES[0])
    await database.write(enable_endpoint, ENDPOINT, clock=clock, luck=SeededLuck())
    async with mailing() as mailbox:
        await alerts(database, at(mailbox), clock).send_due()
    (taken,) = mailbox.taken
    assert "enabled again since" in taken.mail.get_content()
    assert (await entry(database)).mail_state is MailState.SENT


async def test_an_address_refused_for_good_is_named_and_the_mail_is_out(database: Database) -> None:
    clock = FixedClock()
    await deactivated(database)
    async with mailing(refused={BOB: "550 5.1.1 No such user"}) as mailbox:
        await alerts(database, at(mailbox), clock).send_due()
    found = await entry(database)
    assert (found.mail_state, found.mail_error) == (MailState.SENT, f"{BOB}: 550 5.1.1 No such user")
    assert [taken.to for taken in mailbox.taken] == [(ADA,)]


async def test_an_address_refused_for_now_alone_is_mailed_again(database: Database) -> None:
    clock = FixedClock()
    await deactivated(database)
    async with mailing(refused={BOB: "450 4.2.0 Greylisted"}) as mailbox:
        telling = alerts(database, at(mailbox), clock)
        await telling.send_due()
        found = await entry(database)
        assert (found.mail_state, found.mail_error) == (MailState.DUE, f"{BOB}: 450 4.2.0 Greylisted")
        clock.advance(RETRIES[0])
        await telling.send_due()
        mailbox.refused = {}
        clock.advance(RETRIES[1])
        await telling.send_due()
    assert [taken.to for taken in mailbox.taken] == [(ADA,), (BOB,)]
    found = await entry(database)
    assert (found.mail_state, found.mail_attempts, found.mail_error) == (MailState.SENT, 3, "")


async def test_an_address_refused_for_good_stays_named_while_others_are_mailed_again(database: Database) -> None:
    clock = FixedClock()
    await deactivated(database)
    eve = "eve@salon.example"
    everybody = Letterhead(sender=SENDER, to=(ADA, BOB, eve))
    gone, busy = "550 5.1.1 No such user", "450 4.2.0 Greylisted"
    async with mailing(refused={ADA: gone, BOB: busy}) as mailbox:
        telling = Alerts(database=database, mail_server=at(mailbox), letterhead=everybody, clock=clock)
        await telling.send_due()
        assert (await entry(database)).mail_error == f"{ADA}: {gone}; {BOB}: {busy}"
        clock.advance(RETRIES[0])
        await telling.send_due()
        found = await entry(database)
        assert (found.mail_state, found.mail_attempts) == (MailState.DUE, 2)
        assert found.mail_error.startswith(f"{ADA}: {gone}; ")
        assert BOB in found.mail_error
        mailbox.refused = {}
        clock.advance(RETRIES[1])
        await telling.send_due()
    assert [taken.to for taken in mailbox.taken] == [(eve,), (BOB,)]
    found = await entry(database)
    assert (found.mail_state, found.mail_error) == (MailState.SENT, f"{ADA}: {gone}")


class Crash(BaseException):
    """The process is gone."""


async def test_a_process_that_dies_while_it_mails_leaves_the_mail_to_another(database: Database) -> None:
    clock = FixedClock()
    await deactivated(database)

    class Dying:
        async def send(self, _mail: EmailMessage, *, sender: str, to: Sequence[str]) -> Mapping[str, Refused]:
            raise Crash(sender, to)

    with pytest.raises(Crash):
        await alerts(database, Dying(), clock).send_due()
    async with mailing() as mailbox:
        other = alerts(database, at(mailbox), clock)
        clock.advance(CLAIM - timedelta(seconds=1))
        await other.send_due()
        assert mailbox.taken == [], "it may still be under way"
        clock.advance(timedelta(seconds=1))
        await other.send_due()
    assert len(mailbox.taken) == 1
    assert (await entry(database)).mail_attempts == 2


async def test_who_took_too_long_does_not_undo_what_another_did(database: Database) -> None:
    clock = FixedClock()
    await deactivated(database)
    async with mailing() as mailbox:
        other = alerts(database, at(mailbox), clock)

        class Slow:
            async def send(self, _mail: EmailMessage, *, sender: str, to: Sequence[str]) -> Mapping[str, Refused]:
                clock.advance(CLAIM)
                await other.send_due()
                raise NotMailed(f"{sender} {to}")

        await alerts(database, Slow(), clock).send_due()
    found = await entry(database)
    assert (found.mail_state, found.mail_error, len(mailbox.taken)) == (MailState.SENT, "", 1)


async def test_many_processes_send_each_mail_once(database: Database) -> None:
    clock, names = FixedClock(), [f"till {number}" for number in range(12)]
    await deactivated(database, *names)
    async with mailing() as mailbox:
        processes = [alerts(database, at(mailbox), clock) for _ in range(4)]
        await asyncio.gather(*(one.send_due() for one in processes))
    told = sorted(taken.mail["Message-ID"] for taken in mailbox.taken)
    assert told == sorted(f"<closebell.{guid_of(f'failure {name}')}@salon.example>" for name in names)


async def test_mails_go_out_by_themselves_and_at_once(database: Database) -> None:
    async with AsyncExitStack() as stack:
        works = await stack.enter_async_context(working(database))
        receiver = await stack.enter_async_context(receiving(answer=lambda _call: 410))
        mailbox = await stack.enter_async_context(mailing())
        telling = alerts(works.database, at(mailbox), works.clock)
        mailed = asyncio.create_task(telling.run(every_s=3600))

        def observe(_sent: Any, report: Any) -> None:
            if report.logged:
                telling.look_soon()

        dispatcher = await works.start(works.dispatcher(mails_failures=True, observe=observe))
        endpoint_id = await works.endpoint("books", receiver.url)
        await works.close(works.desk(dispatcher), "a")
        async with asyncio.timeout(AWAITED_S):
            await mailbox.came.wait()

        async def noted() -> bool:
            (found,) = await database.read(failure_log.page, endpoint_id, limit=2, offset=0)
            return found.mail_state is MailState.SENT

        await works.until(noted)
        mailed.cancel()
        await asyncio.gather(mailed, return_exceptions=True)
    (taken,) = mailbox.taken
    assert "410 Gone" in taken.mail.get_content()
    assert "1 deliveries" in taken.mail.get_content()


async def test_a_database_that_cannot_answer_is_asked_again(database: Database) -> None:
    await deactivated(database)
    looks: list[str] = []

    class Failing:
        async def read(self, *arguments: Any, **named: Any) -> Any:
            looks.append("look")
            if len(looks) == 1:
                raise Unavailable("disk full")
            return await database.read(*arguments, **named)

        async def write(self, *arguments: Any, **named: Any) -> Any:
            return await database.write(*arguments, **named)

    failing: Any = Failing()
    async with mailing() as mailbox:
        telling = asyncio.create_task(alerts(failing, at(mailbox), FixedClock()).run(every_s=0))
        async with asyncio.timeout(AWAITED_S):
            await mailbox.came.wait()
        telling.cancel()
        await asyncio.gather(telling, return_exceptions=True)
    assert len(mailbox.taken) == 1
