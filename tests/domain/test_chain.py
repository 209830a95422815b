from __future__ import annotations

import hashlib
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.chain import GENESIS, link

EVENTS = st.tuples(st.binary(min_size=32, max_size=32), st.integers(0, 2**63 - 1), st.binary(max_size=200))


def test_genesis_is_32_zero_bytes() -> None:
    assert bytes.fromhex("00" * 32) == GENESIS


@given(event=EVENTS)
def test_a_link_is_sha256_over_hash_big_endian_sequence_and_body(event: tuple[bytes, int, bytes]) -> None:
    previous, sequence, body = event

    by_hand = hashlib.sha256()
    by_hand.update(previous)
    by_hand.update(struct.pack(">Q", sequence))
    by_hand.update(body)

    assert link(previous, sequence, body) == by_hand.digest()


@given(one=EVENTS, other=EVENTS)
def test_different_events_have_different_links(one: tuple[bytes, int, bytes], other: tuple[bytes, int, bytes]) -> None:
    assert (link(*one) == link(*other)) == (one == other)


@pytest.mark.parametrize("previous", [b"", bytes(31), bytes(33)])
def test_a_previous_hash_of_another_length_is_our_mistake(previous: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        link(previous, 1, b"{}")
