"""No secret shows in what a receiver says back, however it spells it; what is no secret stays as it came."""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Callable
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closebell.domain.masking import Mask, _lengths
from closebell.domain.signature import Secret

SIGNING = Secret.generate(b"s+/s" * 8).reveal()
ODD = 'pa+ss/w%41rd\\u0042 &amp; <"it\'s">'
TOKEN = "Zm9v+YmFy/cXV1eA-_~.9"
PASSWORD = "open: sesame+1"

Spells = Callable[[str], str]


def each(spell: Spells) -> Spells:
    """Spells a text character by character."""
    return lambda text: "".join(map(spell, text))


SPELLINGS: dict[str, Spells] = {
    "as it is": str,
    "JSON": lambda text: json.dumps(text)[1:-1],
    "JSON with a slash escaped": lambda text: json.dumps(text)[1:-1].replace("/", "\\/"),
    "JSON for a page": lambda text: json.dumps(text)[1:-1].replace("+", "\\u002B").replace("&", "\\u0026"),
    "JSON of nothing but escapes": each(lambda one: f"\\u{ord(one):04X}"),
    "JSON in JSON": lambda text: json.dumps(json.dumps(text)[1:-1])[1:-1],
    "JSON in JSON in JSON": lambda text: json.dumps(json.dumps(json.dumps(text)[1:-1])[1:-1])[1:-1],
    "HTML": html.escape,
    "HTML, padded": lambda text: html.escape(text).replace("&#x27;", "&#039;").replace("&quot;", "&#34;"),
    "HTML with a plus": lambda text: html.escape(text).replace("+", "&#43;"),
    "HTML in decimals": each(lambda one: f"&#{ord(one)};"),
    "HTML in hexadecimals": each(lambda one: f"&#x{ord(one):X};"),
    "HTML by name": lambda text: html.escape(text).replace("+", "&plus;").replace("/", "&sol;"),
    "HTML of HTML": lambda text: html.escape(html.escape(text)),
    "a URL": lambda text: quote(text, safe=""),
    "a path": quote,
    "a URL in lower case": lambda text: quote(text, safe="").lower(),
    "a form": quote_plus,
    "a form's field": lambda text: urlencode({"x": text})[2:],
    "a URL of nothing but escapes": each(lambda one: f"%{ord(one):02x}"),
    "a URL in a URL": lambda text: quote(quote(text, safe=""), safe=""),
    "a URL in JSON": lambda text: json.dumps(quote(text, safe=""))[1:-1].replace("%", "\\u0025"),
    "a script": each(lambda one: f"\\x{ord(one):02x}"),
    "a newer script": each(lambda one: f"\\u{{{ord(one):x}}}"),
    "a shell": each(lambda one: one if one.isalnum() else f"\\{one}"),
    "a repr": lambda text: repr(text)[1:-1],
    "capitals": str.upper,
    "small letters": str.lower,
    "JSON in capitals": lambda text: json.dumps(text.upper())[1:-1],
    "base64": lambda text: base64.b64encode(text.encode()).decode(),
    "base64 for URLs": lambda text: base64.urlsafe_b64encode(text.encode()).decode(),
    "base64 in JSON": lambda text: json.dumps(base64.b64encode(text.encode()).decode()).replace("/", "\\/"),
    "base64 in a URL": lambda text: quote(base64.b64encode(text.encode()).decode(), safe=""),
}


@pytest.mark.parametrize("secret", [SIGNING, ODD, TOKEN, PASSWORD])
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_secret_does_not_show_however_it_is_spelled(secret: str, spelling: str) -> None:
    spelled = SPELLINGS[spelling](secret)
    masked = Mask([secret]).over(f"You sent [{spelled}] and [{spelled}].")
    assert re.sub('"|=|%3D', "", masked) == "You sent [****] and [****]."


@pytest.mark.parametrize("before", ["", "u", "us", "use", "user:"])
def test_a_secret_within_something_longer_in_base64_does_not_show(before: str) -> None:
    echoed = base64.b64encode(f"{before}{TOKEN}, and more".encode()).decode()
    masked = Mask([TOKEN]).over(echoed)
    assert "****" in masked
    shown = sum(map(len, masked.split("****")))
    # A character at either end holds bits of what stands around it.
    assert len(echoed) - shown >= len(TOKEN) * 8 // 6 - 1


