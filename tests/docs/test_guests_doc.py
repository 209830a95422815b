"""docs/guests.md tells the truth: its members, limits and numbers are those of the code."""

from __future__ import annotations

import json
import re
from pathlib import Path

import msgspec
import pytest

from closebell.api import paging
from closebell.api.event_types import EVENT_TYPES
from closebell.api.guests import OPERATIONS
from closebell.api.holdings import OPERATIONS as HOLDINGS
from closebell.domain import event, guest_profile
from closebell.domain.document import encode
from closebell.domain.guest_document import (
    AddressDocument,
    GuestProfileDocument,
    PersonalInfoDocument,
    PhoneDocument,
    PreferencesDocument,
    number_of,
)
from closebell.domain.guest_holding import InvoiceStatus, MembershipStatus, PackageState, PackageStatus
from closebell.domain.guest_profile import Phone, changed, created
from closebell.domain.guest_shapes import GuestRequest
from closebell.domain.guest_terms import TERM_LENGTH, SearchField, folded
from closebell.domain.intake_values import NAME_LENGTH
from closebell.testing import NOON
from closebell.usecase.read_holdings import HOLDINGS_MAX

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "guests.md").read_text(encoding="utf-8")
WEBHOOKS = (DOCS / "webhooks.md").read_text(encoding="utf-8")


def _section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def _named(text: str) -> set[str]:
    """What stands in backquotes in the first column of the tables."""
    return {name for row in re.findall(r"^\| ([^|]+) \|", text, re.MULTILINE) for name in re.findall(r"`(\w+)`", row)}


def test_the_example_is_a_guest_whole_and_comes_back_as_it_is() -> None:
    (example,) = re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)
    guest = msgspec.json.decode(example, type=GuestProfileDocument)
    assert json.loads(encode(guest)) == json.loads(example)
    assert guest.number == number_of(guest.id)
    request = msgspec.json.decode(example, type=GuestRequest)
    made = created(request, guest_id=guest.id, now=NOON)
    assert changed(made, request) == made


def test_every_member_is_on_the_page() -> None:
    documents = (GuestProfileDocument, PersonalInfoDocument)
    members = {name for document in documents for name in document.__struct_encode_fields__}
    assert members == _named(_section("The guest"))
    assert set(PhoneDocument.__struct_encode_fields__) == _named(_section("Phone numbers"))
    for name in (*AddressDocument.__struct_fields__, *PreferencesDocument.__struct_fields__):
        assert f'"{name}"' in PAGE


@pytest.mark.parametrize(
    ("text", "limit"),
    [
        ("Texts have up to {} characters", NAME_LENGTH),
        ("up to {} characters |\n| `mobile_phone`", guest_profile.EMAIL_CHARACTERS_MAX),
        ("a tax number, up to {} characters", guest_profile.PAN_CHARACTERS_MAX),
        ("| text | up to {} characters; a number", guest_profile.YEAR_CHARACTERS_MAX),
        ("dialled first; up to {} characters", guest_profile.PHONE_CHARACTERS_MAX),
        ("male; up to {}, whose meaning", guest_profile.GENDER_MAX),
        ("| from 1; {} on a page", paging.SIZE),
        ("unless said, {} at most |", paging.SIZE_MAX),
        ("up to {:,}, the newest first", HOLDINGS_MAX),
    ],
)
def test_the_limits_are_those_of_the_code(text: str, limit: int) -> None:
    assert text.format(limit) in PAGE
    assert TERM_LENGTH == NAME_LENGTH, "what can be a name can be looked for"


def test_the_parameters_are_those_of_the_route() -> None:
    (search,) = (op for op in OPERATIONS if op.doc.path == "/v1/guests/search")
    assert _named(_section("Find")) == {query.name for query in search.doc.query}


def test_what_finds_whom_is_so() -> None:
    assert folded(SearchField.LAST_NAME, "Strauß").startswith(folded(SearchField.LAST_NAME, "straus"))
    assert Phone.shown_as("+91 9885117036") == Phone(number="9885117036", phone_code=91)


def test_every_route_of_holdings_is_on_the_page() -> None:
    routes = {op.doc.path.rpartition("/")[2] for op in HOLDINGS}
    assert routes == set(re.findall(r"`/(\w+)`", _section("What a guest holds")))


def test_the_contracts_numbers_are_those_of_the_code() -> None:
    rows = dict(re.findall(r"^\| `/(\w+)` \| `\w+` \| (.*) \|$", PAGE, re.MULTILINE))
    assert _numbers(rows["memberships"].partition("`status`")[2]) == {status.value for status in MembershipStatus}
    states, state = rows["packages"].partition("`user_package_state`")[::2]
    assert _numbers(states) == {status.value for status in PackageStatus}
    assert _numbers(state) == {one.value for one in PackageState}
    (of_invoice,) = re.findall(r"`status` of an `invoice` is ([^.]+)\.", PAGE)
    assert _numbers(of_invoice) == {status.value for status in InvoiceStatus}


def _numbers(text: str) -> set[int]:
    return {int(number) for number in re.findall(r"\b\d+\b", text)}


def test_every_type_of_event_is_in_the_table_of_the_webhooks() -> None:
    table = WEBHOOKS.split("\n### The types of events\n")[1].split("\n### ")[0]
    rows = re.findall(r"^\| `([\w.]+)` \| `(\w+)` \| [^|]+ \| [^|]+ \|$", table, re.MULTILINE)
    assert rows == [(one.name, one.resource) for one in EVENT_TYPES]
    assert {event.GUEST_CREATED, event.GUEST_UPDATED} <= set(re.findall(r"`(\w+\.\w+)`", _section("What is told")))
