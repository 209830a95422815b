from __future__ import annotations

from argon2 import Type, extract_parameters

from closebell.store.passwords import HASH_BYTES, LANES, MEMORY_KIB, NOBODYS, PASSES, SALT_BYTES, hashed, matches


def test_a_password_matches_its_own_hash_and_no_other() -> None:
    kept = hashed("correct horse battery")
    assert matches("correct horse battery", kept)
    assert not matches("correct horse batterY", kept)
    assert not matches("", kept)
    assert not matches("correct horse battery", "no hash at all")
    assert hashed("correct horse battery") != kept


def test_letters_are_the_same_however_they_are_composed() -> None:
    assert matches("cafe\u0301 cafe\u0301", hashed("caf\u00e9 caf\u00e9"))


def test_nobodys_hash_takes_as_long_as_anybodys() -> None:
    found = extract_parameters(hashed("x"))
    assert found == extract_parameters(NOBODYS)
    assert (found.type, found.time_cost, found.memory_cost, found.parallelism) == (Type.ID, PASSES, MEMORY_KIB, LANES)
    assert (found.hash_len, found.salt_len) == (HASH_BYTES, SALT_BYTES)
