"""What a guest is found by, and that a beginning finds it in the order in which both databases compare."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.guest_terms import TERM_LENGTH, SearchField, first_after, folded, terms_of
from closebell.domain.people import GuestEntry

TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=12)


def test_every_value_is_a_term_and_what_is_empty_is_none() -> None:
    guest = GuestEntry(id="x", first_name=" Ada ", last_name="O'Neil", email="ADA@Guests.example", code="G-1")
    assert terms_of(guest) == [
        (SearchField.CODE, "g-1"),
        (SearchField.EMAIL, "ada@guests.example"),
        (SearchField.FIRST_NAME, "ada"),
        (SearchField.LAST_NAME, "o'neil"),
    ]
    assert terms_of(GuestEntry(id="x", first_name="  ", mobile_phone="n/a")) == []


@pytest.mark.parametrize(
    ("shown", "terms"),
    [
        ("+91 9885117036", ["919885117036", "9885117036"]),
        ("+1 206-555-0100", ["12065550100", "2065550100"]),
        ("206 555 0100", ["2065550100"]),
        ("+919885117036", ["919885117036"]),
        ("\u0661\u0662\u0663", []),
    ],
)
def test_a_number_is_found_with_and_without_the_code_of_its_country(shown: str, terms: list[str]) -> None:
    assert terms_of(GuestEntry(id="x", mobile_phone=shown)) == [(SearchField.PHONE, term) for term in terms]


def test_a_name_that_grows_when_it_is_folded_is_cut_to_the_column() -> None:
    ((_, term),) = terms_of(GuestEntry(id="x", last_name="ß" * 400))
    assert term == "s" * TERM_LENGTH


@given(value=TEXT, cut=st.integers(0, 12))
def test_a_value_lies_within_the_range_of_each_of_its_beginnings(value: str, cut: int) -> None:
    term = folded(SearchField.LAST_NAME, value)
    prefix = term[:cut]
    # UTF-8 sorts as code points do, which is how both databases compare terms.
    assert prefix.encode() <= term.encode() < first_after(prefix).encode()


@given(one=TEXT, other=TEXT)
def test_a_value_that_begins_otherwise_lies_outside(one: str, other: str) -> None:
    term, prefix = folded(SearchField.CODE, one), folded(SearchField.CODE, other)
    if not term.startswith(prefix):
        assert not prefix <= term < first_after(prefix)
