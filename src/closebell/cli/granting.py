"""How commands take what a key or a user may do."""

from __future__ import annotations

from typing import Annotated

from cyclopts import Parameter

from closebell.domain.caller import Role

RoleName = Annotated[str, Parameter(name="--role", help=f"What they may do: {', '.join(Role)}.")]
Centers = Annotated[
    tuple[str, ...],
    Parameter(
        name="--center",
        negative="",
        show_default=False,
        help="The id of a centre they are bound to; may be repeated. Without one it is every centre.",
    ),
]
