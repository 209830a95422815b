"""The settings as a command takes them: all of them hold, and its help names those that matter to it."""

from __future__ import annotations

from typing import Annotated, Final, TypeAlias

from cyclopts import Group, Parameter
from cyclopts.help import DefaultFormatter, HelpPanel
from rich.console import Console, ConsoleOptions

from closebell.config import Settings

TITLE: Final = "Settings"


class _Only:
    """Shows some of the settings; the others are of no account to the command, and are taken all the same."""

    def __init__(self, *flags: str) -> None:
        self._flags = frozenset(flags)

    def __call__(self, console: Console, options: ConsoleOptions, panel: HelpPanel) -> None:
        """Show the panel without the entries of other settings."""
        panel.entries = [entry for entry in panel.entries if self._flags & {*entry.positive_names}]
        DefaultFormatter()(console, options, panel)


# What comes last in the help, after the command's own arguments.
_ALL: Final = Group(TITLE, sort_key=1)
_DATABASE: Final = Group(TITLE, sort_key=1, help_formatter=_Only("--database-url"))
_CALLING: Final = Group(
    TITLE,
    sort_key=1,
    help_formatter=_Only("--database-url", "--secret-keys", "--allowed-networks", "--delivery-timeout-s"),
)
_SEALING: Final = Group(TITLE, sort_key=1, help_formatter=_Only("--database-url", "--secret-keys"))

AllSettings: TypeAlias = Annotated[Settings, Parameter(group=_ALL)]
DatabaseSettings: TypeAlias = Annotated[Settings, Parameter(group=_DATABASE)]
CallingSettings: TypeAlias = Annotated[Settings, Parameter(group=_CALLING)]
SealingSettings: TypeAlias = Annotated[Settings, Parameter(group=_SEALING)]
