"""Takes secrets out of a text that somebody sent back who was told them, however the text spells them.

A receiver that echoes what it was sent does so as JSON, as HTML, in a URL, in capitals, or word by word. So a text is
read as it came and as it decodes, in one pass a time and for a bounded number of times; every reading knows where in
the text each of its characters stands. What is looked for are plain strings, so nothing can be made to backtrack.

Source: docs/webhooks.md; docs/decisions/0024-sealed-secrets.md.
"""

from __future__ import annotations

import base64
import html.entities
import re
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from closebell.domain.asymmetric import PRIVATE_KEY_PREFIX
from closebell.domain.sealed import SECRET_MASK
from closebell.domain.signature import SECRET_PREFIX

MASKED_CHARACTERS_MIN: Final = 4
"""Characters of the shortest value that is taken out; a shorter one is no secret, and taking it out would make every
answer unreadable."""
DECODINGS_MAX: Final = 4
"""How often a text is decoded: JSON in JSON in JSON, and once more for what in a secret itself looks encoded."""
SCHEMES: Final = frozenset({"apikey", "basic", "bearer", "digest", "hmac", "negotiate", "oauth", "token"})
"""Words that stand before a secret in a header and are none."""

_PREFIXES: Final = (SECRET_PREFIX, PRIVATE_KEY_PREFIX)
_FOLDED: Final = str.maketrans(
    {**{chr(upper): chr(upper + 32) for upper in range(ord("A"), ord("Z") + 1)}, "+": " ", "\t": " "}
)
"""Upper and lower case are one, and so are a space, a tab and the + that forms write for it."""
_BETWEEN_WORDS: Final = re.compile(r"""[\s;=,"']+""")
_STANDARD_BASE64: Final = str.maketrans("-_", "+/")
_URLSAFE_BASE64: Final = str.maketrans("+/", "-_")
_NAMED: Final = {
    name.lower().removesuffix(";"): character.translate(_FOLDED)
    for name, character in html.entities.html5.items()
    if name.endswith(";") and len(character) == 1 and character.isascii()
}
_BACKSLASHED: Final = (
    r"(?P<backslashed>\\u00[0-7][0-9a-f]|\\x[0-7][0-9a-f]|\\u\{0{0,6}[0-7]?[0-9a-f]\})|\\(?P<behind>[^0-9a-z]|t)"
)
_PERCENT: Final = r"(?P<percent>%[0-7][0-9a-f])"
_ENTITY: Final = r"(?P<hexadecimal>&#x0{0,6}[0-7]?[0-9a-f];)|&#0{0,6}(?P<decimal>[0-9]{1,3});|&(?P<name>[a-z]{2,20});"
_ESCAPING: Final = frozenset("\\%&")
_ESCAPES: Final = tuple(re.compile(one, re.DOTALL) for one in (_BACKSLASHED, _PERCENT, _ENTITY))
_ANY_ESCAPE: Final = re.compile(f"{_BACKSLASHED}|{_PERCENT}|{_ENTITY}", re.DOTALL)
_LEADING: Final = re.compile(r"\\u00|\\u\{|\\x|%|&\#x|[;}]")
_HALF_ESCAPED: Final = re.compile(
    r"\\(?:u[0-9a-f{]{0,8}|x[0-9a-f]?)?\Z|%[0-9a-f]?\Z|&(?:\#[0-9a-fx]{0,10}|[a-z]{0,20})\Z"
)
_HALF_CHARACTERS_MAX: Final = 24


@dataclass(frozen=True, slots=True)
class _Reading:
    """A way to read a text; `at` says where in it each character stands, and at last where the text ends."""

    text: str
    at: Sequence[int]


class Mask:
    r"""Covers secrets in texts; made once for all that one endpoint is sent, and shows nothing of them itself.

    >>> Mask(["Bearer hunter2"]).over("You sent hunter2, or \u0048unter%32.")
    'You sent ****, or ****.'
    """

    __slots__ = ("_forms", "_lengths", "_sorted")

    def __init__(self, secrets: Iterable[str]) -> None:
        """Shape: printable ASCII texts, as headers hold them."""
        self._forms = frozenset(form for secret in secrets for form in _forms(secret))
        self._sorted = sorted(self._forms)
        self._lengths = _lengths(self._forms)

    def over(self, text: str, *, is_cut: bool = False) -> str:
        """The text with a mask over each secret; `is_cut` if it ends where it was cut, perhaps within a secret."""
        if len(text) < MASKED_CHARACTERS_MIN or not self._forms:
            return text
        spans = [span for reading in _readings(text) for span in self._found(reading, is_cut=is_cut)]
        return _covered(text, spans) if spans else text

    def _found(self, reading: _Reading, *, is_cut: bool) -> Iterator[tuple[int, int]]:
        """Where secrets begin and end in the text that this is a reading of."""
        text, at, known = reading.text, reading.at, self._lengths
        ends = _ends(text) if is_cut else ()
        for start in range(len(text) - MASKED_CHARACTERS_MIN + 1):
            if (lengths := known.get(text[start : start + MASKED_CHARACTERS_MIN])) is None:
                continue
            # A slice beyond the end is shorter than it was asked for, and may still be a secret: a shorter one.
            whole = next((one for length in lengths if (one := text[start : start + length]) in self._forms), "")
            if whole:
                yield at[start], at[start + len(whole)]
            if any(end - start >= MASKED_CHARACTERS_MIN and self._begins(text[start:end]) for end in ends):
                yield at[start], at[-1]

    def _begins(self, tail: str) -> bool:
        """Does any secret begin with the tail? Those that do stand together in their order, right where it would."""
        index = bisect_left(self._sorted, tail)
        return index < len(self._sorted) and self._sorted[index].startswith(tail)

    def __repr__(self) -> str:
        return f"Mask({SECRET_MASK})"


