"""What is told of an import: what became of each record, and why."""

from __future__ import annotations

import enum
from collections import Counter
from dataclasses import dataclass


class Kind(enum.StrEnum):
    """What a record is; the list that holds it is named so, in the plural. An import looks at them in this order."""

    CENTER = "center"
    EMPLOYEE = "employee"
    GUEST = "guest"
    ITEM = "item"
    CAMPAIGN = "campaign"
    LOYALTY_PROGRAM = "loyalty_program"
    CUSTOM_PAYMENT = "custom_payment"
    ACCOUNT = "account"
    SAVED_CARD = "saved_card"
    GROUP_INVOICE = "group_invoice"
    INVOICE = "invoice"


class Result(enum.StrEnum):
    """What became of a record."""

    CREATED = "created"
    UPDATED = "updated"
    UNCHANGED = "unchanged"
    REFUSED = "refused"


INVALID = "invalid_input"
CONFLICT = "conflict"


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportRow:
    """What became of one record.

    Shape: `index` is its place in its list; `id` is as the sender wrote it, None when it could not be read; `code`
           is None unless refused; `field` is the path of what is wrong, empty when no single value is. `reason` says
           why it was refused, what was taken for granted when it was created, or what was updated.
    """

    kind: Kind
    index: int
    id: str | None
    result: Result
    code: str | None = None
    field: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class ImportReport:
    """What became of every record: by kind, each in the order they were sent."""

    rows: tuple[ReportRow, ...]

    def count(self, result: Result) -> int:
        """How many records ended so."""
        return sum(row.result is result for row in self.rows)

    @property
    def counts(self) -> dict[Kind, dict[Result, int]]:
        """How many records of each kind ended how; every kind and every result is there."""
        found = Counter((row.kind, row.result) for row in self.rows)
        return {kind: {result: found[kind, result] for result in Result} for kind in Kind}
