"""Every documented refusal of taking money: status, code, message, and that nothing has changed.

Source: the contract, section 4.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from calling import KEY, Site, running
from closebell.config import Settings
from closebell.domain.account import AccountState
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.testing import (
    NOON,
    SeededLuck,
    a_centre,
    a_paid_invoice,
    an_employee,
    an_invoice,
    guid_of,
)
from closebell.usecase.manage_keys import create_key
from paying import a_card, a_program, a_saved_card, put_accounts, some_points

HERE, THERE = a_centre(), a_centre("Elsewhere")
OPEN, CLOSED, MEMBER, PAID, NOTHING = (guid_of(f"invoice {n}") for n in ("open", "closed", "member", "paid", "none"))
CARD, PROGRAM = a_saved_card(), a_program(least=10)
ELSEWHERE = "a key bound to another centre"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A call, and how it is refused."""

    path: str
    body: Any = None
    status: int
    code: int
    message: str
    key: str = ""

    @property
    def name(self) -> str:
        return f"{self.path.rpartition('/')[2]} {self.code} {self.message[:40]}"


def online(body: Any, status: int, code: int, message: str, *, invoice: str = OPEN, key: str = "") -> Row:
    path = f"/v1/invoices/{invoice}/online_payments"
    return Row(path=path, body=body, status=status, code=code, message=message, key=key)


def asked(**fields: Any) -> dict[str, Any]:
    return {"center_id": HERE.id, "account_id": CARD.id, "redirect_uri": "https://spa.example", **fields}


TIP = {"amount": 0, "tip_amount": 5}
ONLINE = [
    online(asked(), 404, 400, "Invoice not found", invoice=NOTHING),
    online(asked(**TIP), 404, 418, "InvoiceNotFound", invoice=NOTHING),
    online(b"", 400, 503, "MissingInput"),
    online({}, 400, 503, "MissingInput"),
    online(asked(center_id=""), 400, 503, "MissingInput"),
    online(asked(), 400, 503, "MissingInput", invoice="0" * 32),
    online(asked(), 400, 502, "InvalidInput", invoice="7"),
    online(asked(center_id="x"), 400, 502, "InvalidInput"),
    online(asked(center_id=THERE.id), 400, 502, "InvalidInput"),
    online(asked(account_id="x"), 400, 502, "InvalidInput"),
    online(asked(amount=-1), 400, 502, "InvalidInput"),
    online(asked(amount=0.001), 400, 502, "InvalidInput"),
    online(asked(amount="1_0"), 400, 502, "InvalidInput"),
    online(asked(amount="sNaN"), 400, 502, "InvalidInput"),
    online(asked(tip_amount="sNaN"), 400, 502, "InvalidInput"),
    online(asked(amount=488.01), 400, 502, "InvalidInput"),
    online(asked(amount=[1]), 400, 502, "InvalidInput"),
    online(asked(amount=0), 400, 502, "InvalidInput"),
    online(asked(tip_amount=-1), 400, 502, "InvalidInput"),
    online(asked(source=8), 400, 502, "InvalidInput"),
    online(asked(source="moon"), 400, 502, "InvalidInput"),
    online(asked(redirect_uri="a b"), 400, 502, "InvalidInput"),
    online(asked(billing_info={"email": "x" * 401}), 400, 502, "InvalidInput"),
    online(asked(), 409, 728, "ApiPaymentCannotBeAddedForClosedInvoice", invoice=CLOSED),
    online(asked(**TIP), 409, 728, "ApiPaymentCannotBeAddedForClosedInvoice", invoice=CLOSED),
    online(asked(account_id=guid_of("nothing")), 404, 405, "UserNotFound"),
    online(asked(), 404, 405, "UserNotFound", invoice=guid_of("invoice nobody's")),
    online(asked(), 403, 438, "UserNotAuthorized", key=ELSEWHERE),
    online(asked(), 409, 460, "PaymentIsAlreadyMade", invoice=PAID),
    online(asked(amount=1), 409, 460, "PaymentIsAlreadyMade", invoice=PAID),
    online(asked(), 409, 928, "InvoiceinGroup", invoice=MEMBER),
    online(asked(**TIP), 409, 928, "InvoiceinGroup", invoice=MEMBER),
    online(b"{", 400, 400, "The request is invalid. The body is not JSON"),
]


def pay(tender: str, body: Any, status: int, code: int, message: str, *, invoice: str = OPEN, key: str = "") -> Row:
    path = f"/v1/invoices/{invoice}/{'payment' if tender == 'custom' else 'payments'}/{tender}"
    return Row(path=path, body=body, status=status, code=code, message=message, key=key)


