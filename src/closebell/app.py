"""How it is wired: settings in, application out."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import structlog
from litestar import Litestar

from closebell.api import log as api_log
from closebell.api import openapi
from closebell.api.access import Gatekeeper
from closebell.api.card_desk import CardDesk
from closebell.api.catalogue import OPERATIONS, operations_of
from closebell.api.close_desk import CloseDesk
from closebell.api.exchange import ApiRequest
from closebell.api.front_door import Api, handle
from closebell.api.limits import RateLimit
from closebell.api.log import RequestIds
from closebell.api.metrics import Metrics
from closebell.api.metrics.backlog_look import BacklogLook
from closebell.api.service import Service
from closebell.api.sign_in_desk import SignInDesk
from closebell.clock import Clock, Luck, SystemClock, SystemLuck
from closebell.config import Settings
from closebell.delivering import (
    Tasks,
    alerts_of,
    deliver,
    dispatcher_of,
    do_in_background,
    duties_of,
    recorded_to,
    telling,
)
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.processors import processor_named
from closebell.dispatch.sender import Sender
from closebell.domain.address import Network, parse_networks
from closebell.domain.caller import Caller
from closebell.keyring import vault_to_serve
from closebell.store.database import open_database
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.tracing.choice import tracer_for
from closebell.tracing.spans import Tracer
from closebell.usecase.manage_keys import NewKey, ensure_admin_key
from closebell.usecase.sign_in import find_caller
from closebell.vault import Vault

log = structlog.get_logger()

ShowKey = Callable[[str], None]
"""Takes the first admin key, to be shown to the person at the terminal and nowhere else."""


def configure_logging(settings: Settings) -> None:
    """Write the log as the settings say; once per process, before anything is built."""
    api_log.configure(log_format=settings.log_format, level=settings.log_level)


def build(
    settings: Settings,
    *,
    clock: Clock | None = None,
    luck: Luck | None = None,
    show_admin_key: ShowKey = lambda _key: None,
    tracer: Tracer | None = None,
) -> Api:
    """The application. Its lifespan opens the database, which must be migrated, and closes it again.

    Shape:  `show_admin_key` is called with the first key of a database that has none, unless the settings name one;
            `tracer` takes the place of the one that the settings ask for.
    Errors: MisuseError for a processor or a tracer that is not installed.
    """
    wired_clock, wired_luck = clock or SystemClock(), luck or SystemLuck()
    cards = CardDesk(processor_named(settings.payment_processor))
    wired_tracer = tracer or tracer_for(settings.tracing, luck=wired_luck)

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        assert isinstance(app, Api), "build makes an Api"
        wired = _running(settings, cards, wired_clock, wired_luck, tracer=wired_tracer, show_admin_key=show_admin_key)
        async with wired as service:
            app.service = service
            yield

    operations = operations_of(settings.role)
    app = Api(
        [operation.register() for operation in operations],
        request_class=ApiRequest,
        exception_handlers={Exception: handle},
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=None,
        debug=False,
    )
    if settings.role == "dispatch":
        app.paths = frozenset(operation.doc.path for operation in operations)
    return app


def begin_stop(app: Api) -> None:
    """Let go of those who wait for events, so that a server which finishes its requests finishes soon."""
    if app.service is not None:
        app.service.stopping.set()
        app.service.wake.notify()


@asynccontextmanager
async def _running(
    settings: Settings, cards: CardDesk, clock: Clock, luck: Luck, *, tracer: Tracer, show_admin_key: ShowKey
) -> AsyncIterator[Service]:
    """Everything that runs, started in order; stopped in the reverse order, so that nothing is handed to the gone."""
    async with AsyncExitStack() as stack:
        # It may wait for a collector that is slow or gone, and nothing else should.
        stack.push_async_callback(asyncio.to_thread, tracer.close)
        metrics = Metrics(role=settings.role)
        database = open_database(settings.database_url, observer=metrics)
        metrics.watch_queue(lambda: database.waiting)
        stack.push_async_callback(database.close)
        vault = await vault_to_serve(settings, database, luck=luck)
        if settings.admin_key is None and settings.role != "dispatch":
            made = await database.write(ensure_admin_key, clock=clock, luck=luck)
            if made is not None:
                _show(made, show_admin_key)
        networks = parse_networks(settings.allowed_networks)
        sender = await _sender(stack, settings, networks, clock)
        dispatcher = alerts = None
        if settings.role != "api":
            alerts = alerts_of(settings, database, metrics, clock)
            dispatcher = dispatcher_of(
                settings,
                database,
                sender=sender,
                vault=vault,
                recorded=recorded_to(metrics, alerts),
                claimed=metrics.claimed,
                tracer=tracer,
                clock=clock,
                luck=luck,
            )
            metrics.watch(dispatcher)
        wake = Wake()
        delivering = await deliver(stack, dispatcher)
        duties = duties_of(
            settings,
            database,
            dispatcher=dispatcher,
            alerts=alerts,
            metrics=metrics,
            wake=wake,
            clock=clock,
            luck=luck,
        )
        do_in_background(stack, duties)
        service = _service(
            settings,
            database=database,
            cards=cards,
            dispatcher=dispatcher,
            delivering=delivering,
            sender=sender,
            vault=vault,
            metrics=metrics,
            tracer=tracer,
            wake=wake,
            networks=networks,
            clock=clock,
            luck=luck,
        )
        stack.push_async_callback(service.desk.drain)
        stack.push_async_callback(cards.drain)
        stack.callback(wake.notify)
        stack.callback(service.stopping.set)
        for task in delivering:
            task.add_done_callback(functools.partial(_note_end, service))
        log.info("service.started", role=settings.role, engine=database.engine_name)
        yield service
        log.info("service.stopping")
    log.info("service.stopped")


def _show(made: NewKey, show_admin_key: ShowKey) -> None:
    log.info("admin_key.created", key_id=made.api_key.id)
    show_admin_key(made.key)


async def _sender(stack: AsyncExitStack, settings: Settings, networks: tuple[Network, ...], clock: Clock) -> Sender:
    resolver = SystemResolver()
    stack.callback(resolver.close)
    addresses = AddressBook(allowed_networks=networks, resolve=resolver)
    stack.push_async_callback(addresses.close)
    sender = Sender(clock=clock, addresses=addresses, deadline_s=settings.delivery_timeout_s)
    stack.push_async_callback(sender.close)
    return sender


def _note_end(service: Service, task: asyncio.Task[None]) -> None:
    """What delivers has ended. Unless it was told to, the process is of no use any more, and must not look as if."""
    error = None if task.cancelled() else task.exception()
    if not service.stopping.is_set():
        log.critical("dispatch.ended", task=task.get_name(), exc_info=error)
        service.failed.set()


def _service(
    settings: Settings,
    *,
    database: Database,
    cards: CardDesk,
    dispatcher: Dispatcher | None,
    delivering: Tasks,
    sender: Sender,
    vault: Vault,
    metrics: Metrics,
    tracer: Tracer,
    wake: Wake,
    networks: tuple[Network, ...],
    clock: Clock,
    luck: Luck,
) -> Service:
    async def find(shown: bytes, *, is_bearer: bool) -> Caller | None:
        return await database.read(find_caller, shown, is_bearer=is_bearer, clock=clock)

    return Service(
        database=database,
        desk=CloseDesk(
            database=database,
            dispatcher=dispatcher,
            wake=wake,
            clock=clock,
            luck=luck,
            observe=metrics.closed,
            tracer=tracer,
        ),
        cards=cards,
        wake=wake,
        sender=sender,
        vault=vault,
        gatekeeper=Gatekeeper(find=find, admin_key=settings.admin_key),
        rate_limit=RateLimit(per_minute=limit) if (limit := settings.rate_limit_per_minute) else None,
        sign_ins=SignInDesk(),
        metrics=metrics,
        tracer=tracer,
        backlog=BacklogLook(database=database, metrics=metrics, clock=clock),
        request_ids=RequestIds(luck),
        clock=clock,
        luck=luck,
        allowed_networks=networks,
        body_bytes_max=settings.body_bytes_max,
        import_bytes_max=settings.import_bytes_max,
        errors_as_200=settings.errors_as_200,
        public_url=settings.public_url,
        openapi=_description(settings.public_url),
        endpoints_changed=telling(dispatcher, wake),
        told=telling(dispatcher, wake),
        is_delivering=lambda: not any(task.done() for task in delivering),
    )


@functools.cache
def _description(public_url: str | None) -> bytes:
    """The OpenAPI document; it takes a tenth of a second and is the same each time."""
    return openapi.document(
        [operation.doc for operation in OPERATIONS], version=importlib.metadata.version("closebell"), server=public_url
    )
