"""The plan of a salon's day: the same for the same seed, with everything in it; and the command that carries it out."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from cli.conftest import Cli, refused
from closebell.cli.day import opening
from closebell.cli.day.ledger import Bill, Line, of_points, points_within
from closebell.cli.day.plan import (
    AssignTips,
    Back,
    Close,
    CloseGroup,
    Day,
    Money,
    Party,
    Pay,
    Refund,
    Sale,
    Sell,
    Split,
    Step,
)
from closebell.cli.day.planning import INVOICES, INVOICES_MAX, INVOICES_MIN, plan_day
from closebell.cli.day.salon import Deal, places
from closebell.domain.invoice import ItemType, Tender
from closebell.errors import MisuseError, RefusalCode

ENDS_WITHIN_S = 120


def steps(day: Day) -> list[Step]:
    return [step for one in day.places for visit in one.visits for step in visit.steps]


@pytest.mark.parametrize("invoices", [INVOICES_MIN, INVOICES, 1000])
def test_so_many_invoices_in_three_centres(invoices: int) -> None:
    day = plan_day(invoices=invoices)
    assert day.invoices == invoices
    assert {(one.place.currency, one.place.decimals, one.place.coin) for one in day.places} == {
        ("USD", 2, 1),
        ("JPY", 0, 1),
        ("KWD", 3, 5),
    }
    assert len({one.place.time_zone for one in day.places}) == 3
    assert len({visit.name for one in day.places for visit in one.visits}) == invoices


def test_the_same_seed_is_the_same_day() -> None:
    assert plan_day(1) == plan_day(1)
    assert opening.document(plan_day(1)) == opening.document(plan_day(1))
    assert plan_day(1) != plan_day(2)


@pytest.mark.parametrize("seed", range(3))
def test_everything_happens_even_on_the_shortest_day(seed: int) -> None:
    for one in plan_day(seed, INVOICES_MIN).places:
        done = [step for visit in one.visits for step in visit.steps]
        parties = [entry for entry in one.entries if isinstance(entry, Party)]
        paid = [step for step in done if isinstance(step, Pay)]
        assert {step.sale for step in done if isinstance(step, Sell)} == set(Sale)
        assert {step.tender for step in paid} == set(Tender) - {Tender.PACKAGE}
        assert {step.money for step in paid if step.is_online} == set(Money)
        assert any(step.change_for for step in paid)
        assert {step.split for step in done if isinstance(step, AssignTips)} == set(Split)
        assert {step.back for step in done if isinstance(step, Refund)} == set(Back)
        assert any(isinstance(step, CloseGroup) and step.refused for party in parties for step in party.steps)


def test_every_reason_to_refuse_a_close_is_met_in_the_contracts_own_words() -> None:
    day = plan_day(invoices=INVOICES_MIN)
    closes = [step for step in steps(day) if isinstance(step, Close)]
    met = {(step.refused.code, step.refused.message) for step in closes if step.refused}
    assert met == {
        (code.wire_code, code.message)
        for code in (
            RefusalCode.NOT_FULLY_PAID,
            RefusalCode.SSG_NOT_PAID,
            RefusalCode.PAID_IN_EXCESS,
            RefusalCode.LOYALTY_OVER_CAP,
            RefusalCode.TIPS_UNASSIGNED,
            RefusalCode.FUTURE_APPOINTMENT,
            RefusalCode.COULD_NOT_BE_CLOSED,
        )
    }


@pytest.mark.parametrize("invoices", [INVOICES_MIN - 1, INVOICES_MAX + 1])
def test_a_day_has_its_limits(invoices: int) -> None:
    with pytest.raises(MisuseError, match=f"--invoices {invoices}: a day has from {INVOICES_MIN} to {INVOICES_MAX}"):
        plan_day(invoices=invoices)


def test_the_books_reckon_as_by_hand() -> None:
    bellevue, _, salmiya = places(vouchers=1)
    cut, facial, _ = bellevue.services
    bill = Bill(place=bellevue, name="1", kind="", guest_id="")
    bill.lines = [Line(item=cut, quantity=2), Line(item=facial, quantity=1)]
    # 97.00 and 10.25 % of it; 86.35 with 7.25 % in it.
    assert [(line.sales, line.tax, line.final) for line in bill.lines] == [(9700, 994, 10694), (8051, 584, 8635)]
    assert (bill.total, bill.ssg, bill.fee) == (19329, 799, 222)

    bill.deal = bellevue.campaigns[Deal.AMOUNT]
    bill.discount()
    assert [line.discount for line in bill.lines] == [411, 366], "7.77 over 97.00 and 86.35"

    dinars = Bill(place=salmiya, name="2", kind="", guest_id="")
    dinars.lines = [Line(item=salmiya.products[2], quantity=1), Line(item=salmiya.services[0], quantity=1)]
    # 1.237, and 7.125 with 5 % on top: 8.718, paid with coins of 0.005; 3 % of 7.125 is 0.214, 0.75 % is 0.053.
    assert (dinars.net + dinars.tax, dinars.rounding, dinars.total) == (8718, 2, 8720)
    assert (dinars.ssg, dinars.fee) == (215, 55)


def test_points_pay_as_much_as_they_may() -> None:
    for place in places(vouchers=1):
        worth = Fraction(place.point_worth) * 10**place.decimals
        for amount in (0, 1, 2, 7, 999):
            points = points_within(place, amount)
            assert of_points(place, points) <= amount < of_points(place, points + 1)
            assert of_points(place, points) == int(points * worth)


def test_a_card_is_no_part_of_a_discount() -> None:
    bellevue, *_ = places(vouchers=1)
    bill = Bill(place=bellevue, name="1", kind="", guest_id="", deal=bellevue.campaigns[Deal.PERCENT])
    bill.lines = [Line(item=bellevue.template, quantity=1), Line(item=bellevue.membership, quantity=1)]
    bill.discount()
    assert [(line.item.type, line.discount) for line in bill.lines] == [
        (ItemType.CARD, 0),
        (ItemType.MEMBERSHIP, 1185),
    ]
    assert bill.deal is not None
    assert bill.deal.percent == Decimal(15)


def test_the_command_lives_a_day(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "closebell", "demo", "--day", "--seed", "1", "--invoices", str(INVOICES_MIN)]
    environment = {**os.environ, "CLOSEBELL_PORT": "1", "CLOSEBELL_PAYMENT_PROCESSOR": "none"}
    ran = subprocess.run(
        command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False, timeout=ENDS_WITHIN_S
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    assert ran.stderr == ""
    assert f"a day of 3 centres, {INVOICES_MIN} invoices, seed 1." in ran.stdout
    assert "✓ every invoice is as in the books, to the minor unit\n" in ran.stdout
    assert "Bellevue, USD   Kyoto, JPY   Salmiya, KWD" in ran.stdout
    assert "All 10 checks hold, after" in ran.stdout
    assert list(tmp_path.iterdir()) == []


def test_a_day_that_is_ended_leaves_nothing_behind(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "closebell", "demo", "--day"]
    environment = {**os.environ, "PYTHONUNBUFFERED": "1", "TMPDIR": str(tmp_path)}
    with subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "receiver  http" in line:
                break
        process.send_signal(signal.SIGTERM)
        process.stdout.read()
        assert process.wait(ENDS_WITHIN_S) == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_what_belongs_to_a_day_is_refused_without_one(cli: Cli) -> None:
    refused(cli("demo", "--seed", "1"), 2, "closebell demo --day")
    refused(cli("demo", "--day", "--invoices", "3"), 2, f"a day has from {INVOICES_MIN}")
