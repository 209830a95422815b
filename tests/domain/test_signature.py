from __future__ import annotations

import base64
import copy
import hashlib
import hmac
import itertools
import re
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from closebell.clock import SystemClock
from closebell.domain.signature import (
    TOLERANCE,
    Secret,
    SignatureMalformed,
    SignatureMismatch,
    SignatureRefused,
    SignatureStale,
    SignatureStyle,
    headers,
    verify_standard,
    verify_zenoti,
)
from closebell.errors import InvalidInput

BOTH = frozenset({SignatureStyle.STANDARD, SignatureStyle.ZENOTI})
EVENT_ID = "622b5b33a961750e01db6510"
AT = datetime(2022, 3, 11, 14, 22, 43, 384704, tzinfo=UTC)
BODY = b'{"id":"622b5b33a961750e01db6512"}'
SECRET = Secret.parse("whsec_" + base64.b64encode(bytes(range(32))).decode())
OTHER = Secret.generate(bytes(32))

# What the contract's integrators run in production.
INTEGRATORS_REGEX = re.compile(r"sha256\s*=\s*([0-9a-f-]+)", re.IGNORECASE)

secrets_of_any_kind = st.lists(
    st.binary(min_size=24, max_size=64).map(lambda key: Secret.parse("whsec_" + base64.b64encode(key).decode())),
    min_size=1,
    max_size=4,
)
utf8_text = st.text(alphabet=st.characters(codec="utf-8"))
visible_ids = st.text(alphabet=st.characters(codec="utf-8", exclude_categories=["C", "Z"]), min_size=1)


def test_the_official_vector() -> None:
    # Source: the test suites of github.com/standard-webhooks/standard-webhooks.
    made = headers(
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        at=datetime.fromtimestamp(1614265330, UTC),
        body=b'{"test": 2432232314}',
        secrets=[Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")],
        styles={SignatureStyle.STANDARD},
    )

    assert made == {
        "webhook-id": "msg_p5jXN8AQM9LWM0D4loKWxJek",
        "webhook-timestamp": "1614265330",
        "webhook-signature": "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=",
    }


@given(body=utf8_text, event_id=visible_ids, secrets=secrets_of_any_kind)
def test_the_independent_library_accepts_every_signature(body: str, event_id: str, secrets: list[Secret]) -> None:
    # Its verify() asks its own clock, so the instant is now; any other instant is the next test.
    made = headers(event_id=event_id, at=SystemClock().now(), body=body.encode(), secrets=secrets, styles=BOTH)

    for secret in secrets:
        Webhook(secret.reveal()).verify(body, made, json_parse=False)


@given(
    body=utf8_text,
    event_id=visible_ids,
    at=st.datetimes(
        min_value=datetime(1902, 1, 1),  # noqa: DTZ001  # hypothesis adds the zone
        max_value=datetime(2200, 1, 1),  # noqa: DTZ001
        timezones=st.just(UTC),
    ),
    offset_min=st.integers(-14 * 60, 14 * 60),
    secrets=secrets_of_any_kind,
)
def test_the_independent_library_signs_the_same_at_any_time(
    body: str, event_id: str, at: datetime, offset_min: int, secrets: list[Secret]
) -> None:
    elsewhere = at.astimezone(timezone(timedelta(minutes=offset_min)))

    made = headers(event_id=event_id, at=elsewhere, body=body.encode(), secrets=secrets, styles=BOTH)

    # The library signs wrongly for an instant in another zone, so it is given the one in UTC.
    expected = [Webhook(secret.reveal()).sign(event_id, at, body) for secret in secrets]
    assert made["webhook-signature"].split(" ") == expected


def test_the_zenoti_style_by_hand() -> None:
    made = headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[OTHER, SECRET], styles={SignatureStyle.ZENOTI})

    digest = hmac.new(SECRET.reveal().encode(), BODY, hashlib.sha256).hexdigest().upper()
    pairs = [digest[i : i + 2] for i in range(0, 64, 2)]
    assert made == {
        "webhook-id": EVENT_ID,
        "webhook-timestamp": "1647008563",
        "zenoti-webhook-signature": "sha256 =" + "-".join(pairs),
    }


