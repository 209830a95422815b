"""The machine that the figures came from."""

from __future__ import annotations

import os
import platform
import statistics
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import msgspec

FORCES: Final = 100
"""Writes that are forced to disk, to say what one costs here."""
PAGE: Final = bytes(4096)
BUSY_LOAD: Final = 0.7
"""Load average above which the machine had something else to do."""


class Machine(msgspec.Struct, frozen=True, kw_only=True):
    """What there was to run on.

    Shape: `fsync_ms` is the median of forcing one page to the disk that the databases were on. `load_before` is the
           load average of the last minute before anything was measured.
    """

    cores: int
    processor: str
    memory_gib: float
    kernel: str
    python: str
    fsync_ms: float
    load_before: float
    at: str

    @property
    def was_busy(self) -> bool:
        """Whether something else ran before, and perhaps beside, this."""
        return self.load_before > BUSY_LOAD


def look(directory: Path) -> Machine:
    """The machine as it is now; databases will be in the directory."""
    return Machine(
        cores=len(os.sched_getaffinity(0)),
        processor=_named("/proc/cpuinfo", "model name") or platform.machine(),
        memory_gib=int(_named("/proc/meminfo", "MemTotal").split()[0]) / 1024**2,
        kernel=f"{platform.system()} {platform.release()}",
        python=f"{platform.python_implementation()} {platform.python_version()}",
        fsync_ms=_fsync_ms(directory),
        load_before=os.getloadavg()[0],
        at=datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC"),
    )


def _named(path: str, name: str) -> str:
    for line in Path(path).read_text(encoding="utf-8").splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _fsync_ms(directory: Path) -> float:
    path = directory / "forced"
    taken_s = []
    with path.open("wb", buffering=0) as file:
        for _ in range(FORCES):
            file.write(PAGE)
            started_s = time.perf_counter()
            os.fdatasync(file.fileno())
            taken_s.append(time.perf_counter() - started_s)
    path.unlink()
    return statistics.median(taken_s) * 1000
