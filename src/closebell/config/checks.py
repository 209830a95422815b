"""What a setting must be like to work, and the refusal of one that is not."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Iterable, Sequence
from typing import Final
from urllib.parse import urlsplit

from closebell.errors import MisuseError

VARIABLE_PREFIX: Final = "CLOSEBELL_"
LEASE_MARGIN_S: Final = 5
"""Seconds a lease outlives the delivery it covers, so that recording the outcome still falls within it."""
ADMIN_KEY_LENGTH_MIN: Final = 16
"""Characters; a shorter key can be guessed over the network."""

ALERT_EMAILS_MAX: Final = 50
"""Addresses that one mail goes to; mail servers take a hundred or so."""

_ADDRESS: Final = re.compile(r"[\w.!#$%&'*+/=?^`{|}~-]{1,64}@[A-Za-z0-9](?:[A-Za-z0-9.-]{0,251}[A-Za-z0-9])?", re.ASCII)


def variable_of(name: str) -> str:
    """The environment variable of a setting.

    >>> variable_of("port")
    'CLOSEBELL_PORT'
    """
    return VARIABLE_PREFIX + name.upper()


def misuse(name: str, wrong: str, right: str) -> MisuseError:
    """The refusal of a setting: what it is, what is wrong with it, and what would be right."""
    return MisuseError(f"{name} ({variable_of(name)}) {wrong}: {right}")


def check_range(name: str, value: int, least: int, most: int) -> None:
    """A number within its bounds."""
    if not least <= value <= most:
        raise misuse(name, f"is {value}", f"it must be from {least} to {most}")


def check_database_url(url: str) -> None:
    """The text may hold a password, so no refusal quotes more of it than the scheme."""
    name = "database_url"
    scheme, separator, rest = url.partition("://")
    right = "write sqlite:///closebell.db or postgresql://user:password@host/name"
    if not separator:
        raise misuse(name, "is no URL", right)
    if scheme == "sqlite":
        if not rest.startswith("/") or rest == "/":
            raise misuse(name, "names no file", "write sqlite:///closebell.db, or sqlite:////var/lib/closebell.db")
        if ":memory:" in rest:
            raise misuse(name, "is in memory", "Closebell keeps what it promises in a file: sqlite:///closebell.db")
    elif scheme != "postgresql":
        raise misuse(name, f"begins with {scheme}://", right)


def check_role(role: str, database_url: str) -> None:
    """A part of the work is left to other processes, and one SQLite file has one process."""
    if role != "all" and database_url.startswith("sqlite:"):
        right = "one process does everything on SQLite; leave it out, or keep the data in postgresql://user:password@host/name"
        raise misuse("role", f"is {role!r}", right)


def check_host(host: str) -> None:
    """An address or a name, and nothing around it."""
    if not host or any(character.isspace() or character in "/@" for character in host):
        raise misuse("host", f"is {host!r}", "write an address or a host name, without a scheme or a port")


def check_public_url(url: str | None) -> None:
    """An address that links can be made of."""
    if url is None:
        return
    right = "write it like https://closebell.example.com"
    try:
        parts = urlsplit(url)
        host, _port = parts.hostname, parts.port
    except ValueError:
        raise misuse("public_url", f"is {url!r}, which is no URL", right) from None
    if parts.scheme not in {"http", "https"} or not host or parts.query or parts.fragment or "@" in parts.netloc:
        raise misuse("public_url", f"is {url!r}", right)


def check_admin_key(key: str | None) -> None:
    """No refusal quotes the key."""
    if key is None:
        return
    if len(key) < ADMIN_KEY_LENGTH_MIN:
        right = f"it must have {ADMIN_KEY_LENGTH_MIN} or more; 64 hexadecimal digits are usual"
        raise misuse("admin_key", f"has {len(key)} characters", right)
    if not all("!" <= character <= "~" for character in key):
        raise misuse("admin_key", "has a space or a character outside ASCII", "it travels in a header; use hexadecimal")


def check_networks(networks: Iterable[str]) -> None:
    """Networks as CIDR writes them."""
    for network in networks:
        try:
            ipaddress.ip_network(network)
        except ValueError as error:
            right = "write networks like 10.0.0.0/8,192.168.1.7/32"
            raise misuse("allowed_networks", f"holds {network!r}, and {error}", right) from None


def check_slots(name: str, slots: int, slots_global: int) -> None:
    """A part cannot have more slots than there are."""
    if slots > slots_global:
        raise misuse(name, f"is {slots}", f"it must not exceed slots_global, which is {slots_global}")


def check_lease(lease_s: int, delivery_timeout_s: int) -> None:
    """A lease shorter than the attempt lets two workers send the same delivery at once."""
    least = delivery_timeout_s + LEASE_MARGIN_S
    if lease_s < least:
        raise misuse(
            "lease_s", f"is {lease_s}", f"it must be at least {least}, delivery_timeout_s plus {LEASE_MARGIN_S}"
        )


def check_mail(smtp_host: str | None, mail_from: str | None, alert_emails: Sequence[str]) -> None:
    """Whoever is to be told by mail needs a server to send it and an address to send it from."""
    if len(alert_emails) > ALERT_EMAILS_MAX:
        right = f"at most {ALERT_EMAILS_MAX} are mailed; name a mailing list"
        raise misuse("alert_emails", f"holds {len(alert_emails)} addresses", right)
    for address in (*alert_emails, *([mail_from] if mail_from else [])):
        name = "mail_from" if address == mail_from else "alert_emails"
        if not _ADDRESS.fullmatch(address) or "=?" in address:  # which a mail's header takes for encoded
            raise misuse(name, f"holds {address!r}", "write an address like ops@salon.example, without a name")
    if alert_emails:
        for name, value in (("smtp_host", smtp_host), ("mail_from", mail_from)):
            if value is None:
                raise misuse(name, "is missing", "alert_emails are written to through it; set both, or neither")


def check_smtp(host: str | None, security: str, user: str | None, password: str | None) -> None:
    """A password is shown to nobody but the mail server, and to it only where nobody listens on the way."""
    if host is not None and (not host or any(one.isspace() or one in "/@" for one in host)):
        raise misuse("smtp_host", f"is {host!r}", "write a host name or an address, without a scheme or a port")
    if user is None and password is not None:
        raise misuse("smtp_user", "is missing", "a password signs nobody in; set both, or neither")
    if user is not None and password is None:
        raise misuse("smtp_password", "is missing", "a name alone signs nobody in; set both, or neither")
    if user is not None and security == "none" and not _is_here(host):
        right = "it must be starttls or tls where smtp_user signs in, or the password travels in the open"
        raise misuse("smtp_security", "is 'none'", right)


def _is_here(host: str | None) -> bool:
    try:
        return host is not None and ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
