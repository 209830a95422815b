"""ed25519 signatures against RFC 8032, and against arithmetic written down here by hand."""

from __future__ import annotations

import base64
import hashlib
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closebell.domain.asymmetric import PrivateKey, PublicKey
from closebell.domain.signature import (
    Secret,
    SignatureMalformed,
    SignatureMismatch,
    SignatureStale,
    SignatureStyle,
    headers,
    verify_standard,
)
from closebell.errors import InvalidInput

AT = datetime(2022, 3, 11, 14, 22, 43, tzinfo=UTC)
EVENT_ID, BODY = "622b5b33a961750e01db6510", b'{"id":"622b5b33a961750e01db6512"}'
KEY, OTHER = PrivateKey.generate(b"k" * 32), PrivateKey.generate(b"o" * 32)
SECRET = Secret.generate(bytes(32))

# RFC 8032, section 7.1: TEST 1, TEST 2, TEST 3 and TEST SHA(abc).
VECTORS = [
    (
        "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
        "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a",
        "",
        (
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e06522490155"
            "5fb8821590a33bacc61e39701cf9b46bd25bf5f0595bbe24655141438e7a100b"
        ),
    ),
    (
        "4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
        "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c",
        "72",
        (
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
            "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
        ),
    ),
    (
        "c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
        "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025",
        "af82",
        (
            "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
            "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a"
        ),
    ),
    (
        "833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
        "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
        hashlib.sha512(b"abc").hexdigest(),
        (
            "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b589"
            "09351fc9ac90b3ecfdfbc7c66431e0303dca179c138ac17ad9bef1177331a704"
        ),
    ),
]

# --- the curve, by hand: slow, and independent of any library ---

P = 2**255 - 19
ORDER = 2**252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]


def add(one: Point, other: Point) -> Point:
    (x1, y1), (x2, y2) = one, other
    product = D * x1 * x2 * y1 * y2
    x = (x1 * y2 + x2 * y1) * pow(1 + product, -1, P)
    y = (y1 * y2 + x1 * x2) * pow(1 - product, -1, P)
    return x % P, y % P


def times(count: int, point: Point) -> Point:
    total: Point = (0, 1)
    while count:
        if count & 1:
            total = add(total, point)
        point = add(point, point)
        count >>= 1
    return total


