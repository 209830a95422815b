"""What goes out with a call: opened once, live while it is, and never in what comes back."""

from __future__ import annotations

import base64
import html
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import pytest
import structlog

from closebell.dispatch.call import call
from closebell.dispatch.credentials import OPENED_MAX, Credentials, Opened, open_credentials
from closebell.dispatch.sender import OutgoingRequest
from closebell.domain.asymmetric import PrivateKey, PublicKey
from closebell.domain.authorization import AuthorizationDraft
from closebell.domain.delivery import EXCERPT_CHARACTERS_MAX, Fault, Outcome
from closebell.domain.endpoint import Endpoint
from closebell.domain.new_secrets import key_pair, shared_secret, with_credentials
from closebell.domain.signature import Secret, SignatureStyle, verify_standard
from closebell.errors import SealBroken
from closebell.testing import NOON, a_vault, an_endpoint, secret_of
from test_vault import OTHER_KEY

VAULT = a_vault()
SECRET = Secret.generate(b"s+/s" * 8)
KEY = PrivateKey.generate(b"k" * 32)
TOKEN, HEADER = 'tok/en+with"quotes&', "value of <a> header"
HOUR = timedelta(hours=1)


def sealed_endpoint(name: str = "till", **fields: Any) -> Endpoint:
    """An endpoint with one of everything that is secret."""
    bare = an_endpoint(name, **fields)
    secret = shared_secret(SECRET, endpoint_id=bare.id, position=0, vault=VAULT, now=NOON)
    pair = key_pair(KEY, endpoint_id=bare.id, position=1, vault=VAULT, now=NOON)
    return with_credentials(
        replace(bare, secrets=(pair, secret)),
        headers={"X-Api-Key": HEADER, "X-Tenant": "abc"},
        authorization=AuthorizationDraft(type="bearer", token=TOKEN),
        vault=VAULT,
    )


class Counting:
    """A vault that counts how often it is opened."""

    def __init__(self) -> None:
        self.opened = 0

    def open(self, sealed: str, place: str) -> str:
        self.opened += 1
        return VAULT.open(sealed, place)


class Answering:
    """A sender that answers as told and keeps what was sent."""

    def __init__(self, answer: Callable[[OutgoingRequest], Outcome]) -> None:
        self.answer = answer
        self.sent: list[OutgoingRequest] = []

    async def send(self, request: OutgoingRequest) -> Outcome:
        self.sent.append(request)
        return self.answer(request)


def delivered(excerpt: str = "") -> Outcome:
    return Outcome(started_at=NOON, duration_us=1, status=200, detail="It answered 200.", response_excerpt=excerpt)


async def called(endpoint: Endpoint, opened: Opened, sender: Answering, *, at: Any = NOON) -> Outcome:
    return await call(
        sender, opened, endpoint, call_id="c" * 24, event_id="e" * 24, sequence=7, stored_body=BODY, at=at
    )


BODY = json.dumps({"id": "e" * 24, "event_id": "e" * 24}, separators=(",", ":")).encode()


async def test_everything_goes_out_with_the_call_and_signed_by_each_secret() -> None:
    sender = Answering(lambda _request: delivered())
    endpoint = sealed_endpoint(signature_styles=(SignatureStyle.STANDARD, SignatureStyle.ED25519))
    await called(endpoint, Opened(VAULT), sender)
    (request,) = sender.sent
    sent = dict(request.headers)
    assert len(sent) == len(request.headers)
    assert (sent["X-Api-Key"], sent["X-Tenant"], sent["authorization"]) == (HEADER, "abc", f"Bearer {TOKEN}")
    for keys in ({"secrets": [SECRET]}, {"secrets": [], "public_keys": [PublicKey.parse(KEY.public_key)]}):
        verify_standard(
            event_id="e" * 24,
            timestamp=sent["webhook-timestamp"],
            signature=sent["webhook-signature"],
            body=request.body,
            now=NOON,
            **keys,
        )


