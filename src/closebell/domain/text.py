"""Free text from outside: within bounds, and such that every database and every receiver can hold it."""

from __future__ import annotations

import unicodedata

from closebell.errors import InvalidInput


def bounded(text: str, field: str, *, most: int, least: int = 0) -> str:
    r"""The text, when it has from `least` to `most` characters, no NUL and no half of a surrogate pair.

    Errors: InvalidInput naming the field.

    >>> bounded("Front desk\n", "description", most=20)
    'Front desk\n'
    """
    if len(text) > most:
        raise InvalidInput(field, f"has {len(text)} characters; at most {most} are allowed")
    if len(text.strip()) < least:
        raise InvalidInput(field, f"is blank; write {least} to {most} characters")
    if "\0" in text or any(unicodedata.category(character) == "Cs" for character in text):
        raise InvalidInput(field, "holds a NUL or half a surrogate pair, which no text has")
    return text


def one_line(text: str) -> str:
    r"""The text on one line, with nothing in it that a terminal, a log or a header would act upon.

    >>> one_line("550 5.1.1\r\n\tno such  user\x1b[31m")
    '550 5.1.1 no such user [31m'
    """
    return " ".join("".join(one if one.isprintable() else " " for one in text).split())


def name(text: str, field: str, *, most: int) -> str:
    """A name: one line of text, not blank; a line break in it would end a mail header or a log line.

    Errors: InvalidInput naming the field.

    >>> name("Front desk", "name", most=200)
    'Front desk'
    """
    bounded(text, field, most=most, least=1)
    if any(unicodedata.category(character) in {"Cc", "Zl", "Zp"} for character in text):
        raise InvalidInput(field, "holds a line break or another control character; write one line")
    return text
