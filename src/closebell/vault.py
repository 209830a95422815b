"""Seals secrets for the database and opens them again: who has the database alone, has no secret.

A secret is encrypted under a data key of its own, and the data key under a master key that the database never sees.
The text says which master key it was, so that several may be in use while one replaces another:

    sealed.v1.<key id>.<wrapped data key>.<encrypted secret>

Both halves are bound to the place the text belongs to: moved to another row, it does not open.

Source: docs/operating.md; docs/decisions/0024-sealed-secrets.md.
"""

from __future__ import annotations

import base64
import binascii
import errno
import fcntl
import os
import re
import stat
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final, Self

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from closebell.errors import MisuseError, SealBroken

SETTING: Final = "secret_keys (CLOSEBELL_SECRET_KEYS)"
KEY_BYTES: Final = 32
"""Bytes of a master key, and of a data key."""
KEYS_MAX: Final = 20
"""Master keys in use at once; a rotation needs two."""
KEY_FILE_BYTES_MAX: Final = 4096
"""Bytes of a key file that are read."""
KEY_FILE_SUFFIX: Final = ".key"

PLAIN_PREFIX: Final = "whsec_"
"""How the signing secrets begin that an older Closebell stored as they are."""

_VERSION: Final = "sealed.v1"
_NONCE_BYTES: Final = 12
_ID_ENTROPY_BYTES: Final = 4
_OTHERS_MAY: Final = 0o077
_ROOT: Final = 0
_KEY_TEXT: Final = re.compile(r"([A-Za-z0-9_-]{1,32}):([A-Za-z0-9+/]{43}=)", re.ASCII)
_SEALED: Final = re.compile(r"sealed\.v1\.([A-Za-z0-9_-]{1,32})\.([A-Za-z0-9_=-]+)\.([A-Za-z0-9_=-]+)", re.ASCII)

Entropy = Callable[[int], bytes]
"""Gives that many unpredictable bytes, as `Luck.entropy` does."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MasterKey:
    """A key that wraps data keys; its repr shows the id and nothing else."""

    id: str
    key: bytes = field(repr=False)

    @classmethod
    def generate(cls, entropy: Entropy) -> Self:
        """A fresh key with a fresh id."""
        return cls(id=f"k{entropy(_ID_ENTROPY_BYTES).hex()}", key=entropy(KEY_BYTES))

    @classmethod
    def parse(cls, text: str, *, source: str = SETTING) -> Self:
        """The key written as `<id>:<base64 of 32 bytes>`.

        Errors: MisuseError, which repeats nothing of the text.
        """
        found = _KEY_TEXT.fullmatch(text)
        if found is None:
            raise MisuseError(
                f"{source} holds a key that is none: write <id>:<base64 of {KEY_BYTES} bytes>, "
                "as `closebell secrets new-key` prints it"
            )
        return cls(id=found[1], key=base64.b64decode(found[2]))

    def reveal(self) -> str:
        """The text, for the one moment it is shown or written to its file."""
        return f"{self.id}:{base64.b64encode(self.key).decode('ascii')}"


def parse_keys(texts: Iterable[str]) -> tuple[MasterKey, ...]:
    """The master keys of a setting, the one that seals first.

    Errors: MisuseError when one is malformed, when two have one id, or when there are too many.
    """
    keys = tuple(MasterKey.parse(text) for text in texts)
    ids = [key.id for key in keys]
    twice = next((id_ for id_ in ids if ids.count(id_) > 1), None)
    if twice is not None:
        raise MisuseError(f"{SETTING} holds two keys with the id {twice}: each needs one of its own")
    if len(keys) > KEYS_MAX:
        raise MisuseError(f"{SETTING} holds {len(keys)} keys: at most {KEYS_MAX} can be in use at once")
    return keys


def key_id_of(text: str) -> str | None:
    """The id of the master key that a text was sealed under; None for one that is not sealed.

    Errors: SealBroken when it claims to be sealed and is damaged.
    """
    if not text.startswith(f"{_VERSION}."):
        return None
    found = _SEALED.fullmatch(text)
    if found is None:
        raise SealBroken("a sealed text is damaged: it is not of the form it was written in")
    return found[1]


class Vault:
    """Seals under the first of its keys and opens under any of them.

    What is opened is not kept here: whoever needs it often keeps it, in memory and bounded.

    >>> vault = Vault([MasterKey(id="k1", key=bytes(32))], entropy=os.urandom)
    >>> sealed = vault.seal("hunter2", "till/secret")
    >>> vault.open(sealed, "till/secret"), sealed.startswith("sealed.v1.k1."), vault
    ('hunter2', True, Vault(k1))
    >>> vault.open(sealed, "shop/secret")
    Traceback (most recent call last):
    closebell.errors.SealBroken: what is sealed for shop/secret under key k1 does not open: it was altered, or belongs \