async def test_a_secret_signs_until_it_expires_even_if_the_endpoint_was_read_before() -> None:
    before, after = SECRET, Secret.generate(b"n" * 32)
    endpoint = an_endpoint()
    old = shared_secret(before, endpoint_id=endpoint.id, position=0, vault=VAULT, now=NOON)
    new = shared_secret(after, endpoint_id=endpoint.id, position=1, vault=VAULT, now=NOON)
    endpoint = replace(endpoint, secrets=(new, replace(old, expires_at=NOON + HOUR)))
    opened, sender = Opened(VAULT), Answering(lambda _request: delivered())
    for at in (NOON, NOON + HOUR - timedelta(microseconds=1), NOON + HOUR):
        await called(endpoint, opened, sender, at=at)
    counts = [len(dict(request.headers)["webhook-signature"].split(" ")) for request in sender.sent]
    assert counts == [2, 2, 1]


async def test_each_endpoint_is_opened_once_and_again_when_it_changes() -> None:
    vault = Counting()
    opened, sender = Opened(vault), Answering(lambda _request: delivered())
    endpoint = sealed_endpoint()
    for _ in range(3):
        await called(endpoint, opened, sender)
    assert vault.opened == 4
    await called(replace(endpoint, consecutive_failures=3), opened, sender)
    assert vault.opened == 4
    changed = with_credentials(endpoint, headers={"X-Api-Key": "another"}, authorization=None, vault=VAULT)
    await called(changed, opened, sender)
    assert vault.opened == 8
    assert dict(sender.sent[-1].headers)["X-Api-Key"] == "another"


def test_what_is_kept_open_is_bounded() -> None:
    vault = Counting()
    opened = Opened(vault)
    endpoints = [an_endpoint(f"{number}") for number in range(OPENED_MAX + 1)]
    for endpoint in endpoints:
        opened.of(endpoint)
    assert vault.opened == OPENED_MAX + 1
    opened.of(endpoints[-1])
    assert vault.opened == OPENED_MAX + 1
    opened.of(endpoints[0])
    assert vault.opened == OPENED_MAX + 2


@pytest.mark.parametrize("secret", [SECRET.reveal(), KEY.reveal(), HEADER, TOKEN])
@pytest.mark.parametrize(
    "spelled",
    [
        str,
        lambda text: json.dumps({"echo": text}),
        lambda text: json.dumps({"echo": text}).replace("/", "\\/"),
        html.escape,
        quote,
        lambda text: quote(text, safe=""),
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text.partition("_")[2] or text,
    ],
)
async def test_what_a_receiver_answers_is_kept_without_secrets(secret: str, spelled: Callable[[str], str]) -> None:
    text = spelled(secret)
    sender = Answering(lambda _request: delivered(f"You sent {text} and {text}."))
    outcome = await called(sealed_endpoint(), Opened(VAULT), sender)
    assert "****" in outcome.response_excerpt
    assert text not in outcome.response_excerpt
    assert secret not in outcome.response_excerpt
    assert outcome.response_excerpt.startswith("You sent ")


@pytest.mark.parametrize("cut", range(5, 40))
async def test_a_secret_cut_in_two_by_the_limit_does_not_show_half(cut: int) -> None:
    text = SECRET.reveal()
    echoed = ("." * (EXCERPT_CHARACTERS_MAX - cut) + text)[:EXCERPT_CHARACTERS_MAX]
    outcome = await called(sealed_endpoint(), Opened(VAULT), Answering(lambda _request: delivered(echoed)))
    assert text[:5] not in outcome.response_excerpt
    assert len(outcome.response_excerpt) <= EXCERPT_CHARACTERS_MAX


async def test_what_is_no_secret_stays_as_it_came() -> None:
    answer = '{"ok": true, "tenant": "abc", "text": "whsec_ and Bearer and authorization"}'
    outcome = await called(sealed_endpoint(), Opened(VAULT), Answering(lambda _request: delivered(answer)))
    assert outcome.response_excerpt == answer


