"""The command line."""

from closebell.cli.program import main

__all__ = ["main"]
