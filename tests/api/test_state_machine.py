"""Whatever a till does through the public API, in any order, the invariants hold; on both engines.

What a close should say is computed here once more, from the contract's words and not from `domain/closing.py`.
"""

from __future__ import annotations

import asyncio
import json
from collections import Counter, defaultdict
from collections.abc import Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any, Final, TypeVar

import pytest
from hypothesis import HealthCheck, assume, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, invariant, multiple, rule
from hypothesis.stateful import run_state_machine_as_test as run_machine
from sqlalchemy import Connection, insert, select, text
from sqlalchemy.exc import DBAPIError

from calling import KEY, Reply, Site, running
from closebell.config import Settings
from closebell.domain.account import Account, AccountKind
from closebell.domain.invoice import Centre, Guest, Invoice, ItemType, Tender, TransactionState
from closebell.domain.money import Currency
from closebell.errors import Unavailable
from closebell.store import accounts, invoices, tables
from closebell.store.schema import migrate
from closebell.testing import NOON, SECRET_KEY, a_guest, an_offer, guid_of, put_centre, put_offers, put_people

R = TypeVar("R")
EXAMPLES: Final = {"sqlite": 40, "postgresql": 15}
STEPS: Final = 40

FIRST, SECOND = guid_of("employee first"), guid_of("employee second")
MASSAGE, FACIAL, OIL, SOAP, PACKAGE, GIFT = "Massage", "Facial", "Oil", "Soap", "Five massages", "Gift card"
CUSTOM_PAYMENT = guid_of("way to pay")
KEPT_FOR: Final = timedelta(hours=24)


def item(name: str) -> str:
    return guid_of(f"item {name}")


# --- what a close should say ---------------------------------------------------------------------------------------


def missing(due: int, paid: int) -> bool:
    return paid > due if due < 0 else paid < due


def too_much(due: int, paid: int) -> bool:
    return paid < due if due < 0 else paid > due


def first_broken(invoice: Invoice, today: date) -> tuple[int, str] | None:
    """Code and beginning of the message of the first rule that the invoice breaks, in the fixed order."""
    settled = [t for t in invoice.transactions if t.state is TransactionState.SETTLED]
    paid, ssg, fee = (sum(getattr(t, name) for t in settled) for name in ("amount_paid", "ssg_amount", "fee_amount"))
    points = sum(t.total_amount_paid for t in settled if t.tender is Tender.LOYALTY_POINTS)
    tipped = {t.id: t.tip_amount for t in settled if t.tip_amount}
    given: defaultdict[str | None, int] = defaultdict(int)
    for tip in invoice.employee_tips:
        given[tip.transaction_id] += tip.amount
    over_assigned = any(too_much(tipped.get(id_, 0), amount) for id_, amount in given.items() if id_ is not None)
    broken = (
        (invoice.group_invoice_id is not None, 492, "Group Invoice"),
        (invoice.is_cancelled, 719, "Invoice could not"),
        (any(date.fromisoformat(a.start_time[:10]) > today for a in invoice.appointments), 1113, "This invoice has a"),
        (missing(invoice.sum_total, paid) or missing(invoice.fee_amount, fee), 419, "Full Payment"),
        (missing(invoice.ssg_amount, ssg), 419, "SSG"),
        (
            too_much(invoice.sum_total, paid) or too_much(invoice.ssg_amount, ssg) or too_much(invoice.fee_amount, fee),
            459,
            "Payment is made",
        ),
        (invoice.loyalty_cap_amount is not None and points > invoice.loyalty_cap_amount, 459, "The loyalty"),
        (sum(given.values()) != sum(tipped.values()) or over_assigned, 1112, "There are some"),
        (any(t.state is TransactionState.PENDING for t in invoice.transactions), 719, "Invoice could not"),
    )
    return next(((code, message) for is_broken, code, message in broken if is_broken), None)


# --- the stage -----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """One application that all examples share; each plays at a centre of its own."""

    site: Site
    runner: asyncio.Runner

    def run(self, work: Coroutine[Any, Any, R]) -> R:
        return self.runner.run(work)


@dataclass(frozen=True, slots=True, kw_only=True)
class Posted:
    """A call that carried an idempotency key, and what came back."""

    path: str
    body: Any
    key: str
    reply: Reply
    at: datetime


CENTRE_TABLES = ("invoices", "receipt_counters", "invoice_counters", "events", "accounts", "group_invoices")
INVOICE_TABLES = ("invoice_lines", "appointments", "transactions", "employee_tips")


