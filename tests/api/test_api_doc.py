from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from closebell.api import feed, invoices
from closebell.api.access import KNOWN_FOR_S
from closebell.api.catalogue import OPERATIONS
from closebell.api.problems import problem_of
from closebell.errors import Refusal, RefusalCode
from closebell.usecase.manage_endpoints import ENDPOINTS_MAX

TEXT = (Path(__file__).parent.parent.parent / "docs" / "api.md").read_text(encoding="utf-8")
HEADINGS = re.findall(r"^### `([A-Z]+ \S+)`( \(extension\))?$", TEXT, re.MULTILINE)


def test_every_route_has_a_section_and_every_section_a_route() -> None:
    documented = {route for route, _ in HEADINGS}
    assert documented == {f"{op.doc.method} {op.doc.path}" for op in OPERATIONS}
    assert len(documented) == len(HEADINGS)


def test_extensions_are_marked() -> None:
    marks = {route: bool(mark) for route, mark in HEADINGS}
    for operation in OPERATIONS:
        assert marks[f"{operation.doc.method} {operation.doc.path}"] == operation.doc.is_extension


@pytest.mark.parametrize("code", RefusalCode)
def test_every_refusal_is_in_the_table(code: RefusalCode) -> None:
    status = problem_of(Refusal(code, "")).status
    assert f"| {status:d} | {code.wire_code} | `{code.message}` |" in TEXT


def test_every_parameter_of_a_query_is_named() -> None:
    for op in OPERATIONS:
        for query in op.doc.query:
            assert re.search(rf"`\??{query.name}[`=]", TEXT), query.name


def test_the_limits_are_those_of_the_code() -> None:
    assert f"up to {invoices.BATCH_MAX:,} invoices" in TEXT
    assert f"1 to {feed.EVENTS_MAX:,}" in TEXT
    assert f"0 to {feed.WAIT_S_MAX} seconds" in TEXT
    assert f"1 to {feed.DELIVERIES_MAX}, {feed.PAGE} by default" in TEXT
    assert f"when there are {ENDPOINTS_MAX} endpoints" in TEXT
    assert f"within {KNOWN_FOR_S:.0f} seconds by others" in TEXT


def test_what_looks_like_json_is_json() -> None:
    samples = re.findall(r"```json\n(.*?)```", TEXT, re.DOTALL)
    assert samples
    for sample in samples:
        json.loads(sample)
