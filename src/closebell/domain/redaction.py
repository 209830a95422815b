"""What is left of an event's body when the guest in it is erased: every byte that is not about who they are.

The body is taken apart only where something goes; each other part is copied as it stands. So amounts keep their very
digits, whatever version of Closebell wrote them, and a body that is redacted already comes out as it went in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from closebell.domain import document, event

_KEPT_OF_A_GUEST: Final = frozenset({"id", "_id", "center_id", "center_name", "created_date", "last_updated"})
"""What stays of the guest: the pseudonym, and where and since when there is one."""
_NULL_WHEN_BLANK: Final = frozenset({"date_of_birth", "anniversary_date"})
_NULL: Final = b"null"
_BLANKS: Final[Mapping[bytes, bytes]] = {b'"': b'""', b"[": b"[]", b"t": b"false", b"f": b"false", b"n": _NULL}
_NOT_SPECIFIED: Final = b"-1"
"""The contract's number for what nobody said."""

_OBJECT: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_LIST: Final = msgspec.json.Decoder(list[msgspec.Raw])
_KEY: Final = msgspec.json.Decoder(str)

Redact = Callable[[bytes], bytes]


def redacted(body: bytes) -> bytes:
    """The stored body of an event without the guest, who stays in it by the id alone.

    Shape: names, numbers, addresses and the like become blanks of their kind, so a body fits the type it fitted before.
           Digits of cards go, and the additional fields that are not ours.
    """
    envelope = _OBJECT.decode(body)
    kind = _KEY.decode(envelope["event_type"])
    if kind in {event.GUEST_CREATED, event.GUEST_UPDATED}:
        return _with(body, {"data": _guest})
    return _with(body, {"data": lambda data: _with(data, {"invoice": _invoice, "transactions": _transactions})})


def _invoice(invoice: bytes) -> bytes:
    return _with(
        invoice,
        {"guest": _guest, "transactions": _transactions, "additional_fields": _additional_fields},
    )


def _transactions(transactions: bytes) -> bytes:
    option: dict[str, Redact] = {"payment_option": lambda option: _with(option, {"card_number": lambda _: b'""'})}
    return _listed(_with(bytes(one), option) for one in _LIST.decode(transactions))


def _additional_fields(named: bytes) -> bytes:
    """The additional fields that are our own; what others put there may name anybody."""
    fields = _LIST.decode(named)
    return _listed(bytes(one) for one in fields if _KEY.decode(_OBJECT.decode(one)["key"]) in document.OWN_FIELDS)


def _guest(guest: bytes) -> bytes:
    """The guest of whom only the id and what follows from it is known; none where there was none."""
    if guest == _NULL:
        return guest
    members = _OBJECT.decode(guest)
    return _with(guest, {name: _blanked(name) for name in members if name not in _KEPT_OF_A_GUEST})


def _blanked(name: str) -> Redact:
    """Makes a blank of a member: of its own kind, or null where that says that there is none."""

    def blank(value: bytes) -> bytes:
        if name in _NULL_WHEN_BLANK or (name.endswith("_phone") and value.startswith(b"{")):
            return _NULL
        if value.startswith(b"{"):
            return _with(value, {inner: _blanked(inner) for inner in _OBJECT.decode(value)})
        return _BLANKS.get(value[:1], _NOT_SPECIFIED)

    return blank


def _with(text: bytes, changes: Mapping[str, Redact]) -> bytes:
    """The object with some of its members changed, those that it has, and every other as it stands."""
    members = _OBJECT.decode(text)
    for name, change in changes.items():
        if name in members:
            members[name] = msgspec.Raw(change(bytes(members[name])))
    return msgspec.json.encode(members)


def _listed(parts: Iterable[bytes]) -> bytes:
    return b"[" + b",".join(parts) + b"]"
