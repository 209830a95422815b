"""The command line as a whole: its commands, where their settings come from, and how it ends.

A command is one module in this package with a function of its name, listed in `COMMANDS`. It takes its own arguments
and `settings`, keyword-only, and gets them filled from flags, variables and `closebell.toml`:

    def serve(*, settings: Settings = Settings()) -> None:
        \"\"\"Run the service until it is told to stop.\"\"\"

It may be `async def`. It returns None or its exit code, and raises `MisuseError` for what the person must put right.
"""

from __future__ import annotations

import os
import sys
import traceback
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any

from cyclopts import App, ArgumentCollection, CycloptsError, Parameter
from cyclopts.config import Dict, Env

from closebell import config
from closebell.errors import ClosebellError, InvalidInput, MisuseError

COMMANDS: Mapping[str, str] = {
    "serve": "closebell.cli.serve:serve",
    "demo": "closebell.cli.demo:demo",
    "load": "closebell.cli.load:load",
    "sample": "closebell.cli.sample:sample",
    "endpoints": "closebell.cli.endpoints:app",
    "events": "closebell.cli.events:app",
    "deliveries": "closebell.cli.deliveries:app",
    "guests": "closebell.cli.guests:app",
    "keys": "closebell.cli.keys:app",
    "secrets": "closebell.cli.secrets:app",
    "users": "closebell.cli.users:app",
    "audit": "closebell.cli.proof:audit",
    "reconcile": "closebell.cli.proof:reconcile",
    "doctor": "closebell.cli.proof:doctor",
    "migrate": "closebell.cli.migrate:migrate",
}
"""Name on the command line -> `module:function`, or `module:app` of a cyclopts App that holds subcommands."""

SUMMARIES: Mapping[str, str] = {
    "serve": "Run the service until it is told to stop.",
    "demo": "Close the public sample invoice on a real server, and show its signed webhook arrive.",
    "load": "Import records from a JSON file: centres, people, what is sold and held, invoices.",
    "sample": "Print a chain of salons to try things on, ready to be imported.",
    "endpoints": "Say who is told of invoices, payments and guests.",
    "events": "Read the feed: every event, in sequence order.",
    "deliveries": "Read what became of deliveries, and send them again.",
    "guests": "Erase a guest, of whom nothing but the id is known from then on.",
    "keys": "Say which applications may call the API.",
    "secrets": "Keep the keys under which the database's secrets are sealed.",
    "users": "Say which people may sign in.",
    "audit": "Compute the hash chain of all events anew, and name the first that was altered or removed.",
    "reconcile": "Count closes, events and where each endpoint's deliveries stand, and say whether they balance.",
    "doctor": "Examine the database: closed invoices, receipts, events, deliveries, balances and the hash chain.",
    "migrate": "Bring the database up to date, creating a SQLite file that does not exist yet.",
}
"""What each does, in a line; the command itself says the rest, and is not imported for this one."""

_PACKAGE = Path(__file__).parent.parent

EXIT_FAILED = 1
EXIT_MISUSE = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


class _Variables(Env):
    """`CLOSEBELL_*` for settings only: a variable never fills an argument of a command."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Fill the settings that no flag has set."""
        super().__call__(app, commands, _settings_among(arguments))


