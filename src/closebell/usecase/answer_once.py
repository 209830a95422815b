"""Answer once: whoever repeats a call under the same key gets the same answer, and nothing is done twice."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

from sqlalchemy import Connection

from closebell.errors import Unavailable
from closebell.store import kept_answers
from closebell.store.kept_answers import Call, Kept, KeptAnswer

R = TypeVar("R")


def carry_out(
    connection: Connection,
    call: Call,
    work: Callable[[Connection], R],
    form: Callable[[R], KeptAnswer],
    *,
    now: datetime,
) -> R | Kept:
    """The result of the work, with the `form` of it kept in the same transaction; or what was kept meanwhile.

    Errors: those of the work, which then leaves the key free.
    """
    if not kept_answers.claim(connection, call, now=now):
        return _found(connection, call, now)
    result = work(connection)
    kept_answers.answer(connection, call, form(result))
    return result


def begin(connection: Connection, call: Call, *, now: datetime) -> Kept | None:
    """Take the key for work of several transactions, to be answered later; what is kept already if it is not free."""
    is_free = kept_answers.claim(connection, call, now=now)
    return None if is_free else _found(connection, call, now)


def keep(connection: Connection, call: Call, answer: KeptAnswer, *, is_done: bool, now: datetime) -> KeptAnswer:
    """Keep the answer to a call that has ended; the answer to give, which is the one that was kept first.

    What was done (`is_done`) is told as it was done, also where another process kept a refusal at the same instant.
    """
    if kept_answers.claim(connection, call, now=now):
        kept_answers.answer(connection, call, answer)
        return answer
    kept = _found(connection, call, now)
    if kept.call.digest != call.digest:
        return answer
    if kept.answer is None or is_done:
        kept_answers.answer(connection, call, answer)
        return answer
    return kept.answer


def _found(connection: Connection, call: Call, now: datetime) -> Kept:
    found = kept_answers.find(connection, call, now=now)
    if found is None:
        raise Unavailable("the key was given free at this very instant")
    return found
