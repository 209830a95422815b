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
from closebell.api.card_desk import CardDesk, give_up_pages
from closebell.api.catalogue import OPERATIONS
from closebell.api.close_desk import CloseDesk
from closebell.api.exchange import ApiRequest
from closebell.api.front_door import Api, handle
from closebell.api.limits import RateLimit
from closebell.api.metrics import Metrics
from closebell.api.service import Service
from closebell.api.sign_in_desk import SignInDesk
from closebell.clock import Clock, Luck, SystemClock, SystemLuck
from closebell.config import Settings
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.loop import Dispatcher
from closebell.dispatch.processors import processor_named
from closebell.dispatch.sender import Sender
from closebell.dispatch.slots import Slots
from closebell.dispatch.upkeep import keep_up
from closebell.domain.address import Network, parse_networks
from closebell.domain.caller import Caller
from closebell.store.database import open_database
from closebell.store.unit import Database
from closebell.store.wake import Wake
from closebell.usecase.manage_keys import NewKey, ensure_admin_key
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
) -> Api:
    """The application. Its lifespan opens the database, which must be migrated, and closes it again.

    Shape: `show_admin_key` is called with the first key of a database that has none, unless the settings name one.
    """
    wired_clock, wired_luck = clock or SystemClock(), luck or SystemLuck()
    cards = CardDesk(processor_named(settings.payment_processor))

    @asynccontextmanager
    async def lifespan(app: Litestar) -> AsyncIterator[None]:
        assert isinstance(app, Api), "build makes an Api"
        async with _running(settings, cards, wired_clock, wired_luck, show_admin_key) as service:
            app.service = service
            yield

    return Api(
        [operation.register() for operation in OPERATIONS],
        request_class=ApiRequest,
        exception_handlers={Exception: handle},
        lifespan=[lifespan],
        logging_config=None,
        openapi_config=None,
        debug=False,
    )


def begin_stop(app: Api) -> None:
    """Let go of those who wait for events, so that a server which finishes its requests finishes soon."""
    if app.service is not None:
        app.service.stopping.set()
        app.service.wake.notify()


@asynccontextmanager
async def _running(
    settings: Settings, cards: CardDesk, clock: Clock, luck: Luck, show_admin_key: ShowKey
) -> AsyncIterator[Service]:
    """Everything that runs, started in order; stopped in the reverse order, so that nothing is handed to the gone."""
    async with AsyncExitStack() as stack:
        database = open_database(settings.database_url)
        stack.push_async_callback(database.close)
        if settings.admin_key is None:
            made = await database.write(ensure_admin_key, clock=clock, luck=luck)
            if made is not None:
                _show(made, show_admin_key)
        networks = parse_networks(settings.allowed_networks)
        sender = await _sender(stack, settings, networks, clock)
        metrics = Metrics()
        dispatcher = Dispatcher(
            database=database,
            sender=sender,
            clock=clock,
            luck=luck,
            slots=Slots(all_endpoints=settings.slots_global, per_endpoint=settings.slots_per_endpoint),
            lease_s=settings.lease_s,
            deadline_s=settings.delivery_timeout_s,
            observe=metrics.recorded,
        )
        metrics.watch(dispatcher)
        wake = Wake()
        await dispatcher.start()
        stack.push_async_callback(dispatcher.stop)
        _background(stack, database, dispatcher, wake, clock)
        service = _service(
            settings,
            database=database,
            cards=cards,
            dispatcher=dispatcher,
            sender=sender,
            metrics=metrics,
            wake=wake,
            networks=networks,
            clock=clock,
            luck=luck,
        )
        stack.push_async_callback(service.desk.drain)
        stack.push_async_callback(cards.drain)
        stack.callback(wake.notify)
        stack.callback(service.stopping.set)
        log.info("service.started", engine=database.engine_name)
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


def _background(stack: AsyncExitStack, database: Database, dispatcher: Dispatcher, wake: Wake, clock: Clock) -> None:
    """What runs by itself: the small duties, and listening for what other processes do."""

    def heard() -> None:
        wake.notify()
        dispatcher.survey_soon()

    tasks = [
        asyncio.create_task(keep_up(database, clock=clock), name="upkeep"),
        asyncio.create_task(give_up_pages(database, clock=clock), name="payment pages"),
        asyncio.create_task(database.listen(heard), name="listener"),
    ]
    for task in tasks:
        task.add_done_callback(_note_end)

    async def cancel() -> None:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    stack.push_async_callback(cancel)


def _note_end(task: asyncio.Task[None]) -> None:
    """What should never end has ended, and somebody should know why."""
    if not task.cancelled() and (error := task.exception()) is not None:
        log.error("task.failed", task=task.get_name(), exc_info=error)


def _service(
    settings: Settings,
    *,
    database: Database,
    cards: CardDesk,
    dispatcher: Dispatcher,
    sender: Sender,
    metrics: Metrics,
    wake: Wake,
    networks: tuple[Network, ...],
    clock: Clock,
    luck: Luck,
) -> Service:
    async def find(shown: bytes, *, is_bearer: bool) -> Caller | None:
        return await database.read(find_caller, shown, is_bearer=is_bearer, clock=clock)

    def told() -> None:
        wake.notify()
        dispatcher.survey_soon()

    return Service(
        database=database,
        desk=CloseDesk(
            database=database, dispatcher=dispatcher, wake=wake, clock=clock, luck=luck, observe=metrics.closed
        ),
        cards=cards,
        wake=wake,
        sender=sender,
        gatekeeper=Gatekeeper(find=find, admin_key=settings.admin_key),
        rate_limit=RateLimit(per_minute=limit) if (limit := settings.rate_limit_per_minute) else None,
        sign_ins=SignInDesk(),
        metrics=metrics,
        clock=clock,
        luck=luck,
        allowed_networks=networks,
        body_bytes_max=settings.body_bytes_max,
        import_bytes_max=settings.import_bytes_max,
        errors_as_200=settings.errors_as_200,
        public_url=settings.public_url,
        openapi=_description(settings.public_url),
        endpoints_changed=dispatcher.survey_soon,
        told=told,
    )


@functools.cache
def _description(public_url: str | None) -> bytes:
    """The OpenAPI document; it takes a tenth of a second and is the same each time."""
    return openapi.document(
        [operation.doc for operation in OPERATIONS], version=importlib.metadata.version("closebell"), server=public_url
    )
