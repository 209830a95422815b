"""The mail says what a person must know, and nothing in it becomes a header or gives a secret away."""

from __future__ import annotations

import email
import email.policy
from dataclasses import replace
from datetime import timedelta
from email.message import EmailMessage

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from closebell.domain.alert import ATTEMPTS_MAX, RETRIES, Alert, message, next_try_at, words
from closebell.domain.endpoint import EndpointState
from closebell.testing import NOON, guid_of

SENDER = "closebell@salon.example"
ENDPOINT = guid_of("endpoint till")
ALERT = Alert(
    failure_id=guid_of("failure"),
    endpoint_id=ENDPOINT,
    name="Till",
    url="https://user:hunter2@books.example:8443/hooks/hunter2?token=hunter2#hunter2",
    at=NOON,
    failing_since=NOON - timedelta(minutes=3),
    consecutive_failures=20,
    delivery_id="622b5b33a961750e01db6512",
    status=502,
    error="http_status",
    detail="books.example:8443 answered 502.",
    state=EndpointState.DEACTIVATED,
    held=17,
    held_is_more=False,
    log="https://closebell.example/v1/webhook_endpoints/x/failure_log",
)


def sent(alert: Alert, *to: str) -> EmailMessage:
    """The mail as whoever gets it reads it."""
    raw = message(alert, sender=SENDER, to=to or ("ops@salon.example",), now=NOON).as_bytes()
    assert raw.isascii()
    assert max(map(len, raw.splitlines())) <= 78
    return email.message_from_bytes(raw, policy=email.policy.default)


def test_the_headers_are_those_of_a_mail_that_nobody_wrote_by_hand() -> None:
    mail = sent(ALERT, "ops@salon.example", "ada@salon.example")
    assert mail["From"] == SENDER
    assert mail["To"] == "ops@salon.example, ada@salon.example"
    assert mail["Subject"] == "Webhook endpoint deactivated: Till"
    assert mail["Date"].datetime == NOON
    assert mail["Message-ID"] == f"<closebell.{guid_of('failure')}@salon.example>"
    assert mail["Auto-Submitted"] == "auto-generated"
    assert mail.get_content_type() == "text/plain"
    assert sorted(mail.keys()) == sorted(
        [
            *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted"),
            *("Content-Type", "MIME-Version", "Content-Transfer-Encoding"),
        ]
    )


def test_the_message_id_is_the_failures_whenever_it_is_sent() -> None:
    later = message(ALERT, sender=SENDER, to=["x@y.example"], now=NOON + timedelta(days=1))
    assert later["Message-ID"] == sent(ALERT)["Message-ID"]


@pytest.mark.parametrize(
    "name",
    ["a\r\nBcc: evil@x.example", "a\nSubject: b", "a\u2028b", "\x1b[31mred", "a\0b", "=?utf-8?q?x?=", "x" * 200],
)
def test_a_name_never_becomes_a_header(name: str) -> None:
    mail = sent(replace(ALERT, name=name, detail=name))
    assert "Bcc" not in mail
    assert len(mail.get_all("Subject") or []) == 1
    assert mail["Subject"].startswith("Webhook endpoint deactivated: ")
    assert len(mail["Subject"]) <= 120
    said = mail.get_content()
    assert not {"\x1b", "\0", "\u2028"} & {*said}
    assert sum(line.startswith("  Endpoint") for line in said.splitlines()) == 1


ENCODED = [
    "=?utf-8?q?a=0D=0ABcc=3A_evil@x?=",
    "x =?utf-8?q?=0D=0A=0D=0Abody?=",
    "=?utf-8?q?=00?=",
    "=?utf-8?b?DQpCY2M6IGV2aWxAeA==?=",
    "Büro =?utf-8?q?a=0D=0ABcc=3A_evil@x?= 東京",
    "==??=?utf-8?q?=0D=0A?==?utf-8?q?=0D=0ABcc=3A_evil@x?=",
    "x" * 70 + " =?utf-8?q?=0D=0ABcc=3A_evil@x?=",
]