class _File(Dict):
    """`closebell.toml`, already read and checked, for settings only."""

    def __call__(self, app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        """Fill the settings that neither a flag nor a variable has set, if the command takes settings at all."""
        if settings := _settings_among(arguments):
            super().__call__(app, commands, settings)


def _settings_among(arguments: ArgumentCollection) -> ArgumentCollection:
    flags = {row.flag for row in config.settings_reference()}
    chosen = (argument for argument in arguments if argument.name in flags)
    return ArgumentCollection(chosen)  # type: ignore[no-untyped-call]  # cyclopts annotates all but this __init__


def program(commands: Mapping[str, str] = COMMANDS, *, summarise: bool = False) -> App:
    """The application with its commands; each module is imported only when its command is called.

    Shape: with `summarise` the list of commands says what each does; a command's own help is then that line as well.
    """
    app = App(
        name="closebell",
        help="Close invoices and ring every application that must know.",
        version=_version,
        # `run` tells every ending, this one too.
        suppress_keyboard_interrupt=False,
        # Settings alone have variables; cyclopts would also show one beside every argument of a command.
        default_parameter=Parameter(show_env_var=False),
        help_epilogue="Settings are flags (`closebell serve --help` shows all), variables (CLOSEBELL_LEASE_S) and keys "
        "of closebell.toml (lease_s); see docs/configuration.md.",
    )
    for place, (name, target) in enumerate(commands.items()):
        app.command(target, name=name, sort_key=place, help=SUMMARIES.get(name) if summarise else None)
    app.meta.suppress_keyboard_interrupt = False
    app.meta.default(_launcher(app))
    return app.meta


def _version() -> str:
    from importlib.metadata import version  # noqa: PLC0415  # costs 20 ms that only --version needs

    return version("closebell")


def _launcher(app: App) -> Any:
    """The step before any command: read the file that `--config` names, then run the command on it."""

    def launch(
        *tokens: Annotated[str, Parameter(show=False, allow_leading_hyphen=True)],
        config_path: Annotated[
            Path | None,
            Parameter(
                name="--config",
                env_var=config.CONFIG_VARIABLE,
                help="File to read settings from, or CLOSEBELL_CONFIG; else closebell.toml if there is one.",
            ),
        ] = None,
    ) -> Any:
        for oddity in config.check_variables(os.environ):
            _say(oddity)
        path = config_path or config.CONFIG_FILE
        data = config.read_file(path, required=config_path is not None)
        app.config = (
            _Variables(config.VARIABLE_PREFIX, command=False),
            _File(data, source=str(path), use_commands_as_keys=False),
        )
        return app(tokens, exit_on_error=False, print_error=False, result_action="return_value")

    return launch


def run(tokens: Sequence[str], *, commands: Mapping[str, str] = COMMANDS) -> int:
    """Run one command line and tell its exit code; what went wrong is one line on stderr."""
    calls_one = any(token in commands for token in tokens)
    try:
        result = program(commands, summarise=not calls_one)(
            tokens, exit_on_error=False, print_error=False, result_action="return_value"
        )
        # Flushed here, while a closed pipe can still be caught.
        sys.stdout.flush()
    except KeyboardInterrupt:
        return EXIT_INTERRUPTED
    except BrokenPipeError:
        _drop_stdout()
        return EXIT_BROKEN_PIPE
    except Exception as error:  # noqa: BLE001 (whatever it is, it is told in one line)
        return _told(_alone(error))
    return result if isinstance(result, int) else 0


def _told(error: BaseException) -> int:
    """Say what went wrong, in one line; the exit code that goes with it."""
    match error:
        case CycloptsError() | MisuseError() | InvalidInput():
            _say(str(error))
            return EXIT_MISUSE
        case ClosebellError():
            _say(str(error))
        case _:
            text = f"{_origin(error)}: {type(error).__name__}: {error}"
            _say(f"this should not have happened, please report it: {text}")
    return EXIT_FAILED


def _alone(error: BaseException) -> BaseException:
    """The error itself, where tasks that run together have wrapped it in a group of one."""
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return error


def _origin(error: BaseException) -> str:
    """The innermost line of ours that an error came from."""
    frames = [
        frame for frame in traceback.extract_tb(error.__traceback__) if Path(frame.filename).is_relative_to(_PACKAGE)
    ]
    return f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "outside closebell"


def _say(text: str) -> None:
    """One line on stderr, whatever line breaks the text holds."""
    print("closebell:", " ".join(text.split()), file=sys.stderr)


def _drop_stdout() -> None:
    """The reader is gone: send what is still buffered nowhere, lest the interpreter complain at exit."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def main() -> None:
    """Run the command line of this process."""
    sys.exit(run(sys.argv[1:]))