TENDERS: dict[str, dict[str, Any]] = {
    "custom": {"custom_payment_id": guid_of("voucher"), "amount": 1},
    "cash": {"amount": 1},
    "check": {"amount": 1, "check_number": "1001"},
    "card": {"amount": 1, "card_number": "4242"},
    "gift_card": {"amount": 1, "card_number": "GC-1000"},
    "loyalty_points": {"points": 20, "center_id": HERE.id, "program_id": PROGRAM.id},
}
EVERYWHERE = [
    row
    for tender, body in TENDERS.items()
    for row in (
        pay(tender, body, 404, 428, "Invoice not found.", invoice=NOTHING),
        pay(tender, body, 403, 438, "cannot access.", key=ELSEWHERE),
        pay(tender, body, 409, 728, "ApiPaymentCannotBeAddedForClosedInvoice", invoice=CLOSED),
        pay(tender, body, 409, 928, "InvoiceinGroup", invoice=MEMBER),
        pay(tender, body, 409, 409, "Invoice ", invoice=guid_of("invoice refund")),
        pay(tender, body, 409, 409, "Invoice ", invoice=guid_of("invoice cancelled")),
        pay(tender, body | {"cash_register_id": "till"}, 400, 502, "cash_register_id: 'till' is not a GUID"),
        pay(tender, body, 400, 502, "invoice_id: '7' is not a GUID", invoice="7"),
        pay(tender, b"", 400, 400, "The request is invalid. The body is empty"),
    )
]
AMOUNTS = [
    row
    for tender in ("custom", "cash", "check", "card", "gift_card")
    for body in (TENDERS[tender],)
    for row in (
        pay(tender, body | {"amount": 0}, 400, 502, "amount: 0.00 USD pays nothing"),
        pay(tender, body | {"amount": -1}, 400, 502, "amount: -1.00 USD pays nothing"),
        pay(tender, body | {"amount": 1.001}, 400, 502, "amount: 1.001 has more decimals"),
        pay(tender, body | {"amount": "1_0"}, 400, 502, 'amount: "1_0" is not an amount'),
        pay(tender, body | {"tip_amount": 2}, 400, 502, "tip_amount: 2.00 is more than the amount"),
        pay(tender, body | {"collected_by_id": guid_of("nobody")}, 400, 502, "collected_by_id: "),
        pay(tender, {k: v for k, v in body.items() if k != "amount"}, 400, 502, "amount: is missing"),
    )
]
OF_THEIR_OWN = [
    pay("cash", {"amount": 5, "amount_tendered": 4}, 400, 502, "amount_tendered: 4.00 is less than the amount"),
    pay("cash", {"amount": 5, "amount_tendered": "1_0"}, 400, 502, 'amount_tendered: "1_0" is not an amount'),
    pay("check", {"amount": 5}, 400, 502, "check_number: is missing"),
    pay("check", {"amount": 5, "check_number": ""}, 400, 502, "check_number: is blank"),
    pay("card", {"amount": 5, "card_number": "4242424242424242"}, 400, 502, "card_number: is not the last four"),
]


def gift(number: str, status: int, code: int, message: str, *, amount: Any = 1, **options: Any) -> Row:
    return pay("gift_card", {"card_number": number, "amount": amount}, status, code, message, **options)


GIFT_CARDS = [
    gift("", 400, 436, "invalid giftcard_number."),
    gift("GC 1", 400, 436, "invalid giftcard_number."),
    gift("GC-1", 404, 436, "Gift Card Does not exist."),
    gift("ELSEWHERE", 403, 502, "user cannot access.", key="a key bound to this centre"),
    gift("ISSUED", 409, 492, "unable to check giftcard balance."),
    gift("CANCELLED", 409, 492, "unable to check giftcard balance."),
    gift("EXPIRED", 409, 409, "The card expired on 2026-01-04; today is 2026-01-05 at the centre"),
    gift("GC-1000", 409, 409, "The card holds 200.00 USD and cannot pay 201.00; 1.00 is missing", amount=201),
    gift("GC-1000", 400, 502, "amount: 488.01 without the tip is more than the 488.00 USD", amount=488.01),
    gift("GC-1000", 409, 460, "PaymentIsAlreadyMade", invoice=PAID),
]


def balance(number: str, status: int, code: int, message: str, key: str = "") -> Row:
    return Row(path=f"/v1/giftcards/{number}/balance", status=status, code=code, message=message, key=key)


BALANCES = [
    balance("GC 1", 400, 436, "invalid giftcard_number."),
    balance("x" * 41, 400, 436, "invalid giftcard_number."),
    balance("GC-1", 404, 436, "Gift Card Does not exist."),
    balance("ELSEWHERE", 403, 502, "user cannot access.", "a key bound to this centre"),
    balance("ISSUED", 409, 492, "unable to check giftcard balance."),
    balance("CANCELLED", 409, 492, "unable to check giftcard balance."),
]


def points(body: dict[str, Any], status: int, code: int, message: str, *, invoice: str = OPEN) -> Row:
    return pay("loyalty_points", TENDERS["loyalty_points"] | body, status, code, message, invoice=invoice)


OVER_CAP = "The loyalty points payments in this invoice exceed the maximum amount you can pay using points."
POINTS = [
    points({"points": 1001}, 409, 502, "Points to redeem can not be more than the available points."),
    points({"points": 201}, 409, 459, OVER_CAP, invoice=guid_of("invoice capped")),
    points({"points": 20}, 409, 460, "PaymentIsAlreadyMade", invoice=PAID),
    points({"points": 9}, 400, 502, "points: 9 of 9 cannot be taken"),
    points({"points": 0}, 400, 502, "points: 0 pays nothing"),
    points({"points": "many"}, 400, 502, "points: must be an integer, not a string"),
    points({"center_id": THERE.id}, 400, 502, "center_id: "),
    points({"program_id": guid_of("nothing")}, 400, 502, "program_id: "),
    points({}, 409, 409, "Invoice ", invoice=guid_of("invoice nobody's")),
]


