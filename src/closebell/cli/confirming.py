"""Asking before something is done that cannot be undone."""

from __future__ import annotations

import sys
from typing import Annotated, Final

from cyclopts import Parameter

from closebell.errors import MisuseError

ANSWER_CHARACTERS_MAX: Final = 80
"""Characters of the answer that are read."""

Yes = Annotated[bool, Parameter(name="--yes", negative="", help="Do it without asking.")]


def confirm(question: str, *, yes: bool) -> None:
    """Go on only if `yes` was given, or a person at the terminal says so.

    Errors: MisuseError when they do not, or when nobody is there to be asked.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise MisuseError("this cannot be undone, and there is no terminal to ask at: give --yes; nothing was changed")
    # Not on standard output, which is for the answer of the command and may go into a file.
    print(question, "[y/N] ", end="", file=sys.stderr, flush=True)
    if sys.stdin.readline(ANSWER_CHARACTERS_MAX).strip().lower() not in {"y", "yes"}:
        raise MisuseError("nothing was changed")
