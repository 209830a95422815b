"""What a process does beside answering calls: it delivers, as far as its role goes, and sees to the small duties."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack

from closebell.api.card_desk import give_up_pages
from closebell.api.erasure_desk import keep_erasing, until_settled
from closebell.api.metrics import Metrics
from closebell.clock import Clock, Luck
from closebell.config import Settings
from closebell.dispatch.alerts import Alerts, Letterhead
from closebell.dispatch.duty import Duty, keep_doing
from closebell.dispatch.forgetting import KeptFor
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.mail_server import MailServer
from closebell.dispatch.recording import RecordReport, Sent
from closebell.dispatch.recovering import Recoverer
from closebell.dispatch.sender import Sender
from closebell.dispatch.slots import Slots
from closebell.dispatch.upkeep import keep_up
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.tracing.spans import Tracer
from closebell.vault import Vault

Tasks = Sequence[asyncio.Task[None]]
"""What a process delivers with; empty where others do."""


def alerts_of(settings: Settings, database: Database, metrics: Metrics, clock: Clock) -> Alerts | None:
    """What mails people, where there are people to be mailed."""
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
        database=database, mail_server=mail_server, letterhead=letterhead, clock=clock, observe=metrics.mailed
    )


def recorded_to(metrics: Metrics, alerts: Alerts | None) -> Callable[[Sequence[Sent], RecordReport], None]:
    """Counts what came of calls, and has people told at once of endpoints that were deactivated."""

    def recorded(sent: Sequence[Sent], report: RecordReport) -> None:
        metrics.recorded(sent, report)
        if report.logged and alerts is not None:
            alerts.look_soon()

    return recorded


def dispatcher_of(
    settings: Settings,
    database: Database,
    *,
    sender: Sender,
    vault: Vault,
    recorded: Callable[[Sequence[Sent], RecordReport], None],
    claimed: Callable[[int], None],
    tracer: Tracer,
    clock: Clock,
    luck: Luck,
) -> Dispatcher:
    """What delivers, where the role is to deliver."""
    return Dispatcher(
        database=database,
        sender=sender,
        vault=vault,
        clock=clock,
        luck=luck,
        slots=Slots(
            all_endpoints=settings.slots_global,
            per_endpoint=settings.slots_per_endpoint,
            per_host=settings.slots_per_host,
        ),
        lease_s=settings.lease_s,
        deadline_s=settings.delivery_timeout_s,
        observe=recorded,
        observe_claim=claimed,
        tracer=tracer,
        mails_failures=bool(settings.alert_emails),
    )


async def deliver(stack: AsyncExitStack, dispatcher: Dispatcher | None) -> Tasks:
    """Begin to deliver; the tasks that do, none in a process that only answers calls."""
    if dispatcher is None:
        return ()
    tasks = await dispatcher.start()
    stack.push_async_callback(dispatcher.stop)
    return tasks


def duties_of(
    settings: Settings,
    database: Database,
    *,
    dispatcher: Dispatcher | None,
    alerts: Alerts | None,
    metrics: Metrics,
    wake: Wake,
    clock: Clock,
    luck: Luck,
) -> Mapping[str, Duty]:
    """What runs by itself: everybody listens for what other processes do; who delivers also sees to the rest."""
    told = telling(dispatcher, wake)
    duties: dict[str, Duty] = {"listener": lambda: database.listen(told)}
    if settings.role != "api":
        kept_for = KeptFor.days(bodies=settings.body_retention_days, attempts=settings.attempt_retention_days)
        settled = until_settled(lease_s=settings.lease_s, deadline_s=settings.delivery_timeout_s)
        duties["upkeep"] = lambda: keep_up(database, clock=clock, kept_for=kept_for)
        duties["erasures"] = lambda: keep_erasing(database, settled_after=settled, clock=clock, luck=luck, told=told)
        duties["payment pages"] = lambda: give_up_pages(database, clock=clock)
        recoverer = Recoverer(database=database, clock=clock, wake=wake, recovered=told, observe=metrics.recovered)
        duties["recoveries"] = recoverer.run
    if alerts is not None:
        duties["alerts"] = alerts.run
    return duties


def telling(dispatcher: Dispatcher | None, wake: Wake) -> Callable[[], None]:
    """Tells whoever waits for events, and the dispatcher if there is one, that something may have happened."""

    def told() -> None:
        wake.notify()
        if dispatcher is not None:
            dispatcher.survey_soon()

    return told


def do_in_background(stack: AsyncExitStack, duties: Mapping[str, Duty]) -> None:
    """Do the duties until the stack is left."""
    tasks = [asyncio.create_task(keep_doing(name, duty), name=name) for name, duty in duties.items()]

    async def cancel() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(cancel)
