"""Cut an import into portions, each imported in a transaction of its own, so that nobody waits long for the database.

Records are taken or refused one by one and importing twice is harmless, so an import that ends half-way is simply
done again.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Final

from closebell.domain.intake_reading import Record, Records
from closebell.domain.intake_report import ImportReport, Kind, ReportRow

PORTION_RECORDS: Final = 250
"""Records in one transaction: enough to be quick, and few enough that a close waits a fraction of a second at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """Some of the records, and how many of each kind came before them."""

    records: Records
    before: dict[Kind, int]

    @property
    def size(self) -> int:
        """How many records it has."""
        return sum(len(self.records.of(kind)) for kind in Kind)

    def place_of(self, row: ReportRow) -> str:
        """Where the record stands that a row of this portion's own report is about; empty for a whole document."""
        return self.records.of(row.kind)[row.index].path

    def numbered(self, report: ImportReport) -> list[ReportRow]:
        """The rows of this portion's report, numbered as in the whole import."""
        return [replace(row, index=row.index + self.before[row.kind]) for row in report.rows]


def portions(records: Records) -> Iterator[Portion]:
    """All the records, in the order of their kinds, so that what is defined is there when it is referred to."""
    flat = [(kind, record) for kind in Kind for record in records.of(kind)]
    before = dict.fromkeys(Kind, 0)
    for start in range(0, len(flat), PORTION_RECORDS):
        piece: dict[Kind, list[Record]] = defaultdict(list)
        for kind, record in flat[start : start + PORTION_RECORDS]:
            piece[kind].append(record)
        yield Portion(records=Records(**{f"{kind}s": tuple(found) for kind, found in piece.items()}), before=before)
        before = {kind: count + len(piece[kind]) for kind, count in before.items()}
