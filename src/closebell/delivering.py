"""What a process does beside answering calls: it delivers, as far as its role goes, and sees to the small duties."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from closebell.api.metrics import Metrics
from closebell.background.duty import Duty, keep_doing
from closebell.background.erasing import keep_erasing, until_settled
from closebell.background.forgetting import KeptFor
from closebell.background.payment_pages import give_up_pages
from closebell.background.upkeep import keep_up
from closebell.clock import Clock, Luck
from closebell.config import Settings
from closebell.dispatch.alerts import Alerts, Letterhead
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.mail_server import MailServer
from closebell.dispatch.recording import RecordReport, Sent
from closebell.dispatch.recovering import Recoverer
from closebell.dispatch.sender import Sender
from closebell.dispatch.slots import Slots
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.tracing.spans import Tracer
from closebell.vault import Vault


@dataclass(frozen=True, slots=True, kw_only=True)
class Basis:
    """What every part of a process is built on."""

    settings: Settings
    database: Database
    vault: Vault
    metrics: Metrics
    tracer: Tracer
    wake: Wake
    clock: Clock
    luck: Luck


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivering:
    """What a process delivers with.

    Shape: no dispatcher and no tasks where others deliver. `told` tells whoever waits for events, and the dispatcher if
           there is one, that something may have happened.
    """

    dispatcher: Dispatcher | None
    tasks: Sequence[asyncio.Task[None]]
    told: Callable[[], None]


async def deliver(stack: AsyncExitStack, basis: Basis, sender: Sender) -> Delivering:
    """Begin to deliver, where the role is to deliver, and to do the duties; leaving the stack ends both."""
    dispatcher = alerts = None
    tasks: Sequence[asyncio.Task[None]] = ()
    if basis.settings.role != "api":
        alerts = _alerts(basis)
        dispatcher = _dispatcher(basis, sender, alerts)
        basis.metrics.watch(dispatcher)
        tasks = await dispatcher.start()
        stack.push_async_callback(dispatcher.stop)

    def told() -> None:
        basis.wake.notify()
        if dispatcher is not None:
            dispatcher.survey_soon()

    _do_in_background(stack, _duties(basis, alerts, told))
    return Delivering(dispatcher=dispatcher, tasks=tasks, told=told)


def _alerts(basis: Basis) -> Alerts | None:
    """What mails people, where there are people to be mailed."""
    settings = basis.settings
    if not settings.alert_emails:
        return None
    assert settings.smtp_host is not None, "where somebody is mailed there is a mail server"
    assert settings.mail_from is not None, "and somebody who writes"
    mail_server = MailServer(
        host=settings.smtp_host,
        port=settings.smtp_port,
        security=settings.smtp_security,
        user=settings.smtp_user,
        password=settings.smtp_password,
    )
    letterhead = Letterhead(sender=settings.mail_from, to=settings.alert_emails, public_url=settings.public_url)
    return Alerts(
        database=basis.database,
        mail_server=mail_server,
        letterhead=letterhead,
        clock=basis.clock,
        observe=basis.metrics.mailed,
    )


def _dispatcher(basis: Basis, sender: Sender, alerts: Alerts | None) -> Dispatcher:
    """What delivers. What came of calls is counted, and people are told at once of endpoints that were deactivated."""
    settings, metrics = basis.settings, basis.metrics

    def recorded(sent: Sequence[Sent], report: RecordReport) -> None:
        metrics.recorded(sent, report)
        if report.logged and alerts is not None:
            alerts.look_soon()

    return Dispatcher(
        database=basis.database,
        sender=sender,
        vault=basis.vault,
        clock=basis.clock,
        luck=basis.luck,
        slots=_slots(settings),
        lease_s=settings.lease_s,
        deadline_s=settings.delivery_timeout_s,
        observe=recorded,
        observe_claim=metrics.claimed,
        tracer=basis.tracer,
        mails_failures=alerts is not None,
    )


def _slots(settings: Settings) -> Slots:
    return Slots(
        all_endpoints=settings.slots_global, per_endpoint=settings.slots_per_endpoint, per_host=settings.slots_per_host
    )


def _duties(basis: Basis, alerts: Alerts | None, told: Callable[[], None]) -> Mapping[str, Duty]:
    """What runs by itself: everybody listens for what other processes do; who delivers also sees to the rest."""
    settings, database, clock, luck = basis.settings, basis.database, basis.clock, basis.luck
    duties: dict[str, Duty] = {"listener": lambda: database.listen(told)}
    if settings.role != "api":
        kept_for = KeptFor.days(bodies=settings.body_retention_days, attempts=settings.attempt_retention_days)
        settled = until_settled(lease_s=settings.lease_s, deadline_s=settings.delivery_timeout_s)
        recoverer = Recoverer(
            database=database, clock=clock, wake=basis.wake, recovered=told, observe=basis.metrics.recovered
        )
        duties["upkeep"] = lambda: keep_up(database, clock=clock, kept_for=kept_for)
        duties["erasures"] = lambda: keep_erasing(database, settled_after=settled, clock=clock, luck=luck, told=told)
        duties["payment pages"] = lambda: give_up_pages(database, clock=clock)
        duties["recoveries"] = recoverer.run
    if alerts is not None:
        duties["alerts"] = alerts.run
    return duties


def _do_in_background(stack: AsyncExitStack, duties: Mapping[str, Duty]) -> None:
    """Do the duties until the stack is left."""
    tasks = [asyncio.create_task(keep_doing(name, duty), name=name) for name, duty in duties.items()]

    async def cancel() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(cancel)