def rows_of(connection: Connection, center_id: str) -> dict[str, list[Any]]:
    """Every row that a call at this centre could change."""
    ours = "(SELECT id FROM invoices WHERE center_id = :center)"
    queries = {name: f"SELECT * FROM {name} WHERE center_id = :center" for name in CENTRE_TABLES}
    queries |= {name: f"SELECT * FROM {name} WHERE invoice_id IN {ours}" for name in INVOICE_TABLES}
    queries["account_entries"] = (
        "SELECT e.* FROM account_entries e JOIN accounts a ON a.id = e.account_id WHERE a.center_id = :center"
    )
    return {
        name: sorted((tuple(row) for row in connection.execute(text(query), {"center": center_id})), key=repr)
        for name, query in queries.items()
    }


def invoices_of(connection: Connection, center_id: str) -> dict[str, Invoice]:
    ids = connection.execute(select(tables.invoices.c.id).where(tables.invoices.c.center_id == center_id)).scalars()
    return invoices.load(connection, list(ids))


def closings_of(connection: Connection, center_id: str) -> list[Any]:
    row = tables.invoices.c
    statement = select(row.id, row.receipt_sequence, row.receipt_number, row.closed_at)
    return list(connection.execute(statement.where(row.center_id == center_id, row.close_sequence > 0)))


def told_of(connection: Connection, center_id: str) -> Counter[str]:
    event = tables.events.c
    statement = select(event.invoice_id).where(event.center_id == center_id, event.event_type == "Invoice.Closed")
    return Counter(connection.execute(statement).scalars())


def balances_of(connection: Connection, center_id: str) -> list[tuple[str, int, int]]:
    """Each account's id, balance, and the sum of its entries."""
    statement = text(
        "SELECT a.id, a.balance, COALESCE(SUM(e.amount), 0) FROM accounts a "
        "LEFT JOIN account_entries e ON e.account_id = a.id WHERE a.center_id = :center GROUP BY a.id, a.balance"
    )
    return [(row[0], row[1], int(row[2])) for row in connection.execute(statement, {"center": center_id})]


def prepare(connection: Connection, centre: Centre, guest: Guest) -> None:
    """A centre with a catalogue, two employees, and a guest who holds a gift card and points."""
    put_centre(connection, centre)
    put_people(connection, guests=[guest], employees=[FIRST, SECOND])
    massage = an_offer(MASSAGE, price=9999, tax_rate="7.25", duration_minutes=60)
    put_offers(
        connection,
        centre,
        massage,
        an_offer(FACIAL, price=12345, tax_rate="10", is_tax_included=True, duration_minutes=45),
        an_offer(OIL, kind=ItemType.PRODUCT, price=1999, tax_rate="8.875"),
        an_offer(SOAP, kind=ItemType.PRODUCT, price=333, is_tax_included=True, tax_rate="20"),
        an_offer(PACKAGE, kind=ItemType.PACKAGE, price=40000, benefits=[(massage.item.id, 5)]),
        an_offer(GIFT, kind=ItemType.CARD, price=5000, value=6000),
    )
    known = set(connection.execute(select(tables.loyalty_programs.c.id)).scalars())
    program_id = guid_of(f"program {centre.currency.code}")
    if program_id not in known:
        worth = Decimal(1).scaleb(-centre.currency.decimals)
        connection.execute(
            insert(tables.loyalty_programs),
            {"id": program_id, "name": "P", "currency": centre.currency.code, "exchange_rate": worth, "points_min": 0},
        )
    card = an_account(centre, guest, AccountKind.GIFT_CARD, 15000, number=f"GC-{centre.name}")
    points = an_account(centre, guest, AccountKind.LOYALTY_POINTS, 8000, program_id=program_id)
    accounts.insert_many(connection, [card, points], now=NOON)
    connection.execute(
        insert(tables.campaigns),
        {
            "id": guid_of(f"campaign {centre.id}"),
            "name": "Spring",
            "offer_code": f"SPRING-{centre.name}",
            "percent": Decimal("12.5"),
            "center_ids": "[]",
            "item_ids": json.dumps([item(MASSAGE), item(OIL)]),
            "redemptions": 0,
        },
    )


