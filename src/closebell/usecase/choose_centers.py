"""The centres that a list or a report is about: those that are named, or all that its caller may reach."""

from __future__ import annotations

from collections.abc import Iterable

from sqlalchemy import Connection, select

from closebell.domain.caller import Caller
from closebell.domain.invoice import Centre
from closebell.errors import Refusal, RefusalCode
from closebell.store import centers, tables


def named_centers(connection: Connection, center_ids: Iterable[str], caller: Caller) -> list[Centre]:
    """The centres with these ids, in their order.

    Errors: Refusal 438 for one that is not the caller's, 502 for one that nobody knows.
    """
    wanted = list(dict.fromkeys(center_ids))
    for center_id in wanted:
        caller.must_reach(center_id)
    found = centers.load(connection, wanted)
    for center_id in wanted:
        if center_id not in found:
            raise Refusal(RefusalCode.CENTER_INVALID, f"{center_id} is not a centre Closebell knows.")
    return [found[center_id] for center_id in wanted]


def reachable_centers(connection: Connection, caller: Caller) -> list[str]:
    """The ids of all centres that the caller may reach."""
    if caller.center_ids is not None:
        return sorted(caller.center_ids)
    return list(connection.execute(select(tables.centers.c.id)).scalars())
