"""Every setting of Closebell: declared once, as a field of `Settings`.

The declaration makes the flag (`--lease-s`), the variable (`CLOSEBELL_LEASE_S`) and the key of `closebell.toml`
(`lease_s`); a flag wins over the variable, the variable over the file, the file over the default.
`docs/configuration.md` repeats it for people, and a test compares the two.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from cyclopts import Parameter, Token

from closebell.config import checks

_KIB = 1024
_MIB = 1024 * _KIB


def _setting(
    default: Any,
    sentence: str,
    *,
    unit: str = "",
    least: int | None = None,
    most: int | None = None,
    secret: bool = False,
) -> Any:
    """One setting: its default and what `settings_reference` and `--help` say about it."""
    metadata = {"help": sentence, "unit": unit, "least": least, "most": most, "secret": secret}
    return dataclasses.field(default=default, repr=not secret, metadata=metadata)


def _split(_type: object, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Comma separated in a flag or variable, an array in the file."""
    parts = (part.strip() for token in tokens for part in token.value.split(","))
    return tuple(part for part in parts if part)


Words = Annotated[tuple[str, ...], Parameter(converter=_split, n_tokens=1, negative="")]


@Parameter(name="*")
@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """All settings, checked; one that cannot work is refused here and not at the first request.

    Errors: MisuseError naming the setting, its variable, what is wrong and what would be right.

    >>> Settings(port=9000).port
    9000
    >>> Settings(lease_s=10, delivery_timeout_s=10)
    Traceback (most recent call last):
    closebell.errors.MisuseError: lease_s (CLOSEBELL_LEASE_S) is 10: it must be at least 15, delivery_timeout_s plus 5
    """

    database_url: str = _setting(
        "sqlite:///closebell.db",
        "Where everything is kept: `sqlite:///path` or `postgresql://user:password@host/name`.",
        secret=True,
    )
    role: Literal["all", "api", "dispatch"] = _setting(
        "all",
        "What this process does: answers calls (`api`), delivers webhooks (`dispatch`), or both; apart on PostgreSQL.",
    )
    host: str = _setting("127.0.0.1", "Address the service listens on; `0.0.0.0` is every IPv4 address.")
    port: int = _setting(8080, "Port the service listens on; 0 takes any free one.", least=0, most=65_535)
    public_url: str | None = _setting(None, "Address under which others reach the service, used in links it hands out.")
    admin_key: str | None = _setting(
        None,
        "A key that may do everything; without one the first start on an empty database makes and prints a key.",
        secret=True,
    )
    secret_keys: Words = _setting(
        (),
        "Keys that seal secrets in the database, the first for new ones, as `closebell secrets new-key` makes them; "
        "comma separated. Beside a SQLite file one is made and kept in a file of its own.",
        secret=True,
    )
    allowed_networks: Words = _setting(
        (),
        "Private networks (CIDR) that webhooks may be sent to, over plain http too; comma separated.",
    )
    errors_as_200: bool = _setting(
        default=False, sentence="Answer refusals with status 200 and the same body, as Zenoti at times does."
    )
    delivery_timeout_s: int = _setting(
        10,
        "Deadline of one delivery attempt, from resolving the name to the last byte of the answer.",
        unit="seconds",
        least=1,
        most=300,
    )
    lease_s: int = _setting(
        60,
        "How long a claimed delivery belongs to its worker; must exceed `delivery_timeout_s` by at least 5.",
        unit="seconds",
        least=1,
        most=3600,
    )
    slots_global: int = _setting(
        256, "Most deliveries in flight at once in one process.", unit="deliveries", least=1, most=10_000
    )
    slots_per_endpoint: int = _setting(
        32, "Most deliveries in flight at once to one endpoint.", unit="deliveries", least=1, most=10_000
    )
    slots_per_host: int = _setting(
        64,
        "Most deliveries in flight at once to one host, whatever its endpoints.",
        unit="deliveries",
        least=1,
        most=10_000,
    )
    body_retention_days: int = _setting(
        400,
        "How long the body of an event is kept once nobody waits for it; 0 is for ever.",
        unit="days",
        least=0,
        most=36_500,
    )
    attempt_retention_days: int = _setting(
        90,
        "How long an attempt is kept, of which then only the number is known; 0 is for ever.",
        unit="days",
        least=0,
        most=36_500,
    )
    body_bytes_max: int = _setting(_MIB, "Largest request body accepted.", unit="bytes", least=_KIB, most=64 * _MIB)
    import_bytes_max: int = _setting(
        64 * _MIB, "Largest body of `POST /v1/import` accepted.", unit="bytes", least=_KIB, most=1024 * _MIB
    )
    rate_limit_per_minute: int = _setting(
        0,
        "Calls that one process answers in a minute, those of all callers together; 0 is no limit.",
        unit="calls",
        least=0,
        most=1_000_000,
    )
    payment_processor: str = _setting(
        "none",
        "Who takes card payments online: `none`, `test` (moves no money), or what an installed package offers.",
    )
    alert_emails: Words = _setting((), "Who is told by mail that an endpoint was deactivated; comma separated.")
    smtp_host: str | None = _setting(None, "Mail server that takes the mails of `alert_emails`.")
    smtp_port: int = _setting(587, "Port of the mail server.", least=1, most=65_535)
    smtp_security: Literal["starttls", "tls", "none"] = _setting(
        "starttls", "How the way to the mail server is protected: `starttls`, `tls` from the first byte, or `none`."
    )
    smtp_user: str | None = _setting(None, "Name to sign in with at the mail server.")
    smtp_password: str | None = _setting(None, "Password to sign in with at the mail server.", secret=True)
    mail_from: str | None = _setting(None, "Address that mails come from.")
    tracing: Literal["off", "otlp"] = _setting(
        "off", "Where spans go: nowhere, or to an OpenTelemetry collector as the `OTEL_*` variables name it."
    )
    log_format: Literal["console", "json"] = _setting("console", "`console` for people, `json` for one object a line.")
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "Least severity that is logged.")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            least, most = field.metadata["least"], field.metadata["most"]
            if least is not None:
                checks.check_range(field.name, getattr(self, field.name), least, most)
        checks.check_database_url(self.database_url)
        checks.check_role(self.role, self.database_url)
        checks.check_host(self.host)
        checks.check_public_url(self.public_url)
        checks.check_admin_key(self.admin_key)
        checks.check_networks(self.allowed_networks)
        checks.check_slots("slots_per_endpoint", self.slots_per_endpoint, self.slots_global)
        checks.check_lease(self.lease_s, self.delivery_timeout_s)
        checks.check_mail(self.smtp_host, self.mail_from, self.alert_emails)
        checks.check_smtp(self.smtp_host, self.smtp_security, self.smtp_user, self.smtp_password)
