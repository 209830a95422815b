"""What everybody in one world shares: time, luck, the database, the witness, and the record of what happened."""

from __future__ import annotations

import hashlib
import math
import random
import uuid
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from closebell.testing import NOON, a_vault
from simulation.conditions import Conditions
from simulation.store import Store
from simulation.virtual_time import VirtualTimeLoop

if TYPE_CHECKING:
    from simulation.mail import MailServer
    from simulation.network import Network
    from simulation.process import Process
    from simulation.witness import Witness

SHOWN = 60
"""Lines of the record that are shown when a world ends in failure."""

SETTLES_S = 60
"""How long after the end of all harm a process can still act upon what it learnt before: several surveys."""


class Violation(AssertionError):
    """Something happened that must never happen."""


@dataclass(slots=True)
class Record:
    """What happened, line by line; two runs of one seed have the same lines."""

    lines: list[str] = field(default_factory=list)

    def digest(self) -> str:
        """A name for exactly this record."""
        return hashlib.sha256("\n".join(self.lines).encode()).hexdigest()

    def end(self) -> str:
        """The last lines."""
        return "\n".join(self.lines[-SHOWN:])


class WorldLuck:
    """The luck of every process: it is all one."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def entropy(self, size: int) -> bytes:
        """That many bytes."""
        return self._chance.randbytes(size)

    def guid(self) -> str:
        """A GUID in its wire spelling."""
        return str(uuid.UUID(bytes=self.entropy(16), version=4))

    def fraction(self) -> float:
        """A number from 0 up to and without 1; now and then one of the ends, where mistakes are."""
        if self._chance.random() < 0.1:
            return self._chance.choice([0.0, 1 - 2**-53])
        return self._chance.random()


class World:
    """One seed's world."""

    def __init__(self, *, loop: VirtualTimeLoop, chance: random.Random, conditions: Conditions) -> None:
        self.loop = loop
        self.chance = chance
        self.conditions = conditions
        self.record = Record()
        self.luck = WorldLuck(chance)
        self.vault = a_vault()
        self.store = Store()
        self.harm_is_over = False
        self.transactions_under_way = 0
        self.processes: list[Process] = []
        self.healed_s = math.inf
        self.network: Network
        self.mail: MailServer
        self.witness: Witness

    def now(self) -> datetime:
        """The true time, which no process knows."""
        return NOON + timedelta(seconds=self.loop.time())

    def note(self, who: str, what: str, *details: object) -> None:
        """Put a line on the record."""
        self.record.lines.append(" ".join([f"{self.loop.time():.6f}", who, what, *map(str, details)]))

    def happens(self, probability: float) -> bool:
        """Whether harm of this probability is done now; none is once the world has healed."""
        return probability > 0 and not self.harm_is_over and self.chance.random() < probability

    def heal(self) -> None:
        """There is no more harm, and nobody misbehaves any more."""
        self.note("world", "heals")
        self.harm_is_over = True
        self.network.heal()
        self.mail.mood = "well"

    @property
    def is_well(self) -> bool:
        """Whether harm has been over for so long that everybody knows everything that was done before."""
        return self.loop.time() >= self.healed_s + SETTLES_S

    def alive(self) -> list[Process]:
        """The processes that run."""
        return [process for process in self.processes if process.is_alive]
