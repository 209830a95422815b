"""What is sealed opens in its place, under its key, unaltered; and in no other case."""

from __future__ import annotations

import base64
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.errors import MisuseError, SealBroken
from closebell.testing import SECRET_KEY, SeededLuck, a_vault
from closebell.vault import (
    KEYS_MAX,
    MasterKey,
    Vault,
    key_file_of,
    key_id_of,
    make_key_file,
    must_be_ours_alone,
    parse_keys,
    read_key_file,
)

OTHER_KEY = f"other:{base64.b64encode(b'o' * 32).decode()}"
PLACE = "endpoint 1 hmac secret 0"
VAULT = a_vault()


@given(text=st.text(alphabet=st.characters(codec="utf-8"), max_size=300))
def test_what_is_sealed_opens_as_it_was(text: str) -> None:
    sealed = VAULT.seal(text, PLACE)
    assert VAULT.open(sealed, PLACE) == text
    assert key_id_of(sealed) == "test"


def test_the_same_text_is_never_sealed_the_same_way() -> None:
    parts = [VAULT.seal("hunter2", PLACE).split(".") for _ in range(100)]
    assert len({wrapped for *_, wrapped, _ in parts}) == len({text for *_, text in parts}) == 100
    assert not any("hunter2" in part or base64.b64encode(b"hunter2").decode() in part for one in parts for part in one)


def test_the_texts_of_tomorrow_are_those_of_today() -> None:
    # Written down once: a text that was stored must open under every later release.
    sealed = (
        "sealed.v1.test.YubiguXBZXx4w6lnV1dvAj8jo-ZbtvHbHwKnv5eA_lcFjnMGI2HMEhcuhX9X--Gat7T1hqUgSUYkZcWw"
        ".s2cR6zkGp8hgPXHUROdQEbH2ccgDDj_KSXx8aTdutNtcP4-oMzbLU4vDiCP8rsbKgmQUp6Zp0KupbtbdMQQtMpE1"
    )
    assert VAULT.open(sealed, PLACE) == "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"


def test_a_text_opens_in_its_own_place_alone() -> None:
    sealed = VAULT.seal("hunter2", PLACE)
    for place in ("endpoint 2 hmac secret 0", "endpoint 1 hmac secret 1", "endpoint 1 headers", ""):
        with pytest.raises(SealBroken, match="belongs elsewhere"):
            VAULT.open(sealed, place)


def test_a_text_of_which_a_character_was_changed_does_not_open() -> None:
    sealed = VAULT.seal("hunter22", PLACE)  # of a length that base64 needs every bit for
    for index, character in enumerate(sealed):
        altered = f"{sealed[:index]}{'B' if character == 'A' else 'A'}{sealed[index + 1 :]}"
        with pytest.raises(SealBroken) as broken:
            VAULT.open(altered, PLACE)
        assert "hunter22" not in str(broken.value)


def test_the_halves_of_two_texts_do_not_go_together() -> None:
    one, other = (VAULT.seal(text, PLACE).rpartition(".") for text in ("hunter2", "hunter3"))
    with pytest.raises(SealBroken):
        VAULT.open(f"{one[0]}.{other[2]}", PLACE)


def test_a_key_that_is_missing_is_named_with_its_place() -> None:
    sealed = a_vault(OTHER_KEY).seal("hunter2", PLACE)
    with pytest.raises(SealBroken, match=r"for endpoint 1 hmac secret 0 needs the key other, .*CLOSEBELL_SECRET_KEYS"):
        VAULT.open(sealed, PLACE)


def test_another_key_of_the_same_id_opens_nothing() -> None:
    sealed = VAULT.seal("hunter2", PLACE)
    impostor = a_vault(OTHER_KEY.replace("other:", "test:"))
    with pytest.raises(SealBroken, match="under key test does not open"):
        impostor.open(sealed, PLACE)


