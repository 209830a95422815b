"""docs/operating.md names every metric with its labels, and every event of the log with its fields."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from prometheus_client import CollectorRegistry

from closebell.api.metrics import Metrics
from closebell.api.metrics.families import Answering, Delivering, Waiting, Writing
from closebell.api.metrics.histogram import Histogram

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src" / "closebell").rglob("*.py"))
PAGE = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
EVENT_NAME = re.compile(r"[a-z_]+\.[a-z_]+")
CODE = re.compile(r"`([^`]+)`")


def section(title: str) -> str:
    return PAGE.split(f"\n## {title}\n")[1].split("\n## ")[0]


def rows(title: str) -> Iterator[list[str]]:
    """The cells of each row of a section's first table."""
    for line in section(title).splitlines():
        cells = [cell.strip() for cell in line.strip("|").split("|")]
        if line.startswith("| `"):
            yield cells


def documented_metrics() -> dict[str, set[str]]:
    return {name: set(CODE.findall(labels)) for names, labels, *_ in rows("Metrics") for name in CODE.findall(names)}


def declared_metrics() -> dict[str, set[str]]:
    """Name, as it is exposed, and labels of every metric."""
    registry = CollectorRegistry()
    found: dict[str, set[str]] = {}
    for families in (Answering(registry), Writing(registry), Delivering(registry), Waiting(registry)):
        for metric in vars(families).values():
            ((exposed,), labels) = (
                ((metric._family[0],), metric._family[2])
                if isinstance(metric, Histogram)
                else ({_exposed(one.name, one.type) for one in metric.describe()}, metric._labelnames)
            )
            found[exposed] = set(labels)
    return found


def _exposed(name: str, kind: str) -> str:
    return f"{name}_total" if kind == "counter" else name


def test_every_metric_is_documented_with_its_labels_and_no_other() -> None:
    documented = documented_metrics()
    assert {name: documented.get(name) for name in declared_metrics()} == declared_metrics()
    exposed = {_exposed(metric.name, metric.type) for metric in Metrics().registry.collect()}
    assert documented.keys() == exposed


class Logged:
    """One call that writes to the log."""

    def __init__(self, path: Path, node: ast.Call, level: str, fields: set[str] | None = None) -> None:
        self.place = f"{path.relative_to(ROOT)}:{node.lineno}"
        self.level = "error" if level == "exception" else level
        self.names = [one.value for one in node.args if isinstance(one, ast.Constant) and isinstance(one.value, str)]
        self.fields = fields or {one.arg for one in node.keywords if one.arg is not None} - {"exc_info"}
        self.has_more = any(one.arg is None for one in node.keywords)
        if level == "exception" or any(one.arg == "exc_info" for one in node.keywords):
            self.fields.add("exception")


def logged() -> list[Logged]:
    found = []
    for path in SOURCES:
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr=level)) if level in LEVELS:
                    found.append(Logged(path, node, level))
                case ast.Call(func=ast.Attribute(value=ast.Name(id="log"), attr="log")):
                    found.append(Logged(path, node, "as logged"))
                case ast.Call(func=ast.Name(id="tell"), args=[ast.Constant(value=str())]):
                    found.append(Logged(path, node, "debug; info from status 400"))
                case ast.Call(func=ast.Name(id="repeat"), args=[ast.Constant(value=str()), _]):
                    found.append(Logged(path, node, "warning", fields={"error"}))
    return found


def documented_events() -> dict[str, tuple[str, set[str]]]:
    return {
        name: (level, set(CODE.findall(fields)))
        for names, level, fields, _ in rows("Logs")
        for name in CODE.findall(names)
    }


def test_every_line_of_the_log_has_a_name_of_the_one_form() -> None:
    calls = logged()
    assert len(calls) > 30, "they are found"
    for call in calls:
        assert len(call.names) == 1, f"{call.place}: one name, written out"
        assert EVENT_NAME.fullmatch(call.names[0]), f"{call.place}: noun.verb"


def test_every_event_of_the_log_is_documented_with_its_fields() -> None:
    documented = documented_events()
    for call in logged():
        (name,) = call.names
        assert name in documented, f"{call.place}: put {name} into docs/operating.md, Logs"
        level, fields = documented[name]
        assert level == call.level, f"{call.place}: {name} is documented as {level}"
        assert call.fields <= fields, f"{call.place}: {name} has fields that are not documented"
        assert fields == call.fields or call.has_more, f"{call.place}: {name} has not all that is documented"
    gone = documented.keys() - {call.names[0] for call in logged()}
    assert not gone, f"docs/operating.md tells of {gone}, which nothing logs"
