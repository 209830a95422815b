"""A file of records, cut into pieces that are imported one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

import msgspec

from closebell.domain.intake_shapes import Record, Records
from closebell.errors import InvalidInput
from closebell.usecase.import_records import Kind, ReportRow, decode

CHUNK_RECORDS: Final = 500
"""Records in one transaction: enough to be quick, and few enough that nobody waits long for the database."""

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some records, in the order of the file, that are imported in one transaction."""

    records: Records

    @property
    def size(self) -> int:
        """How many records it has."""
        return sum(map(len, self._by_kind().values()))

    def place_of(self, row: ReportRow) -> str:
        """Where in the file the record stands that the row is about."""
        return self._by_kind()[row.kind][row.index].path or "the document"

    def _by_kind(self) -> dict[Kind, tuple[Record, ...]]:
        records = self.records
        return {
            Kind.CENTER: records.centers,
            Kind.EMPLOYEE: records.employees,
            Kind.GUEST: records.guests,
            Kind.INVOICE: records.invoices,
        }


def read_chunks(body: bytes) -> list[Chunk]:
    r"""The records of a file that is an array of invoices, one invoice a line, or anything that one import takes.

    Errors: InvalidInput when it is none of these, is not UTF-8 or holds nothing; what is wrong inside one record
            concerns that record alone.

    >>> [chunk.records.invoices[0].path for chunk in read_chunks(b'[{"id": "1"}, {"id": "2"}]')]
    ['[0]']
    >>> [record.path for record in read_chunks(b'{"id": "1"}\n\n{"id": "2"}\n')[0].records.invoices]
    ['line 1', 'line 3']
    """
    body = body.removeprefix(_BYTE_ORDER_MARK)
    _must_be_utf8(body)
    if body.lstrip().startswith(b"["):
        records = Records(invoices=tuple(_elements(body)))
    elif _is_json_lines(body):
        records = Records(invoices=tuple(_lines(body)))
    else:
        records = decode(body)
    chunks = list(_cut(records))
    if not chunks:
        raise InvalidInput("", "the file holds no centre, employee, guest or invoice")
    return chunks


def _elements(body: bytes) -> Iterator[Record]:
    try:
        raws = msgspec.json.decode(body, type=list[msgspec.Raw])
    except (msgspec.DecodeError, RecursionError) as error:
        raise InvalidInput("", f"the file begins as a JSON array and is none: {error}") from None
    return (Record(f"[{index}]", raw) for index, raw in enumerate(raws))


def _is_json_lines(body: bytes) -> bool:
    """Is the first line a whole JSON document, and not the only one?"""
    first, _, rest = body.lstrip().partition(b"\n")
    if not rest.strip():
        return False
    try:
        msgspec.json.decode(first, type=msgspec.Raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return True


def _lines(body: bytes) -> Iterator[Record]:
    """A line that is no JSON is refused by itself, like any other record."""
    for number, line in enumerate(body.split(b"\n"), start=1):
        if line.strip():
            yield Record(f"line {number}", msgspec.Raw(line))


def _cut(records: Records) -> Iterator[Chunk]:
    """Chunks in the order in which an import looks at kinds, so that what is defined is there when it is needed."""
    kinds = {
        "centers": records.centers,
        "employees": records.employees,
        "guests": records.guests,
        "invoices": records.invoices,
    }
    flat = [(kind, record) for kind, found in kinds.items() for record in found]
    for start in range(0, len(flat), CHUNK_RECORDS):
        piece = flat[start : start + CHUNK_RECORDS]
        yield Chunk(Records(**{kind: tuple(one for its, one in piece if its == kind) for kind in kinds}))


def _must_be_utf8(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("", f"the file is not UTF-8: {error.reason} at byte {error.start}") from None
