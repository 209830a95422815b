"""Invariants 1, 6, 7 and 11, over invoices that break exactly the rules that were drawn."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NoReturn, TypeVar

import msgspec
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, select

from closebell.domain import closing
from closebell.domain.invoice import Invoice, Tender, Transaction, TransactionState
from closebell.domain.money import split
from closebell.errors import ClosebellError, Refusal, RefusalCode
from closebell.store import endpoints, tables
from closebell.store.unit import Database
from closebell.testing import (
    NOON,
    FixedClock,
    SeededLuck,
    a_centre,
    a_line,
    a_payment,
    a_tip,
    an_appointment,
    an_employee,
    an_endpoint,
    an_invoice,
    guid_of,
    put,
)
from closebell.usecase.close_invoices import CloseCommand, Closed, close_invoices

R = TypeVar("R")

BROKEN_IN_ORDER = (
    ("group", RefusalCode.GROUP_INVOICE),
    ("future", RefusalCode.FUTURE_APPOINTMENT),
    ("unpaid", RefusalCode.NOT_FULLY_PAID),
    ("ssg", RefusalCode.SSG_NOT_PAID),
    ("excess", RefusalCode.PAID_IN_EXCESS),
    ("points", RefusalCode.LOYALTY_OVER_CAP),
    ("tips", RefusalCode.TIPS_UNASSIGNED),
    ("pending", RefusalCode.COULD_NOT_BE_CLOSED),
)
"""What can be wrong with an invoice and the wire error it means, in the order in which they are told."""

CENTRES = (a_centre("one", receipt_prefix="A"), a_centre("two", receipt_prefix="B", currency="JPY"))
QUICK = settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""Each example writes to a real database; what it wrote is undone."""


def _invoice(name: str, broken: frozenset[str], shape: random.Random) -> Invoice:
    """An invoice that would close, but for what is `broken`; its rows come in any order."""
    centre = CENTRES[shape.randrange(2)]
    lines = [a_line(f"{name} {n}", final=shape.randint(1, 9999), tax=0) for n in range(shape.randint(1, 4))]
    lines = [replace(line, tax=shape.randint(0, line.final)) for line in lines]
    lines = [replace(line, sales=line.final - line.tax) for line in lines]
    total = sum(line.final for line in lines)
    tenders = _tenders(total, broken, shape)
    tips = [
        a_tip(part, employee=f"{n % 2}", transaction=None if shape.random() < 0.5 else t.payment_name)
        for t in tenders
        if t.is_settled and t.tip_amount
        for n, part in enumerate(split(t.tip_amount, [1, shape.randint(0, 3)]))
        if part
    ]
    appointments = [an_appointment(f"{name} {n}", start_time=f"2026-01-0{n + 3}T10:00:00") for n in range(3)]
    if "future" in broken:
        appointments.append(an_appointment(f"{name} later", start_time="2026-01-09T10:00:00"))
    points = sum(t.total_amount_paid for t in tenders if t.tender is Tender.LOYALTY_POINTS)
    for rows in (lines, tenders, tips, appointments):
        shape.shuffle(rows)
    return an_invoice(
        name,
        centre=centre,
        lines=lines,
        transactions=tuple(tenders),
        employee_tips=tuple(tips[1:] if "tips" in broken else tips),
        appointments=tuple(appointments),
        ssg_amount=70 + ("ssg" in broken),
        fee_amount=30,
        loyalty_cap_amount=points - ("points" in broken),
        group_invoice_id=guid_of("group") if "group" in broken else None,
    )


def _tenders(total: int, broken: frozenset[str], shape: random.Random) -> list[Transaction]:
    parts = split(total - ("unpaid" in broken), [shape.randint(0, 5) for _ in range(shape.randint(2, 4))])
    made = [a_payment(part, name=f"{n}", tip=shape.randint(0, 50)) for n, part in enumerate(parts)]
    made[0] = replace(made[0], ssg_amount=70, tip_amount=25)
    made[1] = replace(made[1], fee_amount=30 + ("excess" in broken), tender=Tender.LOYALTY_POINTS)
    made.append(a_payment(shape.randint(1, 500), name="failed", state=TransactionState.FAILED, tip=7))
    if "pending" in broken:
        made.append(a_payment(shape.randint(1, 500), name="pending", state=TransactionState.PENDING))
    # The name of the tender, for `a_tip`.
    return [
        replace(t, payment_name=n) for t, n in zip(made, [*map(str, range(len(parts))), "failed", "p"], strict=False)
    ]


