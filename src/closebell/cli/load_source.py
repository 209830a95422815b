"""A file of records cut into pieces that are imported one after the other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import batched
from typing import Final

import msgspec

from closebell.domain.intake_shapes import Record, Records
from closebell.errors import InvalidInput
from closebell.usecase.import_records import Kind, ReportRow, decode

CHUNK_RECORDS: Final = 500
"""Records in one transaction: enough to be quick, and few enough that nobody waits long for the database."""
