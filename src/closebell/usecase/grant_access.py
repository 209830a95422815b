"""Grant access: only at centres that exist, and only as an employee who exists."""

from __future__ import annotations

from sqlalchemy import Connection

from closebell.domain.grant import Grant
from closebell.errors import InvalidInput
from closebell.store import centers, directory


def must_exist(connection: Connection, grant: Grant, *, employee_id: str | None = None) -> None:
    """Return if the centres of the grant, and the employee, are known.

    Errors: InvalidInput naming the place in `center_ids`, or `employee_id`.
    """
    known = centers.load(connection, grant.center_ids) if grant.center_ids else {}
    for index, center_id in enumerate(grant.center_ids):
        if center_id not in known:
            raise InvalidInput(f"center_ids[{index}]", f"{center_id} is not a centre Closebell knows; import it first")
    if employee_id is not None and employee_id not in directory.known_employees(connection, [employee_id]):
        raise InvalidInput("employee_id", f"{employee_id} is not an employee Closebell knows; import it first")
