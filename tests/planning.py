"""How an engine carries out what is asked of it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, event


@contextmanager
def noted(connection: Connection) -> Iterator[list[tuple[str, Any]]]:
    """Every statement that is sent meanwhile, with its parameters."""
    sent: list[tuple[str, Any]] = []

    def note(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_others: Any) -> None:
        sent.append((statement, parameters))

    event.listen(connection, "before_cursor_execute", note)
    try:
        yield sent
    finally:
        event.remove(connection, "before_cursor_execute", note)


def plans(connection: Connection, work: Callable[[Connection], Any]) -> list[str]:
    """How the engine carries out each statement of `work`."""
    with noted(connection) as sent:
        work(connection)
    explain = "EXPLAIN QUERY PLAN" if connection.dialect.name == "sqlite" else "EXPLAIN"
    return [
        "\n".join(str(row[-1]) for row in connection.exec_driver_sql(f"{explain} {statement}", _once(parameters)))
        for statement, parameters in sent
    ]


def _once(parameters: Any) -> Any:
    """Those of the first time, where a statement was sent for several rows at once."""
    return parameters[0] if isinstance(parameters, list) else parameters


def scanned(plan: str) -> set[str]:
    """The tables that a plan looks at from one end to the other, by themselves or along an index."""
    whole = re.findall(r"^SCAN (\w+)", plan, re.MULTILINE) + re.findall(r"Seq Scan on (\w+)", plan)
    along = re.findall(r"Index (?:Only )?Scan (?:Backward )?using \w+ on (\w+) (?!.*\n\s*Index Cond)", plan)
    return {*whole, *along}
