"""Every closing rule, on each side of its edge; the first broken one in the fixed order is the wire error."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from closebell.domain import closing
from closebell.domain.closing import Blocker, Remedy
from closebell.domain.invoice import Invoice, Tender, TransactionState
from closebell.errors import RefusalCode
from closebell.testing import NOON, a_payment, a_tip, an_appointment, an_invoice, guid_of

TODAY = date(2026, 1, 5)
GROUP = guid_of("group")


def broken(invoice: Invoice) -> list[str]:
    return [blocker.rule for blocker in closing.check(invoice, today=TODAY)]


def only(invoice: Invoice) -> Blocker:
    (blocker,) = closing.check(invoice, today=TODAY)
    return blocker


def paid(*transactions: Any, **fields: Any) -> Invoice:
    return an_invoice(transactions=transactions or (a_payment(),), **fields)


def test_a_paid_invoice_may_close() -> None:
    assert broken(paid()) == []


def test_an_invoice_of_nothing_may_close() -> None:
    assert broken(an_invoice(total=0)) == []


def test_a_member_of_a_group_may_not() -> None:
    blocker = only(paid(group_invoice_id=GROUP))
    assert blocker.code is RefusalCode.GROUP_INVOICE
    assert GROUP in blocker.detail
    assert blocker.remedy is Remedy.UNGROUP


def test_a_cancelled_invoice_may_not_however_well_it_is_paid() -> None:
    blocker = only(paid(cancelled_at=NOON))
    assert (blocker.code, blocker.detail) == (RefusalCode.COULD_NOT_BE_CLOSED, "The invoice was cancelled.")
    assert blocker.remedy is Remedy.SELL_AGAIN


@pytest.mark.parametrize(
    ("start", "is_blocked"),
    [("2026-01-05T23:59:59", False), ("2026-01-06T00:00:00", True), ("2025-12-31T00:00:00", False)],
)
def test_an_appointment_of_a_later_date_blocks_and_one_later_today_does_not(start: str, is_blocked: bool) -> None:
    found = broken(paid(appointments=(an_appointment(start_time=start),)))
    assert found == (["must_have_no_future_appointment"] if is_blocked else [])


def test_waiting_ends_with_the_last_future_appointment() -> None:
    booked = tuple(an_appointment(day, start_time=f"2026-01-{day}T10:00:00") for day in ("09", "07", "04"))
    blocker = only(paid(appointments=booked))
    assert blocker.not_before == date(2026, 1, 9)
    assert blocker.rows == (guid_of("appointment 09"), guid_of("appointment 07"))


def test_what_is_missing_is_said_to_the_cent() -> None:
    blocker = only(paid(a_payment(40000)))
    assert (blocker.code, blocker.detail) == (
        RefusalCode.NOT_FULLY_PAID,
        "400.00 of 488.00 USD is paid; 88.00 is missing.",
    )
    assert blocker.amounts == {"due": 48800, "paid": 40000, "missing": 8800}


@pytest.mark.parametrize(("amount", "rule"), [(48799, "must_be_fully_paid"), (48801, "must_not_be_overpaid")])
def test_there_is_no_tolerance_of_a_cent(amount: int, rule: str) -> None:
    assert broken(paid(a_payment(amount))) == [rule]


def test_tips_charges_and_fees_pay_nothing_of_the_total() -> None:
    invoice = paid(a_payment(48000, tip=800, ssg=800, fee=800), employee_tips=(a_tip(800),))
    assert "must_be_fully_paid" in broken(invoice)


@pytest.mark.parametrize("state", [TransactionState.PENDING, TransactionState.FAILED])
def test_money_that_has_not_arrived_pays_nothing(state: TransactionState) -> None:
    assert "must_be_fully_paid" in broken(paid(a_payment(state=state)))


def test_pending_money_blocks_even_when_all_is_paid_and_failed_money_does_not() -> None:
    pending = a_payment(100, name="on its way", state=TransactionState.PENDING)
    blocker = only(paid(a_payment(), pending))
    assert blocker.code is RefusalCode.COULD_NOT_BE_CLOSED
    assert blocker.rows == (pending.id,)
    assert broken(paid(a_payment(), replace(pending, state=TransactionState.FAILED))) == []


def test_the_service_charge_is_paid_by_service_charge() -> None:
    blocker = only(paid(a_payment(ssg=1999), ssg_amount=2000))
    assert blocker.code is RefusalCode.SSG_NOT_PAID
    assert blocker.detail == "19.99 of 20.00 USD of the service charge is paid; 0.01 is missing."
    assert broken(paid(a_payment(ssg=2000), ssg_amount=2000)) == []
    assert broken(paid(a_payment(ssg=2001), ssg_amount=2000)) == ["must_not_be_overpaid"]


def test_all_that_full_payment_misses_is_said_at_once() -> None:
    on_its_way = a_payment(100, name="late", state=TransactionState.PENDING)
    first, *_ = closing.check(paid(a_payment(40000), on_its_way, fee_amount=50), today=TODAY)
    assert first.detail == (
        "400.00 of 488.00 USD is paid; 88.00 is missing. "
        "0.00 of 0.50 USD of the environment fee is paid; 0.50 is missing. "
        "A payment of 1.00 USD is pending."
    )
    assert (first.amounts["missing"], first.amounts["fee_missing"]) == (8800, 50)


def test_the_environment_fee_is_paid_by_fee() -> None:
    assert only(paid(a_payment(fee=99), fee_amount=100)).code is RefusalCode.NOT_FULLY_PAID
    assert broken(paid(a_payment(fee=100), fee_amount=100)) == []
    assert broken(paid(a_payment(fee=101), fee_amount=100)) == ["must_not_be_overpaid"]


@pytest.mark.parametrize(("cap", "is_blocked"), [(None, False), (10000, False), (9999, True), (0, True)])
def test_loyalty_points_pay_up_to_the_cap(cap: int | None, is_blocked: bool) -> None:
    points = a_payment(10000, name="points", tender=Tender.LOYALTY_POINTS)
    found = closing.check(paid(a_payment(38800), points, loyalty_cap_amount=cap), today=TODAY)
    assert [blocker.code for blocker in found] == ([RefusalCode.LOYALTY_OVER_CAP] if is_blocked else [])


def test_tips_must_be_assigned_exactly() -> None:
    tipped = a_payment(tip=1000)
    blocker = only(paid(tipped, employee_tips=(a_tip(400),)))
    assert blocker.code is RefusalCode.TIPS_UNASSIGNED
    assert blocker.amounts == {"collected": 1000, "assigned": 400, "unassigned": 600}
    assert broken(paid(tipped, employee_tips=(a_tip(400), a_tip(600, employee="Ola")))) == []
    assert broken(paid(tipped, employee_tips=(a_tip(1001),))) == ["must_have_tips_assigned"]


def test_a_tip_on_one_tender_does_not_make_up_for_another() -> None:
    first, second = a_payment(48000, name="first", tip=500), a_payment(800, name="second", tip=500)
    fair = (a_tip(500, transaction="first"), a_tip(500, transaction="second"))
    unfair = (a_tip(700, transaction="first"), a_tip(300, transaction="second"))
    assert broken(paid(first, second, employee_tips=fair)) == []
    blocker = only(paid(first, second, employee_tips=unfair))
    assert blocker.rows == (first.id,)


def test_a_refund_pays_back_exactly() -> None:
    def refund(handed_back: int) -> Invoice:
        lines = an_invoice(total=-48800)
        return replace(lines, is_refund=True, transactions=(a_payment(handed_back),))

    assert broken(refund(-48800)) == []
    assert broken(refund(-48799)) == ["must_be_fully_paid"]
    assert broken(refund(-48801)) == ["must_not_be_overpaid"]
    assert broken(refund(0)) == ["must_be_fully_paid"]


ORDER = [rule.__name__ for rule in closing.RULES]


def test_the_order_of_the_rules_is_the_contracts() -> None:
    worst = paid(
        a_payment(100, name="points", tender=Tender.LOYALTY_POINTS, tip=5),
        a_payment(1, name="pending", state=TransactionState.PENDING),
        group_invoice_id=GROUP,
        cancelled_at=NOON,
        appointments=(an_appointment(start_time="2026-02-01T00:00:00"),),
        ssg_amount=1,
        loyalty_cap_amount=0,
    )
    assert broken(worst) == [rule for rule in ORDER if rule != "must_not_be_overpaid"]
    assert [blocker.code.wire_code for blocker in closing.check(worst, today=TODAY)] == [
        492,
        719,
        1113,
        419,
        419,
        459,
        1112,
        719,
    ]


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """Invoices with every kind of thing wrong or right about them."""
    amounts = st.integers(min_value=0, max_value=60000)
    payments = [
        a_payment(
            draw(amounts),
            name=f"{index}",
            tip=draw(st.sampled_from([0, 0, 500])),
            ssg=draw(st.sampled_from([0, 100])),
            fee=draw(st.sampled_from([0, 50])),
            tender=draw(st.sampled_from(Tender)),
            state=draw(st.sampled_from(TransactionState)),
        )
        for index in range(draw(st.integers(0, 4)))
    ]
    return an_invoice(
        total=draw(amounts),
        transactions=tuple(payments),
        group_invoice_id=draw(st.sampled_from([None, None, GROUP])),
        cancelled_at=draw(st.sampled_from([None, None, NOON])),
        ssg_amount=draw(st.sampled_from([0, 100])),
        fee_amount=draw(st.sampled_from([0, 50])),
        loyalty_cap_amount=draw(st.sampled_from([None, 0, 30000])),
        appointments=tuple(
            an_appointment(day, start_time=f"2026-01-{day}T08:00:00")
            for day in draw(st.sets(st.sampled_from(["04", "05", "06"])))
        ),
        employee_tips=tuple(a_tip(500) for _ in range(draw(st.integers(0, 2)))),
    )


@given(invoice=invoices(), data=st.data())
def test_the_order_of_rows_changes_nothing_about_what_is_broken(invoice: Invoice, data: st.DataObject) -> None:
    shuffled = replace(
        invoice,
        transactions=tuple(data.draw(st.permutations(invoice.transactions))),
        appointments=tuple(data.draw(st.permutations(invoice.appointments))),
        employee_tips=tuple(data.draw(st.permutations(invoice.employee_tips))),
    )
    assert [(b.rule, b.amounts) for b in closing.check(shuffled, today=TODAY)] == [
        (b.rule, b.amounts) for b in closing.check(invoice, today=TODAY)
    ]


@given(invoice=invoices())
def test_what_may_close_adds_up_exactly(invoice: Invoice) -> None:
    found = broken(invoice)
    assert found == [rule for rule in ORDER if rule in found]
    if found:
        return
    settled = invoice.settled
    assert sum(t.amount_paid for t in settled) == invoice.sum_total
    assert sum(t.ssg_amount for t in settled) == invoice.ssg_amount
    assert sum(t.fee_amount for t in settled) == invoice.fee_amount
    assert sum(t.tip_amount for t in settled) == sum(tip.amount for tip in invoice.employee_tips)
    assert sum(t.total_amount_paid for t in settled) == (
        sum(line.final for line in invoice.lines)
        + invoice.rounding_adjustment
        + invoice.ssg_amount
        + invoice.fee_amount
        + sum(tip.amount for tip in invoice.employee_tips)
    )
