"""docs/closing.md names every rule, in order, with its code and message."""

from __future__ import annotations

import re
from pathlib import Path

from closebell.domain.closing import RULES
from closebell.errors import RefusalCode

PAGE = (Path(__file__).parents[2] / "docs" / "closing.md").read_text(encoding="utf-8")
ROW = re.compile(r"^\| \d+ \| `(?P<rule>\w+)` \| (?P<code>\d+) \| `(?P<message>[^`]+)` \|", re.MULTILINE)


def test_the_page_lists_every_rule_in_its_order() -> None:
    assert [row["rule"] for row in ROW.finditer(PAGE)] == [rule.__name__ for rule in RULES]


def test_each_rule_stands_with_the_code_and_message_its_docstring_names() -> None:
    known = {(code.wire_code, code.message) for code in RefusalCode}
    rules = {rule.__name__: rule for rule in RULES}
    for row in ROW.finditer(PAGE):
        assert (int(row["code"]), row["message"]) in known
        assert (rules[row["rule"]].__doc__ or "").startswith(row["code"])
