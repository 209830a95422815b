from __future__ import annotations

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from closebell.domain.invoice import Invoice, Line, Tender, Transaction, TransactionState
from closebell.domain.redemption import MODES
from closebell.domain.report import Sale, sales
from closebell.testing import a_line, a_payment, an_invoice

AMOUNT = st.integers(0, 10**7)


@st.composite
def lines(draw: st.DrawFn) -> list[Line]:
    found = draw(st.lists(st.tuples(AMOUNT, AMOUNT), max_size=5))
    return [a_line(f"{n}", final=net + tax, tax=tax) for n, (net, tax) in enumerate(found)]


@st.composite
def payments(draw: st.DrawFn) -> tuple[Transaction, ...]:
    kinds = st.tuples(AMOUNT, st.sampled_from(Tender), st.sampled_from(TransactionState), AMOUNT)
    found = draw(st.lists(kinds, max_size=4))
    return tuple(
        a_payment(amount, name=f"{n}", tender=tender, state=state, tip=tip)
        for n, (amount, tender, state, tip) in enumerate(found)
    )


@st.composite
def invoices(draw: st.DrawFn) -> Invoice:
    """Any invoice that an import or a sale can lead to, refunds included; also one with more than its lines say."""
    invoice = an_invoice(lines=draw(lines()), transactions=draw(payments()))
    beside, rounding = draw(AMOUNT), draw(st.integers(-50, 50))
    net = invoice.net_price + beside
    rounding = max(rounding, -(net + invoice.tax))
    invoice = replace(invoice, net_price=net, rounding_adjustment=rounding, sum_total=net + invoice.tax + rounding)
    return _refund(invoice) if draw(st.booleans()) else invoice


def _refund(invoice: Invoice) -> Invoice:
    return replace(
        invoice,
        is_refund=True,
        net_price=-invoice.net_price,
        tax=-invoice.tax,
        rounding_adjustment=-invoice.rounding_adjustment,
        sum_total=-invoice.sum_total,
        lines=tuple(replace(a, sales=-a.sales, tax=-a.tax, final=-a.final) for a in invoice.lines),
        transactions=tuple(replace(t, amount_paid=-t.amount_paid) for t in invoice.transactions),
    )


def total(rows: tuple[Sale, ...], name: str) -> int:
    return sum(getattr(row, name) for row in rows)


@given(invoices())
def test_rows_sum_to_their_invoice(invoice: Invoice) -> None:
    rows = sales(invoice)
    redeemed = sum(t.amount_paid for t in invoice.settled if t.tender in MODES)
    paid = sum(t.amount_paid for t in invoice.settled)
    assert total(rows, "sales_exc_tax") == invoice.net_price
    assert total(rows, "tax") == invoice.tax
    assert total(rows, "sales_inc_tax") + total(rows, "rounding_adjustment") == invoice.sum_total
    assert total(rows, "redeemed") == redeemed
    assert total(rows, "collected") == paid - redeemed
    assert total(rows, "due") == invoice.sum_total - paid
    assert tuple(row.line for row in rows) == (invoice.lines or (None,))


@given(invoices(), st.data())
def test_whoever_pays_everything_owes_nothing_on_any_row(invoice: Invoice, data: st.DataObject) -> None:
    by_card = data.draw(st.integers(0, abs(invoice.sum_total)))
    by_card = -by_card if invoice.sum_total < 0 else by_card
    paid = (
        a_payment(by_card, name="card", tender=Tender.GIFT_CARD),
        a_payment(invoice.sum_total - by_card, name="cash", tender=Tender.CASH),
    )
    rows = sales(replace(invoice, transactions=paid))
    assert all(row.due == 0 for row in rows)
    sign = -1 if invoice.sum_total < 0 else 1
    assert all(row.collected * sign >= 0 and row.redeemed * sign >= 0 for row in rows)


def test_a_payment_is_shared_by_what_each_line_comes_to() -> None:
    sold = [a_line("Massage", final=30_000), a_line("Oil", final=10_000)]
    paid = (a_payment(10_000, name="cash"), a_payment(10_000, name="card", tender=Tender.GIFT_CARD))
    first, second = sales(an_invoice(lines=sold, transactions=paid))
    assert (first.collected, first.redeemed, first.due) == (7_500, 7_500, 15_000)
    assert (second.collected, second.redeemed, second.due) == (2_500, 2_500, 5_000)


def test_an_invoice_without_lines_is_one_row() -> None:
    invoice = replace(an_invoice(lines=[]), net_price=100, tax=7, sum_total=107)
    (row,) = sales(invoice)
    assert (row.line, row.sales_exc_tax, row.tax, row.due) == (None, 100, 7, 107)