@pytest.mark.parametrize(
    ("value", "echoed"),
    [
        ("Bearer tok1", "tok1"),
        ("Token abcd", "abcd"),
        ("sid=abcd; theme=dark", "abcd"),
        ("one1,two2", "two2"),
        ('Digest username="ada", response="abcd"', "abcd"),
        ("Basic " + base64.b64encode(b"ada:hunter2").decode(), "ada:hunter2"),
        ("Basic " + base64.b64encode(b"ada:hunter2").decode(), "hunter2"),
        (base64.b64encode(b"ada:hunt er").decode(), "hunt er"),
        ("Bearer tok1", base64.b64encode(b"tok1").decode()),
        (SIGNING, SIGNING.partition("_")[2]),
        (SIGNING, SIGNING.partition("_")[2].rstrip("=")),
    ],
)
def test_a_part_of_a_secret_does_not_show(value: str, echoed: str) -> None:
    assert Mask([value]).over(f"[{echoed}]").rstrip("=]") == "[****"


@pytest.mark.parametrize("half", ["\\u002", "\\u0", "\\", "%2", "%", "&#4", "&#", "&am", "&", ""])
@pytest.mark.parametrize("spelling", ["as it is", "JSON for a page", "HTML in decimals", "a URL", "base64"])
def test_half_a_secret_at_a_cut_does_not_show(half: str, spelling: str) -> None:
    spelled = SPELLINGS[spelling](TOKEN)
    whole = spelled[: len(SPELLINGS[spelling](TOKEN[:6])) - 2 * (spelling == "base64")]
    assert Mask([TOKEN]).over(f"You sent {whole}{half}", is_cut=True) == "You sent ****"
    assert Mask([TOKEN]).over(f"You sent {whole}{half}") == f"You sent {whole}{half}"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "abc",
        '{"ok": true}',
        "whsec_ and Bearer and token and basic",
        "%zz &nope; &#; \\u12 \\u00zz &#xffffff; %25 \\\\ &amp;amp;",
        "İstanbul \U0001f488 \u017f é",
    ],
)
def test_what_is_no_secret_stays_as_it_came(text: str) -> None:
    mask = Mask([SIGNING, PASSWORD, f"Bearer {TOKEN}", "abc", ""])
    assert mask.over(text) == text
    assert mask.over(text, is_cut=True) == text
    assert Mask([]).over(text, is_cut=True) == text


def test_around_characters_of_every_width_only_the_secret_is_covered() -> None:
    assert Mask(["hunter2"]).over("İ\U0001f488é hunter2 İ%48UNTER2é") == "İ\U0001f488é **** İ****é"


def test_a_secret_within_another_and_beside_another_is_covered_once() -> None:
    mask = Mask(["abcdefgh", "cdef", "ghij"])
    assert mask.over("<abcdefghij>") == "<****>"
    assert mask.over("<cdef> <abcdefgh> <xcdefghijx>") == "<****> <****> <x****x>"


secrets = st.text(
    alphabet=st.characters(min_codepoint=32, max_codepoint=126, exclude_characters="*"), min_size=4, max_size=40
).filter(lambda text: text == text.strip() and text.strip("+ ") != "")


@settings(max_examples=200, deadline=None)
@given(secret=secrets, spelling=st.sampled_from(sorted({*SPELLINGS} - {"a URL in lower case"})))
def test_whatever_the_secret_it_does_not_show(secret: str, spelling: str) -> None:
    spelled = SPELLINGS[spelling](secret)
    assert spelled not in Mask([secret]).over(f"<<{spelled}>>")


@settings(max_examples=200, deadline=None)
@given(text=st.text(alphabet=st.sampled_from("\\u0041x%&#;{}am+ \té"), max_size=200), is_cut=st.booleans())
def test_any_text_can_be_read_and_never_gets_longer(text: str, *, is_cut: bool) -> None:
    assert len(Mask(["aaaa", "0041", "+uuu x%"]).over(text, is_cut=is_cut)) <= len(text)


HOSTILE = ["a" * 512, "\\" * 512, "%25" * 170, "&#" * 256, "%41" * 170, "&#x0000000" * 51, ("&" + "a" * 19) * 25]


def test_looking_for_long_secrets_is_a_matter_of_few_steps() -> None:
    # However many there are, they are looked up by their first characters, and by the lengths of those that share them.
    words = [" ".join(f"{number:04x}" for number in range(start, start + 819)) for start in range(0, 20 * 819, 819)]
    equal = ["a" * (4096 - number) for number in range(20)]
    assert max(map(len, _lengths(words + equal).values())) <= len(equal)
    for mask in (Mask(words), Mask(equal)):
        for text in HOSTILE:
            assert len(mask.over(text, is_cut=True)) <= len(text)


def test_a_mask_shows_nothing() -> None:
    assert "hunter2" not in repr(Mask(["hunter2"]))
