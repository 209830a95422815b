"""Healing: what no push brought is read from the feed and applied, like any push, exactly once."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

from closebell.receiver.event import Event
from closebell.receiver.feed import Feed
from closebell.receiver.inbox import Inbox


def heal(
    feed: Feed,
    inbox: Inbox,
    apply: Callable[[Event], None],
    *,
    transaction: Callable[[], AbstractContextManager[object]],
) -> int:
    """Apply every event after the inbox's cursor that is new to it; how many no push had brought.

    Each event is applied, remembered and passed in a transaction of its own. So whoever stops in between, or fails to
    apply one, goes on there the next time, with nothing lost and nothing applied twice.

    Shape:  `transaction` begins the one that the inbox and `apply` write in, such as `lambda: connection` for sqlite3.
            An event whose body is not kept any more has no `data`; `apply` is not asked to do anything with it.
    Errors: FeedUnavailable, FeedMalformed, and whatever `apply` raises.

    >>> from contextlib import nullcontext
    >>> from closebell.receiver.inbox import MemoryInbox
    >>> quiet = Feed(base_url="https://closebell.example", api_key="", fetch=lambda url, headers, timeout_s: (
    ...     200, b'{"events": [], "next_after": 0, "has_more": false}'))
    >>> heal(quiet, MemoryInbox(), print, transaction=nullcontext)
    0
    """
    healed = 0
    for event in feed.pull(after=inbox.cursor()):
        with transaction():
            if event.body and inbox.remember(event):
                apply(event)
                healed += 1
            inbox.advance(event.sequence)
    return healed
