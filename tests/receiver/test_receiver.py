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
