"""Identifiers of the wire: accepted in every spelling clients use, kept in one."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.identifiers import guid, object_id, object_id_floor
from closebell.errors import InvalidInput


@given(st.uuids())
def test_every_spelling_becomes_the_wires_own(value: object) -> None:
    text = str(value)
    assert guid(text, field="id") == guid(text.upper(), field="id") == guid(text.replace("-", ""), field="id") == text


@pytest.mark.parametrize(
    "text",
    ["", "x", "{7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5}", "7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5\n", "7e4e1a62" * 5],
)
def test_anything_else_is_refused_by_field(text: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        guid(text, field="invoices[0].id")
    assert caught.value.field == "invoices[0].id"


@given(first=st.integers(0, 2**32 - 1), second=st.integers(0, 2**32 - 1), entropy=st.binary(min_size=8, max_size=8))
def test_object_ids_sort_by_time(first: int, second: int, entropy: bytes) -> None:
    earlier, later = sorted([first, second])
    assert len(object_id(at_s=first, entropy=entropy)) == 24
    assert object_id(at_s=earlier, entropy=entropy) <= object_id(at_s=later, entropy=entropy)


@given(first=st.integers(0, 2**32 - 1), second=st.integers(-5, 2**32 + 5), entropy=st.binary(min_size=8, max_size=8))
def test_a_floor_parts_earlier_object_ids_from_later_ones(first: int, second: int, entropy: bytes) -> None:
    made = object_id(at_s=first, entropy=entropy)
    assert (made > object_id_floor(second)) == (first >= second)
