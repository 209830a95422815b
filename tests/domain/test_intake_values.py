"""Single values of an import: what is taken, and what is refused by name."""

from __future__ import annotations

import pytest

from closebell.domain.intake_values import time_zone
from closebell.errors import InvalidInput


@pytest.mark.parametrize("name", ["localtime", "Factory", "posixrules", "", "Mars/Phobos", "../../etc/passwd", "UTC\n"])
def test_what_is_no_zone_or_means_the_machines_own_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput, match="not a time zone") as caught:
        time_zone(name, "centers[0].time_zone", default="UTC")
    assert caught.value.field == "centers[0].time_zone"


@pytest.mark.parametrize("name", ["UTC", "America/Los_Angeles", "Asia/Kathmandu"])
def test_a_zone_is_kept_as_it_is_named(name: str) -> None:
    assert time_zone(name, "time_zone", default="UTC") == name
