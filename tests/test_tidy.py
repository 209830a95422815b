"""The rules of the tree. Each failure says what to do about it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "closebell"
SOURCES = sorted(PACKAGE.rglob("*.py"))

# What each part may import of Closebell, itself aside. Nothing else is allowed.
FOUNDATION = {"errors", "clock"}
SECRECY = {"keyring", "vault"}
ALLOWED: dict[str, set[str]] = {
    "errors": set(),
    "clock": set(),
    "config": {"errors"},
    "samples": set(),
    "vault": {"errors"},
    "keyring": {*FOUNDATION, "config", "store", "usecase", "vault"},
    "domain": FOUNDATION,
    "store": {*FOUNDATION, "domain"},
    "usecase": {*FOUNDATION, "vault", "domain", "store"},
    "tracing": {*FOUNDATION, "domain"},
    "dispatch": {*FOUNDATION, "domain", "store", "tracing"},
    "background": {*FOUNDATION, "domain", "store", "usecase"},
    "api": {*FOUNDATION, "vault", "domain", "store", "tracing", "usecase", "dispatch"},
    "console": {*FOUNDATION, "domain", "store", "usecase", "dispatch", "api"},
    "__main__": {"cli"},
    "delivering": {
        *FOUNDATION,
        *("config", "vault", "domain", "store", "tracing", "dispatch", "background", "api"),
    },
    "app": {
        *FOUNDATION,
        *SECRECY,
        "delivering",
        *("config", "domain", "store", "tracing", "usecase", "dispatch", "api", "console"),
    },
    "cli": {
        *FOUNDATION,
        *SECRECY,
        *("config", "domain", "store", "usecase", "dispatch", "background", "api", "console", "app", "receiver"),
        "samples",
    },
    "receiver": {*FOUNDATION, "domain"},
    "testing": {
        *FOUNDATION,
        *SECRECY,
        *("config", "domain", "store", "tracing", "usecase", "dispatch", "api", "console", "app", "receiver"),
    },
}
# Third-party packages that the domain may use, each only in the files that need it: the list of currencies, and the
# wire's shapes, which are values like any other.
DOMAIN_EXCEPTIONS = {
    "cryptography": {"domain/asymmetric.py"},
    "iso4217": {"domain/money.py"},
    "msgspec": {
        "domain/document.py",
        "domain/event.py",
        "domain/event_fields.py",
        "domain/guest_document.py",
        "domain/guest_shapes.py",
        "domain/intake_reading.py",
        "domain/intake_shapes.py",
        "domain/redaction.py",
    },
}
FORBIDDEN_NAMES = {"utils", "helpers", "common", "services", "managers", "misc"}
LINES_MAX = 400
TIME_CALLS = {"now", "utcnow", "today", "time", "time_ns"}
TIME_OWNERS = {"datetime", "date", "time"}
EXACT_PARTS = {"domain", "store", "usecase", "api"}

# Assembled here, so that this file does not break its own rule.
MACHINE_PATHS = re.compile(r"(?<![\w.~-])/(?:work|root)" + r"/")
REGISTRY_HOSTS = re.compile("|".join(("pypi" + r"\.org", "pythonhosted" + r"\.org", "--(?:extra-)?index" + "-url[ =]")))


def _here(path: Path) -> str:
    return path.relative_to(PACKAGE).as_posix()


def _part(path: Path) -> str:
    """The part of the tree a file belongs to: `domain`, `store`, `errors`, ...; empty for the package itself."""
    first = path.relative_to(PACKAGE).parts[0]
    return "" if first == "__init__.py" else first.removesuffix(".py")


def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"), filename=str(path))


def _imports(path: Path) -> Iterator[tuple[int, str]]:
    """The line and the absolute dotted name of everything a file imports."""
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ("closebell", *path.relative_to(PACKAGE).parts[:-1])
                base = ".".join(filter(None, (*package[: len(package) - node.level + 1], base)))
            if base == "closebell":
                yield from ((node.lineno, f"closebell.{alias.name}") for alias in node.names)
            else:
                yield node.lineno, base


def _calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(_tree(path)) if isinstance(node, ast.Call))


def _report(found: list[str], advice: str) -> None:
    assert not found, "\n".join([advice, *found])


def test_every_part_has_a_place_in_the_import_order() -> None:
    unplaced = sorted({_part(path) for path in SOURCES} - ALLOWED.keys() - {""})
    _report(unplaced, "Put these into a part of the design's tree, or give them a row in ALLOWED (tests/test_tidy.py):")


def test_imports_go_one_way() -> None:
    found = []
    for path in SOURCES:
        part = _part(path)
        for line, name in _imports(path):
            if not name.startswith("closebell."):
                continue
            other = name.split(".")[1]
            if other != part and other not in ALLOWED.get(part, set()):
                found.append(f"{_here(path)}:{line}: {part or 'closebell'} must not import {name}")
    _report(found, "Move the code to the part that may know both, or pass the value in (docs: ALLOWED in this test):")


def test_domain_and_receiver_need_only_the_standard_library() -> None:
    found = []
    for path in SOURCES:
        if _part(path) not in {"domain", "receiver"}:
            continue
        for line, name in _imports(path):
            top = name.split(".")[0]
            if top in sys.stdlib_module_names or top == "closebell" or _here(path) in DOMAIN_EXCEPTIONS.get(top, ()):
                continue
            found.append(f"{_here(path)}:{line}: imports {name}")
    _report(found, "Keep the domain pure: do this in store, dispatch or api and pass the result in:")


def test_modules_are_named_for_what_they_hold() -> None:
    found = [_here(path) for path in SOURCES if FORBIDDEN_NAMES & {path.stem, *path.relative_to(PACKAGE).parts[:-1]}]
    _report(found, "Name these by the noun of the domain they hold, or move each function to where it is used:")


def test_files_stay_readable() -> None:
    counts = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in SOURCES)
    found = [f"{_here(path)}: {count} lines" for path, count in counts if count > LINES_MAX]
    _report(found, f"Split these along what they decide; at most {LINES_MAX} lines a file:")


def test_only_the_clock_asks_for_the_time() -> None:
    found = []
    for path in SOURCES:
        if _here(path) == "clock.py":
            continue
        found += [
            f"{_here(path)}:{call.lineno}: {ast.unparse(call.func)}()" for call in _calls(path) if _tells_time(call)
        ]
        found += [
            f"{_here(path)}:{node.lineno}: from time import {alias.name}"
            for node in ast.walk(_tree(path))
            if isinstance(node, ast.ImportFrom) and node.module == "time"
            for alias in node.names
            if alias.name in TIME_CALLS
        ]
    _report(found, "Take `now` as an argument, or a closebell.clock.Clock where the work begins:")


def _tells_time(call: ast.Call) -> bool:
    """Is this datetime.now(), datetime.datetime.utcnow(), date.today(), time.time() or the like?"""
    match call.func:
        case ast.Attribute(attr=name, value=ast.Name(id=owner) | ast.Attribute(attr=owner)):
            return name in TIME_CALLS and owner in TIME_OWNERS
        case _:
            return False


def test_money_never_becomes_a_float() -> None:
    found = [
        f"{_here(path)}:{call.lineno}: {ast.unparse(call)}"
        for path in SOURCES
        if _part(path) in EXACT_PARTS
        for call in _calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "float"
    ]
    _report(found, "Use integers of minor units, or decimal.Decimal at the wire:")


def test_every_package_says_what_it_is() -> None:
    found = [_here(path) for path in SOURCES if path.name == "__init__.py" and not ast.get_docstring(_tree(path))]
    _report(found, "Give these a docstring of one sentence:")
    directories = {path.parent for path in SOURCES if "migrations" not in path.parts}
    bare = [_here(directory) for directory in sorted(directories) if not (directory / "__init__.py").exists()]
    _report(bare, "Add an __init__.py with a docstring to these:")


def _published() -> Iterator[tuple[Path, str]]:
    """Every text file that is, or is about to be, in the repository."""
    command = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"]
    try:
        listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("not a git checkout")
    for name in filter(None, listed.split("\0")):
        path = ROOT / name
        if path.is_file():
            try:
                yield path, path.read_text(encoding="utf-8")
            except UnicodeDecodeError:
                continue


@pytest.mark.parametrize(
    ("pattern", "advice"),
    [
        pytest.param(MACHINE_PATHS, "Write a relative path, or take it as an argument:", id="machine path"),
        pytest.param(REGISTRY_HOSTS, "Leave the package index to the machine's own pip settings:", id="registry"),
    ],
)
def test_nothing_names_this_machine(pattern: re.Pattern[str], advice: str) -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path, text in _published()
        for number, line in enumerate(text.splitlines(), start=1)
        if pattern.search(line)
    ]
    _report(found, advice)