INVOICES = st.builds(
    lambda broken, seed: (broken, seed),
    st.one_of(st.just(frozenset[str]()), st.frozensets(st.sampled_from([name for name, _ in BROKEN_IN_ORDER]))),
    st.integers(min_value=0, max_value=2**32),
)


def _first(broken: frozenset[str]) -> RefusalCode | None:
    return next((code for name, code in BROKEN_IN_ORDER if name in broken), None)


@given(drawn=INVOICES, other=st.integers(min_value=0, max_value=2**32))
def test_the_wire_error_is_the_first_broken_rule_in_any_order_of_rows(
    drawn: tuple[frozenset[str], int], other: int
) -> None:
    """Invariants 6 and 7: another order of lines, tenders, tips and appointments says the same, to the cent."""
    broken, seed = drawn
    invoice = _invoice("1", broken, random.Random(seed))
    found = closing.check(invoice, today=invoice.centre.today(NOON))
    assert [blocker.code for blocker in found] == [code for name, code in BROKEN_IN_ORDER if name in broken]
    shape = random.Random(other)
    shuffled = replace(
        invoice,
        lines=tuple(shape.sample(invoice.lines, len(invoice.lines))),
        transactions=tuple(shape.sample(invoice.transactions, len(invoice.transactions))),
        employee_tips=tuple(shape.sample(invoice.employee_tips, len(invoice.employee_tips))),
        appointments=tuple(shape.sample(invoice.appointments, len(invoice.appointments))),
    )
    again = closing.check(shuffled, today=invoice.centre.today(NOON))
    assert [(b.rule, b.detail, b.amounts, set(b.rows)) for b in again] == [
        (b.rule, b.detail, b.amounts, set(b.rows)) for b in found
    ]


class _Undo(Exception):
    """Carries a result out of a transaction that is not to be kept."""

    def __init__(self, result: Any) -> None:
        self.result = result


async def _undone(database: Database, unit: Callable[[Connection], R]) -> R:
    """What the unit returns, and a database as it was before."""

    def run(connection: Connection) -> NoReturn:
        raise _Undo(unit(connection))

    try:
        await database.write(run)
    except _Undo as undo:
        result: R = undo.result
        return result
    raise AssertionError


def _stored(connection: Connection, batch: Sequence[Invoice]) -> None:
    put(connection, *batch, employees=[an_employee("0"), an_employee("1")])
    endpoints.insert_one(connection, an_endpoint("all"))
    endpoints.insert_one(connection, an_endpoint("one", center_ids=[CENTRES[0].id]))


def _told(connection: Connection) -> dict[str, Any]:
    """Everything a close writes, but for identifiers that are drawn, and what hangs on them."""
    events = connection.execute(select(tables.events).order_by(tables.events.c.sequence)).all()
    deliveries = connection.execute(select(tables.deliveries)).all()
    return {
        "invoices": sorted(map(tuple, connection.execute(select(tables.invoices))), key=repr),
        "counters": sorted(map(tuple, connection.execute(select(tables.receipt_counters)))),
        "events": [(e.sequence, e.event_type, e.invoice_id, e.close_sequence, e.created_at) for e in events],
        "bodies": [e.body.replace(e.event_id.encode(), b"") for e in events],
        "deliveries": sorted((d.sequence, d.endpoint_id, d.state, d.due_at) for d in deliveries),
    }


def _comparable(answer: Closed | ClosebellError) -> object:
    return answer if isinstance(answer, Closed) else (type(answer), str(answer))


