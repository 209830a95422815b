"""`closebell serve`: the service itself, from the first migration to the last delivery."""

from __future__ import annotations

import asyncio
import functools
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

import structlog
import uvicorn
import uvloop

from closebell.api.front_door import Api
from closebell.app import begin_stop, build, configure_logging
from closebell.cli.bounded_http import BoundedHttp
from closebell.cli.listening import ADMIN_KEY, BACKLOG, LISTENING, listen, url_of
from closebell.cli.settings import AllSettings
from closebell.config import Settings
from closebell.errors import ClosebellError
from closebell.keyring import check_keys
from closebell.store.schema import migrate
from closebell.store.serving_mark import served_alone

REQUESTS_FINISH_S: Final = 10
"""Seconds that requests under way have once the service is told to stop; deliveries under way then have their own
deadline. Both together stay within the 30 s that container platforms usually grant."""
KEEP_ALIVE_S: Final = 75
"""Seconds that a connection may be idle; longer than reverse proxies usually keep one, so that they close first."""

GARBAGE_THRESHOLDS: Final = (50_000, 20, 20)
"""Objects made, less objects gone, before the youngest are looked at for cycles; then how many such rounds before older
ones are."""

_SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


def serve(*, settings: AllSettings = Settings()) -> None:
    """Run the service until it is told to stop.

    Brings the database up to date first. SIGTERM or Ctrl-C stops it cleanly: requests and deliveries under way are
    finished, what else is due stays in the database, and the exit code is 0.
    """
    for number in _SIGNALS:
        signal.signal(number, lambda *_: sys.exit(0))
    _collect_garbage_rarely()
    configure_logging(settings)
    _adopt_foreign_logs()
    check_keys(settings)
    sockets = listen(settings.host, settings.port)
    with served_alone(settings.database_url):
        migrate(settings.database_url)
        app = build(settings, show_admin_key=lambda key: _say(f"{ADMIN_KEY}{key}"))
        started = functools.partial(_say, f"{LISTENING}{url_of(settings.host, sockets)}")
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(serve_until_stopped(app, sockets, started=started))
            for number in _SIGNALS:
                # All is done but to leave, and one more wish to leave must not make a failure of it.
                signal.signal(number, signal.SIG_IGN)


async def serve_until_stopped(app: Api, sockets: list[socket.socket], *, started: Callable[[], None]) -> None:
    """The application around the server: it is up before the first request and ends after the last.

    Errors: DispatchEnded when the process can no longer deliver; what was under way is finished before.
    """
    server = _Server(app, started=started)
    with server.capture_signals():
        async with app.lifespan():
            await server.serve(sockets)
    if app.has_failed:
        raise DispatchEnded("the dispatcher has ended, which the log explains; start the service again")


class DispatchEnded(ClosebellError):
    """A process that is to deliver cannot any more, through a bug of ours; whoever runs it should start another."""


class _Server(uvicorn.Server):
    """Uvicorn without habits of its own: it says where it listens, and a signal is the way to end, not a failure."""

    def __init__(self, app: Api, *, started: Callable[[], None]) -> None:
        super().__init__(
            uvicorn.Config(
                app,
                http=BoundedHttp,
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                proxy_headers=False,
                backlog=BACKLOG,
                timeout_keep_alive=KEEP_ALIVE_S,
                timeout_graceful_shutdown=REQUESTS_FINISH_S,
            )
        )
        self._app = app
        self._tell_started = started

    async def serve(self, sockets: list[socket.socket] | None = None) -> None:
        """Serve until told to stop; whoever calls it captures the signals."""
        await self._serve(sockets)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        self._tell_started()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Take the signals as a wish to stop; uvicorn would raise them again at the end, and so die of them."""
        loop = asyncio.get_running_loop()
        before = {number: signal.getsignal(number) for number in _SIGNALS}
        for number in _SIGNALS:
            loop.add_signal_handler(number, self._stop)
        try:
            yield
        finally:
            for number, handler in before.items():
                loop.remove_signal_handler(number)
                signal.signal(number, handler)

    async def on_tick(self, counter: int) -> bool:
        """Whether to end; a service that has failed is told to."""
        if self._app.has_failed and not self.should_exit:
            self._stop()
        return await super().on_tick(counter)

    def _stop(self) -> None:
        """Finish the requests under way; told a second time, do not."""
        self.force_exit = self.should_exit
        self.should_exit = True
        begin_stop(self._app)


class _ToOurLog(logging.Handler):
    """What libraries log, in the format of our own log."""

    def emit(self, record: logging.LogRecord) -> None:
        """Hand the record on."""
        log = structlog.get_logger()
        log.log(
            record.levelno,
            "library.logged",
            logger=record.name,
            message=record.getMessage(),
            exc_info=record.exc_info,
        )


def _collect_garbage_rarely() -> None:
    """Requests leave thousands of short-lived objects and hardly a cycle; by default the collector keeps looking.

    Measured with `make bench`: a quarter of the time of a close. What is imported by now is never looked at again.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(*GARBAGE_THRESHOLDS)


def _adopt_foreign_logs() -> None:
    """Warnings and worse of the libraries go where our log goes."""
    logging.basicConfig(level=logging.WARNING, handlers=[_ToOurLog()], force=True)


def _say(line: str) -> None:
    print(line, flush=True)
