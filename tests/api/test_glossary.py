from __future__ import annotations

import json
from collections import Counter
from typing import Any

import msgspec
import pytest

from closebell.api.catalogue import OPERATIONS
from closebell.api.event_types import EVENT_TYPES
from closebell.api.glossary.describing import PAGES, described
from closebell.api.json_schema import schemas_of
from closebell.api.openapi import document

COMPONENTS: dict[str, Any] = json.loads(document([op.doc for op in OPERATIONS], version="0"))["components"]["schemas"]
KEYS = [key for page in PAGES for key in page]


class Bell(msgspec.Struct):
    """Something that rings."""

    id: str
    size: int
    pitch: str


class Carillon(Bell):
    """Several, of which each is one."""

    bells: list[Bell]


def test_every_property_of_every_schema_says_what_it_is() -> None:
    bare = [
        f"{shape}.{name}"
        for shape, schema in COMPONENTS.items()
        for name, property_ in schema.get("properties", {}).items()
        if not property_.get("description")
    ]
    assert bare == []


def test_every_property_of_every_event_says_what_it_is() -> None:
    for one in EVENT_TYPES:
        schema = one.schema()
        for shape in (schema, *schema["$defs"].values()):
            for name, property_ in shape.get("properties", {}).items():
                assert property_.get("description"), f"{one.name}: {shape['title']}.{name}"


def test_what_is_said_are_sentences() -> None:
    for page in PAGES:
        for key, sentence in page.items():
            assert sentence == sentence.strip(), key
            assert sentence.endswith((".", '."')), key
            assert sentence[0].isupper() or not sentence[0].isalpha(), key


def test_no_word_stands_twice_and_none_stands_for_nothing() -> None:
    assert [key for key, times in Counter(KEYS).items() if times > 1] == []
    told = {
        (name, property_["description"])
        for schema in COMPONENTS.values()
        for name, property_ in schema.get("properties", {}).items()
    }
    unused = [key for page in PAGES for key, sentence in page.items() if (key.rpartition(".")[2], sentence) not in told]
    assert unused == []


@pytest.mark.parametrize("shape", [Bell, Carillon])
def test_a_word_nobody_explains_is_left_as_it_is_and_the_rest_is_said(shape: type) -> None:
    _, components = schemas_of([shape], ref_template="#/{name}")
    properties = components[shape.__name__]["properties"]
    assert properties["pitch"] == {"type": "string"}
    assert properties["size"] == {"type": "integer", "description": "Things on a page."}


def test_what_is_said_of_a_shape_goes_before_what_is_said_of_the_word() -> None:
    attempt = COMPONENTS["AttemptDocument"]["properties"]["status"]["description"]
    assert attempt != COMPONENTS["CloseAnswer"]["properties"]["status"]["description"]
    assert attempt.startswith("HTTP status")


def test_a_shape_says_what_the_one_it_inherits_from_says() -> None:
    mine, theirs = (COMPONENTS[name]["properties"] for name in ("DeliveryAnswer", "DeliveryDocument"))
    assert {name: mine[name] for name in theirs} == theirs


def test_components_that_are_no_shapes_are_left_as_they_are() -> None:
    state = {"enum": ["due", "sent"], "title": "MailState"}
    assert described({"MailState": state}, []) == {"MailState": state}
