"""The mail server of a world, which lies as well: what it says it took, and what it took, are two things."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from email.message import EmailMessage
from typing import TYPE_CHECKING, Final

from closebell.dispatch.alerts import Letterhead
from closebell.dispatch.mail_server import MAIL_S_MAX, NotMailed, Refused
from simulation.network import one_of
from simulation.world import World

if TYPE_CHECKING:
    from simulation.process import Process

PEOPLE: Final = ("owner@salon.example", "desk@salon.example")
LETTERHEAD: Final = Letterhead(sender="closebell@salon.example", to=PEOPLE)

MOODS: Final[dict[str, dict[str, int]]] = {
    "well": {"taken": 1},
    "down": {"refused": 3, "silence": 1},
    "lossy": {"taken": 3, "taken, then silence": 2, "silence": 1},
    "choosy": {"taken": 2, "one put off": 3, "one unknown": 1},
}
"""What a mail server does while it is in a mood, and how often."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class Posting:
    """One try to hand in a mail."""

    process: Process
    failure_id: str
    to: tuple[str, ...]


@dataclass(slots=True)
class MailServer:
    """What it took, for whom, and whom it says it does not know."""

    mood: str = "well"
    under_way: dict[Posting, None] = field(default_factory=dict)
    taken: Counter[tuple[str, str]] = field(default_factory=Counter)
    unknown: set[tuple[str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class Post:
    """The way of one process to the mail server."""

    world: World
    process: Process

    async def send(self, mail: EmailMessage, *, sender: str, to: Sequence[str]) -> Mapping[str, Refused]:
        """Hand it in, as the mail server's mood has it.

        Errors: NotMailed.
        """
        await self.process.go_on()
        server = self.world.mail
        failure_id = mail["Message-ID"].removeprefix("<closebell.").partition("@")[0]
        posting = Posting(process=self.process, failure_id=failure_id, to=tuple(to))
        self.world.witness.sees_mail(posting, sender)
        server.under_way[posting] = None
        try:
            refused = await self._handed_in(server, posting)
            await self.process.go_on()
        finally:
            del server.under_way[posting]
        return refused

    async def _handed_in(self, server: MailServer, posting: Posting) -> Mapping[str, Refused]:
        chance = self.world.chance
        does = one_of(MOODS[server.mood].items(), chance.random())
        self.world.note(self.process.name, "mails", posting.failure_id, does)
        await asyncio.sleep(chance.random() * 3)
        refused: dict[str, Refused] = {}
        if does in {"refused", "silence"}:
            taken_for: tuple[str, ...] = ()
        elif does.startswith("one") and len(posting.to) > 1:
            other = chance.choice(posting.to)
            refused[other] = Refused(
                reason="450 later" if does == "one put off" else "550 unknown", may_pass=does == "one put off"
            )
            taken_for = tuple(one for one in posting.to if one != other)
        else:
            taken_for = posting.to
        server.taken.update((posting.failure_id, one) for one in taken_for)
        server.unknown.update((posting.failure_id, one) for one, why in refused.items() if not why.may_pass)
        if does.endswith("silence"):
            await asyncio.sleep(MAIL_S_MAX - 3)
            raise NotMailed("the mail server did not answer in time")
        if does == "refused":
            raise NotMailed("451 not now")
        return refused