def test_the_first_key_seals_and_all_open() -> None:
    both, reversed_ = a_vault(SECRET_KEY, OTHER_KEY), a_vault(OTHER_KEY, SECRET_KEY)
    sealed = both.seal("hunter2", PLACE)
    assert (key_id_of(sealed), both.sealing_key_id) == ("test", "test")
    assert both.key_ids == {"test", "other"}
    assert reversed_.open(sealed, PLACE) == "hunter2"
    assert key_id_of(reversed_.seal("hunter2", PLACE)) == "other"


def test_a_signing_secret_of_before_opens_as_it_is_and_nothing_else_does() -> None:
    assert VAULT.open("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", PLACE).startswith("whsec_")
    for text in ('{"x-api-key": "smuggled"}', "Bearer smuggled", "", "whsk_AAAA"):
        with pytest.raises(SealBroken, match="not sealed"):
            VAULT.open(text, PLACE)


@pytest.mark.parametrize("text", ["sealed.v1.test", "sealed.v1.test.a", "sealed.v1..a.b", "sealed.v1.te st.a.b"])
def test_a_damaged_text_is_told_from_one_that_is_not_sealed(text: str) -> None:
    assert key_id_of("whsec_AAAA") is None
    with pytest.raises(SealBroken, match="damaged"):
        key_id_of(text)


@pytest.mark.parametrize("rest", ["AAAA.AAAA", "AA=A.AAAA", "====.====", "A.A"])
def test_a_text_too_short_to_be_sealed_does_not_open(rest: str) -> None:
    with pytest.raises(SealBroken, match="does not open"):
        VAULT.open(f"sealed.v1.test.{rest}", PLACE)


def test_nothing_of_a_key_shows() -> None:
    key = MasterKey.parse(SECRET_KEY)
    for shown in (repr(key), repr(VAULT), str(VAULT), f"{parse_keys([SECRET_KEY])}"):
        assert "AAAA" not in shown
        assert "x00" not in shown
        assert "test" in shown


@pytest.mark.parametrize(
    "text",
    [
        *("", "hunter2", "k1:", "k1:hunter2", ":" + SECRET_KEY.partition(":")[2], SECRET_KEY[:-1], SECRET_KEY + "A"),
        *("k.1:" + SECRET_KEY.partition(":")[2], "k" * 33 + ":" + SECRET_KEY.partition(":")[2]),
        f"k1:{base64.b64encode(bytes(31)).decode()}",
        f"k1:{base64.b64encode(bytes(33)).decode()}",
        f"k1:{base64.b64encode(bytes(64)).decode()}",
    ],
)
def test_a_malformed_key_is_refused_in_one_line_that_repeats_nothing(text: str) -> None:
    with pytest.raises(MisuseError, match=r"secret_keys \(CLOSEBELL_SECRET_KEYS\) .*new-key") as refused:
        parse_keys([text])
    assert "\n" not in str(refused.value)
    assert not text or text not in str(refused.value)


def test_keys_need_ids_of_their_own_and_there_is_a_most() -> None:
    with pytest.raises(MisuseError, match="two keys with the id test"):
        parse_keys([SECRET_KEY, OTHER_KEY, SECRET_KEY])
    many = [OTHER_KEY.replace("other", f"k{number}") for number in range(KEYS_MAX + 1)]
    with pytest.raises(MisuseError, match="at most 20"):
        parse_keys(many)
    assert len(parse_keys(many[:-1])) == KEYS_MAX
    with pytest.raises(ValueError, match="at least one key"):
        Vault([], entropy=os.urandom)


def test_a_new_key_is_one_that_can_be_used() -> None:
    made = MasterKey.generate(SeededLuck().entropy)
    assert parse_keys([made.reveal()]) == (made,)
    assert MasterKey.generate(os.urandom) != MasterKey.generate(os.urandom)


# --- the key file ----------------------------------------------------------------------------------------------------


def test_a_key_file_is_made_once_and_for_its_owner_alone(tmp_path: Path) -> None:
    path = key_file_of(tmp_path / "closebell.db")
    assert path.name == "closebell.db.key"
    assert read_key_file(path) is None
    made = make_key_file(path, entropy=os.urandom)
    assert make_key_file(path, entropy=os.urandom) == read_key_file(path) == made
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["closebell.db.key"]


