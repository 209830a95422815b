"""The dashboard and the alert rules name metrics, labels and values that a service which has lived really shows."""

from __future__ import annotations

import importlib
import itertools
import json
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml  # type: ignore[import-untyped]
from cyclopts import App, CycloptsError

from closebell.cli.program import COMMANDS
from watching import Samples, living, samples

DOCS = Path(__file__).parents[2] / "docs"
DASHBOARD: dict[str, Any] = json.loads((DOCS / "grafana" / "closebell.json").read_text(encoding="utf-8"))
RULES: dict[str, Any] = yaml.safe_load((DOCS / "prometheus" / "closebell.rules.yml").read_text(encoding="utf-8"))
ROWS = ["Closing", "Delivery for each endpoint", "Health", "Latency", "Database", "Alerts"]
GRID_WIDTH = 24
ADDED_BY_PROMETHEUS = {"job", "instance"}
OF_PROMETHEUS = {"ALERTS", "up"}
FUNCTIONS = {"absent", "count", "histogram_quantile", "increase", "max", "rate", "sum"}
WORDS = {"and", "by", "on", "group_left"}
VARIABLES = {"datasource", "job", "endpoint", "__rate_interval"}

RUNBOOK = (DOCS / "operating.md").read_text(encoding="utf-8").split("\n## When an alert fires\n")[-1].split("\n## ")[0]
COMMAND = re.compile(r"`(closebell [^`]*)`")
AN_ID = "3f0a7a52-9a38-4c5f-8f3f-2c9f6f8f2b11"
ON_POSTGRESQL = ["--database-url", "postgresql://closebell@db.example/closebell"]
"""Where there are processes of different roles, which the settings' own check wants to be told."""

STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
SELECTOR = re.compile(r"\b([a-zA-Z_][a-zA-Z0-9_:]*)\s*\{([^{}]*)\}")
MATCHER = re.compile(r"\s*([a-z_]+)\s*(=~|!~|!=|=)\s*(\d+)\s*")
GROUPING = re.compile(r"\b(?:by|on|group_left)\s*\(([^()]*)\)")
NAME = re.compile(r"\b[a-zA-Z_][a-zA-Z0-9_:]*\b")


@dataclass(frozen=True)
class Expression:
    """A PromQL expression, as far as its names go; `strings` are taken out so that nothing in them is a name."""

    text: str

    def __post_init__(self) -> None:
        for opening, closing in ("()", "{}", "[]"):
            assert self.text.count(opening) == self.text.count(closing), self.text

    @property
    def _bare(self) -> tuple[str, list[str]]:
        strings: list[str] = []

        def take(found: re.Match[str]) -> str:
            strings.append(json.loads(found.group()))
            return f" {len(strings) - 1} "

        return STRING.sub(take, self.text), strings

    def matchers(self) -> Iterator[tuple[str, str, str, str]]:
        """Metric, label, operator and value of each condition."""
        bare, strings = self._bare
        for metric, inside in SELECTOR.findall(bare):
            for part in filter(str.strip, inside.split(",")):
                found = MATCHER.fullmatch(part)
                assert found is not None, f"{part!r} in {self.text}"
                yield metric, found[1], found[2], strings[int(found[3])]

    def grouping(self) -> set[str]:
        """The labels that it groups or joins by."""
        bare, _ = self._bare
        return {name.strip() for inside in GROUPING.findall(bare) for name in inside.split(",") if name.strip()}

    def metrics(self) -> set[str]:
        """The metrics that it reads."""
        bare, _ = self._bare
        bare = re.sub(r"\{[^{}]*\}|\[[^\[\]]*\]", " ", GROUPING.sub(" ", bare))
        return set(NAME.findall(bare)) - FUNCTIONS - WORDS


def panels() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = DASHBOARD["panels"]
    return [*found, *(inner for panel in found for inner in panel.get("panels", []))]


