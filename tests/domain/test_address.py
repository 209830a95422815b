"""Which addresses, and which URLs, may be called?"""

from __future__ import annotations

from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.address import (
    FORBIDDEN,
    SETTING,
    URL_CHARACTERS_MAX,
    Network,
    check_url,
    parse_networks,
    refusal,
    unwrapped,
)
from closebell.errors import InvalidInput

LOOPBACK = parse_networks(["127.0.0.0/8", "::1/128"])

# Written out here again, from the rules and the registries, so that a range lost from the table is missed.
RANGES = [
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.0.0.0/24",
    "192.0.2.0/24",
    "192.168.0.0/16",
    "198.18.0.0/15",
    "198.51.100.0/24",
    "203.0.113.0/24",
    "224.0.0.0/4",
    "240.0.0.0/4",
    "::/128",
    "::1/128",
    "::/96",
    "::ffff:0:0:0/96",
    "64:ff9b::/96",
    "64:ff9b:1::/48",
    "100::/64",
    "2001::/32",
    "2001::/23",
    "2001:db8::/32",
    "2002::/16",
    "3fff::/20",
    "5f00::/16",
    "fc00::/7",
    "fe80::/10",
    "fec0::/10",
    "ff00::/8",
    "::/3",
    "4000::/2",
    "8000::/1",
]

PUBLIC = [
    "1.0.0.0",
    "8.8.8.8",
    "9.255.255.255",
    "11.0.0.0",
    "100.63.255.255",
    "100.128.0.0",
    "126.255.255.255",
    "128.0.0.0",
    "169.253.255.255",
    "169.255.0.0",
    "172.15.255.255",
    "172.32.0.0",
    "191.255.255.255",
    "192.0.1.0",
    "192.0.1.255",
    "192.0.3.0",
    "192.88.98.255",
    "192.88.100.0",
    "192.167.255.255",
    "192.169.0.0",
    "198.17.255.255",
    "198.20.0.0",
    "198.51.99.255",
    "198.51.101.0",
    "203.0.112.255",
    "203.0.114.0",
    "223.255.255.255",
    "2000::",
    "2000:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:200::",
    "2001:db7:ffff:ffff:ffff:ffff:ffff:ffff",
    "2001:db9::",
    "2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "2003::",
    "2606:4700:4700::1111",
    "3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff",
    "3fff:1000::",
    "::ffff:8.8.8.8",
]

networks = st.sampled_from([network for network, _ in FORBIDDEN])
forbidden_addresses = networks.flatmap(lambda network: st.ip_addresses(network=network))


@pytest.mark.parametrize("text", RANGES)
def test_every_range_is_refused_from_edge_to_edge(text: str) -> None:
    network = ip_network(text)
    for address in (network[0], network[1 % network.num_addresses], network[-1]):
        reason = refusal(address, ())
        assert reason is not None, address
        assert reason.startswith(f"{address}")
        assert SETTING in reason


@pytest.mark.parametrize("text", PUBLIC)
def test_what_borders_on_a_range_is_allowed(text: str) -> None:
    assert refusal(ip_address(text), ()) is None


@given(forbidden_addresses)
def test_a_refusal_names_address_range_and_setting(address: IPv4Address | IPv6Address) -> None:
    reason = refusal(address, ())
    assert reason is not None
    assert str(address) in reason
    assert SETTING in reason
    assert any(str(network) in reason for network, _ in FORBIDDEN)


@given(forbidden_addresses)
def test_following_the_advice_allows_the_address(address: IPv4Address | IPv6Address) -> None:
    allowed: list[Network] = []
    # An address that carries another is refused for each in turn.
    for _ in range(4):
        reason = refusal(address, allowed)
        if reason is None:
            return
        allowed.append(ip_network(reason.rpartition(f"{SETTING}=")[2].removesuffix(" would allow it")))
    pytest.fail(f"{address} is still refused although {allowed} are allowed")


@given(st.ip_addresses())
def test_only_globally_reachable_unicast_is_called(address: IPv4Address | IPv6Address) -> None:
    if refusal(address, ()) is None:
        plain = unwrapped(address)
        assert plain.is_global
        assert not plain.is_multicast
        assert not plain.is_reserved


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_is_judged_alike_however_it_is_spelled(address: IPv4Address) -> None:
    mapped = IPv6Address((0xFFFF << 32) | int(address))
    assert unwrapped(mapped) == address
    assert (refusal(mapped, ()) is None) == (refusal(address, ()) is None)
    assert (refusal(mapped, LOOPBACK) is None) == (refusal(address, LOOPBACK) is None)


@pytest.mark.parametrize(
    ("text", "inner"),
    [
        ("::ffff:169.254.169.254", "169.254.169.254"),
        ("::127.0.0.1", "127.0.0.1"),
        ("::ffff:0:10.0.0.1", "10.0.0.1"),
        ("64:ff9b::169.254.169.254", "169.254.169.254"),
        ("2002:7f00:1::", "127.0.0.1"),
        ("2001:0:a9fe:a9fe::", "169.254.169.254"),
    ],
)
def test_an_address_inside_an_address_is_found(text: str, inner: str) -> None:
    reason = refusal(ip_address(text), ())
    assert reason is not None
    assert reason.startswith(f"{ip_address(text)}, which leads to {inner}, is ")


def test_allowing_a_translator_does_not_allow_what_lies_behind_it() -> None:
    allowed = parse_networks(["64:ff9b::/96"])
    assert refusal(ip_address("64:ff9b::8.8.8.8"), allowed) is None
    assert refusal(ip_address("64:ff9b::169.254.169.254"), allowed) is not None