def decompress(raw: bytes) -> Point:
    number = int.from_bytes(raw, "little")
    y, sign = number & ((1 << 255) - 1), number >> 255
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    x = pow(square, (P + 3) // 8, P)
    if x * x % P != square:
        x = x * pow(2, (P - 1) // 4, P) % P
    assert x * x % P == square, "not on the curve"
    return (P - x if x & 1 != sign else x), y


BASE = decompress((4 * pow(5, -1, P) % P).to_bytes(32, "little"))


def holds(public: bytes, signature: bytes, message: bytes) -> bool:
    """RFC 8032, section 5.1.7, read as arithmetic."""
    scalar = int.from_bytes(signature[32:], "little")
    challenge = int.from_bytes(hashlib.sha512(signature[:32] + public + message).digest(), "little") % ORDER
    return times(scalar, BASE) == add(decompress(signature[:32]), times(challenge, decompress(public)))


def decoded(entry: str) -> bytes:
    version, _, signature = entry.partition(",")
    assert version == "v1a"
    return base64.b64decode(signature, validate=True)


@pytest.mark.parametrize(("private", "public", "message", "signature"), VECTORS)
def test_the_vectors_of_the_rfc(private: str, public: str, message: str, signature: str) -> None:
    key = PrivateKey.generate(bytes.fromhex(private))
    assert key.public_key == "whpk_" + base64.b64encode(bytes.fromhex(public)).decode()
    assert decoded(key.sign_standard(bytes.fromhex(message))) == bytes.fromhex(signature)
    assert PublicKey.parse(key.public_key).verifies(key.sign_standard(bytes.fromhex(message)), bytes.fromhex(message))
    assert holds(bytes.fromhex(public), bytes.fromhex(signature), bytes.fromhex(message))


@settings(max_examples=5, deadline=None)
@given(seed=st.binary(min_size=32, max_size=32), body=st.binary(max_size=200))
def test_arithmetic_by_hand_accepts_every_signature_and_no_other_body(seed: bytes, body: bytes) -> None:
    key = PrivateKey.generate(seed)
    made = headers(event_id=EVENT_ID, at=AT, body=body, secrets=[], styles=[SignatureStyle.ED25519], private_keys=[key])
    public = base64.b64decode(key.public_key.removeprefix("whpk_"))
    message = f"{EVENT_ID}.1647008563.".encode() + body
    assert holds(public, decoded(made["webhook-signature"]), message)
    assert not holds(public, decoded(made["webhook-signature"]), message + b" ")


def signed(*private_keys: PrivateKey, secrets: tuple[Secret, ...] = ()) -> dict[str, str]:
    styles = {SignatureStyle.ED25519, *({SignatureStyle.STANDARD} if secrets else ())}
    return headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=secrets, styles=styles, private_keys=private_keys)


def check(made: dict[str, str], *keys: PrivateKey, secrets: tuple[Secret, ...] = (), **fields: Any) -> None:
    given: dict[str, Any] = {
        "event_id": EVENT_ID,
        "timestamp": made["webhook-timestamp"],
        "signature": made["webhook-signature"],
        "body": BODY,
        "now": AT,
    }
    public = [PublicKey.parse(key.public_key) for key in keys]
    verify_standard(**{**given, **fields}, secrets=secrets, public_keys=public)


def test_both_kinds_stand_in_one_header_and_each_verifies_alone() -> None:
    made = signed(KEY, OTHER, secrets=(SECRET,))
    assert [entry.partition(",")[0] for entry in made["webhook-signature"].split(" ")] == ["v1", "v1a", "v1a"]
    check(made, KEY)
    check(made, OTHER)
    check(made, secrets=(SECRET,))
    check(made, PrivateKey.generate(b"x" * 32), secrets=(SECRET,))


@pytest.mark.parametrize(
    "fields",
    [
        {"body": BODY + b" "},
        {"event_id": EVENT_ID.replace("6", "7")},
        {"timestamp": "1647008564"},
        {"signature": signed(OTHER)["webhook-signature"]},
        {"signature": "v1a,AAAA"},
        {"signature": "v1a,===="},
        {"signature": "v1a,\u20ac"},
        {"signature": "v1a," + base64.b64encode(bytes(64)).decode()},
        # What one kind made is no signature of the other.
        {"signature": signed(KEY)["webhook-signature"].replace("v1a,", "v1,")},
    ],
)
def test_what_was_altered_is_noticed(fields: dict[str, Any]) -> None:
    with pytest.raises(SignatureMismatch):
        check(signed(KEY), KEY, **fields)


def test_a_replay_is_stale_and_a_header_without_a_signature_malformed() -> None:
    with pytest.raises(SignatureStale):
        check(signed(KEY), KEY, now=AT.replace(hour=15))
    with pytest.raises(SignatureMalformed, match="v1a,<base64>"):
        check(signed(KEY), KEY, signature="v2,AAAA")


def test_the_public_half_is_no_secret_of_an_hmac() -> None:
    # Whoever knows the public key must not be able to sign with it: the confusion that other formats suffered.
    with pytest.raises(InvalidInput):
        Secret.parse(KEY.public_key)
    made = signed(KEY, secrets=(SECRET,))
    entries = made["webhook-signature"].split(" ")
    with pytest.raises(SignatureMismatch):
        check(made, KEY, signature=entries[0])


@pytest.mark.parametrize(
    "text",
    [
        *("", "whpk_", "whpk_AAAA", "whsec_" + base64.b64encode(bytes(32)).decode(), "whpk_\u20ac"),
        "whpk_" + base64.b64encode(bytes(33)).decode(),
    ],
)
def test_a_malformed_key_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="whpk_"):
        PublicKey.parse(text)
    with pytest.raises(InvalidInput, match="whsk_") as refused:
        PrivateKey.parse(text)
    assert not text or text not in str(refused.value)


def test_a_private_key_comes_back_from_its_text_and_does_not_show() -> None:
    again = PrivateKey.parse(KEY.reveal())
    assert again == KEY
    assert again.public_key == KEY.public_key
    assert repr(KEY) == "PrivateKey(whsk_****)"
    with pytest.raises(ValueError, match="32 random bytes"):
        PrivateKey.generate(bytes(31))


def test_signing_without_a_private_key_is_our_mistake() -> None:
    with pytest.raises(ValueError, match="private key"):
        headers(event_id=EVENT_ID, at=AT, body=BODY, secrets=[SECRET], styles=[SignatureStyle.ED25519])
