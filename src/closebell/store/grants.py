"""How a grant stands in the columns `role` and `center_ids` of keys and users."""

from __future__ import annotations

import json

from closebell.domain.caller import Role
from closebell.domain.grant import Grant


def columns_of(grant: Grant) -> dict[str, str]:
    """The values of the two columns."""
    return {"role": grant.role.value, "center_ids": json.dumps(grant.center_ids)}


def grant_of(role: str, center_ids: str) -> Grant:
    """The grant that the two columns hold."""
    return Grant(role=Role(role), center_ids=tuple(json.loads(center_ids)))
