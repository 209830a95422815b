"""A vault whose key everybody knows."""

from __future__ import annotations

import base64
from typing import Final

from closebell.testing.time_and_luck import SeededLuck
from closebell.vault import KEY_BYTES, MasterKey, Vault

SECRET_KEY: Final = f"test:{base64.b64encode(bytes(KEY_BYTES)).decode('ascii')}"
"""A value for `secret_keys` in tests, where PostgreSQL wants one; no secret, as it stands here."""


def a_vault(*keys: str, seed: int = 0) -> Vault:
    """Seals under the first of these keys, or the one above; the same seed seals in the same way."""
    return Vault([MasterKey.parse(key) for key in keys or (SECRET_KEY,)], entropy=SeededLuck(seed).entropy)
