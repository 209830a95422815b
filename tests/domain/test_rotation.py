"""How one secret takes over from another."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.rotation import (
    LIVE_SECRETS_MAX,
    OVERLAP_HOURS_MAX,
    Rotation,
    kind_to_rotate,
    retired,
)
from closebell.domain.sealed import SealedSecret, SecretKind
from closebell.domain.signature import SignatureStyle
from closebell.errors import Conflict, InvalidInput
from closebell.testing import NOON

STANDARD, ED25519, ZENOTI = SignatureStyle.STANDARD, SignatureStyle.ED25519, SignatureStyle.ZENOTI
HMAC = SecretKind.HMAC
HOUR = timedelta(hours=1)


def a_secret(position: int, *, expires_in: timedelta | None = None, kind: SecretKind = HMAC) -> SealedSecret:
    expires_at = None if expires_in is None else NOON + expires_in
    return SealedSecret(position=position, kind=kind, text="whsec_x", created_at=NOON, expires_at=expires_at)


def test_the_old_one_ends_with_the_overlap() -> None:
    (old,) = retired([a_secret(0)], HMAC, overlap_hours=24, now=NOON)
    assert old.expires_at == NOON + 24 * HOUR
    assert old.is_live(NOON + 24 * HOUR - timedelta(microseconds=1))
    assert not old.is_live(NOON + 24 * HOUR)


def test_without_an_overlap_it_ends_at_once() -> None:
    (old,) = retired([a_secret(0)], HMAC, overlap_hours=0, now=NOON)
    assert not old.is_live(NOON)


def test_what_ends_earlier_already_still_does_and_what_ends_later_ends_now() -> None:
    secrets = [a_secret(2), a_secret(1, expires_in=2 * HOUR), a_secret(0, expires_in=9 * HOUR)]
    after = retired(secrets, HMAC, overlap_hours=5, now=NOON)
    assert [secret.expires_at for secret in after] == [NOON + 5 * HOUR, NOON + 2 * HOUR, NOON + 5 * HOUR]
    assert [secret.position for secret in after] == [2, 1, 0]


def test_another_kind_and_what_ended_before_are_left_alone() -> None:
    secrets = [a_secret(2, kind=SecretKind.ED25519), a_secret(1), a_secret(0, expires_in=-HOUR)]
    assert [one.position for one in retired(secrets, HMAC, overlap_hours=1, now=NOON)] == [1]


def test_there_is_a_most_and_ending_them_at_once_always_goes() -> None:
    live = [a_secret(9), *(a_secret(n, expires_in=(n + 1) * HOUR) for n in range(LIVE_SECRETS_MAX - 1))]
    with pytest.raises(Conflict, match=r"4 secrets sign already.*2026-01-05T13:00:00Z.*overlap_hours 0"):
        retired(live, HMAC, overlap_hours=24, now=NOON)
    assert not any(one.is_live(NOON) for one in retired(live, HMAC, overlap_hours=0, now=NOON))
    assert len(retired(live[:-1], HMAC, overlap_hours=24, now=NOON)) == LIVE_SECRETS_MAX - 1


@given(overlaps=st.lists(st.integers(0, OVERLAP_HOURS_MAX), max_size=8))
def test_however_often_it_is_rotated_no_secret_lives_longer_than_was_said(overlaps: list[int]) -> None:
    secrets: tuple[SealedSecret, ...] = (a_secret(0),)
    for number, hours in enumerate(overlaps, start=1):
        before = {secret.position: secret.expires_at for secret in secrets}
        try:
            old = retired(secrets, HMAC, overlap_hours=hours, now=NOON)
        except Conflict:
            continue
        for secret in old:
            limit = before[secret.position]
            assert secret.expires_at is not None
            assert secret.expires_at <= NOON + hours * HOUR
            assert limit is None or secret.expires_at <= limit
        secrets = (a_secret(number), *(secret for secret in old if secret.is_live(NOON)))
        assert len(secrets) <= LIVE_SECRETS_MAX


@pytest.mark.parametrize(
    ("styles", "kind"),
    [
        ([STANDARD], HMAC),
        ([ZENOTI], HMAC),
        ([STANDARD, ED25519], HMAC),
        ([ED25519, ZENOTI], HMAC),
        ([ED25519], SecretKind.ED25519),
    ],
)
def test_without_a_word_the_kind_is_what_signs(styles: list[SignatureStyle], kind: SecretKind) -> None:
    assert kind_to_rotate(Rotation(), styles) is kind
    assert kind_to_rotate(Rotation(kind="hmac"), styles) is HMAC
    assert kind_to_rotate(Rotation(kind="ed25519"), styles) is SecretKind.ED25519


@pytest.mark.parametrize(
    ("rotation", "field"),
    [
        (Rotation(overlap_hours=-1), "overlap_hours"),
        (Rotation(overlap_hours=721), "overlap_hours"),
        (Rotation(kind="rsa"), "kind"),
        (Rotation(kind="ed25519", secret="whsec_hunter2"), "secret"),
    ],
)
def test_what_cannot_be_is_refused_by_name(rotation: Rotation, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        kind_to_rotate(rotation, [STANDARD])
    assert refused.value.field == field
    assert "hunter2" not in f"{refused.value} {rotation!r}"
