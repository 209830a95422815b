"""How wide an endpoint is called that comes back after it failed or was deactivated: 1, 2, 4, ... calls at once."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Ramp:
    """A slow start. Each full round of successes doubles the width, a failure takes it back to one.

    >>> Ramp().after_success()
    Ramp(width=2, succeeded=0)
    >>> Ramp().after_success().after_success()
    Ramp(width=2, succeeded=1)
    >>> Ramp().after_success().after_success().after_success().width
    4
    """

    width: int = 1
    succeeded: int = 0

    def __post_init__(self) -> None:
        assert 0 <= self.succeeded < self.width, "a full round widens the ramp"

    def after_success(self) -> Ramp:
        """The ramp once one more call went well."""
        if self.succeeded + 1 < self.width:
            return Ramp(width=self.width, succeeded=self.succeeded + 1)
        return Ramp(width=2 * self.width)

    def after_failure(self) -> Ramp:
        """The ramp once a call failed."""
        return Ramp()