async def test_the_explanation_of_a_failure_is_kept_without_secrets() -> None:
    def redirect(_request: OutgoingRequest) -> Outcome:
        return Outcome(
            started_at=NOON, duration_us=1, status=302, error=Fault.REDIRECT, detail=f"Go to https://a/{TOKEN}/b."
        )

    outcome = await called(sealed_endpoint(), Opened(VAULT), Answering(redirect))
    assert outcome.detail == "Go to https://a/****/b."


@pytest.mark.parametrize("kept", [5, 12, len(TOKEN) - 1])
async def test_an_explanation_that_was_cut_within_a_secret_does_not_show_half(kept: int) -> None:
    def redirect(_request: OutgoingRequest) -> Outcome:
        detail = f"Redirects are not followed; set the endpoint's URL to https://a.example/{TOKEN[:kept]}."
        return Outcome(started_at=NOON, duration_us=1, status=302, error=Fault.REDIRECT, detail=detail)

    outcome = await called(sealed_endpoint(), Opened(VAULT), Answering(redirect))
    assert outcome.detail == "Redirects are not followed; set the endpoint's URL to https://a.example/****."


@pytest.mark.parametrize(
    "echo",
    [
        "Authorization: Bearer tok\\u002Fen\\u002Bwith\\u0022quotes\\u0026",
        "got tok/en+with&#34;quotes&#38;",
        "token=TOK%2fEN%2bWITH%22QUOTES%26",
        "key=value+of+%3ca%3E+header",
        "VALUE OF &#x3c;a&gt; HEADER",
    ],
)
async def test_a_secret_does_not_show_however_an_answer_spells_it(echo: str) -> None:
    outcome = await called(sealed_endpoint(), Opened(VAULT), Answering(lambda _request: delivered(echo)))
    assert outcome.response_excerpt == echo[: echo.index(" " if "=" not in echo else "=") + 1] + "****" or (
        outcome.response_excerpt in {"Authorization: Bearer ****", "****"}
    )


@pytest.mark.parametrize(
    ("endpoint", "says"),
    [
        (sealed_endpoint(), "needs the key test"),
        (an_endpoint(secrets=()), "rotate it"),
        (
            an_endpoint(signature_styles=(SignatureStyle.STANDARD, SignatureStyle.ED25519)),
            "rotate it, with the kind ed25519",
        ),
        (replace(sealed_endpoint("other"), id=an_endpoint().id), "needs the key test"),
        (an_endpoint(secrets=(replace(an_endpoint().secrets[0], text="whsec_nonsense"),)), "it was altered"),
        (replace(an_endpoint(), sealed_headers='{"x-api-key": "smuggled"}'), "not sealed"),
    ],
)
async def test_what_does_not_open_fails_the_attempt_and_is_not_sent(endpoint: Endpoint, says: str) -> None:
    sender = Answering(lambda _request: delivered())
    with structlog.testing.capture_logs() as logs:
        outcome = await called(endpoint, Opened(a_vault(OTHER_KEY)), sender)
    assert sender.sent == []
    assert (outcome.error, outcome.status) == (Fault.UNSENDABLE, None)
    assert says in outcome.detail
    assert [(line["event"], line["endpoint_id"]) for line in logs] == [("dispatch.secret_not_opened", endpoint.id)]
    assert SECRET.reveal() not in f"{outcome} {logs}"


async def test_what_was_sealed_for_another_endpoint_does_not_open() -> None:
    moved = replace(sealed_endpoint("other"), id=an_endpoint("till").id)
    with pytest.raises(SealBroken, match="belongs elsewhere"):
        open_credentials(moved, VAULT)


def test_nothing_secret_shows() -> None:
    opened: Credentials = open_credentials(sealed_endpoint(), VAULT)
    shown = f"{opened!r} {sealed_endpoint()!r}"
    for secret in (SECRET.reveal(), KEY.reveal(), TOKEN, HEADER, "sealed.v1"):
        assert secret not in shown
    assert secret_of("till").reveal() not in repr(an_endpoint("till"))
