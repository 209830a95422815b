"""Who asks, what they may do, and which centres they may reach."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from typing import Final

from closebell.domain.identifiers import NO_GUID
from closebell.errors import Refusal, RefusalCode


class Role(enum.StrEnum):
    """What somebody may do; each role may do what the one before it may.

    >>> Role.CASHIER.may(Role.READER), Role.CASHIER.may(Role.ADMIN)
    (True, False)
    """

    READER = "reader"
    CASHIER = "cashier"
    ADMIN = "admin"

    def may(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return _RANK[self] >= _RANK[needed]


_RANK: Final = {role: rank for rank, role in enumerate(Role)}


@dataclass(frozen=True, slots=True, kw_only=True)
class Caller:
    """Whoever shows a key or a token.

    Shape: `id` is the key's or the user's; `center_ids` are the centres they are bound to, None for every centre;
           `employee_id` is who they are, if they are an employee. `traceparent` is the trace that this call of
           theirs belongs to, if it belongs to one.
    """

    id: str
    role: Role
    center_ids: frozenset[str] | None = None
    employee_id: str | None = None
    traceparent: str | None = None

    def reaches(self, center_id: str) -> bool:
        """Whether the centre is one of theirs."""
        return self.center_ids is None or center_id in self.center_ids

    def must_reach(self, center_id: str) -> None:
        """Return if the centre is one of theirs.

        Errors: Refusal 438.
        """
        if not self.reaches(center_id):
            raise Refusal(RefusalCode.CANNOT_ACCESS, f"The caller is not bound to centre {center_id}.")


OPERATOR: Final = Caller(id=NO_GUID, role=Role.ADMIN)
"""Whoever runs the service: may do everything everywhere."""
