from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Collection
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import closebell.receiver
from closebell.clock import SystemClock
from closebell.domain import signature
from closebell.domain.asymmetric import PrivateKey
from closebell.errors import InvalidInput
from closebell.receiver import (
    EventMalformed,
    Receiver,
    Secret,
    SignatureMalformed,
    SignatureMismatch,
    SignatureMissing,
    SignatureRefused,
    SignatureStale,
    SignatureStyle,
    verify,
)

TEXT = "whsec_" + base64.b64encode(bytes(range(32))).decode()
SECRET = Secret.parse(TEXT)
NEW_SECRET = Secret.generate(bytes(32))
AT = datetime(2022, 3, 11, 14, 22, 43, tzinfo=UTC)
EVENT_ID = "622b5b33a961750e01db6510"
BODY = json.dumps(
    {
        "id": "622b5b33a961750e01db6512",
        "event_id": EVENT_ID,
        "event_type": "Invoice.Closed",
        "event_timestamp": "2022-03-11T14:22:43.3847049Z",
        "data": {},
    }
).encode()
STANDARD, ZENOTI = SignatureStyle.STANDARD, SignatureStyle.ZENOTI
BOTH = (STANDARD, ZENOTI)


def signed(
    styles: Collection[SignatureStyle] = BOTH,
    *,
    body: bytes = BODY,
    event_id: str = EVENT_ID,
    at: datetime = AT,
    secrets: tuple[Secret, ...] = (SECRET,),
    **more: str,
) -> dict[str, str]:
    made = signature.headers(event_id=event_id, at=at, body=body, secrets=secrets, styles=styles)
    return made | {name.replace("_", "-"): value for name, value in more.items()}


@pytest.mark.parametrize("styles", [[STANDARD], [ZENOTI], BOTH])
def test_each_style_is_enough(styles: list[SignatureStyle]) -> None:
    event = verify(BODY, signed(styles, closebell_sequence="12"), TEXT, now=AT)

    assert (event.event_id, event.sequence, event.body) == (EVENT_ID, 12, BODY)


def test_header_names_come_in_any_case() -> None:
    headers = {name.title(): value for name, value in signed(closebell_sequence="12").items()}

    assert verify(BODY, headers, SECRET, now=AT).sequence == 12


def test_the_machines_clock_is_used_unless_told() -> None:
    assert verify(BODY, signed(at=SystemClock().now()), TEXT).event_id == EVENT_ID
    with pytest.raises(SignatureStale):
        verify(BODY, signed(), TEXT)


def test_several_secrets_while_one_replaces_another() -> None:
    old, new, both = Receiver(SECRET), Receiver(NEW_SECRET), Receiver([TEXT, NEW_SECRET])
    overlapping = signed([STANDARD], secrets=(NEW_SECRET, SECRET))

    for receiver in (old, new, both):
        assert receiver.verify(BODY, overlapping, now=AT).event_id == EVENT_ID
    for style in BOTH:
        assert both.verify(BODY, signed([style], secrets=(NEW_SECRET,)), now=AT).event_id == EVENT_ID
        assert both.verify(BODY, signed([style], secrets=(SECRET,)), now=AT).event_id == EVENT_ID


def test_a_wrong_standard_signature_is_not_saved_by_the_other_style() -> None:
    mixed = signed([STANDARD], secrets=(NEW_SECRET,)) | signed([ZENOTI])

    with pytest.raises(SignatureMismatch):
        verify(BODY, mixed, TEXT, now=AT)


def test_a_receiver_may_insist_on_one_style() -> None:
    strict, contract = Receiver(TEXT, styles=[STANDARD]), Receiver(TEXT, styles=[ZENOTI])

    assert contract.verify(BODY, signed(), now=AT + timedelta(days=1)).event_id == EVENT_ID
    with pytest.raises(SignatureMissing, match="no webhook-signature"):
        strict.verify(BODY, signed([ZENOTI]), now=AT)
    with pytest.raises(SignatureMissing, match="no zenoti-webhook-signature"):
        contract.verify(BODY, signed([STANDARD]), now=AT)


@pytest.mark.parametrize("missing", ["webhook-id", "webhook-timestamp", "webhook-signature"])
def test_the_missing_header_is_named(missing: str) -> None:
    headers = signed([STANDARD])
    del headers[missing]

    with pytest.raises(SignatureMissing, match=missing):
        verify(BODY, headers, TEXT, now=AT)


def test_the_tolerance_is_the_receivers_to_choose() -> None:
    late = AT + timedelta(minutes=6)

    assert Receiver(TEXT, tolerance=timedelta(minutes=7)).verify(BODY, signed(), now=late).event_id == EVENT_ID
    with pytest.raises(SignatureStale, match="360 s ago"):
        Receiver(TEXT).verify(BODY, signed(), now=late)


@pytest.mark.parametrize("text", ["", "-1", "1.0", "twelve", "9" * 19, "1 2", "\N{FULLWIDTH DIGIT THREE}"])
def test_a_sequence_that_cannot_be_read_is_none(text: str) -> None:
    assert verify(BODY, signed(closebell_sequence=text), TEXT, now=AT).sequence is None


def test_an_id_that_is_not_the_bodys_is_refused() -> None:
    with pytest.raises(EventMalformed, match="webhook-id"):
        verify(BODY, signed(event_id="622b5b33a961750e01db6511"), TEXT, now=AT)


