"""What kind of world a seed makes: how large it is, and which of its parts are out to do harm."""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Final, Literal

DEADLINE_S = 10
"""The longest that one call takes, as in production."""


Role = Literal["all", "api", "dispatch"]
"""What a process is for, as its setting says."""
ROLES: Final[tuple[tuple[Role, ...], ...]] = (
    *(("all",), ("all", "all"), ("all", "all"), ("all", "all", "all")),
    *(("api", "dispatch"), ("api", "dispatch", "dispatch"), ("all", "api"), ("api", "api", "dispatch")),
)
"""The processes of a world; in each of them somebody answers and somebody delivers."""
KEPT_S: Final = (60, 600, 7_200, 86_400)
"""How long things are kept where they are forgotten: from far less than is sensible up to the least that is set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Conditions:
    """How this world is. Not every harm is in every world, so that each is met alone and beside any other.

    Shape: `roles` has one for each process; `rated` and `filtered` are how likely an endpoint has a rate, and wants
           only some of the events; the receivers are spread over `hosts`.
    Units: the harms of a write are probabilities; `database_s_max` is the longest that one transaction waits; bodies
           and attempts are kept for so many seconds, None is for ever.
    """

    roles: tuple[Role, ...]
    endpoints: int
    actions: int
    all_endpoints: int
    per_endpoint: int
    per_host: int
    hosts: int
    rated: float
    filtered: float
    lease_s: int
    database_s_max: float
    refused: float
    answer_lost: float
    run_again: float
    crash_before_commit: float
    crash_after_commit: float
    crashes: bool
    stops: bool
    pauses: bool
    clock_jumps: bool
    receivers_misbehave: bool
    endpoints_change: bool
    has_upkeep: bool
    bodies_kept_s: int | None
    attempts_kept_s: int | None
    erases: bool
    rotates: bool
    mails: bool
    rings_lost: float

    @property
    def looks_after(self) -> bool:
        """Whether processes do the rounds of upkeep."""
        return self.has_upkeep or self.bodies_kept_s is not None or self.attempts_kept_s is not None


def drawn(chance: random.Random) -> Conditions:
    """The conditions of one seed's world."""

    def perhaps(probability: float, *, worlds: float = 0.5) -> float:
        return probability if chance.random() < worlds else 0.0

    crashes = chance.random() < 0.6
    lease_s = chance.choice([15, 30, 60])
    return Conditions(
        roles=chance.choice(ROLES),
        endpoints=chance.randint(1, 4),
        actions=chance.randint(6, 24),
        all_endpoints=chance.choice([1, 2, 4, 8, 32]),
        per_endpoint=chance.choice([1, 2, 4]),
        per_host=chance.choice([1, 2, 4, 32]),
        hosts=chance.choice([1, 2, 4]),
        rated=perhaps(0.5, worlds=0.3),
        filtered=perhaps(0.5, worlds=0.4),
        lease_s=lease_s,
        database_s_max=chance.choice([0.005, 0.005, 0.5, 4.0, lease_s * 1.5]),
        refused=perhaps(0.05),
        answer_lost=perhaps(0.05),
        run_again=perhaps(0.1),
        crash_before_commit=perhaps(0.02) if crashes else 0.0,
        crash_after_commit=perhaps(0.02) if crashes else 0.0,
        crashes=crashes,
        stops=chance.random() < 0.4,
        pauses=chance.random() < 0.4,
        clock_jumps=chance.random() < 0.25,
        receivers_misbehave=chance.random() < 0.9,
        endpoints_change=chance.random() < 0.6,
        has_upkeep=chance.random() < 0.3,
        bodies_kept_s=chance.choice(KEPT_S) if chance.random() < 0.35 else None,
        attempts_kept_s=chance.choice(KEPT_S) if chance.random() < 0.25 else None,
        erases=chance.random() < 0.35,
        rotates=chance.random() < 0.3,
        mails=chance.random() < 0.5,
        rings_lost=chance.choice([0.0, 0.3, 1.0]),
    )
