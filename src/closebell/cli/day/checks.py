"""The day's books held against what the service says: every check names what differs, and nothing may."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from closebell.cli.day.comparing import differences
from closebell.cli.day.evidence import Evidence, Report
from closebell.cli.day.ledger import Bill, PlaceBooks
from closebell.cli.day.paying import tips_of
from closebell.cli.day.plan import Ending
from closebell.cli.day.sums import Minor
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.invoice import Tender
from closebell.receiver import ChainBroken, EventMalformed, Receiver, SignatureRefused, stored_body, verify_chain

_REDEEMING: Final = frozenset({Tender.GIFT_CARD, Tender.PREPAID_CARD, Tender.LOYALTY_POINTS})
"""Tenders that were paid for before: what they pay is redeemed and not collected."""
_NO_MONEY: Final = frozenset({Tender.LOYALTY_POINTS, Tender.PACKAGE})
"""What is held in units of its own and not in a currency."""

Books = Sequence[PlaceBooks]
Check = Callable[[Books, Evidence], Iterator[str]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of a check: it holds when there are no problems."""

    claim: str
    problems: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether it is so."""
        return not self.problems


def judge(books: Books, evidence: Evidence) -> tuple[Verdict, ...]:
    """Every check, in order."""
    return tuple(Verdict(claim=claim, problems=tuple(check(books, evidence))) for claim, check in CHECKS.items())


def _bills(books: Books) -> Iterator[Bill]:
    for one in books:
        yield from one.bills


# --- invoices --------------------------------------------------------------------------------------------------------


def as_planned(books: Books, evidence: Evidence) -> Iterator[str]:
    """Nothing was noted while the day went on, and every invoice stands as it was to end."""
    for one in books:
        yield from one.problems
    for bill in _bills(books):
        is_closed = evidence.invoices.get(bill.id, {}).get("is_closed")
        if is_closed is not (bill.ending is Ending.CLOSED):
            yield f"{bill.name} is {'closed' if is_closed else 'not closed'}, and should be {bill.ending.value}"


def every_figure(books: Books, evidence: Evidence) -> Iterator[str]:
    """Every invoice is, figure by figure, as in the books; so is whose the tips are."""
    for bill in _bills(books):
        shown = evidence.invoices.get(bill.id)
        if shown is None:
            yield f"{bill.name} is not there"
            continue
        yield from (f"{bill.name}: {problem}" for problem in differences(bill, shown))
        tips = sorted((tip["employee_id"], tip["transaction_id"], tip["amount"]) for tip in evidence.tips[bill.id])
        if tips != tips_of(bill):
            yield f"{bill.name}: the tips are {tips}, and should be {tips_of(bill)}"


def receipts(books: Books, evidence: Evidence) -> Iterator[str]:
    """The receipts of each centre are 1, 2, 3 and so on, in the order of closing."""
    told = _closed_events(evidence)
    for one in books:
        given = [told_of["receipt_number"] for told_of in told if told_of["center_id"] == one.place.id]
        wanted = [f"{one.place.prefix}{number}" for number in range(1, len(given) + 1)]
        if given != wanted:
            yield f"{one.place.name}: the receipts are {given}"
        closed = sum(bill.is_closed for bill in one.bills)
        if len(given) != closed:
            yield f"{one.place.name}: {len(given)} receipts were given, and {closed} invoices were closed"


# --- sums ------------------------------------------------------------------------------------------------------------


def sales(books: Books, evidence: Evidence) -> Iterator[str]:
    """The report of sales sums to what was sold, at each centre: everything that was not cancelled."""
    for one in books:
        sold = [bill for bill in one.bills if not bill.is_cancelled]
        paid = [payment for bill in sold for payment in bill.settled]
        redeemed = sum(payment.paid for payment in paid if payment.tender in _REDEEMING)
        collected = sum(payment.paid for payment in paid) - redeemed
        said = one.place.said
        wanted = {
            "currency_code": one.place.currency,
            "invoices": len(sold),
            "sales_exc_tax": said(sum(bill.net for bill in sold)),
            "tax": said(sum(bill.tax for bill in sold)),
            "sales_inc_tax": said(sum(bill.net + bill.tax for bill in sold)),
            "rounding_adjustment": said(sum(bill.rounding for bill in sold)),
            "collected": said(collected),
            "redeemed": said(redeemed),
            "due": said(sum(bill.total for bill in sold) - collected - redeemed),
        }
        report = evidence.sales[one.place.name]
        if (total := report.sums["total"]) != wanted:
            yield f"{one.place.name}: the report of sales says {_shown(total)}, and should say {_shown(wanted)}"
        yield from _sold_rows(sold, report)


def _sold_rows(sold: Sequence[Bill], report: Report) -> Iterator[str]:
    """The rows of each invoice sum to it."""
    rows: defaultdict[str, list[Any]] = defaultdict(list)
    for row in report.rows:
        rows[row["invoice_id"]].append(row)
    for bill in sold:
        said, paid = bill.place.said, sum(payment.paid for payment in bill.settled)
        wanted = (said(bill.net), said(bill.tax), said(bill.rounding), said(paid), said(bill.total - paid))
        of_it = rows.pop(bill.id, [])
        names = (("sales_exc_tax",), ("tax",), ("rounding_adjustment",), ("collected", "redeemed"), ("due",))
        got = tuple(sum((row[name] for row in of_it for name in together), Decimal(0)) for together in names)
        if got != wanted:
            sums = ", ".join(map(str, got)), ", ".join(map(str, wanted))
            yield f"{bill.name}: the rows of its sale sum to {sums[0]}, and should to {sums[1]}"
    for invoice_id in rows:
        yield f"{invoice_id}, which was not sold, has rows in the report of sales"


def collections(books: Books, evidence: Evidence) -> Iterator[str]:
    """The report of collections sums to what was taken, at each centre and with each tender."""
    for one in books:
        report = evidence.collections[one.place.name]
        wanted = {str(tender): _taken(one, tender) for tender in Tender if _payments(one, tender)}
        got = {row["tender"]: row for row in report.sums["tenders"]}
        for tender in sorted({*wanted, *got}):
            if got.get(tender) != wanted.get(tender):
                yield (
                    f"{one.place.name}: the report of collections says {_shown(got.get(tender))} of {tender}, "
                    f"and should say {_shown(wanted.get(tender))}"
                )
        taken = {payment.id: one.place.said(payment.total) for tender in Tender for payment in _payments(one, tender)}
        if {row["transaction_id"]: row["total_amount_paid"] for row in report.rows} != taken:
            yield f"{one.place.name}: the rows of the report of collections are not the payments of the books"


def _payments(one: PlaceBooks, tender: Tender) -> list[Any]:
    taken = (payment for bill in one.bills if not bill.is_cancelled for payment in bill.settled)
    return [payment for payment in taken if payment.tender is tender]


def taken_with(one: PlaceBooks, tender: Tender) -> Minor:
    """All that was taken with a tender at a centre, tips and all, less what was given back."""
    return sum(payment.total for payment in _payments(one, tender))


def _taken(one: PlaceBooks, tender: Tender) -> dict[str, Any]:
    payments, said = _payments(one, tender), one.place.said
    return {
        "currency_code": one.place.currency,
        "tender": str(tender),
        "transactions": len(payments),
        "amount_paid": said(sum(payment.paid for payment in payments)),
        "tip_amount": said(sum(payment.tip for payment in payments)),
        "ssg_amount": said(sum(payment.ssg for payment in payments)),
        "fee_amount": said(sum(payment.fee for payment in payments)),
        "total_amount_paid": said(sum(payment.total for payment in payments)),
        "cash_back_amount": said(sum(payment.change for payment in payments)),
    }


def _shown(row: Mapping[str, Any] | None) -> str:
    return "nothing" if row is None else ", ".join(f"{key} {value}" for key, value in row.items())


def balances(books: Books, evidence: Evidence) -> Iterator[str]:
    """Cards, points and units of packages are what is left of them."""
    for one in books:
        for name, held in one.held.items():
            wanted = Decimal(held.balance) if held.tender in _NO_MONEY else one.place.said(held.balance)
            got = evidence.balances.get(name)
            if got != wanted:
                yield f"{name} ({held.tender}): {'nothing' if got is None else got} is held, and should be {wanted}"


# --- telling ---------------------------------------------------------------------------------------------------------


def reconciled(books: Books, evidence: Evidence) -> Iterator[str]:
    """The reconciliation balances, with as many closes as the books have."""
    closed = sum(bill.is_closed for bill in _bills(books))
    found = evidence.reconciliation
    if not found["balanced"]:
        yield f"it does not balance: {'; '.join(found['reasons'])}"
    if (found["closes"], found["events"]) != (closed, closed):
        yield f"{found['closes']} closes and {found['events']} events, and should be {closed}"
    for tally in found["endpoints"]:
        if tally["delivered"] != closed:
            yield f"{tally['delivered']} of {closed} are delivered to {tally['name']}"


def complete_feed(books: Books, evidence: Evidence) -> Iterator[str]:
    """The feed has every event there must be, numbered without gaps, and its chain of hashes holds."""
    try:
        verify_chain(evidence.feed)
    except ChainBroken as broken:
        yield str(broken)
    if [event.sequence for event in evidence.feed] != list(range(1, len(evidence.feed) + 1)):
        yield "the sequence has gaps"
    wanted = sum((Counter(one.told) for one in books), Counter[str]())
    got = Counter(event.event_type for event in evidence.feed)
    for event_type in sorted({*wanted, *got}):
        if got[event_type] != wanted[event_type]:
            yield f"{got[event_type]} events are {event_type}, and should be {wanted[event_type]}"
    told = Counter(document["id"] for document in _closed_events(evidence))
    yield from _once_each(books, told, "told in the feed")


def told_to_the_unit(books: Books, evidence: Evidence) -> Iterator[str]:
    """What Invoice.Closed says of an invoice is, figure by figure, what the books say."""
    told = {document["id"]: document for document in _closed_events(evidence)}
    for bill in _bills(books):
        if bill.is_closed and bill.id in told:
            yield from (f"{bill.name} as told: {problem}" for problem in differences(bill, told[bill.id]))


def received(books: Books, evidence: Evidence) -> Iterator[str]:
    """The receiver got every Invoice.Closed once, validly signed and with the bytes of the feed."""
    receiver = Receiver(evidence.secret)
    bodies = {event.event_id: event.body for event in evidence.feed}
    came: Counter[str] = Counter()
    for call in evidence.calls:
        try:
            event = receiver.verify(call.body, call.headers, now=call.at)
        except (SignatureRefused, EventMalformed) as problem:
            yield f"a call was refused: {problem}"
            continue
        came[event.data["invoice"]["id"]] += 1
        if stored_body(event) != bodies.get(event.event_id):
            yield f"event {event.event_id} came with other bytes than the feed has"
    yield from _once_each(books, came, "received")


def _closed_events(evidence: Evidence) -> list[Mapping[str, Any]]:
    return [event.data["invoice"] for event in evidence.feed if event.event_type == INVOICE_CLOSED]


def _once_each(books: Books, came: Counter[str], how: str) -> Iterator[str]:
    wanted = {bill.id: bill.name for bill in _bills(books) if bill.is_closed}
    for invoice_id, name in wanted.items():
        if came[invoice_id] != 1:
            yield f"{name} was {how} {came[invoice_id]} times"
    for invoice_id in _without(came, wanted):
        yield f"{invoice_id}, which is none of those that were closed, was {how}"


def _without(came: Iterable[str], wanted: Mapping[str, str]) -> list[str]:
    return [invoice_id for invoice_id in came if invoice_id not in wanted]


CHECKS: Final[Mapping[str, Check]] = {
    "every step went as planned, refusals included": as_planned,
    "every invoice is as in the books, to the minor unit": every_figure,
    "receipts are without holes at each centre": receipts,
    "the report of sales is the sum of the sales": sales,
    "the report of collections is the sum of the payments": collections,
    "cards, points and packages hold what is left of them": balances,
    "the reconciliation balances": reconciled,
    "the feed is complete and its chain holds": complete_feed,
    "events say what the books say": told_to_the_unit,
    "the receiver got each Invoice.Closed once, signed": received,
}
"""What has to hold when the day is over."""
