"""Which tracer the settings ask for."""

from __future__ import annotations

from typing import Literal

from closebell.clock import Luck
from closebell.errors import MisuseError
from closebell.tracing.spans import Tracer, Untraced

MISSING = (
    "tracing (CLOSEBELL_TRACING) is 'otlp', and the libraries of OpenTelemetry are not installed: "
    "install the extra, pip install 'closebell[otel]'"
)


def tracer_for(tracing: Literal["off", "otlp"], *, luck: Luck) -> Tracer:
    """The tracer; unless spans are asked for, none of their libraries is imported.

    Errors: MisuseError when they are asked for and the libraries are not there.
    """
    if tracing == "off":
        return Untraced(luck)
    try:
        from closebell.tracing.otlp import Traced  # noqa: PLC0415  # an extra, and slow to import
    except ModuleNotFoundError as error:
        raise MisuseError(MISSING) from error
    return Traced()
