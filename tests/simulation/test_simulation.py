"""Hundreds of worlds: in each of them time, luck, crashes and the network follow from one seed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from simulation.run import run
from simulation.store import forget_engine

SEEDS = 200
"""Worlds of every test run; `make sim` lives through as many as one has time for."""
PORTION = 20

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture(autouse=True, scope="module")
def _one_connection() -> Iterator[None]:
    yield
    forget_engine()


@pytest.mark.parametrize("first", range(0, SEEDS, PORTION))
def test_nothing_that_must_never_happen_happens(first: int) -> None:
    calls = sum(run(seed).calls for seed in range(first, first + PORTION))
    assert calls > PORTION, "these worlds are not empty"


@pytest.mark.parametrize("seed", [3, 90, 184])
def test_a_seed_decides_everything(seed: int) -> None:
    assert run(seed).lines == run(seed).lines


def test_another_process_sees_the_same_world() -> None:
    """Whatever order its sets have."""
    code = "from simulation.run import run; print(run(90).digest, run(253).digest)"
    digests = {_printed(code, hash_seed) for hash_seed in ("0", "1", "4242")}
    assert digests == {f"{run(90).digest} {run(253).digest}"}


def _printed(code: str, hash_seed: str) -> str:
    path = os.pathsep.join([str(ROOT / "src"), str(ROOT / "tests")])
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": path}
    done = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return done.stdout.strip()
