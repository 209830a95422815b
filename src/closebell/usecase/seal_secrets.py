"""Seal what is stored under the key that seals now: after an upgrade, and after a change of keys."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection

from closebell.clock import Clock
from closebell.store import endpoints, secrets
from closebell.store.secrets import SealedText
from closebell.vault import Vault, key_id_of

ENDPOINTS_AT_ONCE: Final = 50
"""Endpoints whose secrets are sealed in one transaction, so that nobody waits long for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Portion:
    """What one transaction did.

    Shape: `last_id` is the endpoint to go on after, None when none is left.
    """

    last_id: str | None
    resealed: int


def count_sealed(connection: Connection) -> Mapping[str | None, int]:
    """How many secrets are sealed under each key, by its id; None counts those that are not sealed yet.

    Errors: SealBroken.
    """
    return Counter(key_id_of(text.text) for text in _all_texts(connection))


def reseal_portion(connection: Connection, after: str, *, vault: Vault, only_plain: bool) -> Portion:
    """Seal the secrets of some endpoints under the vault's first key: those that are not sealed, or all others too.

    Each is encrypted anew and not just its data key: so each is known to open before its old key is let go of. One that
    somebody replaced meanwhile is left alone, as it was sealed then.

    Errors: SealBroken when one does not open; the portion is then left as it was.
    """
    ids = secrets.endpoint_ids_after(connection, after, limit=ENDPOINTS_AT_ONCE)
    resealed = 0
    for old in list(secrets.texts_of(connection, ids)):
        key_id = key_id_of(old.text)
        if key_id == vault.sealing_key_id or (only_plain and key_id is not None):
            continue
        resealed += secrets.replace_text(connection, old, vault.seal(vault.open(old.text, old.place), old.place))
    return Portion(last_id=ids[-1] if len(ids) == ENDPOINTS_AT_ONCE else None, resealed=resealed)


def forget_key(connection: Connection, key_id: str, *, clock: Clock) -> int:
    """Give up what is sealed under a key that is lost; how many endpoints lost something.

    They are deactivated, so that what is due for them waits until they have secrets again.
    """
    now = clock.now()
    lost = [text for text in _all_texts(connection) if key_id_of(text.text) == key_id]
    concerned = {text.endpoint_id for text in lost}
    for text in lost:
        _give_up(connection, text, key_id, now)
    return len(concerned)


def _give_up(connection: Connection, text: SealedText, key_id: str, now: datetime) -> None:
    reason = f"The key {key_id} is lost, and with it what the endpoint kept secret: rotate it, or set it anew."
    secrets.give_up(connection, text)
    endpoints.deactivate(connection, text.endpoint_id, reason=reason, now=now)


def _all_texts(connection: Connection) -> Iterator[SealedText]:
    after = ""
    while ids := secrets.endpoint_ids_after(connection, after, limit=ENDPOINTS_AT_ONCE):
        yield from list(secrets.texts_of(connection, ids))
        after = ids[-1]