def test_an_allowed_network_allows_itself_and_nothing_else() -> None:
    assert refusal(ip_address("127.0.0.1"), LOOPBACK) is None
    assert refusal(ip_address("::1"), LOOPBACK) is None
    assert refusal(ip_address("10.0.0.1"), LOOPBACK) is not None
    assert refusal(ip_address("fe80::1%eth0"), LOOPBACK) is not None


def test_networks_are_parsed() -> None:
    assert parse_networks(["10.0.0.0/8", "fc00::/7"]) == (IPv4Network("10.0.0.0/8"), IPv6Network("fc00::/7"))


def problem(url: str, allowed: tuple[Network, ...] = ()) -> str:
    with pytest.raises(InvalidInput) as caught:
        check_url(url, allowed_networks=allowed)
    assert caught.value.field == "url"
    return caught.value.problem


@pytest.mark.parametrize(
    "url",
    [
        "https://receiver.example",
        "https://receiver.example/hook?token=a%20b&x=1",
        "HTTPS://Receiver.Example:8443/",
        "https://receiver.example./hook",
        "https://xn--bcher-kva.example/",
        "https://my_receiver.internal/",
        "https://receiver/hook",
        "https://receiver.example/users/@me",
        "https://93.184.215.14/hook",
        "https://[2606:4700:4700::1111]:443/hook",
        "https://receiver.example/" + "a" * (URL_CHARACTERS_MAX - 25),
    ],
)
def test_ordinary_urls_pass(url: str) -> None:
    check_url(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("", "must begin with https://"),
        ("receiver.example/hook", "must begin with https://"),
        ("ftp://receiver.example/", "must begin with https://"),
        ("javascript:alert(1)", "must begin with https://"),
        ("file:///etc/passwd", "must begin with https://"),
        ("https:receiver.example", "must begin with https://"),
        ("https:/receiver.example", "must begin with https://"),
        ("https://", "needs a host"),
        ("https:///receiver.example", "needs a host"),
        ("https://?x", "needs a host"),
        ("https://:443/", "malformed"),
        ("https://user@receiver.example/", "user name"),
        ("https://user:word@receiver.example/", "user name"),
        ("https://@receiver.example/", "user name"),
        ("https://receiver.example/#", "fragment"),
        ("https://receiver.example#@127.0.0.1/", "fragment"),
        ("https://receiver.example\\@127.0.0.1/", "backslash"),
        ("https://receiver.example/ x", "space"),
        ("https://receiver.example/\n", "space"),
        (" https://receiver.example/", "space"),
        ("https://receiver.example/\x00", "control"),
        ("https://bücher.example/", "xn--"),
        ("https://127。0。0。1/", "xn--"),
        ("https://receiver.example:0/", "port 0"),
        ("https://receiver.example:65536/", "port 65536"),
        ("https://receiver.example:80a/", "malformed"),
        ("https://receiver.example:/", "malformed"),
        ("https://receiver.example:443:443/", "malformed"),
        ("https://%31%32%37.0.0.1/", "malformed"),
        ("https://[::1/", "malformed"),
        ("https://[fe80::1%25eth0]/", "malformed"),
        ("https://[127.0.0.1]/", "malformed"),
        ("https://[1::2::3]/", "no address"),
        ("https://127.1/", "no address"),
        ("https://2130706433/", "no address"),
        ("https://0x7f000001/", "no address"),
        ("https://0177.0.0.1/", "no address"),
        ("https://127.0.0.1./", "no address"),
        ("https://1.2.3.256/", "no address"),
        ("https://a..b/", "no host name"),
        ("https://-a.example/", "no host name"),
        ("https://" + "a." * 127 + "example/", "no host name"),
        ("https://127.0.0.1/", SETTING),
        ("https://10.1.2.3:8443/", SETTING),
        ("https://169.254.169.254/latest/", SETTING),
        ("https://[::1]/", SETTING),
        ("https://[::ffff:127.0.0.1]/", SETTING),
        ("https://[fd00::1]/", SETTING),
        ("https://localhost/", SETTING),
        ("https://till.LOCALHOST./", SETTING),
        ("http://receiver.example/", "must begin with https://"),
        ("http://93.184.215.14/", "must begin with https://"),
        ("https://receiver.example/" + "a" * URL_CHARACTERS_MAX, "2048"),
    ],
)
def test_other_urls_are_refused_with_the_reason(url: str, why: str) -> None:
    assert why in problem(url)


def test_plain_http_is_for_allowed_networks() -> None:
    check_url("http://127.0.0.1:9000/hook", allowed_networks=LOOPBACK)
    check_url("http://[::ffff:127.0.0.1]:9000/hook", allowed_networks=LOOPBACK)
    check_url("http://localhost:9000/hook", allowed_networks=LOOPBACK)
    check_url("http://receiver.internal/hook", allowed_networks=LOOPBACK)
    assert SETTING in problem("http://93.184.215.14/", LOOPBACK)
    assert SETTING in problem("http://10.0.0.1/", LOOPBACK)


@given(st.text() | st.text().map("https://{}".format) | st.from_regex(r"https?://[\[\]0-9a-fx.:@%\\#?/]*"))
def test_no_text_breaks_the_check(url: str) -> None:
    try:
        check_url(url)
    except InvalidInput as error:
        assert error.field == "url"  # noqa: PT017  # either end is fine; nothing else may be raised