elsewhere
    """

    __slots__ = ("_entropy", "_keys", "_sealing")

    def __init__(self, keys: Iterable[MasterKey], *, entropy: Entropy) -> None:
        """Errors: ValueError without a key, which callers have seen to before."""
        self._keys = {key.id: key for key in keys}
        if not self._keys:
            raise ValueError("A vault needs at least one key.")
        self._sealing = next(iter(self._keys.values()))
        self._entropy = entropy

    @property
    def sealing_key_id(self) -> str:
        """The id of the key that new texts are sealed under."""
        return self._sealing.id

    @property
    def key_ids(self) -> frozenset[str]:
        """The ids of the keys that it can open with."""
        return frozenset(self._keys)

    def seal(self, text: str, place: str) -> str:
        """The text, sealed for this place."""
        data_key = self._entropy(KEY_BYTES)
        head = f"{_VERSION}.{self._sealing.id}"
        wrapped = self._encrypt(self._sealing.key, data_key, _bound(head, "key", place))
        encrypted = self._encrypt(data_key, text.encode(), _bound(head, "text", place))
        return f"{head}.{wrapped}.{encrypted}"

    def open(self, sealed: str, place: str) -> str:
        """What was sealed for this place.

        A database of an older Closebell holds signing secrets as they are, until it is served for the first time; those
        are returned as they are, and nothing else is.

        Errors: SealBroken when the key is not among ours, or the text was altered or belongs elsewhere.
        """
        key_id = key_id_of(sealed)
        if key_id is None:
            if sealed.startswith(PLAIN_PREFIX):
                return sealed
            raise SealBroken(f"what stands for {place} is not sealed: it was altered")
        if key_id not in self._keys:
            raise SealBroken(
                f"what is sealed for {place} needs the key {key_id}, which is not among {SETTING}: add it again"
            )
        head = f"{_VERSION}.{key_id}"
        _, _, _, wrapped, encrypted = sealed.split(".")
        try:
            data_key = _decrypt(self._keys[key_id].key, wrapped, _bound(head, "key", place))
            return _decrypt(data_key, encrypted, _bound(head, "text", place)).decode()
        except (InvalidTag, ValueError):
            # `from None`: the cause says nothing more, and its traceback may carry the text.
            raise SealBroken(
                f"what is sealed for {place} under key {key_id} does not open: it was altered, or belongs elsewhere"
            ) from None

    def _encrypt(self, key: bytes, text: bytes, bound: bytes) -> str:
        nonce = self._entropy(_NONCE_BYTES)
        return base64.urlsafe_b64encode(nonce + AESGCM(key).encrypt(nonce, text, bound)).decode("ascii")

    def __repr__(self) -> str:
        return f"Vault({', '.join(self._keys)})"


def _decrypt(key: bytes, text: str, bound: bytes) -> bytes:
    """Errors: InvalidTag; ValueError when it is too short or no base64."""
    try:
        raw = base64.b64decode(text, altchars=b"-_", validate=True)
    except binascii.Error as error:
        raise ValueError(str(error)) from None
    return AESGCM(key).decrypt(raw[:_NONCE_BYTES], raw[_NONCE_BYTES:], bound)


def _bound(head: str, what: str, place: str) -> bytes:
    return f"closebell {head} {what} {place}".encode()


# --- the key file beside a SQLite database ---------------------------------------------------------------------------


def key_file_of(database: Path) -> Path:
    """Where the key of a SQLite database is kept that names none: beside the file."""
    return database.with_name(database.name + KEY_FILE_SUFFIX)


def read_key_file(path: Path) -> MasterKey | None:
    """The key in the file; None when there is no such file.

    Errors: MisuseError when it cannot be read, when it is another's or others may read it, or when it holds no key.
    """
    try:
        with open(path, "rb", opener=_open_to_read) as file:
            must_be_ours_alone(path, os.fstat(file.fileno()), user=os.geteuid())
            raw = file.read(KEY_FILE_BYTES_MAX)
    except FileNotFoundError:
        return None
    except OSError as error:
        is_link = error.errno == errno.ELOOP
        problem = "it is a symbolic link; put the file itself there" if is_link else error.strerror
        raise MisuseError(f"{path}: cannot be read: {problem}") from None
    return MasterKey.parse(raw.decode("ascii", "replace").strip(), source=str(path))


def must_be_ours_alone(path: Path, status: os.stat_result, *, user: int) -> None:
    """Refuses a key that somebody else may have chosen, or may read: whoever may write the directory can put one there.

    Errors: MisuseError.
    """
    if not stat.S_ISREG(status.st_mode):
        raise MisuseError(f"{path}: cannot be read: it is no regular file")
    if status.st_uid not in {_ROOT, user}:
        raise MisuseError(
            f"{path}: belongs to the user {status.st_uid}, who may have chosen the key, and this process is of the "
            f"user {user}: run it as the owner, chown the file if the key is yours, or take it away"
        )
    if status.st_mode & _OTHERS_MAY:
        raise MisuseError(f"{path}: others than its owner may use it: chmod 600 {path}")


def _open_to_read(path: str, flags: int) -> int:
    """Open without waiting for whoever writes a pipe, and without following a link to where it leads."""
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)


def make_key_file(path: Path, *, entropy: Entropy) -> MasterKey:
    """The key in the file, which is made if it is not there; processes that do so at once get the same key.

    The file is there whole or not at all, for its owner alone, and on disk before this returns.

    Errors: MisuseError when it cannot be made.
    """
    try:
        directory = os.open(path.parent, os.O_RDONLY)
    except OSError as error:
        raise MisuseError(f"{path}: cannot be made: {error.strerror}") from None
    try:
        fcntl.flock(directory, fcntl.LOCK_EX)
        known = read_key_file(path)
        if known is not None:
            return known
        made = MasterKey.generate(entropy)
        _write_whole(path, made.reveal() + "\n")
        os.fsync(directory)
    except OSError as error:
        raise MisuseError(f"{path}: cannot be made: {error.strerror}") from None
    finally:
        os.close(directory)
    return made


def _write_whole(path: Path, text: str) -> None:
    """Write under another name first, which nobody reads, so that a crash leaves no half of a key."""
    draft = path.with_name(path.name + ".new")
    with suppress(FileNotFoundError):
        draft.unlink()  # of a process that crashed here; the directory is locked, so nobody writes it now
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
