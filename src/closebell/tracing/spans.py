"""A span is a stretch of work with a name, a beginning and an end, within a trace that may span several systems.

    with tracer.begin("claim deliveries", Kind.INTERNAL) as span:
        ...

A trace travels as the text of `domain/traceparent.py`. Where nothing is recorded it still passes through, so that what
others record hangs together.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Protocol, Self

from closebell.clock import Luck
from closebell.domain import traceparent

LINKS_MAX = 128
"""Other traces that one span points at: as many as calls share a transaction."""

Facts = Mapping[str, str | int | bool]
"""What is noted of a span, by the names of the OpenTelemetry conventions, or our own below `closebell.`. Never a
secret, a body, or anything of a guest."""


class Kind(enum.Enum):
    """Whether the work was asked for from outside, asks somebody outside, or neither."""

    SERVER = enum.auto()
    CLIENT = enum.auto()
    INTERNAL = enum.auto()


class Span(Protocol):
    """Work under way: a block that ends it, as failed when it is left by an error."""

    @property
    def traceparent(self) -> str | None:
        """How it is named to whoever is called within it; None outside any trace."""
        ...

    @property
    def is_recorded(self) -> bool:
        """Whether anybody will see what is noted."""
        ...

    def note(self, facts: Facts, *, name: str | None = None, error: str | None = None) -> None:
        """Add facts; `name` is a better name, `error` in a word what failed."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class Tracer(Protocol):
    """Makes spans."""

    def begin(self, name: str, kind: Kind, *, parent: str | None = None, links: Iterable[str] = ()) -> Span:
        """A span within `parent`, or the first of a trace; `links` are others that it has to do with."""
        ...

    def close(self) -> None:
        """Hand on what was recorded; it may take seconds, and no span is begun after it."""
        ...


class Untraced:
    """Records nothing. A trace passes through; whoever we call is called by a span of its own, as calls differ."""

    def __init__(self, luck: Luck) -> None:
        self._luck = luck

    def begin(self, name: str, kind: Kind, *, parent: str | None = None, links: Iterable[str] = ()) -> Span:
        """The parent itself; for a call to somebody else its child."""
        if parent is None:
            return _NOWHERE
        if kind is Kind.CLIENT:
            return _Passing(traceparent.child(parent, self._luck.entropy(traceparent.SPAN_ID_BYTES)))
        return _Passing(parent)

    def close(self) -> None:
        """There is nothing to hand on."""


class _Passing:
    """A span that nobody records."""

    __slots__ = ("traceparent",)

    is_recorded = False

    def __init__(self, named: str | None) -> None:
        self.traceparent = named

    def note(self, facts: Facts, *, name: str | None = None, error: str | None = None) -> None:
        pass

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        pass


_NOWHERE = _Passing(None)