def test_the_zenoti_style_as_a_literal() -> None:
    # echo -n '{}' | openssl dgst -sha256 -hmac whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw
    secret = Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")

    made = headers(event_id=EVENT_ID, at=AT, body=b"{}", secrets=[secret], styles={SignatureStyle.ZENOTI})

    assert (
        made["zenoti-webhook-signature"]
        == "sha256 =6C-BB-CD-F2-C8-01-6C-A8-5B-50-54-3B-19-E8-E1-21-EF-16-13-79-67-BD-FA-3C-E6-60-97-29-22-BA-FA-EB"
    )


@given(body=st.binary())
def test_the_integrators_regex_reads_the_zenoti_style(body: bytes) -> None:
    made = headers(event_id=EVENT_ID, at=AT, body=body, secrets=[SECRET], styles={SignatureStyle.ZENOTI})

    found = INTEGRATORS_REGEX.search(made["zenoti-webhook-signature"])

    assert found is not None
    assert found[1].replace("-", "").lower() == hmac.digest(SECRET.reveal().encode(), body, "sha256").hex()


def test_without_a_style_only_id_and_time_are_sent() -> None:
    made = headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[], styles=[])

    assert made == {"webhook-id": EVENT_ID, "webhook-timestamp": "1647008563"}


def test_signing_without_a_secret_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[], styles=BOTH)


def test_an_instant_without_a_zone_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="aware"):
        headers(event_id=EVENT_ID, at=AT.replace(tzinfo=None), body=BODY, secrets=[SECRET], styles=BOTH)


@pytest.mark.parametrize(
    ("at", "unix"),
    [
        (datetime(1969, 12, 31, 23, 59, 59, 1, tzinfo=UTC), "-1"),
        (datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC), "253402300799"),
    ],
)
def test_fractions_of_a_second_are_cut_towards_the_past(at: datetime, unix: str) -> None:
    assert headers(event_id=EVENT_ID, at=at, body=b"", secrets=[], styles=[])["webhook-timestamp"] == unix


def standard(
    *,
    event_id: str = EVENT_ID,
    timestamp: str = "1647008563",
    signature: str | None = None,
    body: bytes = BODY,
    secrets: tuple[Secret, ...] = (SECRET,),
    now: datetime = AT,
) -> None:
    made = headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[SECRET], styles=BOTH)
    verify_standard(
        event_id=event_id,
        timestamp=timestamp,
        signature=made["webhook-signature"] if signature is None else signature,
        body=body,
        secrets=secrets,
        now=now,
    )


def test_what_we_sign_we_verify() -> None:
    standard()
    standard(secrets=(OTHER, SECRET))
    standard(now=AT.astimezone(timezone(timedelta(hours=-9))))


@given(order=st.permutations([SECRET, OTHER, Secret.generate(b"x" * 32)]))
def test_while_secrets_overlap_each_of_them_verifies(order: list[Secret]) -> None:
    made = headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=order, styles=BOTH)

    for secret in order:
        standard(signature=made["webhook-signature"], secrets=(secret,))
    # The style has room for one: the oldest, so that who knows that one alone goes on until it expires.
    verify_zenoti(signature=made["zenoti-webhook-signature"], body=BODY, secrets=[order[-1]])
    with pytest.raises(SignatureMismatch):
        verify_zenoti(signature=made["zenoti-webhook-signature"], body=BODY, secrets=order[:-1])


def test_entries_of_other_versions_are_skipped() -> None:
    made = headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[SECRET], styles=BOTH)

    standard(signature=f"v1a,AAAA v2 , {made['webhook-signature']} v3,x")


@given(position=st.integers(0, len(BODY) - 1), bit=st.integers(0, 7))
def test_any_flipped_bit_of_the_body_is_noticed(position: int, bit: int) -> None:
    altered = bytearray(BODY)
    altered[position] ^= 1 << bit
    made = headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[SECRET], styles=BOTH)

    with pytest.raises(SignatureMismatch):
        standard(body=bytes(altered))
    with pytest.raises(SignatureMismatch):
        verify_zenoti(signature=made["zenoti-webhook-signature"], body=bytes(altered), secrets=[SECRET])


def test_another_id_time_or_secret_is_a_mismatch() -> None:
    with pytest.raises(SignatureMismatch):
        standard(event_id="622b5b33a961750e01db6511")
    with pytest.raises(SignatureMismatch):
        standard(timestamp="1647008564")
    with pytest.raises(SignatureMismatch):
        standard(secrets=(OTHER,))
    with pytest.raises(SignatureMismatch):
        standard(secrets=())


