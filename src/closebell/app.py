"""How it is wired: settings in, application out."""

from __future__ import annotations

import asyncio
import functools
import importlib.metadata
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager

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
from closebell.clock import Clock, Luck, SystemClock, SystemLuck
from closebell.config import Settings
from closebell.delivering import Basis, Delivering, deliver
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.processors import processor_named
from closebell.dispatch.sender import Sender
from closebell.domain.address import parse_networks
from closebell.domain.caller import Caller
from closebell.keyring import vault_to_serve
from closebell.store.database import open_database
from closebell.store.wake import Wake
from closebell.tracing.choice import tracer_for
from closebell.tracing.spans import Tracer
from closebell.usecase.manage_keys import ensure_admin_key
from closebell.usecase.sign_in import find_caller

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
    luck = luck or SystemLuck()
    running = functools.partial(
        _running,
        settings,
        CardDesk(processor_named(settings.payment_processor)),
        tracer=tracer or tracer_for(settings.tracing, luck=luck),
        clock=clock or SystemClock(),
        luck=luck,
        show_admin_key=show_admin_key,
    )
    return _api(settings.role, running)


def _api(role: str, running: Callable[[], AbstractAsyncContextManager[Service]]) -> Api:
    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        assert isinstance(app, Api), "build makes an Api"
        async with running() as service:
            app.service = service
            yield

    operations = operations_of(role)
    app = Api(
        [operation.register() for operation in operations],
        request_class=ApiRequest,
        exception_handlers={Exception: handle},
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=None,
        debug=False,
    )
    if role == "dispatch":
        app.paths = frozenset(operation.doc.path for operation in operations)
    return app


def begin_stop(app: Api) -> None:
    """Let go of those who wait for events, so that a server which finishes its requests finishes soon."""
    if app.service is not None:
        app.service.stopping.set()
        app.service.wake.notify()


@asynccontextmanager
async def _running(
    settings: Settings, cards: CardDesk, *, tracer: Tracer, clock: Clock, luck: Luck, show_admin_key: ShowKey
) -> AsyncIterator[Service]:
    """Everything that runs, started in order; stopped in the reverse order, so that nothing is handed to the gone."""
    async with AsyncExitStack() as stack:
        basis = await _basis(stack, settings, tracer=tracer, clock=clock, luck=luck)
        await _make_first_key(basis, show_admin_key)
        sender = await _sender(stack, basis)
        delivering = await deliver(stack, basis, sender)
        service = _service(basis, cards, sender, delivering)
        stack.push_async_callback(service.desk.drain)
        stack.push_async_callback(cards.drain)
        stack.callback(service.wake.notify)
        stack.callback(service.stopping.set)
        for task in delivering.tasks:
            task.add_done_callback(functools.partial(_note_end, service))
        log.info("service.started", role=settings.role, engine=basis.database.engine_name)
        yield service
        log.info("service.stopping")
    log.info("service.stopped")


async def _basis(stack: AsyncExitStack, settings: Settings, *, tracer: Tracer, clock: Clock, luck: Luck) -> Basis:
    # It may wait for a collector that is slow or gone, and nothing else should.
    stack.push_async_callback(asyncio.to_thread, tracer.close)
    metrics = Metrics(role=settings.role)
    database = open_database(settings.database_url, observer=metrics)
    metrics.watch_queue(lambda: database.waiting)
    stack.push_async_callback(database.close)
    return Basis(
        settings=settings,
        database=database,
        vault=await vault_to_serve(settings, database, luck=luck),
        metrics=metrics,
        tracer=tracer,
        wake=Wake(),
        clock=clock,
        luck=luck,
    )


async def _make_first_key(basis: Basis, show_admin_key: ShowKey) -> None:
    """Unless the settings name a key, or nobody calls this process, a database without one gets one."""
    if basis.settings.admin_key is not None or basis.settings.role == "dispatch":
        return
    made = await basis.database.write(ensure_admin_key, clock=basis.clock, luck=basis.luck)
    if made is not None:
        log.info("admin_key.created", key_id=made.api_key.id)
        show_admin_key(made.key)


async def _sender(stack: AsyncExitStack, basis: Basis) -> Sender:
    networks = parse_networks(basis.settings.allowed_networks)
    addresses = AddressBook(allowed_networks=networks, resolve=SystemResolver())
    stack.push_async_callback(addresses.close)
    sender = Sender(clock=basis.clock, addresses=addresses, deadline_s=basis.settings.delivery_timeout_s)
    stack.push_async_callback(sender.close)
    return sender


def _note_end(service: Service, task: asyncio.Task[None]) -> None:
    """What delivers has ended. Unless it was told to, the process is of no use any more, and must not look as if."""
    error = None if task.cancelled() else task.exception()
    if not service.stopping.is_set():
        log.critical("dispatch.ended", task=task.get_name(), exc_info=error)
        service.failed.set()


def _service(basis: Basis, cards: CardDesk, sender: Sender, delivering: Delivering) -> Service:
    settings = basis.settings
    return Service(
        database=basis.database,
        desk=_close_desk(basis, delivering.dispatcher),
        cards=cards,
        wake=basis.wake,
        sender=sender,
        vault=basis.vault,
        gatekeeper=_gatekeeper(basis),
        rate_limit=RateLimit(per_minute=limit) if (limit := settings.rate_limit_per_minute) else None,
        metrics=basis.metrics,
        tracer=basis.tracer,
        backlog=BacklogLook(database=basis.database, metrics=basis.metrics, clock=basis.clock),
        request_ids=RequestIds(basis.luck),
        clock=basis.clock,
        luck=basis.luck,
        allowed_networks=parse_networks(settings.allowed_networks),
        body_bytes_max=settings.body_bytes_max,
        import_bytes_max=settings.import_bytes_max,
        errors_as_200=settings.errors_as_200,
        public_url=settings.public_url,
        openapi=_description(settings.public_url),
        told=delivering.told,
        is_delivering=lambda: not any(task.done() for task in delivering.tasks),
    )


def _close_desk(basis: Basis, dispatcher: Dispatcher | None) -> CloseDesk:
    return CloseDesk(
        database=basis.database,
        dispatcher=dispatcher,
        wake=basis.wake,
        clock=basis.clock,
        luck=basis.luck,
        observe=basis.metrics.closed,
        tracer=basis.tracer,
    )


def _gatekeeper(basis: Basis) -> Gatekeeper:
    async def find(shown: bytes, *, is_bearer: bool) -> Caller | None:
        return await basis.database.read(find_caller, shown, is_bearer=is_bearer, clock=basis.clock)

    return Gatekeeper(find=find, admin_key=basis.settings.admin_key)


@functools.cache
def _description(public_url: str | None) -> bytes:
    """The OpenAPI document; it takes a tenth of a second and is the same each time."""
    return openapi.document(
        [operation.doc for operation in OPERATIONS], version=importlib.metadata.version("closebell"), server=public_url
    )
