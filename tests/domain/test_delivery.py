"""What follows from an attempt?"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.delivery import (
    DETAIL_CHARACTERS_MAX,
    FAILURES_IN_A_ROW_MAX,
    Decision,
    Delivered,
    DeliveryState,
    DueAgain,
    Exhausted,
    Fault,
    Outcome,
    StillDelivered,
    decide,
    explain_status,
    is_success,
)
from closebell.domain.retry import RetryPolicy, next_retry_at

NOON = datetime(2026, 1, 5, 12, tzinfo=UTC)
RECEIVER = "receiver.example:443"


def failed(status: int | None = 500, error: Fault = Fault.HTTP_STATUS, retry_after_s: int | None = None) -> Outcome:
    return Outcome(
        started_at=NOON, duration_us=1, status=status, error=error, detail="It failed.", retry_after_s=retry_after_s
    )


def decided(
    outcome: Outcome,
    *,
    attempt_number: int = 1,
    failures: int = 0,
    policy: RetryPolicy = RetryPolicy.STANDARD,
    luck: float = 0.5,
    attempts_before: int = 0,
    was_delivered: bool = False,
    failed_at: datetime | None = None,
) -> Decision:
    return decide(
        outcome,
        attempt_number=attempt_number,
        consecutive_failures=failures,
        policy=policy,
        luck=luck,
        now=NOON,
        attempts_before=attempts_before,
        was_delivered=was_delivered,
        failed_at=failed_at,
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
@pytest.mark.parametrize("failures", [0, FAILURES_IN_A_ROW_MAX + 1])
def test_any_2xx_delivers(status: int, failures: int) -> None:
    outcome = Outcome(started_at=NOON, duration_us=1, status=status, detail="It answered.")
    decision = decided(outcome, failures=failures, attempt_number=12)
    assert decision == Decision(verdict=Delivered(), deactivate=None, counts=False)
    assert decision.state is DeliveryState.DELIVERED


@given(
    error=st.sampled_from(Fault),
    attempt_number=st.integers(1, 11),
    luck=st.floats(0, 1, exclude_max=True),
    retry_after_s=st.none() | st.integers(0, 86_400),
)
def test_a_failure_is_due_again_when_the_schedule_says(
    error: Fault, attempt_number: int, luck: float, retry_after_s: int | None
) -> None:
    decision = decided(failed(error=error, retry_after_s=retry_after_s), attempt_number=attempt_number, luck=luck)
    at = next_retry_at(
        now=NOON,
        attempt_number=attempt_number,
        policy=RetryPolicy.STANDARD,
        luck=luck,
        retry_after_s=retry_after_s,
    )
    assert at is not None
    assert decision == Decision(verdict=DueAgain(at=at), deactivate=None)
    assert decision.state is DeliveryState.PENDING


@pytest.mark.parametrize("policy", RetryPolicy)
def test_the_last_attempt_exhausts(policy: RetryPolicy) -> None:
    assert decided(failed(), attempt_number=policy.attempts_max - 1, policy=policy).state is DeliveryState.PENDING
    decision = decided(failed(), attempt_number=policy.attempts_max, policy=policy)
    assert decision.state is DeliveryState.EXHAUSTED
    assert isinstance(decision.verdict, Exhausted)
    assert decision.verdict.reason == f"Attempt {policy.attempts_max} was the last and failed: It failed."


@pytest.mark.parametrize("attempt_number", [1, 12, 40])
def test_gone_deactivates_at_once_and_holds_the_delivery(attempt_number: int) -> None:
    decision = decided(failed(410), attempt_number=attempt_number)
    assert decision.verdict == DueAgain(at=NOON)
    assert decision.state is DeliveryState.PENDING
    assert decision.deactivate is not None
    assert "410" in decision.deactivate


def test_twenty_failures_in_a_row_deactivate() -> None:
    assert decided(failed(), failures=FAILURES_IN_A_ROW_MAX - 2).deactivate is None
    decision = decided(failed(), failures=FAILURES_IN_A_ROW_MAX - 1)
    assert decision.deactivate == "20 attempts in a row failed; the last: It failed."


LATER, EARLIER = NOON + timedelta(microseconds=1), NOON - timedelta(microseconds=1)


@pytest.mark.parametrize(
    ("status", "retry_after_s", "failed_at", "counts"),
    [
        (429, 1, None, True),
        (429, 1, EARLIER, True),
        (429, 1, NOON, False),
        (503, 0, LATER, False),
        (429, None, LATER, True),
        (503, None, LATER, True),
        (500, 1, LATER, True),
    ],
)
def test_who_asks_to_wait_says_so_once_to_the_calls_that_were_under_way(
    status: int, retry_after_s: int | None, failed_at: datetime | None, *, counts: bool
) -> None:
    asked = failed(status, retry_after_s=retry_after_s)
    decision = decided(asked, failures=FAILURES_IN_A_ROW_MAX - 1, failed_at=failed_at)
    assert (decision.counts, decision.deactivate is not None) == (counts, counts)
    assert decision.state is DeliveryState.PENDING
    assert decision.state is DeliveryState.PENDING


@given(st.integers(100, 999))
def test_each_status_has_one_meaning(status: int) -> None:
    if is_success(status):
        assert 200 <= status <= 299
        return
    fault, detail = explain_status(status, receiver=RECEIVER, location=None)
    assert fault is (Fault.REDIRECT if 300 <= status <= 399 else Fault.HTTP_STATUS)
    assert str(status) in detail
    assert RECEIVER in detail


@pytest.mark.parametrize(
    ("location", "shown"),
    [
        ("https://www.receiver.example/hook", "https://www.receiver.example"),
        ("https://idp.example/login/ada@guests.example", "https://idp.example"),
        ("http://169.254.169.254/latest/meta-data", "http://169.254.169.254"),
        ("https://user:hunter2@other.example:8443/hook?token=hunter2#hunter2", "https://other.example:8443"),
        ("HTTPS://[2001:db8::1]:8443/hunter2", "https://[2001:db8::1]:8443"),
        ("//other.example/hook?token=hunter2", "//other.example"),
        ("/hunter2/?token=hunter2", "another place on the same host"),
        ("?token=hunter2", "another place on the same host"),
        ("/\x00" * 10_000, "another place on the same host"),
        ("mailto:ada@guests.example", "no web address"),
        ("ada@guests.example", "another place on the same host"),
        ("https:/ada@guests.example", "no web address"),
        ("https://idp.example\\login\\hunter2", "no web address"),
        ("https://" + "x" * 10_000, "no web address"),
        ("https://idp.example\x00hunter2/", "no web address"),
        ("https://[hunter2/", "no web address"),
    ],
)
def test_a_redirect_hints_at_its_host_and_at_nothing_else(location: str, shown: str) -> None:
    """A path may repeat what the event told, of a guest too; userinfo and query a token of ours."""
    fault, detail = explain_status(308, receiver=RECEIVER, location=location)
    assert fault is Fault.REDIRECT
    assert detail == f"Redirects are not followed; receiver.example:443 answered 308 and points to {shown}."
    assert len(detail) <= DETAIL_CHARACTERS_MAX


def test_a_redirect_to_nowhere_says_so() -> None:
    _, detail = explain_status(302, receiver=RECEIVER, location="")
    assert detail == "Redirects are not followed; receiver.example:443 answered 302 without a Location."


def test_the_reason_of_a_deactivation_repeats_no_path_of_a_redirect() -> None:
    _, detail = explain_status(302, receiver=RECEIVER, location="https://idp.example/login/ada@guests.example")
    last = Outcome(started_at=NOON, duration_us=1, status=302, error=Fault.REDIRECT, detail=detail)
    reason = decided(last, failures=FAILURES_IN_A_ROW_MAX - 1).deactivate
    assert reason is not None
    assert "https://idp.example." in reason
    assert "ada" not in reason


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 500},
        {"status": None},
        {"status": 200, "detail": ""},
        {"status": 200, "detail": "x" * 501},
        {"status": 200, "response_excerpt": "x" * 513},
        {"status": 200, "duration_us": -1},
        {"status": 200, "retry_after_s": 86_401},
        {"status": 200, "started_at": NOON.replace(tzinfo=None)},
    ],
)
def test_an_impossible_outcome_is_our_mistake(wrong: dict[str, object]) -> None:
    values: dict[str, object] = {"started_at": NOON, "duration_us": 1, "detail": "It answered.", **wrong}
    with pytest.raises(AssertionError):
        Outcome(**values)  # type: ignore[arg-type]  # wrong on purpose


def test_decisions_depend_on_what_they_are_told_and_on_nothing_else() -> None:
    assert decided(failed()) == decided(failed())
    later = decide(
        failed(),
        attempt_number=1,
        consecutive_failures=0,
        policy=RetryPolicy.STANDARD,
        luck=0.5,
        now=NOON + timedelta(hours=1),
    )
    assert later.verdict == DueAgain(at=NOON + timedelta(hours=1, seconds=45))


@pytest.mark.parametrize("policy", RetryPolicy)
def test_retries_are_counted_anew_once_it_is_sent_again(policy: RetryPolicy) -> None:
    last = policy.attempts_max
    for number in range(1, last):
        anew = decided(failed(), attempt_number=last + number, attempts_before=last, policy=policy)
        assert anew == decided(failed(), attempt_number=number, policy=policy)
    ended = decided(failed(), attempt_number=2 * last, attempts_before=last, policy=policy)
    assert ended.verdict == Exhausted(reason=f"Attempt {2 * last} was the last and failed: It failed.")


def test_what_was_delivered_stays_delivered_however_sending_it_again_ends() -> None:
    waits = decided(failed(), attempt_number=2, attempts_before=1, was_delivered=True)
    assert isinstance(waits.verdict, DueAgain)
    ended = decided(failed(), attempt_number=13, attempts_before=1, was_delivered=True, failures=19)
    assert ended.state is DeliveryState.DELIVERED
    assert ended.verdict == StillDelivered(
        reason="It had been delivered before it was sent again. Attempt 13 was the last and failed: It failed."
    )
    assert ended.deactivate is not None, "the endpoint fails all the same"