def test_a_signed_body_that_is_no_event_is_refused() -> None:
    with pytest.raises(EventMalformed):
        verify(b"", signed(body=b""), TEXT, now=AT)


def test_a_secret_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(InvalidInput, match="whsec_"):
        Receiver(["hunter2"])


@given(
    headers=st.dictionaries(
        st.sampled_from(["webhook-id", "webhook-timestamp", "Webhook-Signature", "zenoti-webhook-signature", "x"]),
        st.text() | st.sampled_from(["1646956800", "v1,AAAA", "sha256 =" + "-".join(["AA"] * 32)]),
    ),
    body=st.binary(),
)
def test_garbage_gets_a_typed_error(headers: dict[str, str], body: bytes) -> None:
    with pytest.raises(SignatureRefused):
        verify(body, headers, TEXT, now=AT)


def test_an_unreadable_signature_is_told_from_a_wrong_one() -> None:
    with pytest.raises(SignatureMalformed):
        verify(BODY, signed() | {"webhook-signature": "v2,AAAA"}, TEXT, now=AT)
    with pytest.raises(SignatureMismatch):
        verify(BODY, signed() | {"webhook-signature": "v1,AAAA"}, TEXT, now=AT)


def test_it_needs_the_standard_library_only() -> None:
    source = Path(closebell.receiver.__file__).parents[2]
    program = f"import sys; sys.path.insert(0, {str(source)!r}); import closebell.receiver"

    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=30)


# --- public keys ---

KEY, NEW_KEY = PrivateKey.generate(b"k" * 32), PrivateKey.generate(b"n" * 32)


def signed_with(*keys: PrivateKey, secrets: tuple[Secret, ...] = ()) -> dict[str, str]:
    styles = {SignatureStyle.ED25519, *({STANDARD} if secrets else ())}
    return signature.headers(
        event_id=EVENT_ID, at=AT, body=BODY, secrets=secrets, styles=styles, private_keys=list(keys)
    )


def test_a_public_key_verifies_and_so_does_either_during_a_rotation() -> None:
    made = signed_with(NEW_KEY, KEY)
    for keys in (KEY.public_key, NEW_KEY.public_key, [KEY.public_key, NEW_KEY.public_key]):
        assert Receiver(keys).verify(BODY, made, now=AT).event_id == EVENT_ID


def test_a_public_key_and_a_secret_may_be_given_together() -> None:
    both = Receiver([TEXT, KEY.public_key])
    assert both.verify(BODY, signed_with(KEY), now=AT).event_id == EVENT_ID
    assert both.verify(BODY, signed(), now=AT).event_id == EVENT_ID


@pytest.mark.parametrize("body", [BODY + b" ", BODY.replace(b"Closed", b"Opened")])
def test_a_public_key_refuses_another_body(body: bytes) -> None:
    with pytest.raises(SignatureMismatch):
        Receiver(KEY.public_key).verify(body, signed_with(KEY), now=AT)


def test_a_public_key_refuses_another_sender_and_a_replay() -> None:
    with pytest.raises(SignatureMismatch):
        Receiver(KEY.public_key).verify(BODY, signed_with(NEW_KEY), now=AT)
    with pytest.raises(SignatureStale):
        Receiver(KEY.public_key).verify(BODY, signed_with(KEY), now=AT + timedelta(minutes=6))


def test_who_has_the_public_key_alone_takes_no_signature_that_needs_none() -> None:
    # The contract's signature, and one by a secret, must not be a way around the key.
    with pytest.raises(SignatureMismatch):
        Receiver(KEY.public_key).verify(BODY, signed(), now=AT)
    with pytest.raises(SignatureMismatch):
        Receiver(KEY.public_key).verify(BODY, signed([ZENOTI]), now=AT)
    only = Receiver([TEXT, KEY.public_key], styles=[SignatureStyle.ED25519])
    with pytest.raises(SignatureRefused):
        only.verify(BODY, signed(), now=AT)
    assert only.verify(BODY, signed_with(KEY), now=AT).event_id == EVENT_ID


def test_a_malformed_public_key_is_refused() -> None:
    with pytest.raises(InvalidInput, match="whpk_"):
        Receiver("whpk_AAAA")


WITHOUT_CRYPTOGRAPHY = """
import sys
class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "cryptography":
            raise ImportError(name)
sys.meta_path.insert(0, Absent())
from datetime import datetime, timezone
from closebell.receiver import Receiver, Secret
from closebell.domain import signature
body, at = sys.argv[1].encode(), datetime(2026, 1, 5, tzinfo=timezone.utc)
secrets = [Secret.parse(sys.argv[3])]
made = signature.headers(event_id=sys.argv[2], at=at, body=body, secrets=secrets, styles=["standard"])
print(Receiver(sys.argv[3]).verify(body, made, now=at).event_id)
try:
    Receiver(sys.argv[4])
except ImportError as error:
    print(error)
"""


def test_who_shares_a_secret_needs_no_cryptography() -> None:
    command = [sys.executable, "-c", WITHOUT_CRYPTOGRAPHY, BODY.decode(), EVENT_ID, TEXT, KEY.public_key]
    said = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert said[0] == EVENT_ID
    assert said[1].startswith("cryptography")
