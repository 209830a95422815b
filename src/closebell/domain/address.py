"""Which addresses may a webhook go to? Global unicast, and what the operator lists in CLOSEBELL_ALLOWED_NETWORKS.

A host name proves nothing, so the rules are about addresses: `check_url` refuses when an endpoint is saved what can be
known without asking a name server, and `refusal` judges every resolved address again when a webhook is sent
(`dispatch/address.py`).

Source: docs/webhooks.md; the IANA special-purpose address registries for IPv4 and IPv6.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

from closebell.errors import InvalidInput

SETTING: Final = "CLOSEBELL_ALLOWED_NETWORKS"
URL_CHARACTERS_MAX: Final = 2048
"""Characters of an endpoint's URL."""
HOST_CHARACTERS_MAX: Final = 253
"""Characters of a host name; the limit of the domain name system."""

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

FORBIDDEN: Final[tuple[tuple[Network, str], ...]] = tuple(
    (ip_network(network), rule)
    for network, rule in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "a private network"),
        ("100.64.0.0/10", "shared by carriers"),
        ("127.0.0.0/8", "loopback"),
        ("169.254.0.0/16", "link-local, where clouds keep their metadata"),
        ("172.16.0.0/12", "a private network"),
        ("192.0.0.0/24", "reserved for protocols"),
        ("192.0.2.0/24", "reserved for documentation"),
        ("192.88.99.0/24", "a relay to IPv6"),
        ("192.168.0.0/16", "a private network"),
        ("198.18.0.0/15", "reserved for benchmarks"),
        ("198.51.100.0/24", "reserved for documentation"),
        ("203.0.113.0/24", "reserved for documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),
        ("::/128", "unspecified"),
        ("::1/128", "loopback"),
        ("::/96", "an IPv4 address in IPv6"),
        ("::ffff:0:0:0/96", "a translation to IPv4"),
        ("64:ff9b::/96", "a translation to IPv4"),
        ("64:ff9b:1::/48", "a translation to IPv4"),
        ("100::/64", "discarded by routers"),
        ("2001::/32", "a Teredo tunnel"),
        ("2001::/23", "reserved for protocols"),
        ("2001:db8::/32", "reserved for documentation"),
        ("2002::/16", "a 6to4 tunnel"),
        ("3fff::/20", "reserved for documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "a private network"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "a private network"),
        ("ff00::/8", "multicast"),
    )
)
"""Every range that is refused, with the rule that refuses it; the first that matches is named."""

_GLOBAL_UNICAST_6: Final = IPv6Network("2000::/3")
_EMBEDDING: Final = tuple(IPv6Network(network) for network in ("::/96", "::ffff:0:0:0/96", "64:ff9b::/96"))
_IPV4_MASK: Final = (1 << 32) - 1

_SIX: Final = r"\[(?P<six>[0-9A-Fa-f]*:[0-9A-Fa-f:.]*)\]"
_NETLOC: Final = re.compile(rf"(?:{_SIX}|(?P<name>[A-Za-z0-9._-]+))(?::(?P<port>[0-9]{{1,5}}))?", re.ASCII)
_LABEL: Final = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?", re.ASCII)
_NUMBER: Final = re.compile(r"[0-9]+|0[xX][0-9A-Fa-f]*", re.ASCII)
_PORT_MAX: Final = 65_535


def parse_networks(texts: Iterable[str]) -> tuple[Network, ...]:
    """The networks that CLOSEBELL_ALLOWED_NETWORKS lists.

    Errors: ValueError for one that is no network; `config.py` has refused it before.
    """
    return tuple(ip_network(text) for text in texts)


def is_listed(address: Address, allowed_networks: Sequence[Network]) -> bool:
    """Does the operator's list name this address?"""
    return any(address in network for network in allowed_networks)


def unwrapped(address: Address) -> Address:
    """The IPv4 address that an IPv4-mapped IPv6 address is another spelling of; any other address as it is.

    >>> unwrapped(IPv6Address("::ffff:127.0.0.1"))
    IPv4Address('127.0.0.1')
    """
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def refusal(address: Address, allowed_networks: Sequence[Network]) -> str | None:
    """Why this address may not be called; None when it may.

    Shape: names the address, the rule, and the setting that would allow it. An IPv6 address that carries an IPv4
           address to be reached through it is refused for either.

    >>> refusal(IPv4Address("169.254.169.254"), ()) or ""  # doctest: +ELLIPSIS
    '169.254.169.254 is link-local, where clouds keep their metadata (169.254.0.0/16); ...'
    >>> refusal(IPv4Address("93.184.215.14"), ()) is None
    True
    """
    plain = unwrapped(address)
    for candidate in (*_carried(plain), plain):
        rule = None if is_listed(candidate, allowed_networks) else _rule(candidate)
        if rule is not None:
            spelled = f"{address}, which leads to {candidate}," if candidate != address else f"{address}"
            width = candidate.max_prefixlen
            return f"{spelled} is {rule}; {SETTING}={str(candidate).partition('%')[0]}/{width} would allow it"
    return None