@pytest.mark.parametrize("direction", [-1, 1])
def test_five_minutes_either_way_are_tolerated_and_no_second_more(direction: int) -> None:
    whole = AT.replace(microsecond=0)

    standard(now=whole + direction * TOLERANCE)
    with pytest.raises(SignatureStale, match="301 s"):
        standard(now=whole + direction * (TOLERANCE + timedelta(seconds=1)))


@pytest.mark.parametrize(
    "timestamp", ["", "now", "1647008563.0", "164700856\N{FULLWIDTH DIGIT THREE}", "1e9", "9" * 13, " 1", "+1", "NaN"]
)
def test_a_timestamp_that_is_none_is_malformed(timestamp: str) -> None:
    with pytest.raises(SignatureMalformed, match="webhook-timestamp"):
        standard(timestamp=timestamp)


@given(event_id=st.text(), timestamp=st.text(), signature=st.text(), body=st.binary())
@example(event_id="\ud800", timestamp="1", signature="v1,\ud800", body=b"")
@example(event_id="", timestamp="999999999999", signature="v1,", body=b"\xff")
@example(event_id="", timestamp="1", signature="v1,ü v1", body=b"")
def test_garbage_gets_a_typed_error(event_id: str, timestamp: str, signature: str, body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        standard(event_id=event_id, timestamp=timestamp, signature=signature, body=body)
    with pytest.raises(SignatureRefused):
        standard(signature=signature)
    with pytest.raises(SignatureRefused):
        verify_zenoti(signature=signature, body=body, secrets=[SECRET])


@given(
    prefix=st.sampled_from(["sha256 =", "SHA256=", "sha256\t=\t", " sha256 = "]),
    upper=st.booleans(),
    dash=st.booleans(),
)
def test_the_zenoti_style_is_read_as_integrators_read_it(prefix: str, upper: bool, dash: bool) -> None:
    digest = hmac.digest(SECRET.reveal().encode(), BODY, "sha256").hex("-")
    digest = digest if dash else digest.replace("-", "")

    verify_zenoti(signature=prefix + (digest.upper() if upper else digest), body=BODY, secrets=[SECRET])


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "sha256 =",
        "sha256 =AA-BB",
        "sha1 =" + "AA-" * 32,
        "\N{LATIN SMALL LETTER LONG S}ha256 =" + "aa" * 32,
        "sha256 =" + "aa" * 33,
    ],
)
def test_a_zenoti_signature_that_is_none_is_malformed(signature: str) -> None:
    with pytest.raises(SignatureMalformed, match="zenoti-webhook-signature"):
        verify_zenoti(signature=signature, body=BODY, secrets=[SECRET])


@given(key=st.binary(min_size=32, max_size=32))
def test_a_secret_survives_its_text(key: bytes) -> None:
    secret = Secret.generate(key)

    assert secret.reveal() == "whsec_" + base64.b64encode(key).decode()
    assert Secret.parse(secret.reveal()) == secret
    assert copy.copy(secret) == secret


@pytest.mark.parametrize("length", [0, 16, 31, 33])
def test_generating_from_another_number_of_bytes_is_our_mistake(length: int) -> None:
    with pytest.raises(ValueError, match="32 random bytes"):
        Secret.generate(bytes(length))


@pytest.mark.parametrize("length", [24, 32, 64])
def test_24_to_64_bytes_are_a_secret(length: int) -> None:
    assert Secret.parse("whsec_" + base64.b64encode(bytes(length)).decode()).reveal()


BAD_SECRETS = [
    "",
    "whsec_",
    "MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "WHSEC_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaS!",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\n",
    "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSü",
    "whsec_" + base64.b64encode(bytes(23)).decode(),
    "whsec_" + base64.b64encode(bytes(65)).decode(),
]


@pytest.mark.parametrize("text", BAD_SECRETS)
def test_a_secret_that_is_none_is_refused_and_not_repeated(text: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        Secret.parse(text)

    assert refusal.value.field == "secret"
    assert "whsec_" in refusal.value.problem
    assert len(text) < 10 or text not in str(refusal.value)


def test_a_secret_shows_itself_only_when_asked() -> None:
    shown = [repr(SECRET), str(SECRET), f"{SECRET}", f"{[SECRET]}", f"{SECRET!r:>80}"]

    for text, piece in itertools.product(shown, [SECRET.reveal()[6:20], bytes(range(32)).hex()[:12], "x01"]):
        assert piece not in text
    assert str(SECRET) == "whsec_****"


def test_a_secret_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        SECRET._text = "whsec_other"  # type: ignore[misc]
    assert not hasattr(SECRET, "__dict__")
