"""What a key or a user may do, and where: the same for both, decided when they are made."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from closebell.domain.caller import Caller, Role
from closebell.domain.identifiers import guid
from closebell.errors import InvalidInput

CENTERS_MAX: Final = 1_000
"""Centres that one key or user may be bound to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Grant:
    """A role, and the centres it holds at; no centres means every centre, those to come included."""

    role: Role = Role.ADMIN
    center_ids: tuple[str, ...] = ()

    @classmethod
    def of(cls, *, role: str, center_ids: Iterable[str]) -> Grant:
        """The grant that these words from outside mean; each centre counts once.

        Errors: InvalidInput naming `role` or a place in `center_ids`.

        >>> Grant.of(role="cashier", center_ids=[]).role
        <Role.CASHIER: 'cashier'>
        """
        if role not in frozenset(Role):
            raise InvalidInput("role", f"{role!r:.60} is no role; write {', '.join(Role)}")
        ids = [guid(text, field=f"center_ids[{index}]") for index, text in enumerate(center_ids)]
        if len(ids) > CENTERS_MAX:
            raise InvalidInput("center_ids", f"has {len(ids)} entries; at most {CENTERS_MAX} are taken")
        return cls(role=Role(role), center_ids=tuple(dict.fromkeys(ids)))

    def caller(self, caller_id: str, *, employee_id: str | None = None) -> Caller:
        """Whoever shows what was granted."""
        centers = frozenset(self.center_ids) if self.center_ids else None
        return Caller(id=caller_id, role=self.role, center_ids=centers, employee_id=employee_id)