def test_a_crash_half_way_leaves_nothing_that_is_taken_for_a_key(tmp_path: Path) -> None:
    path = tmp_path / "closebell.db.key"
    (tmp_path / "closebell.db.key.new").write_text("half a k")
    made = make_key_file(path, entropy=os.urandom)
    assert read_key_file(path) == made
    assert [entry.name for entry in tmp_path.iterdir()] == ["closebell.db.key"]


MAKE = """
import os, sys
from pathlib import Path
from closebell.vault import make_key_file
sys.stdin.readline()
print(make_key_file(Path(sys.argv[1]), entropy=os.urandom).reveal())
"""


def test_several_processes_at_once_agree(tmp_path: Path) -> None:
    path = tmp_path / "closebell.db.key"
    command = [sys.executable, "-c", MAKE, str(path)]
    processes = [subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    said = {process.communicate()[0] for process in processes}
    assert len(said) == 1
    assert said == {path.read_text(encoding="ascii")}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_key_file_that_others_may_use_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "closebell.db.key"
    make_key_file(path, entropy=os.urandom)
    path.chmod(mode)
    with pytest.raises(MisuseError, match="chmod 600"):
        read_key_file(path)


@pytest.mark.parametrize(("owner", "user", "is_ours"), [(7, 7, True), (0, 7, True), (8, 7, False), (7, 0, False)])
def test_a_key_that_another_user_may_have_chosen_is_refused(
    tmp_path: Path, owner: int, user: int, *, is_ours: bool
) -> None:
    path = tmp_path / "closebell.db.key"
    status = os.stat_result((stat.S_IFREG | 0o600, 1, 1, 1, owner, owner, 60, 0, 0, 0))
    if is_ours:
        must_be_ours_alone(path, status, user=user)
        return
    with pytest.raises(MisuseError, match=f"belongs to the user {owner}, .* is of the user {user}: "):
        must_be_ours_alone(path, status, user=user)


@pytest.mark.skipif(os.geteuid() != 0, reason="nobody else can make a file another's")
def test_a_key_file_that_another_user_planted_is_not_used(tmp_path: Path) -> None:
    path = tmp_path / "closebell.db.key"
    make_key_file(path, entropy=os.urandom)
    os.chown(path, 12345, 12345)
    with pytest.raises(MisuseError, match="belongs to the user 12345"):
        make_key_file(path, entropy=os.urandom)


def test_a_pipe_in_place_of_the_key_file_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    path = tmp_path / "closebell.db.key"
    os.mkfifo(path, 0o600)
    # In a process of its own, which can be ended if it hangs.
    code = "import sys, pathlib; from closebell.vault import read_key_file; read_key_file(pathlib.Path(sys.argv[1]))"
    ended = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True, timeout=30, check=False)
    assert "MisuseError" in ended.stderr
    assert "it is no regular file" in ended.stderr


def test_a_link_in_place_of_the_key_file_is_not_followed(tmp_path: Path) -> None:
    target, path = tmp_path / "elsewhere", tmp_path / "closebell.db.key"
    make_key_file(target, entropy=os.urandom)
    path.symlink_to(target)
    with pytest.raises(MisuseError, match="it is a symbolic link"):
        read_key_file(path)
    with pytest.raises(MisuseError, match="it is a symbolic link"):
        make_key_file(path, entropy=os.urandom)


def test_a_key_file_that_holds_no_key_is_refused_by_its_name(tmp_path: Path) -> None:
    path = tmp_path / "closebell.db.key"
    path.touch(0o600)
    path.write_bytes(b"\xff hunter2")
    with pytest.raises(MisuseError, match=r"closebell\.db\.key holds a key that is none") as refused:
        read_key_file(path)
    assert "hunter2" not in str(refused.value)
    path.unlink()
    path.mkdir()
    with pytest.raises(MisuseError, match="cannot be read"):
        read_key_file(path)
    with pytest.raises(MisuseError, match="cannot be made"):
        make_key_file(tmp_path / "nowhere" / "closebell.db.key", entropy=os.urandom)