def dashboard_expressions() -> list[Expression]:
    return [Expression(target["expr"]) for panel in panels() for target in panel.get("targets", [])]


def rules() -> list[dict[str, Any]]:
    return [rule for group in RULES["groups"] for rule in group["rules"]]


def told_to_do() -> dict[str, list[str]]:
    """The commands that each alert, and its row in the runbook, tell people to run; of an endpoint, for some id."""
    found = {}
    for rule in rules():
        (row,) = [line for line in RUNBOOK.splitlines() if line.startswith(f"| `{rule['alert']}` |")]
        said = " ".join([*rule["annotations"].values(), row]).replace("{{ $labels.endpoint }}", AN_ID)
        found[rule["alert"]] = [re.sub(r"\bID\b", AN_ID, command) for command in COMMAND.findall(said)]
    return found


def parse(command: str) -> None:
    """Read a command line as the program does, and do nothing.

    Errors: CycloptsError.
    """
    _, name, *tokens = shlex.split(command)
    if "--role" in tokens:
        tokens += ON_POSTGRESQL
    module, _, attribute = COMMANDS[name].partition(":")
    target = getattr(importlib.import_module(module), attribute)
    app = App(name="closebell")
    app.command(target, name=name)
    app.parse_args([name, *tokens], exit_on_error=False, print_error=False)


def check(expression: Expression, found: Samples) -> None:
    labels_of = found.labels_of()
    read = expression.metrics()
    assert read, expression.text
    assert read <= labels_of.keys() | OF_PROMETHEUS, f"{read - labels_of.keys()} in {expression.text}"
    labels = set().union(*(labels_of.get(metric, set()) for metric in read))
    assert expression.grouping() <= labels | ADDED_BY_PROMETHEUS, expression.text
    for metric, label, operator, value in expression.matchers():
        if metric in OF_PROMETHEUS or label in ADDED_BY_PROMETHEUS:
            continue
        assert label in labels_of[metric], f"{metric} has no label {label}: {expression.text}"
        if "$" in value:
            continue
        values = found.values_of(metric, label)
        if operator in {"=", "!="}:
            assert value in values, f"{label} of {metric} is never {value}"
        else:
            re.compile(value)
            assert value.startswith("5") or any(re.fullmatch(value, one) for one in values), expression.text


async def test_every_expression_names_what_a_service_shows(sqlite_url: str) -> None:
    async with living(sqlite_url) as lived:
        found = await samples(lived.site)
    expressions = [*dashboard_expressions(), *(Expression(rule["expr"]) for rule in rules())]
    assert len(expressions) > 50
    for expression in expressions:
        check(expression, found)
    shown = set().union(*(expression.metrics() for expression in expressions))
    told = {name.removesuffix("_bucket").removesuffix("_count") for name in shown}
    ours = {
        name.removesuffix("_bucket").removesuffix("_count").removesuffix("_sum")
        for name in found.labels_of()
        if name.startswith("closebell_") and not name.endswith("_created")
    }
    assert ours - told == {"closebell_backlog_capped"}, "every metric is of use to somebody"


@pytest.mark.parametrize(
    "wrong",
    [
        "sum(rate(closebell_no_such_total[5m]))",
        'closebell_backlog_deliveries{state="lost"}',
        'closebell_backlog_deliveries{stat="held"}',
        "sum by (route) (closebell_backlog_deliveries)",
    ],
)
def test_what_is_wrong_is_found(wrong: str) -> None:
    labels = frozenset({("endpoint", "1"), ("state", "held")})
    found = Samples({("closebell_backlog_deliveries", labels): 1.0})
    check(Expression('sum by (state) (closebell_backlog_deliveries{state="held"}) > 2'), found)
    with pytest.raises(AssertionError):
        check(Expression(wrong), found)