def _lengths(forms: Iterable[str]) -> dict[str, tuple[int, ...]]:
    """By their first characters, how long these are, longest first."""
    found = defaultdict[str, set[int]](set)
    for form in forms:
        found[form[:MASKED_CHARACTERS_MIN]].add(len(form))
    return {beginning: tuple(sorted(lengths, reverse=True)) for beginning, lengths in found.items()}


def _ends(text: str) -> tuple[int, ...]:
    """Where a text that was cut may end: where it does, and before half an escape."""
    half = _HALF_ESCAPED.search(text, max(0, len(text) - _HALF_CHARACTERS_MAX))
    return (len(text),) if half is None else (len(text), half.start())


def _covered(text: str, spans: Iterable[tuple[int, int]]) -> str:
    """The text with one mask over all spans that overlap or touch."""
    pieces, shown_from, covered_to = list[str](), 0, -1
    for start, end in sorted(spans):
        if start > covered_to:
            pieces += text[shown_from:start], SECRET_MASK
        covered_to = max(covered_to, end)
        shown_from = covered_to
    return "".join([*pieces, text[shown_from:]])


def _readings(text: str) -> Iterator[_Reading]:
    """The text as it came, and decoded as long as there is something to decode; nothing tells capitals apart.

    Shape: whoever wrote it escaped in one way, most likely, and what looks like another way is the text's own; so each
           way is tried alone, and then all at once.
    """
    as_it_came = _Reading(text.translate(_FOLDED), range(len(text) + 1))
    yield as_it_came
    if _ESCAPING.isdisjoint(text):
        return
    for escape in (*_ESCAPES, _ANY_ESCAPE):
        reading = as_it_came
        for _ in range(DECODINGS_MAX):
            decoded = _decoded(reading, escape)
            if decoded is None:
                break
            yield decoded
            reading = decoded


def _decoded(reading: _Reading, escape: re.Pattern[str]) -> _Reading | None:
    """What each escape stands for in its place; None when there is none."""
    text, pieces, at, end = reading.text, list[str](), list[int](), 0
    for found in escape.finditer(text):
        character = _character(found)
        if character is None:
            continue
        pieces += text[end : found.start()], character
        at += reading.at[end : found.start() + 1]
        end = found.end()
    if not end:
        return None
    return _Reading("".join([*pieces, text[end:]]), [*at, *reading.at[end:]])


def _character(found: re.Match[str]) -> str | None:
    """The character that an escape stands for; None when it stands for none that a secret can hold."""
    way = found.lastgroup
    assert way is not None, "every escape has a named group"
    match way:
        case "name":
            return _NAMED.get(found[way])
        case "decimal":
            return chr(int(found[way])).translate(_FOLDED)
        case "behind":
            return found[way].replace("t", " ").translate(_FOLDED)
        case _:
            return chr(int(_LEADING.sub("", found[way]), 16)).translate(_FOLDED)


def _forms(secret: str) -> Iterator[str]:
    """What to look for so that nothing of the secret shows, as readings spell it."""
    for part in {*_parts(secret)}:
        for spelled in (part, *_base64_of(part)):
            for reading in _readings(spelled):
                if len(reading.text) >= MASKED_CHARACTERS_MIN and not reading.text.isspace():
                    yield reading.text


def _parts(secret: str) -> Iterator[str]:
    """The secret, what is in it behind a prefix of ours, its words, and what they say if they are base64 of a text."""
    whole = (secret, secret.partition("_")[2]) if secret.startswith(_PREFIXES) else (secret,)
    for text in whole:
        yield text
        for word in _words(text):
            yield word
            plain = _plain(word)
            yield plain
            name, colon, password = plain.partition(":")
            yield from (password, *_words(password)) if colon else _words(name)


def _words(text: str) -> Iterator[str]:
    for word in _BETWEEN_WORDS.split(text):
        if len(word) >= MASKED_CHARACTERS_MIN and word.lower() not in SCHEMES:
            yield word


def _plain(word: str) -> str:
    """The printable text that this is base64 of, as a basic user name and password are; nothing when there is none."""
    padded = word.translate(_STANDARD_BASE64) + "=" * (-len(word) % 4)
    try:
        text = base64.b64decode(padded, validate=True).decode("ascii")
    except ValueError:
        return ""
    return text if text.isprintable() else ""


def _base64_of(text: str) -> Iterator[str]:
    """The text in base64, alone and within a longer one, where it begins at any of three places; also as URLs take it.

    >>> sorted(_base64_of("ab?>"))
    ['FiPz', 'YWI/Pg', 'YWI_Pg', 'hYj8+', 'hYj8-']
    """
    forms = {base64.b64encode(text.encode()).decode("ascii").rstrip("=")}
    for shift, mixed in ((1, 2), (2, 3)):
        shifted = base64.b64encode(bytes(shift) + text.encode()).decode("ascii").rstrip("=")
        # The first characters hold bits of what stands before, and the last may hold some of what follows.
        forms.add(shifted[mixed : len(shifted) - ((shift + len(text)) % 3 != 0)])
    yield from {*forms, *(form.translate(_URLSAFE_BASE64) for form in forms)}