def redeemable(target: str, status: int, code: int, message: str, key: str = "") -> Row:
    path, _, query = target.partition("?")
    full = f"/v1/guests/{path}/payments/loyalty_points/redeemable?{query}"
    return Row(path=full, status=status, code=code, message=message, key=key)


REDEEMABLE = [
    redeemable(f"{NOTHING}?lp_program_id={PROGRAM.id}", 404, 428, "Invoice not found."),
    redeemable(OPEN, 403, 438, "cannot access.", ELSEWHERE),
    redeemable(f"{OPEN}?lp_program_id=x", 400, 502, "lp_program_id: 'x' is not a GUID"),
    redeemable(f"{OPEN}?lp_program_id={guid_of('nothing')}", 400, 502, "lp_program_id: "),
    redeemable(f"{OPEN}?redeem_across_programs=2", 400, 502, "redeem_across_programs: '2' is neither true nor false"),
]
ROWS = [*ONLINE, *EVERYWHERE, *AMOUNTS, *OF_THEIR_OWN, *GIFT_CARDS, *BALANCES, *POINTS, *REDEEMABLE]


async def stocked(site: Site) -> dict[str, str]:
    """Invoices in every state, what their guest holds, and keys that reach some centres only."""
    await site.put(
        an_invoice("open"),
        a_paid_invoice("closed", closed_at=NOON, receipt_number="R1"),
        an_invoice("member", group_invoice_id=guid_of("group")),
        a_paid_invoice("paid"),
        an_invoice("refund", total=-100, is_refund=True),
        an_invoice("cancelled", cancelled_at=NOON),
        an_invoice("nobody's", guest=None),
        an_invoice("capped", loyalty_cap_amount=1000),
        an_invoice("there", centre=THERE),
        employees=(an_employee(),),
    )
    await site.service.database.write(
        put_accounts,
        a_card("GC-1000"),
        a_card("ELSEWHERE", center_id=THERE.id),
        a_card("ISSUED", state=AccountState.ISSUED, balance=0, value=100, invoice_id=OPEN),
        a_card("CANCELLED", state=AccountState.CANCELLED),
        a_card("EXPIRED", expires_on=NOON.date().replace(day=4)),
        some_points(1000),
        programs=[PROGRAM],
        saved=[CARD],
    )
    return {name: await bound(site, name, centre.id) for name, centre in (("this", HERE), ("another", THERE))}


async def bound(site: Site, name: str, center_id: str) -> str:
    grant = Grant(role=Role.CASHIER, center_ids=(center_id,))
    luck = SeededLuck(len(name))
    made = await site.service.database.write(create_key, name, grant=grant, clock=site.clock, luck=luck)
    return made.key


@pytest.fixture
def taking(settings: Settings) -> Settings:
    """Settings of an application that takes payments online."""
    return Settings(**{**{name: getattr(settings, name) for name in settings.__slots__}, "payment_processor": "test"})


@pytest.mark.parametrize("rows", [ONLINE, EVERYWHERE, AMOUNTS, OF_THEIR_OWN, GIFT_CARDS, BALANCES, POINTS, REDEEMABLE])
async def test_each_is_refused_in_the_contracts_words_and_changes_nothing(taking: Settings, rows: list[Row]) -> None:
    async with running(taking) as site:
        keys = await stocked(site)
        before = await site.rows()
        for row in rows:
            method = "GET" if row.path.startswith(("/v1/giftcards", "/v1/guests")) else "POST"
            key = next(key for name, key in keys.items() if name in row.key) if row.key else KEY
            reply = await site.call(method, row.path, row.body, key=key)
            assert (reply.status, reply.error["code"]) == (row.status, row.code), (row, reply.body)
            assert reply.error["message"].startswith(row.message), (row, reply.body)
            if row in ONLINE:
                assert reply.document["success"] is False
            if row.path.endswith("/gift_card"):
                assert reply.document["is_applied"] is False
            assert await site.rows() == before, row


async def test_both_spellings_of_the_online_path_say_the_same(taking: Settings) -> None:
    async with running(taking) as site:
        await stocked(site)
        for row in ONLINE:
            if not row.key:
                one, other = [await site.post(f"{prefix}{row.path}", row.body) for prefix in ("", "/api")]
                assert (one.status, one.body) == (other.status, other.body)


async def test_without_a_processor_online_payments_are_refused_in_a_clear_line(site: Site) -> None:
    await stocked(site)
    before = await site.rows()
    reply = await site.post(f"/v1/invoices/{OPEN}/online_payments", asked())
    assert (reply.status, reply.error["code"]) == (409, 409)
    assert reply.error["message"] == (
        "Online payments are not set up here: the setting payment_processor names no processor"
    )
    assert reply.document["success"] is False
    assert await site.rows() == before
