"""What a refund is made of: named lines and tenders, or all that is left."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from datetime import date
from decimal import Decimal
from typing import Any

import pytest

from closebell.domain import closing
from closebell.domain.invoice import Invoice, Tender, TransactionState
from closebell.domain.refund import REFUNDS_MAX, Wish, refund_of
from closebell.domain.refund_lines import ItemWish
from closebell.domain.refund_tenders import Paper, PaymentWish
from closebell.errors import ClosebellError, Conflict, InvalidInput, NotFound, Refusal, RefusalCode
from closebell.testing import NOON, a_centre, a_line, a_payment, a_tip, an_employee, an_invoice, guid_of

OIL = replace(a_line("Oil", final=5505, tax=505), type=2, quantity=Decimal(3), discount=300)
MASSAGE = a_line("Massage", final=12000)
CASH = a_payment(12000, name="cash", tender=Tender.CASH, tip=1000)
CARD = a_payment(5505, name="card", tender=Tender.CARD, ssg=600, fee=120)
SOLD = an_invoice(
    "sold",
    lines=(MASSAGE, OIL),
    transactions=(CASH, CARD, a_payment(99, name="failed", state=TransactionState.FAILED)),
    employee_tips=(a_tip(600, transaction="cash"), a_tip(400, employee="Omar", transaction="cash")),
    ssg_amount=600,
    fee_amount=120,
    closed_at=NOON,
    receipt_number="R1",
)
NUMBERS = itertools.count(1)


def refund(original: Invoice, wish: Wish | None = None, earlier: Sequence[Invoice] = ()) -> Invoice:
    paper = Paper(
        id=guid_of(f"refund {next(NUMBERS)}"),
        made_at="2026-01-06T10:00:00",
        notes="broken",
        created_by_id=an_employee(),
        cash_register_id=guid_of("till"),
    )
    made = refund_of(original, earlier, wish or Wish(), paper, new_id=lambda: guid_of(f"row {next(NUMBERS)}"))
    assert closing.check(made, today=date(2026, 1, 6)) == ()
    return made


def item(name: str, quantity: str | None = None, amount: str | None = None) -> ItemWish:
    return ItemWish(
        invoice_item_id=guid_of(f"line {name}"),
        quantity=None if quantity is None else Decimal(quantity),
        amount=None if amount is None else Decimal(amount),
    )


def pay(name: str, amount: str, tip: str = "0") -> PaymentWish:
    return PaymentWish(transaction_id=guid_of(f"transaction {name}"), amount=Decimal(amount), tip_amount=Decimal(tip))


def test_everything_mirrors_the_original() -> None:
    made = refund(SOLD)
    assert (made.is_refund, made.refund_of_id, made.is_closed, made.receipt_number) == (True, SOLD.id, False, "0")
    assert (made.net_price, made.tax, made.rounding_adjustment, made.sum_total) == (-17000, -505, 0, -17505)
    assert (made.ssg_amount, made.fee_amount) == (-600, -120)
    assert [(line.refund_of_id, str(line.quantity), line.sales, line.tax, line.discount) for line in made.lines] == [
        (MASSAGE.id, "-1", -12000, 0, 0),
        (OIL.id, "-3", -5000, -505, -300),
    ]
    assert [(t.refund_of_id, t.amount_paid, t.tip_amount, t.ssg_amount, t.fee_amount) for t in made.transactions] == [
        (CASH.id, -12000, -1000, 0, 0),
        (CARD.id, -5505, 0, -600, -120),
    ]
    assert [(tip.employee_id, tip.amount, tip.transaction_id) for tip in made.employee_tips] == [
        (an_employee(), -600, made.transactions[0].id),
        (an_employee("Omar"), -400, made.transactions[0].id),
    ]
    assert (made.notes, made.created_by_id, made.invoice_date) == ("broken", an_employee(), "2026-01-06T10:00:00")
    assert (made.guest, made.centre, made.appointments, made.group_invoice_id) == (SOLD.guest, SOLD.centre, (), None)


def test_a_tender_of_a_refund_says_how_when_and_where() -> None:
    charged = replace(
        CARD, card_number="4242", processor="test", processor_reference="ch_1", additional_data="x", cash_back_amount=5
    )
    original = replace(SOLD, transactions=(CASH, charged))
    (tender,) = refund(original, Wish(items=(item("Oil"),), payments=(pay("card", "55.05"),))).transactions
    assert (tender.tender, tender.option_id, tender.payment_mode) == (CARD.tender, CARD.option_id, CARD.payment_mode)
    assert (tender.card_number, tender.processor_reference, tender.processor) == ("4242", "ch_1", "")
    assert (tender.payment_date, tender.collected_by_id) == ("2026-01-06T10:00:00", an_employee())
    assert (tender.cash_register_id, tender.additional_data, tender.cash_back_amount) == (guid_of("till"), "", 0)
    assert tender.state is TransactionState.SETTLED


def test_part_of_the_goods_takes_back_its_part_and_no_service_charge() -> None:
    made = refund(SOLD, Wish(items=(item("Oil", "1"),)))
    (line,) = made.lines
    assert (str(line.quantity), line.final, line.sales, line.tax, line.discount) == ("-1", -1835, -1667, -168, -100)
    assert (made.sum_total, made.ssg_amount, made.fee_amount) == (-1835, 0, 0)
    assert [(t.refund_of_id, t.total_amount_paid) for t in made.transactions] == [(CASH.id, -1835)]
    assert made.employee_tips == ()


def test_a_service_takes_its_charge_and_fee_along() -> None:
    made = refund(SOLD, Wish(items=(item("Massage"),), payments=(pay("cash", "65"), pay("card", "62.2"))))
    assert (made.sum_total, made.ssg_amount, made.fee_amount) == (-12000, -600, -120)
    assert [(t.amount_paid, t.ssg_amount, t.fee_amount) for t in made.transactions] == [
        (-6500, 0, 0),
        (-5500, -600, -120),
    ]


def test_an_amount_alone_brings_no_goods_back_and_they_can_come_later() -> None:
    less = refund(SOLD, Wish(items=(item("Oil", amount="10"),)))
    assert (str(less.lines[0].quantity), less.lines[0].final) == ("0", -1000)
    goods = refund(SOLD, Wish(items=(item("Oil"),)), [less])
    assert (str(goods.lines[0].quantity), goods.lines[0].final) == ("-3", -4505)
    with pytest.raises(Conflict, match="was given back before"):
        refund(SOLD, Wish(items=(item("Oil"),)), [less, goods])


def test_goods_can_come_back_for_less_than_they_were_sold_for() -> None:
    made = refund(SOLD, Wish(items=(item("Oil", "3", "20.00"),)))
    assert (str(made.lines[0].quantity), made.lines[0].final) == ("-3", -2000)
    rest = refund(SOLD, Wish(items=(item("Oil", amount="35.05"),)), [made])
    assert (str(rest.lines[0].quantity), rest.lines[0].final) == ("0", -3505)
    free = refund(SOLD, Wish(items=(item("Massage", "1", "0"),)))
    assert (str(free.lines[0].quantity), free.sum_total, free.transactions) == ("-1", 0, ())


def test_a_tip_alone_is_taken_from_whoever_got_it() -> None:
    made = refund(SOLD, Wish(items=(), payments=(pay("cash", "5", "5"),)))
    assert (made.sum_total, made.lines) == (0, ())
    assert [tip.amount for tip in made.employee_tips] == [-300, -200]
    rest = refund(SOLD, Wish(items=(), payments=(pay("cash", "5", "5"),)), [made])
    assert [tip.amount for tip in rest.employee_tips] == [-300, -200]
    with pytest.raises(Conflict, match=r"0\.00 USD left of the tip; 0\.01 is 0\.01 too much"):
        refund(SOLD, Wish(items=(), payments=(pay("cash", "0.01", "0.01"),)), [made, rest])


def test_tips_assigned_out_of_no_tender_are_drawn_on_last() -> None:
    original = replace(SOLD, employee_tips=(a_tip(600, transaction="cash"), a_tip(400, employee="Omar")))
    made = refund(original, Wish(items=(), payments=(pay("cash", "8", "8"),)))
    assert [(t.employee_id, t.amount, t.transaction_id) for t in made.employee_tips] == [
        (an_employee(), -600, made.transactions[0].id),
        (an_employee("Omar"), -200, None),
    ]
    rest = refund(original, Wish(items=(), payments=(pay("cash", "2", "2"),)), [made])
    assert [(t.employee_id, t.amount) for t in rest.employee_tips] == [(an_employee("Omar"), -200)]


@pytest.mark.parametrize(("tips", "given"), [(None, -1000), (True, -1000), (False, 0)])
def test_whether_tips_go_back_with_everything(tips: bool | None, given: int) -> None:
    assert sum(t.tip_amount for t in refund(SOLD, Wish(tips=tips)).transactions) == given


@pytest.mark.parametrize(("tips", "given"), [(None, 0), (True, -1000), (False, 0)])
def test_whether_tips_go_back_with_some_items(tips: bool | None, given: int) -> None:
    made = refund(SOLD, Wish(items=(item("Oil"),), tips=tips))
    assert sum(t.tip_amount for t in made.transactions) == given
    assert sum(t.amount_paid for t in made.transactions) == -5505


def test_points_come_back_in_proportion_and_all_of_them_in_the_end() -> None:
    points = replace(a_payment(1000, name="points", tender=Tender.LOYALTY_POINTS), points=333, account_id=guid_of("p"))
    original = an_invoice(
        "points",
        lines=(replace(a_line("Oil", final=1000), quantity=Decimal(3)),),
        transactions=(points,),
        closed_at=NOON,
    )
    earlier: list[Invoice] = []
    for _ in range(3):
        earlier.append(refund(original, Wish(items=(item("Oil", "1"),)), earlier))
    back = [one.transactions[0] for one in earlier]
    assert [(one.amount_paid, one.points) for one in back] == [(-333, -111), (-334, -111), (-333, -111)]
    assert {one.account_id for one in back} == {guid_of("p")}


def test_totals_go_back_to_the_coin() -> None:
    centre = replace(a_centre("Kuwait", currency="KWD"), rounding_unit=5)
    lines = tuple(a_line(name, final=3334) for name in ("A", "B", "C"))
    original = an_invoice(
        "coin",
        centre=centre,
        lines=lines,
        rounding_adjustment=-2,
        sum_total=10000,
        transactions=(a_payment(10000, centre=centre),),
        closed_at=NOON,
    )
    earlier: list[Invoice] = []
    for name in ("A", "B", "C"):
        earlier.append(refund(original, Wish(items=(item(name),)), earlier))
    assert [one.sum_total for one in earlier] == [-3335, -3335, -3330]
    assert [one.rounding_adjustment for one in earlier] == [-1, -1, 4]


def test_a_rounding_that_is_no_coin_goes_back_in_proportion() -> None:
    lines = (a_line("A", final=3000), a_line("B", final=1000))
    original = an_invoice(
        "odd", lines=lines, rounding_adjustment=-40, sum_total=3960, transactions=(a_payment(3960),), closed_at=NOON
    )
    first = refund(original, Wish(items=(item("A"),)))
    assert (first.sum_total, first.rounding_adjustment) == (-2970, 30)
    assert refund(original, earlier=[first]).sum_total == -990


def test_an_invoice_without_items_is_given_back_whole() -> None:
    original = replace(an_invoice("bare", paid=48800), lines=(), closed_at=NOON)
    made = refund(original)
    assert (made.lines, made.net_price, made.sum_total) == ((), -48800, -48800)
    with pytest.raises(Conflict, match="nothing of it is left"):
        refund(original, earlier=[made])


def test_a_tip_of_an_invoice_without_items_comes_back_alone() -> None:
    original = replace(
        an_invoice("bare"), lines=(), transactions=(a_payment(48800, tip=5),), employee_tips=(a_tip(5),), closed_at=NOON
    )
    assert refund(original, Wish(items=(), payments=(pay("payment", "0.05", "0.05"),))).sum_total == 0


def test_free_items_come_back_for_nothing() -> None:
    original = an_invoice("free", lines=(replace(a_line("A", final=0), quantity=Decimal(2)),), closed_at=NOON)
    first = refund(original, Wish(items=(item("A", "1"),)))
    assert (str(first.lines[0].quantity), first.sum_total, first.transactions) == ("-1", 0, ())
    assert refund(original, earlier=[first]).lines[0].quantity == -1


REFUSED: list[tuple[Wish, type[ClosebellError], str]] = [
    (Wish(items=(item("nobody"),)), Refusal, "has no item"),
    (Wish(items=(ItemWish(invoice_item_id="x"),)), InvalidInput, r"items\[0\]\.invoice_item_id: 'x' is not a GUID"),
    (Wish(items=(item("Oil"), item("Oil"))), InvalidInput, r"items\[1\]\.invoice_item_id: .* is also items\[0\]"),
    (Wish(items=(item("Oil", "0"),)), InvalidInput, r"items\[0\]\.quantity: is zero"),
    (Wish(items=(item("Oil", "-1"),)), InvalidInput, r"items\[0\]\.quantity: is negative"),
    (Wish(items=(item("Oil", "4"),)), Conflict, "sold 3 times and 0 came back; 4 is more than the 3 that is left"),
    (Wish(items=(item("Oil", amount="0"),)), InvalidInput, r"items\[0\]\.amount: 0\.00 USD gives nothing back"),
    (Wish(items=(item("Oil", amount="-1"),)), InvalidInput, r"items\[0\]\.amount: -1\.00 USD gives nothing back"),
    (Wish(items=(item("Oil", amount="0.001"),)), InvalidInput, r"items\[0\]\.amount: .* more decimals"),
    (
        Wish(items=(item("Oil", amount="55.06"),)),
        Conflict,
        r"sold for 55\.05 USD .* 55\.06 is more than the 55\.05 USD",
    ),
    (Wish(payments=(pay("nobody", "1"),)), NotFound, "has no settled payment"),
    (Wish(payments=(pay("failed", "0.99"),)), NotFound, "has no settled payment"),
    (Wish(payments=(pay("cash", "1"), pay("cash", "1"))), InvalidInput, r"payments\[1\]\.transaction_id: .* is also"),
    (Wish(payments=(pay("cash", "0"),)), InvalidInput, r"payments\[0\]\.amount: "),
    (Wish(payments=(pay("cash", "1", "2"),)), InvalidInput, r"payments\[0\]\.tip_amount: "),
    (Wish(payments=(pay("cash", "1", "-1"),)), InvalidInput, r"payments\[0\]\.tip_amount: "),
    (Wish(payments=(pay("cash", "120.01"),)), Conflict, r"120\.00 USD left without the tip; 120\.01 is 0\.01 too much"),
    (Wish(payments=(pay("cash", "10.01", "10.01"),)), Conflict, r"10\.00 USD left of the tip"),
    (
        Wish(items=(item("Oil"),), payments=(pay("cash", "55"),)),
        InvalidInput,
        r"payments: 55\.00 .* 55\.05 USD; 0\.05 apart",
    ),
    (Wish(items=(item("Oil"),), payments=()), InvalidInput, r"payments: 0\.00 without tips"),
    (Wish(items=()), InvalidInput, "items: is empty"),
    (Wish(items=(), payments=()), InvalidInput, "items: is empty"),
]


@pytest.mark.parametrize(("wish", "kind", "said"), REFUSED, ids=[said for _, _, said in REFUSED])
def test_what_cannot_be_granted_is_said(wish: Wish, kind: type[ClosebellError], said: str) -> None:
    with pytest.raises(kind, match=said):
        refund(SOLD, wish)


def test_an_unknown_item_is_429() -> None:
    with pytest.raises(Refusal) as refused:
        refund(SOLD, Wish(items=(item("nobody"),)))
    assert refused.value.code is RefusalCode.ITEM_NOT_FOUND


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"is_refund": True}, "is a refund"),
        ({"closed_at": None}, "is not closed"),
        ({"transactions": (CASH,)}, r"120\.00 without tips is left of the payments and 182\.25 USD of the items"),
    ],
)
def test_only_a_closed_sale_that_was_paid_is_refunded(fields: dict[str, Any], said: str) -> None:
    with pytest.raises(Conflict, match=said):
        refund(replace(SOLD, **fields))


def test_tenders_must_reach_for_the_items() -> None:
    with pytest.raises(Conflict, match=r"182\.25 USD would go back, and 120\.00 without tips is left"):
        refund(replace(SOLD, transactions=(CASH,)), Wish(items=(item("Massage"), item("Oil"))))


def test_an_invoice_has_only_so_many_refunds() -> None:
    with pytest.raises(Conflict, match=f"has {REFUNDS_MAX} refunds"):
        refund(SOLD, earlier=[refund(SOLD, Wish(items=(item("Oil", "0.01"),)))] * REFUNDS_MAX)


def test_money_on_its_way_back_counts_as_gone_and_what_failed_does_not() -> None:
    made = refund(SOLD, Wish(items=(item("Massage"),)))
    lines_only = replace(made, lines=(), net_price=0, sum_total=0, ssg_amount=0, fee_amount=0)
    for state, left in ((TransactionState.PENDING, False), (TransactionState.FAILED, True)):
        tried = replace(lines_only, transactions=tuple(replace(t, state=state) for t in made.transactions))
        if left:
            assert refund(SOLD, Wish(items=(item("Massage"),)), [tried]).sum_total == -12000
        else:
            with pytest.raises(Conflict, match="would go back"):
                refund(SOLD, Wish(items=(item("Massage"),)), [tried])


def test_a_charge_that_was_never_rounded_to_the_coin_goes_back_exactly() -> None:
    centre = replace(a_centre("Kuwait", currency="KWD"), rounding_unit=5)
    lines = (a_line("A", final=5000), a_line("B", final=5000))
    paid = a_payment(10000, ssg=101, fee=15, centre=centre)
    original = an_invoice(
        "charged", centre=centre, lines=lines, ssg_amount=101, fee_amount=15, transactions=(paid,), closed_at=NOON
    )
    first = refund(original, Wish(items=(item("A"),)))
    assert (first.ssg_amount, first.fee_amount) == (-51, -10)
    rest = refund(original, earlier=[first])
    assert (rest.ssg_amount, rest.fee_amount) == (-50, -5)