def _carried(address: Address) -> Iterator[IPv4Address]:
    """The IPv4 addresses that packets to this IPv6 address end up at, by translation or tunnel."""
    if isinstance(address, IPv4Address):
        return
    if any(address in network for network in _EMBEDDING) and int(address) > 1:
        yield IPv4Address(int(address) & _IPV4_MASK)
    if address.sixtofour is not None:
        yield address.sixtofour
    if address.teredo is not None:
        yield from address.teredo


def _rule(address: Address) -> str | None:
    for network, rule in FORBIDDEN:
        if address in network:
            return f"{rule} ({network})"
    # Whatever the registries reserve one day: only what is known to be reachable by all may be called.
    if isinstance(address, IPv6Address) and address not in _GLOBAL_UNICAST_6:
        return f"outside global unicast ({_GLOBAL_UNICAST_6})"
    if not address.is_global or address.is_multicast or address.is_reserved:
        return "not globally reachable"
    return None


def check_url(url: str, *, allowed_networks: Sequence[Network] = ()) -> None:
    """Refuses an endpoint's URL that no webhook could or may be sent to.

    A host name is judged by its addresses each time a webhook is sent. Plain http passes for a host name only where
    some network is allowed at all, because it will then be required to resolve into one.

    Errors: InvalidInput with field `url`.
    """
    scheme, host = _parts(url)
    literal = _literal(host)
    if literal is not None:
        reason = refusal(literal, allowed_networks)
        if reason is not None:
            raise _wrong(reason)
    elif host.rstrip(".").lower().rpartition(".")[2] == "localhost" and not allowed_networks:
        raise _wrong(f"{host} is this machine; {SETTING}=127.0.0.0/8,::1/128 would allow it")
    listed = bool(allowed_networks) if literal is None else is_listed(unwrapped(literal), allowed_networks)
    if scheme == "http" and not listed:
        raise _wrong(f"must begin with https://; plain http is for the networks that {SETTING} lists")


def _wrong(problem: str) -> InvalidInput:
    return InvalidInput("url", problem)


def _parts(url: str) -> tuple[str, str]:
    """Scheme and host, spelled so that no two parsers read them differently.

    A URL that this check reads one way and the HTTP client another is how such checks are evaded: control
    characters, backslashes, percent signs in the host and missing slashes are refused, not repaired.
    """
    if len(url) > URL_CHARACTERS_MAX:
        raise _wrong(f"has {len(url)} characters; at most {URL_CHARACTERS_MAX} are allowed")
    if not all("!" <= character <= "~" for character in url):
        raise _wrong(
            "holds a space, a control character or a letter beyond ASCII; write %20 and the like, xn-- in hosts"
        )
    if "\\" in url:
        raise _wrong("holds a backslash; write /")
    if "#" in url:
        raise _wrong("has a fragment (#...), which is never sent; leave it out")
    scheme, separator, rest = url.partition("://")
    if not separator or scheme.lower() not in {"http", "https"}:
        raise _wrong("must begin with https://")
    netloc = re.split(r"[/?]", rest, maxsplit=1)[0]
    if "@" in netloc:
        raise _wrong("holds a user name or password; verify the signature instead")
    return scheme.lower(), _host(netloc)


def _host(netloc: str) -> str:
    match = _NETLOC.fullmatch(netloc)
    if match is None:
        raise _wrong("has a malformed host or port" if netloc else "needs a host, as in https://receiver.example/hook")
    port = match["port"]
    if port is not None and not 1 <= int(port) <= _PORT_MAX:
        raise _wrong(f"has port {port}; ports go from 1 to {_PORT_MAX}")
    host: str = match["six"] or match["name"]
    return host


def _literal(host: str) -> Address | None:
    """The address that the host is, or None when it is a name.

    Errors: InvalidInput for what is neither; 127.1, 0x7f000001 and 2130706433 are loopback to some parsers.
    """
    try:
        return ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        if ":" in host or _NUMBER.fullmatch(labels[-1]):
            raise _wrong(f"{host} is no address; write four decimal numbers, or IPv6 in brackets") from None
        if len(host) > HOST_CHARACTERS_MAX or not all(_LABEL.fullmatch(label) for label in labels):
            raise _wrong(f"{host[:64]} is no host name") from None
        return None
