"""A file of records, cut into pieces that are imported one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from closebell.domain.intake_reading import Record, Records
from closebell.errors import InvalidInput
from closebell.usecase.import_portions import Portion, portions
from closebell.usecase.import_records import decode

_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def read_portions(body: bytes) -> list[Portion]:
    r"""The records of a file that is an array of invoices, one invoice a line, or anything that one import takes.

    Errors: InvalidInput when it is none of these, is not UTF-8 or holds nothing; what is wrong inside one record
            concerns that record alone.

    >>> [portion.records.invoices[0].path for portion in read_portions(b'[{"id": "1"}, {"id": "2"}]')]
    ['[0]']
    >>> [record.path for record in read_portions(b'{"id": "1"}\n\n{"id": "2"}\n')[0].records.invoices]
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
    found = list(portions(records))
    if not found:
        raise InvalidInput("", "the file holds no record of any kind")
    return found


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


def _must_be_utf8(body: bytes) -> None:
    if body.isascii():
        return
    try:
        body.decode()
    except UnicodeDecodeError as error:
        raise InvalidInput("", f"the file is not UTF-8: {error.reason} at byte {error.start}") from None