@QUICK
@given(drawn=st.lists(INVOICES, min_size=1, max_size=6), picks=st.lists(st.integers(0, 6), min_size=1, max_size=9))
async def test_a_batch_closes_like_one_by_one(
    database: Database, drawn: list[tuple[frozenset[str], int]], picks: list[int]
) -> None:
    """Invariant 11, with invoices asked for twice and one that does not exist; invariants 1 and 6 on the way."""
    batch = [_invoice(f"{n}", broken, random.Random(seed)) for n, (broken, seed) in enumerate(drawn)]
    ids = [invoice.id for invoice in batch] + [guid_of("nothing")]
    commands = [CloseCommand(invoice_id=ids[pick % len(ids)]) for pick in picks]

    def together(connection: Connection) -> tuple[list[object], dict[str, Any]]:
        _stored(connection, batch)
        report = close_invoices(connection, commands, clock=FixedClock(), luck=SeededLuck())
        _must_be_exact(connection)
        return [_comparable(answer) for answer in report.answers], _told(connection)

    def apart(connection: Connection) -> tuple[list[object], dict[str, Any]]:
        _stored(connection, batch)
        luck = SeededLuck()
        reports = [close_invoices(connection, [command], clock=FixedClock(), luck=luck) for command in commands]
        return [_comparable(report.answers[0]) for report in reports], _told(connection)

    answers, told = await _undone(database, together)
    assert (answers, told) == await _undone(database, apart)
    expected = {invoice.id: _first(broken) for invoice, (broken, _) in zip(batch, drawn, strict=True)}
    for command, answer in zip(commands, answers, strict=True):
        code = expected.get(command.invoice_id, RefusalCode.INVOICE_NOT_FOUND)
        if code is None:
            assert isinstance(answer, Closed)
        else:
            assert isinstance(answer, tuple)
            assert answer[0] is Refusal
            assert answer[1].startswith(code.message)


def _must_be_exact(connection: Connection) -> None:
    """Invariant 1, from the stored rows alone: what is closed is paid to the unit, and every tip is given."""
    for invoice in connection.execute(select(tables.invoices).where(tables.invoices.c.closed_at.is_not(None))).all():
        paid, lines, tips = (
            connection.execute(select(table).where(table.c.invoice_id == invoice.id)).all()
            for table in (tables.transactions, tables.invoice_lines, tables.employee_tips)
        )
        settled = [row for row in paid if row.state == "settled"]
        due = sum(line.sales + line.tax for line in lines) + invoice.rounding_adjustment
        assert sum(row.amount_paid for row in settled) == due == invoice.sum_total
        assert sum(row.ssg_amount for row in settled) == invoice.ssg_amount
        assert sum(row.fee_amount for row in settled) == invoice.fee_amount
        assert sum(tip.amount for tip in tips) == sum(row.tip_amount for row in settled)
        assert not any(row.state == "pending" for row in paid)
        for row in settled:
            assert sum(tip.amount for tip in tips if tip.transaction_id == row.id) <= row.tip_amount


@QUICK
@given(seed=st.integers(min_value=0, max_value=2**32))
async def test_the_order_of_rows_changes_no_total_of_the_event(database: Database, seed: int) -> None:
    """Invariant 7, in what receivers are told."""
    invoice = _invoice("1", frozenset(), random.Random(seed))
    turned = replace(
        invoice,
        lines=invoice.lines[::-1],
        transactions=invoice.transactions[::-1],
        employee_tips=invoice.employee_tips[::-1],
    )

    def totals(given: Invoice) -> Callable[[Connection], Any]:
        def close(connection: Connection) -> Any:
            _stored(connection, [given])
            close_invoices(connection, [CloseCommand(invoice_id=given.id)], clock=FixedClock(), luck=SeededLuck())
            body = connection.execute(select(tables.events.c.body)).scalar_one()
            told = msgspec.json.decode(body)["data"]["invoice"]
            rows = [sorted(map(repr, told[key])) for key in ("invoice_items", "transactions")]
            return told["total_price"], told["receipt_number"], rows

        return close

    assert await _undone(database, totals(invoice)) == await _undone(database, totals(turned))
