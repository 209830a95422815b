"""Pages of a list, as the contract numbers them: `?page=2&size=50`, answered with what there is in all.

Source: the contract, section 7.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import msgspec

from closebell.api.exchange import ApiRequest
from closebell.api.queries import query_of
from closebell.api.routing import Query

SIZE: Final = 10
"""Things on a page unless more or fewer are asked for."""
SIZE_MAX: Final = 100
"""Things on a page at most."""
NUMBER_MAX: Final = 10_000
"""The last page that can be asked for: what comes before a page is counted past, which takes time."""


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list; `number` begins with 1.

    >>> Page(3, 10).offset
    20
    """

    number: int = 1
    size: int = SIZE

    @property
    def offset(self) -> int:
        """How many things come before it."""
        return (self.number - 1) * self.size


class PageInfo(msgspec.Struct, frozen=True, kw_only=True):
    """How many things there are in all, and which of them these are."""

    total: int
    page: int
    size: int

    @classmethod
    def of(cls, page: Page, total: int) -> PageInfo:
        """What a page's answer says of the whole list."""
        return cls(total=total, page=page.number, size=page.size)


def page_of(request: ApiRequest) -> Page:
    """The page that a request asks for.

    Errors: PageTooLarge above SIZE_MAX things, InvalidInput for a page that is none.
    """
    query = query_of(request)
    return Page(
        number=query.integer("page", default=1, least=1, most=NUMBER_MAX),
        size=query.page_size("size", default=SIZE, most=SIZE_MAX),
    )


QUERY: Final = (
    Query(
        name="page",
        schema={"type": "integer", "minimum": 1, "maximum": NUMBER_MAX, "default": 1},
        sentence="The page, from 1.",
        example=1,
    ),
    Query(
        name="size",
        schema={"type": "integer", "minimum": 1, "maximum": SIZE_MAX, "default": SIZE},
        sentence="Things on a page.",
        example=SIZE,
    ),
)
"""How every paged list describes its parameters."""
