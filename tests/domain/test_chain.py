from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.chain import GENESIS, body_hash, link

HASHES = st.binary(min_size=32, max_size=32)
EVENTS = st.tuples(HASHES, st.integers(0, 2**63 - 1), HASHES)


def test_genesis_is_32_zero_bytes() -> None:
    assert bytes.fromhex("00" * 32) == GENESIS


@given(event=EVENTS)
def test_a_link_is_sha256_over_hash_big_endian_sequence_and_bodys_hash(event: tuple[bytes, int, bytes]) -> None:
    previous, sequence, hash_of_body = event

    by_hand = hashlib.sha256()
    by_hand.update(previous)
    by_hand.update(struct.pack(">Q", sequence))
    by_hand.update(hash_of_body)

    assert link(previous, sequence, hash_of_body) == by_hand.digest()


@given(body=st.binary(max_size=200))
def test_the_hash_of_a_body_is_sha256_over_its_bytes(body: bytes) -> None:
    assert body_hash(body) == hashlib.sha256(body).digest()


@given(one=EVENTS, other=EVENTS)
def test_different_events_have_different_links(one: tuple[bytes, int, bytes], other: tuple[bytes, int, bytes]) -> None:
    assert (link(*one) == link(*other)) == (one == other)


@pytest.mark.parametrize("digest", [b"", bytes(31), bytes(33)])
def test_a_hash_of_another_length_is_our_mistake(digest: bytes) -> None:
    with pytest.raises(ValueError, match="A previous hash is 32 bytes"):
        link(digest, 1, bytes(32))
    with pytest.raises(ValueError, match="A body's hash is 32 bytes"):
        link(bytes(32), 1, digest)
