"""People are told of every endpoint that was deactivated because of its receiver: at least once, and not of others."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from simulation.books import Books, EndpointRow, FailureRow
from simulation.mail import LETTERHEAD, Posting
from simulation.world import World

if TYPE_CHECKING:
    from simulation.process import Process


class Mailing:
    """Watches the failure log and the mail server."""

    def __init__(self, world: World, books: Books) -> None:
        self._world = world
        self._books = books

    def sees_commit(self, name: str, endpoints: Mapping[str, EndpointRow], failed: Mapping[str, FailureRow]) -> None:
        """A transaction is durable: with the deactivation its entry is, and with the entry its mail is due."""
        demand, mails = self._world.witness.demand, self._world.conditions.mails
        demand(failed.keys() <= self._books.failed.keys(), "an entry of the failure log has vanished")
        new = [row for key, row in self._books.failed.items() if key not in failed]
        stopped = [
            row.id
            for row in self._books.endpoints.values()
            if name == "record_outcomes" and row.state == "deactivated" and endpoints[row.id].state == "active"
        ]
        logged = sorted(row.endpoint_id for row in new)
        demand(logged == sorted(stopped), f"{name} deactivated {stopped} and logged {logged}")
        demand(all((row.mail_due_at is not None) == mails for row in new), "a mail is due for nobody, or not at all")
        for key, row in self._books.failed.items():
            if row.mailed_at is not None and (key not in failed or failed[key].mailed_at is None):
                taken = [one for failure_id, one in self._world.mail.taken if failure_id == key]
                demand(taken, f"the mail about {row.endpoint_id} is said to be out, and nobody took it")

    def sees_mail(self, posting: Posting, process: Process, *, is_excused: bool) -> None:
        """A mail is handed in: by a process that may, about an endpoint that was deactivated, and by one at a time."""
        demand = self._world.witness.demand
        demand(process.is_alive and process.role != "api", f"{process.name} writes a mail")
        row = self._books.failed.get(posting.failure_id)
        demand(row is not None, f"a mail tells of {posting.failure_id}, which nobody logged")
        assert row is not None, "demanded"
        others = [one for one in self._world.mail.under_way if one.failure_id == posting.failure_id]
        demand(is_excused or not others, f"two mails about {row.endpoint_id} are written at once")
        demand(is_excused or row.mailed_at is None, f"the mail about {row.endpoint_id} is out, and written again")

    def everybody_was_told(self) -> None:
        """Whoever wants to know has the mail about each deactivation, unless the mail server does not know them."""
        server, demand = self._world.mail, self._world.witness.demand
        for row in self._books.failed.values() if self._world.conditions.mails else ():
            demand(row.mailed_at is not None, f"nobody was told of {row.endpoint_id}")
            told = [one for one in LETTERHEAD.to if server.taken[row.id, one]]
            demand(told, f"the mail about {row.endpoint_id} reached nobody")
            missed = [one for one in LETTERHEAD.to if one not in told and (row.id, one) not in server.unknown]
            demand(not missed, f"{missed} were not told of {row.endpoint_id}")
