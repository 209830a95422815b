"""Programs that examples in the documentation are run with."""

from __future__ import annotations

import os
import shutil

import pytest


def program(name: str) -> str:
    """Where the program is; without it the test is skipped, and in CI it fails."""
    found = shutil.which(name)
    if found is None:
        missing = f"{name} is not installed"
        if os.environ.get("CI") == "true":
            pytest.fail(f"{missing}, and in CI no example may go unchecked")
        pytest.skip(missing)
    return found