def an_account(centre: Centre, guest: Guest, kind: AccountKind, balance: int, **fields: Any) -> Account:
    return Account(
        id=guid_of(f"{kind} {centre.id}"),
        kind=kind,
        center_id=centre.id,
        guest_id=guest.id,
        currency=centre.currency,
        value=balance,
        balance=balance,
        **fields,
    )


# --- the machine ---------------------------------------------------------------------------------------------------


class Till(RuleBasedStateMachine):
    """Sells, takes money, groups, refunds and closes at one centre."""

    stage: Stage
    count = 0

    sold: Bundle[str] = Bundle("sold")
    closed: Bundle[str] = Bundle("closed")
    groups: Bundle[str] = Bundle("groups")
    posted: Bundle[Posted] = Bundle("posted")

    @initialize(
        targets=(sold, closed),
        currency=st.sampled_from(["USD", "JPY", "KWD"]),
        unit=st.sampled_from([1, 5]),
        rates=st.sampled_from([("0", "0", None), ("5", "1.5", Decimal(30))]),
    )
    def open_a_centre(self, currency: str, unit: int, rates: tuple[str, str, Decimal | None]) -> Any:
        """A centre that has closed two invoices already, so that what needs a closed one can come first."""
        Till.count += 1
        name = f"till-{Till.count}"
        self.centre = Centre(
            id=guid_of(f"centre {name}"),
            name=name,
            time_zone="Asia/Kuwait",
            currency=Currency.of(currency),
            currency_id=1,
            receipt_prefix="R",
            invoice_prefix="I",
            rounding_unit=unit,
            ssg_rate=Decimal(rates[0]),
            fee_rate=Decimal(rates[1]),
            loyalty_cap_rate=rates[2],
        )
        self.guest = a_guest(f"Guest {Till.count}")
        self.keys = 0
        self._write(prepare, self.centre, self.guest)
        first = [self._settled("card", 700), self._settled("gift_card", 0)]
        for invoice_id in first:
            assert self._call("POST", f"/v1/invoices/{invoice_id}/close").status == 200
        return multiple(*first)

    # --- calling

    def _run(self, work: Coroutine[Any, Any, R]) -> R:
        return self.stage.run(work)

    def _read(self, unit: Any, *args: Any) -> Any:
        return self._run(self.stage.site.service.database.read(unit, *args))

    def _write(self, unit: Any, *args: Any) -> Any:
        return self._run(self.stage.site.service.database.write(unit, *args))

    def _rows(self) -> Any:
        return self._read(rows_of, self.centre.id)

    def _invoice(self, invoice_id: str) -> Invoice:
        found: dict[str, Invoice] = self._read(invoices.load, [invoice_id])
        return found[invoice_id]

    def _call(self, method: str, path: str, body: Any = None, *, key: str | None = None) -> Reply:
        """One call; one that is refused must have changed nothing."""
        before = self._rows()
        headers = {} if key is None else {"idempotency-key": key}
        reply = self._run(self.stage.site.call(method, path, body, headers=headers))
        assert reply.status < 500, (method, path, body, reply.body)
        if reply.status >= 400:
            assert reply.document["error"]["message"]
            assert self._rows() == before, (method, path, body, reply.body)
        return reply

    def _at_once(self, calls: Iterable[tuple[str, str, Any, dict[str, str]]]) -> list[Reply]:
        async def all_of_them() -> list[Reply]:
            site = self.stage.site
            return await asyncio.gather(*(site.call(m, p, b, headers=h) for m, p, b, h in calls))

        return self._run(all_of_them())

    def _key(self) -> str:
        self.keys += 1
        return f"{self.centre.name}-{self.keys}"

    def _wire(self, minor: int) -> str:
        return str(self.centre.currency.wire(minor))

    def _now(self) -> datetime:
        return self.stage.site.clock.now()

    def _today(self) -> date:
        return self.centre.today(self._now())

    # --- selling

    @rule(
        target=sold,
        basket=st.lists(
            st.tuples(st.sampled_from([OIL, SOAP]), st.sampled_from(["1", "2", "1.5"])), min_size=1, max_size=3
        ),
    )
    def sell_products(self, basket: list[tuple[str, str]]) -> Any:
        def ask(wares: list[tuple[str, str]]) -> str:
            products = [{"id": item(name), "quantity": Decimal(q), "sale_by_id": FIRST} for name, q in wares]
            body = {"center_id": self.centre.id, "guest_id": self.guest.id, "products": products}
            reply = self._call("POST", "/v1/invoices/products", to_json(body))
            assert reply.status == 200, reply.body
            return str(reply.document["invoice_id"])

        one, other = ask(basket), ask(basket[::-1])
        assert totals(self._invoice(one)) == totals(self._invoice(other)), "the order of lines changes a total"
        return multiple(one, other)

    @rule(target=sold, name=st.sampled_from([MASSAGE, FACIAL]), day=st.sampled_from([None, 0, 0, 2]))
    def sell_a_service(self, name: str, day: int | None) -> str:
        return self._service(name, day)

    def _service(self, name: str, day: int | None) -> str:
        service: dict[str, Any] = {"id": item(name), "therapist_id": SECOND, "sale_by_id": SECOND}
        if day is not None:
            service["start_time"] = f"{self._today() + timedelta(days=day)}T23:00:00"
        body = {"center_id": self.centre.id, "guest_id": self.guest.id, "services": [service]}
        reply = self._call("POST", "/v1/invoices/services", body)
        assert reply.status == 200, reply.body
        return str(reply.document["invoice_id"])

    @rule(target=sold, tender=st.sampled_from(["cash", "gift_card", "loyalty_points"]), tip=st.sampled_from([0, 700]))
    def sell_and_settle(self, tender: str, tip: int) -> str:
        """A sale that nothing keeps from being closed: the common case, which chance alone would seldom make."""
        return self._settled(tender, tip)

    def _settled(self, tender: str, tip: int) -> str:
        invoice_id = self._service(MASSAGE, None)
        self._call("PUT", f"/v1/invoices/{invoice_id}/products", {"products": [{"id": item(SOAP), "quantity": 2}]})
        if tender != "cash":
            path, body = self._payment(tender, 500, 0)
            self._call("POST", f"/v1/invoices/{invoice_id}{path}", to_json(body))
        path, body = self._payment("card", still_due(self._invoice(invoice_id)), tip)
        self._call("POST", f"/v1/invoices/{invoice_id}{path}", to_json(body))
        self._call("PUT", f"/v1/invoices/{invoice_id}/tips", {"split": "service_price"})
        assert first_broken(self._invoice(invoice_id), self._today()) is None
        return invoice_id

    @rule(invoice_id=sold, name=st.sampled_from([MASSAGE, OIL, PACKAGE]))
    def add(self, invoice_id: str, name: str) -> None:
        bodies = {
            MASSAGE: ("services", {"services": [{"id": item(MASSAGE), "sale_by_id": FIRST}]}),
            OIL: ("products", {"products": [{"id": item(OIL), "quantity": 3}]}),
            PACKAGE: (
                "packages",
                {"package_details": [{"id": item(PACKAGE)}], "guest_id": self.guest.id, "center_id": self.centre.id},
            ),
        }
        path, body = bodies[name]
        before = self._invoice(invoice_id)
        reply = self._call("PUT", f"/v1/invoices/{invoice_id}/{path}", body)
        if reply.status == 200:
            assert len(self._invoice(invoice_id).lines) == len(before.lines) + 1

    @rule(invoice_id=sold, which=st.integers(0, 3))
    def remove_an_item(self, invoice_id: str, which: int) -> None:
        lines = self._invoice(invoice_id).lines
        assume(lines)
        line = lines[which % len(lines)]
        path = f"/v1/invoices/{invoice_id}/invoiceitems/{line.id}"
        if self._call("DELETE", path, {"comments": ""}).status == 200:
            assert line.id not in {left.id for left in self._invoice(invoice_id).lines}

    @rule(invoice_id=sold)
    def discount(self, invoice_id: str) -> None:
        before = self._invoice(invoice_id)
        body = {"offer_code": f"SPRING-{self.centre.name}", "center_id": self.centre.id}
        reply = self._call("POST", f"/v1/invoices/{invoice_id}/campaign_discount/apply", body)
        if reply.status == 200:
            assert self._invoice(invoice_id).net_price <= before.net_price

    @rule(invoice_id=sold, how=st.sampled_from(["cancel", "lock", "confirm"]))
    def put_an_end_to(self, invoice_id: str, how: str) -> None:
        self._call("PUT", f"/v1/invoices/{invoice_id}/{how}", {"comments": ""})

    # --- paying

    @rule(
        target=posted,
        invoice_id=sold,
        tender=st.sampled_from(["custom", "cash", "check", "card", "gift_card", "loyalty_points", "online"]),
        share=st.sampled_from(["all", "all", "all", "half", "more"]),
        tip=st.sampled_from([0, 0, 500]),
    )
    def pay(self, invoice_id: str, tender: str, share: str, tip: int) -> Any:
        before = self._invoice(invoice_id)
        due = still_due(before)
        amount = {"all": due, "half": due // 2, "more": due + 7}[share]
        assume(amount + tip > 0)
        path, body = self._payment(tender, amount, tip)
        key = self._key()
        reply = self._call("POST", f"/v1/invoices/{invoice_id}{path}", to_json(body), key=key)
        after = self._invoice(invoice_id)
        if reply.status == 200:
            assert before.transactions == after.transactions[: len(before.transactions)]
            new = after.transactions[len(before.transactions) :]
            assert sum(t.total_amount_paid for t in new) <= max(amount, 0) + tip
            assert len(new) == 1
        return Posted(path=f"/v1/invoices/{invoice_id}{path}", body=to_json(body), key=key, reply=reply, at=self._now())

    def _payment(self, tender: str, amount: int, tip: int) -> tuple[str, dict[str, Any]]:
        whole = {"amount": self._wire(amount + tip), "tip_amount": self._wire(tip)}
        program_id = guid_of(f"program {self.centre.currency.code}")
        bodies: dict[str, tuple[str, dict[str, Any]]] = {
            "cash": ("/payments/cash", whole),
            "custom": ("/payment/custom", {**whole, "custom_payment_id": CUSTOM_PAYMENT}),
            "check": ("/payments/check", {**whole, "check_number": "1001"}),
            "card": ("/payments/card", {**whole, "card_number": "4242"}),
            "gift_card": ("/payments/gift_card", {**whole, "card_number": f"GC-{self.centre.name}"}),
            "loyalty_points": (
                "/payments/loyalty_points",
                {"points": max(amount, 1), "center_id": self.centre.id, "program_id": program_id},
            ),
            "online": (
                "/online_payments",
                {
                    "center_id": self.centre.id,
                    "redirect_uri": "https://till.example/done",
                    "amount": self._wire(amount),
                    "tip_amount": self._wire(tip),
                },
            ),
        }
        return bodies[tender]

    @rule(invoice_id=sold, which=st.integers(0, 3), state=st.sampled_from(["settled", "failed"]))
    def settle_what_is_pending(self, invoice_id: str, which: int, state: str) -> None:
        pending = [t for t in self._invoice(invoice_id).transactions if t.state is TransactionState.PENDING]
        assume(pending)
        chosen = pending[which % len(pending)]
        self._call("PUT", f"/v1/invoices/{invoice_id}/payments/{chosen.id}", {"state": state})

    @rule(invoice_id=sold, which=st.integers(0, 3))
    def remove_a_payment(self, invoice_id: str, which: int) -> None:
        paid = self._invoice(invoice_id).transactions
        assume(paid)
        chosen = paid[which % len(paid)]
        if self._call("DELETE", f"/v1/invoices/{invoice_id}/payments/{chosen.id}").status == 200:
            assert chosen.id not in {t.id for t in self._invoice(invoice_id).transactions}

    @rule(invoice_id=sold, how=st.sampled_from(["custom", "percentage", "service_price", "too little"]))
    def assign_tips(self, invoice_id: str, how: str) -> None:
        tipped = [t for t in self._invoice(invoice_id).settled if t.tip_amount]
        if how == "percentage":
            body: dict[str, Any] = {
                "split": how,
                "employee_tips": [
                    {"employee_id": FIRST, "percent": "33.3"},
                    {"employee_id": SECOND, "percent": "66.7"},
                ],
            }
        elif how == "service_price":
            body = {"split": how}
        else:
            less = 1 if how == "too little" else 0
            tips = [(t.id, abs(t.tip_amount) - less, t.tip_amount < 0) for t in tipped]
            body = {
                "employee_tips": [
                    {"employee_id": FIRST, "amount": self._wire(-amount if back else amount), "transaction_id": id_}
                    for id_, amount, back in tips
                ]
            }
        reply = self._call("PUT", f"/v1/invoices/{invoice_id}/tips", body)
        if reply.status == 200 and how != "too little":
            after = self._invoice(invoice_id)
            assert sum(t.amount for t in after.employee_tips) == sum(t.tip_amount for t in after.settled)

    # --- groups and refunds

    @rule(target=groups, members=st.lists(sold, min_size=1, max_size=3, unique=True))
    def group(self, members: list[str]) -> Any:
        return self._group(members)

    @rule(target=groups, size=st.integers(1, 3))
    def group_what_is_unpaid(self, size: int) -> Any:
        unpaid = [i.id for i in self._ours() if not (i.transactions or i.is_closed or i.is_cancelled or i.is_refund)]
        return self._group(unpaid[:size]) if unpaid else multiple()

    def _group(self, members: list[str]) -> Any:
        reply = self._call("POST", "/v1/group_invoices", {"group_name": "Hens", "invoice_ids": members})
        return reply.document["group_invoice"]["Id"] if reply.status == 200 else multiple()

    @rule(group_id=groups)
    def pay_the_group(self, group_id: str) -> None:
        members = self._members(group_id)
        due = sum(still_due(member) for member in members)
        assume(due > 0)
        path = f"/v1/group_invoices/{group_id}/payments/custom"
        body = {"custom_payment_id": CUSTOM_PAYMENT, "amount": self._wire(due), "tip_amount": "0"}
        if self._call("POST", path, to_json(body)).status == 200:
            assert all(still_due(member) == 0 for member in self._members(group_id))

    @rule(group_id=groups, which=st.integers(0, 3))
    def leave(self, group_id: str, which: int) -> None:
        members = self._members(group_id)
        assume(members)
        member = members[which % len(members)]
        self._call("DELETE", f"/v1/invoices/{group_id}/invoices/{member.id}")

    @rule(group_id=groups)
    def close_the_group(self, group_id: str) -> None:
        members = self._members(group_id)
        in_order = sorted(members, key=lambda member: member.id)
        broken = [first_broken(ungrouped(m), self._today()) for m in in_order if not m.is_closed]
        reply = self._call("POST", f"/v1/group_invoices/{group_id}/close")
        if not members:
            return
        assert (reply.status == 200) == (not any(broken)), reply.body
        if any(broken):
            first = next(b for b in broken if b)
            assert reply.error["code"] == first[0]
            assert reply.document["error"]["message"].startswith(first[1])
        else:
            assert all(member.is_closed for member in self._members(group_id))

    def _members(self, group_id: str) -> list[Invoice]:
        return [invoice for invoice in self._ours() if invoice.group_invoice_id == group_id]

    def _ours(self) -> list[Invoice]:
        """Every invoice of the centre, in the order in which they were made: ids differ from run to run."""
        ours: dict[str, Invoice] = self._read(invoices_of, self.centre.id)
        return sorted(ours.values(), key=lambda invoice: int(invoice.invoice_number))

    @rule(target=sold, invoice_id=closed, part=st.sampled_from(["all", "a line", "half of a tender"]))
    def refund(self, invoice_id: str, part: str) -> Any:
        original = self._invoice(invoice_id)
        reply = self._call("POST", f"/v1/invoices/{original.id}/refund", to_json(self._part(original, part)))
        return reply.document["refund_invoice"]["id"] if reply.status == 200 else multiple()

    def _part(self, original: Invoice, part: str) -> dict[str, Any]:
        """What is asked back: everything that is left, a whole line, or half of what a tender paid."""
        if part == "all" or not (original.lines and original.transactions):
            return {}
        line, tender = original.lines[-1], original.transactions[-1]
        amount = self._wire(line.final if part == "a line" else tender.amount_paid // 2)
        return {
            "items": [{"invoice_item_id": line.id, "amount": amount}],
            "payments": [{"transaction_id": tender.id, "amount": amount}],
        }

    # --- closing

    @rule(target=posted, invoice_id=sold)
    def close(self, invoice_id: str) -> Posted:
        before = self._invoice(invoice_id)
        expected = first_broken(before, self._today())
        if before.is_closed and before.group_invoice_id is None:
            expected = None
        path, key = f"/v1/invoices/{invoice_id}/close", self._key()
        reply = self._call("POST", path, key=key)
        self._must_be(reply.status, reply.document.get("error"), expected)
        if expected is None and before.is_closed:
            assert reply.document["receipt_number"] == before.receipt_number
        return Posted(path=path, body=None, key=key, reply=reply, at=self._now())

    @rule(target=closed, which=st.integers(0, 9), by=st.sampled_from([1, 1, 3]))
    def close_what_may_be_closed(self, which: int, by: int) -> Any:
        ready = [i.id for i in self._ours() if not i.is_closed and first_broken(i, self._today()) is None]
        if not ready:
            return multiple()
        chosen = [ready[(which + n) % len(ready)] for n in range(min(by, len(ready)))]
        calls: list[tuple[str, str, Any, dict[str, str]]] = [
            ("POST", f"/v1/invoices/{id_}/close", None, {}) for id_ in chosen
        ]
        assert [reply.status for reply in self._at_once(calls)] == [200] * len(calls)
        return multiple(*chosen)

    @rule(invoice_id=sold)
    def close_twice_at_once(self, invoice_id: str) -> None:
        path = f"/v1/invoices/{invoice_id}/close"
        one, other = self._at_once([("POST", path, None, {})] * 2)
        assert (one.status, one.document) == (other.status, other.document)

    @rule(ids=st.lists(sold, min_size=1, max_size=5, unique=True))
    def close_many(self, ids: list[str]) -> None:
        before = {id_: self._invoice(id_) for id_ in ids}
        reply = self._call("POST", "/v1/invoices/close", {"invoice_ids": ids})
        assert reply.status == 200
        for result in reply.document["results"]:
            was = before[result["invoice_id"]]
            settled = was.is_closed and was.group_invoice_id is None
            expected = None if settled else first_broken(was, self._today())
            self._must_be(200 if result["is_invoice_closed"] else 409, result["error"], expected)

    def _must_be(self, status: int, error: Any, expected: tuple[int, str] | None) -> None:
        if expected is None:
            assert (status, error) == (200, None)
        else:
            assert status == 409, error
            assert (error["code"], error["message"][: len(expected[1])]) == expected

    # --- again

    @rule(earlier=posted)
    def send_the_same_again(self, earlier: Posted) -> None:
        assume(self._now() - earlier.at < KEPT_FOR)
        before = self._rows()
        again = self._call("POST", earlier.path, earlier.body, key=earlier.key)
        assert (again.status, again.body) == (earlier.reply.status, earlier.reply.body)
        assert self._rows() == before

    @rule(earlier=posted)
    def send_something_else_under_the_same_key(self, earlier: Posted) -> None:
        assume(self._now() - earlier.at < KEPT_FOR)
        again = self._call("POST", earlier.path, b'{"amount": 1.01}', key=earlier.key)
        assert again.status == 409

    @rule(earlier=posted)
    def send_the_same_under_another_key(self, earlier: Posted) -> None:
        self._call("POST", earlier.path, earlier.body, key=self._key())

    @rule(invoice_id=sold)
    def pay_twice_at_once_under_one_key(self, invoice_id: str) -> None:
        before = self._invoice(invoice_id)
        due = still_due(before)
        assume(due > 0)
        path, body = self._payment("cash", due, 0)
        call = ("POST", f"/v1/invoices/{invoice_id}{path}", to_json(body), {"idempotency-key": self._key()})
        one, other = self._at_once([call, call])
        assert (one.status, one.body) == (other.status, other.body)
        assert len(self._invoice(invoice_id).transactions) <= len(before.transactions) + 1

    @rule()
    def a_day_passes(self) -> None:
        self.stage.site.clock.advance(timedelta(days=1))

    # --- what holds at every moment

    @invariant()
    def every_invoice_adds_up(self) -> None:
        ours: dict[str, Invoice] = self._read(invoices_of, self.centre.id)
        for invoice in ours.values():
            assert invoice.net_price == sum(line.sales for line in invoice.lines)
            assert invoice.tax == sum(line.tax for line in invoice.lines)
            assert invoice.sum_total == invoice.net_price + invoice.tax + invoice.rounding_adjustment
            assert all(line.final == line.sales + line.tax for line in invoice.lines)
            if not invoice.is_refund:
                assert invoice.sum_total % self.centre.rounding_unit == 0
            if invoice.is_closed:
                assert first_broken(ungrouped(invoice), self._today() + timedelta(days=99)) is None
        refunded_within_what_was_captured(ours)

    @invariant()
    def closings_are_numbered_without_holes_and_told_once(self) -> None:
        closings = sorted(self._read(closings_of, self.centre.id), key=lambda row: row.receipt_sequence)
        assert [row.receipt_sequence for row in closings] == list(range(1, len(closings) + 1))
        assert [row.closed_at for row in closings] == sorted(row.closed_at for row in closings)
        assert [row.receipt_number for row in closings] == [f"R{n + 1}" for n in range(len(closings))]
        assert self._read(told_of, self.centre.id) == Counter(row.id for row in closings)

    @invariant()
    def balances_are_the_sums_of_their_entries(self) -> None:
        for account_id, balance, entries in self._read(balances_of, self.centre.id):
            assert 0 <= balance == entries, account_id

    def teardown(self) -> None:
        """What is closed does not move, not even for somebody who reaches around the API."""
        if not hasattr(self, "centre"):
            return
        closings = self._read(closings_of, self.centre.id)
        before = self._rows()
        for row in closings[:1]:
            for statement in TAMPERING:
                with pytest.raises((DBAPIError, Unavailable)):
                    self._write(lambda connection, s=statement, id_=row.id: touched(connection, s, id_))
        assert self._rows() == before


TAMPERING = (
    "UPDATE invoices SET sum_total = sum_total + 1, net_price = net_price + 1 WHERE id = :id",
    "UPDATE invoices SET closed_at = NULL WHERE id = :id",
    "UPDATE invoice_lines SET sales = sales + 1, final = final + 1 WHERE invoice_id = :id",
    "UPDATE transactions SET amount_paid = amount_paid + 1 WHERE invoice_id = :id",
    "UPDATE employee_tips SET amount = amount + 1 WHERE invoice_id = :id",
    "DELETE FROM transactions WHERE invoice_id = :id",
    "DELETE FROM invoices WHERE id = :id",
)


def touched(connection: Connection, statement: str, invoice_id: str) -> None:
    """Run it; where there is no such row to touch, that is as good as a refusal."""
    if not connection.execute(text(statement), {"id": invoice_id}).rowcount:
        raise Unavailable("nothing there to change")


def still_due(invoice: Invoice) -> int:
    """What is still to be paid, everything included; 0 on a refund."""
    settled = [t for t in invoice.transactions if t.state is TransactionState.SETTLED]
    parts = (("sum_total", "amount_paid"), ("ssg_amount", "ssg_amount"), ("fee_amount", "fee_amount"))
    return sum(max(getattr(invoice, due) - sum(getattr(t, paid) for t in settled), 0) for due, paid in parts)


def totals(invoice: Invoice) -> tuple[int, ...]:
    return (invoice.net_price, invoice.tax, invoice.rounding_adjustment, invoice.sum_total)


def ungrouped(invoice: Invoice) -> Invoice:
    return replace(invoice, group_invoice_id=None)


def refunded_within_what_was_captured(ours: dict[str, Invoice]) -> None:
    """No tender gave back more than it took, and no line more than it was sold for."""
    back: defaultdict[str, int] = defaultdict(int)
    for refund in ours.values():
        if refund.is_refund and not refund.is_cancelled:
            for transaction in refund.transactions:
                back[transaction.refund_of_id or ""] += transaction.total_amount_paid
            for line in refund.lines:
                back[line.refund_of_id or ""] += line.final
    for invoice in ours.values():
        for taken in invoice.transactions if not invoice.is_refund else ():
            assert -back[taken.id] <= taken.total_amount_paid
        for line in invoice.lines if not invoice.is_refund else ():
            assert -back[line.id] <= line.final


def to_json(body: dict[str, Any]) -> bytes:
    """The body with its decimals written as numbers."""
    return json.dumps(body, default=str).encode()


@pytest.mark.parametrize("engine", ["sqlite", "postgresql"])
def test_the_invariants_hold_whatever_a_till_does(engine: str, request: pytest.FixtureRequest) -> None:
    url = request.getfixturevalue({"sqlite": "sqlite_url", "postgresql": "postgres_url"}[engine])
    migrate(url)
    site_settings = Settings(
        database_url=url,
        admin_key=KEY,
        secret_keys=(SECRET_KEY,),
        allowed_networks=("127.0.0.0/8",),
        port=0,
        payment_processor="test",
    )
    with asyncio.Runner() as runner:
        stack = AsyncExitStack()
        site = runner.run(stack.enter_async_context(running(site_settings)))
        try:
            Till.stage = Stage(site=site, runner=runner)
            run_machine(
                Till,
                settings=settings(
                    max_examples=EXAMPLES[engine],
                    stateful_step_count=STEPS,
                    deadline=None,
                    suppress_health_check=list(HealthCheck),
                ),
            )
        finally:
            runner.run(stack.aclose())