def test_the_dashboard_is_of_the_form_that_grafana_11_reads() -> None:
    assert DASHBOARD["schemaVersion"] >= 39
    assert DASHBOARD["uid"] == "closebell"
    assert "id" not in DASHBOARD, "an id belongs to one installation"
    assert "__inputs" not in DASHBOARD
    identifiers = [panel["id"] for panel in panels()]
    assert len(set(identifiers)) == len(identifiers)
    assert [panel["title"] for panel in panels() if panel["type"] == "row"] == ROWS
    assert {panel["type"] for panel in panels()} == {"row", "stat", "table", "timeseries"}
    for panel in panels():
        assert panel["title"]
        for target in panel.get("targets", []):
            assert target["datasource"] == panel["datasource"] == {"type": "prometheus", "uid": "${datasource}"}
        references = [target["refId"] for target in panel.get("targets", [])]
        assert len(set(references)) == len(references)


def test_its_variables_are_those_it_uses() -> None:
    declared = {variable["name"]: variable for variable in DASHBOARD["templating"]["list"]}
    assert declared["datasource"]["type"] == "datasource"
    assert declared["datasource"]["query"] == "prometheus"
    used = set(re.findall(r"\$\{?(\w+)\}?", json.dumps(DASHBOARD["panels"])))
    assert used == VARIABLES
    assert declared.keys() == VARIABLES - {"__rate_interval"}


def test_no_panel_covers_another() -> None:
    taken: dict[tuple[int, int], str] = {}
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        assert 0 <= grid["x"] < grid["x"] + grid["w"] <= GRID_WIDTH
        columns = range(grid["x"], grid["x"] + grid["w"])
        for cell in itertools.product(columns, range(grid["y"], grid["y"] + grid["h"])):
            assert cell not in taken, f"{panel['title']} covers {taken.get(cell)}"
            taken[cell] = panel["title"]


def test_each_alert_says_how_bad_it_is_and_what_to_do() -> None:
    names = [rule["alert"] for rule in rules()]
    assert len(set(names)) == len(names)
    for rule in rules():
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["alert"].startswith("Closebell")
        assert rule["labels"]["severity"] in {"page", "ticket"}
        assert rule["annotations"].keys() == {"summary", "description"}
        assert re.fullmatch(r"\d+[smh]", rule.get("for", "1m"))
        assert "closebell " not in COMMAND.sub("", " ".join(rule["annotations"].values())), "commands are in backticks"
        for label in re.findall(r"\$labels\.(\w+)", json.dumps(rule["annotations"])):
            assert label in Expression(rule["expr"]).grouping(), f"{rule['alert']} has no label {label}"


def test_every_alert_has_a_row_in_the_runbook_and_no_other() -> None:
    documented = re.findall(r"^\| `(Closebell\w+)` \|", RUNBOOK, re.MULTILINE)
    assert documented == [rule["alert"] for rule in rules()]


def test_each_command_that_an_alert_names_can_be_run() -> None:
    told = told_to_do()
    assert sum(map(len, told.values())) > 20
    for alert, commands in told.items():
        for command in commands:
            try:
                parse(command)
            except CycloptsError as error:
                pytest.fail(f"{alert}: {command}: {error}")


@pytest.mark.parametrize(
    "command",
    [f"closebell endpoints recover {AN_ID}", "closebell endpoints heal", "closebell doctor --thoroughly"],
)
def test_a_command_that_cannot_be_run_is_found(command: str) -> None:
    with pytest.raises(CycloptsError):
        parse(command)


def test_the_processes_of_each_role_are_missed() -> None:
    roles = {"all", "api", "dispatch"}
    missed = {
        rule["alert"]: {role for role in roles if re.fullmatch(value, role)}
        for rule in rules()
        for _, label, _, value in Expression(rule["expr"]).matchers()
        if label == "role"
    }
    assert missed == {"ClosebellNobodyAnswers": {"all", "api"}, "ClosebellNobodyDelivers": {"all", "dispatch"}}