@pytest.mark.parametrize("name", ENCODED)
def test_a_name_that_looks_encoded_stays_what_it_is(name: str) -> None:
    raw = message(replace(ALERT, name=name), sender=SENDER, to=["ops@salon.example"], now=NOON).as_bytes()
    plain = message(replace(ALERT, name="Till"), sender=SENDER, to=["ops@salon.example"], now=NOON).as_bytes()
    mail, other = (email.message_from_bytes(one, policy=email.policy.default) for one in (raw, plain))
    assert mail.keys() == other.keys()
    assert {key: mail[key] for key in mail if key != "Subject"} == {
        key: other[key] for key in other if key != "Subject"
    }
    assert mail["Subject"] == f"Webhook endpoint deactivated: {name.replace('=?', '= ?')[:80]}".rstrip()
    assert mail.get_content() == other.get_content().replace("Till (", f"{name} (")
    assert b"\0" not in raw


@settings(max_examples=100, deadline=None)
@given(name=st.text(alphabet=st.sampled_from('=?utf-8qb_0DABcc:@x "<>,;()é東\r\n\0'), max_size=120))
def test_no_name_makes_a_header_or_a_body(name: str) -> None:
    mail = sent(replace(ALERT, name=name))
    assert mail.keys() == sent(ALERT).keys()
    assert mail.get_content().startswith("Closebell no longer calls this webhook endpoint")


@pytest.mark.parametrize("encoded", ["=?utf-8?q?a=0D=0ABcc=3A_evil@x?=", "=?utf-8?q?=0D=0A=0D=0Abody?="])
def test_an_address_that_looks_encoded_makes_no_header_either(encoded: str) -> None:
    address = f"{encoded}@{encoded}"
    raw = message(ALERT, sender=address, to=[address, "ops@salon.example"], now=NOON).as_bytes()
    mail = email.message_from_bytes(raw)
    assert mail.keys() == sent(ALERT).keys()
    assert f"{mail.get_payload()}".startswith("Closebell no longer calls this webhook endpoint")


def test_a_name_of_any_script_arrives() -> None:
    mail = sent(replace(ALERT, name="Büro 東京 💈"))
    assert mail["Subject"] == "Webhook endpoint deactivated: Büro 東京 💈"
    assert "Büro 東京 💈" in mail.get_content()


def test_of_the_url_only_the_host_is_told() -> None:
    hint = "Redirects are not followed; set the endpoint's URL to https://www.books.example/hooks/hunter2."
    said = words(replace(ALERT, detail=hint))
    assert "books.example\n" in said
    assert "https://www.books.example/..." in said
    assert "hunter2" not in said
    assert "-\n" in words(replace(ALERT, url="https://["))


def test_it_says_what_happened_and_what_to_do() -> None:
    said = words(ALERT)
    for fact in [
        "no longer calls this webhook endpoint, because its receiver kept failing",
        f"Till ({ENDPOINT})",
        "2026-01-05 12:00:00 UTC",
        "2026-01-05 11:57:00 UTC",
        "20",
        "http_status: books.example:8443 answered 502.",
        "17 deliveries",
        f"closebell endpoints test {ENDPOINT}",
        f"closebell endpoints enable {ENDPOINT}",
        f"closebell endpoints failures {ENDPOINT} --attempts",
        ALERT.log,
    ]:
        assert fact in said
    assert "more than 17 deliveries" in words(replace(ALERT, held_is_more=True))
    assert "because its receiver answered 410 Gone" in words(replace(ALERT, status=410))


@pytest.mark.parametrize(
    ("state", "says"), [(EndpointState.ACTIVE, "enabled again"), (EndpointState.DELETED, "deleted")]
)
def test_a_late_mail_does_not_ask_for_what_was_done(state: EndpointState, says: str) -> None:
    said = words(replace(ALERT, state=state))
    assert f"It has been {says} since." in said
    assert "closebell endpoints enable" not in said
    assert ALERT.log in said


def test_tries_end() -> None:
    ats = [next_try_at(attempts, now=NOON) for attempts in range(1, ATTEMPTS_MAX + 3)]
    assert ats[: len(RETRIES)] == [NOON + wait for wait in RETRIES]
    assert ats[len(RETRIES) :] == [None] * 3
    assert sorted(RETRIES) == list(RETRIES)
    assert sum(RETRIES, timedelta()) > timedelta(days=1)
