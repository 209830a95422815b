"""docs/webhooks.md tells the truth: its example is what is sent, and its code runs."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.metadata import version
from pathlib import Path
from typing import Any

import msgspec
import pytest

from closebell.clock import SystemClock, SystemLuck
from closebell.dispatch.address import AddressBook, SystemResolver
from closebell.dispatch.probe import send_test
from closebell.dispatch.sender import Sender
from closebell.domain import chain, document, signature
from closebell.domain.address import parse_networks
from closebell.domain.asymmetric import PrivateKey, PublicKey
from closebell.domain.event import Envelope, InvoiceData, body_for_call
from closebell.domain.signature import Secret, SignatureStyle, verify_standard
from closebell.receiver import ChainBroken
from closebell.testing import a_vault, an_endpoint, stored_secret
from docs.conftest import program
from receiving import Call, receiving

PAGE = (Path(__file__).parents[2] / "docs" / "webhooks.md").read_text(encoding="utf-8")
SECRET = Secret.parse("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
CALL_ID = "622b5b33a961750e01db6512"
STYLES = (SignatureStyle.STANDARD, SignatureStyle.ZENOTI)


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


def example() -> bytes:
    """The example body as it is sent: without white space."""
    laid_out, _ = blocks("json")
    return re.sub(r"\n\s*", "", laid_out).replace('": ', '":').encode()


async def sent_by_test() -> Call:
    """What a receiver gets when somebody tries its endpoint."""
    async with receiving() as receiver:
        addresses = AddressBook(allowed_networks=parse_networks(["127.0.0.0/8"]), resolve=SystemResolver())
        sender = Sender(clock=SystemClock(), addresses=addresses)
        endpoint = an_endpoint(url=receiver.url, secrets=(stored_secret(SECRET),), signature_styles=STYLES)
        try:
            outcome = await send_test(sender, endpoint, vault=a_vault(), clock=SystemClock(), luck=SystemLuck())
        finally:
            await sender.close()
        assert outcome.error is None
        (call,) = receiver.calls
    return call


def stored_example() -> bytes:
    return body_for_call(example(), json.loads(example())["event_id"])


def signed(body: bytes, *, at: datetime | None = None) -> dict[str, str]:
    return signature.headers(
        event_id=json.loads(body)["event_id"],
        at=at or SystemClock().now(),
        body=body,
        secrets=[SECRET],
        styles=STYLES,
    )


def alterations() -> list[tuple[bytes, dict[str, str]]]:
    """Calls that must not verify."""
    body, now = example(), SystemClock().now()
    return [
        (body.replace(b"488.5", b"48.85"), signed(body)),
        (body, signed(body) | {"webhook-id": CALL_ID}),
        (body, signed(body, at=now - timedelta(minutes=6))),
        (body, signed(body) | {"webhook-signature": "v1,AAAA"}),
    ]


@pytest.fixture
def feed_url() -> Iterator[str]:
    """A feed that holds the example as its only event."""
    stored = stored_example()
    item = {
        "sequence": 1,
        "event_id": json.loads(stored)["event_id"],
        "event_type": "Invoice.Closed",
        "created_at": "2022-03-11T14:22:43.3847040Z",
        "hash": chain.link(chain.GENESIS, 1, chain.body_hash(stored)).hex(),
        "previous_hash": chain.GENESIS.hex(),
        "body_hash": chain.body_hash(stored).hex(),
        "redacted_at": None,
        "body": stored.decode(),
    }

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            events = [item] if "after=0&" in self.path else []
            body = json.dumps({"events": events, "next_after": 1, "has_more": False, "error": None}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Nothing: the test's output is the test's."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(feed_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Any]]:
    """The names that the page's Python defines, run top to bottom as a reader would."""
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block.replace("https://closebell.example", feed_url), "docs/webhooks.md", "exec"), names)
    yield names
    names["connection"].close()


def test_the_example_is_the_envelope_that_is_sent() -> None:
    decoded = msgspec.json.decode(example(), type=Envelope[InvoiceData])

    assert document.encode(decoded) == example(), "same members, same order, nothing more"


def test_the_example_adds_up_as_the_page_says() -> None:
    invoice = json.loads(example(), parse_float=Decimal, parse_int=Decimal)["data"]["invoice"]
    prices, total = [item["price"] for item in invoice["invoice_items"]], invoice["total_price"]
    parts = ("amount_paid", "tip_amount", "ssg_amount", "fee_amount")

    assert all(price["final"] == price["sales"] + price["tax"] for price in prices)
    assert total["sum_total"] == sum(price["final"] for price in prices) + total["rounding_adjustment"]
    assert total["sum_total"] == total["net_price"] + total["tax"] + total["rounding_adjustment"]
    assert total["sum_total"] == sum(paid["amount_paid"] for paid in invoice["transactions"])
    for paid in invoice["transactions"]:
        assert paid["total_amount_paid"] == sum(paid[part] for part in parts)


def test_every_header_that_signing_adds_is_on_the_page() -> None:
    assert all(f"| `{header}` |" in PAGE for header in (*signed(example()), "closebell-sequence"))


async def test_every_header_that_is_sent_of_its_own_accord_is_on_the_page() -> None:
    call = await sent_by_test()
    assert f"| `user-agent` | `{call.headers['user-agent'].replace(version('closebell'), '<version>')}` |" in PAGE
    assert f"| `content-type` | `{call.headers['content-type']}` |" in PAGE
    assert "closebell-sequence" not in call.headers


async def test_the_test_event_is_the_one_that_is_sent(page: dict[str, Any]) -> None:
    _, laid_out = blocks("json")
    call = await sent_by_test()
    shown, came = json.loads(laid_out), json.loads(call.body)
    its_own = {"id", "event_id", "event_timestamp"}

    assert list(shown) == list(came)
    assert {name: shown[name] for name in shown.keys() - its_own} == {
        name: came[name] for name in came.keys() - its_own
    }
    assert all(len(shown[name]) == len(came[name]) for name in its_own)


async def test_every_receiver_of_the_page_takes_the_test_event(page: dict[str, Any]) -> None:
    call = await sent_by_test()

    assert page["handle"](call.body, call.headers) == 204
    assert page["connection"].execute("SELECT count(*) FROM sale").fetchone() == (0,)
    assert page["handle_by_hand"](SECRET.reveal(), call.body, call.headers) == 204
    assert page["is_ours_zenoti"](SECRET.reveal(), call.body, call.headers)
    read = page["read_with_standardwebhooks"](SECRET.reveal(), call.body, call.headers)
    assert read["event_type"] == "Closebell.Test"
    assert run_in_node([(call.body, call.headers)], "handle") == ["204"]


def test_a_receiver_by_hand_acts_on_invoices_and_refuses_the_rest(
    page: dict[str, Any], capsys: pytest.CaptureFixture[str]
) -> None:
    nobody = re.sub(rb'"guest":\{.*?\}', b'"guest":null', example())
    calls = [(example(), signed(example())), (nobody, signed(nobody)), (example(), {}), *alterations()]

    assert [page["handle_by_hand"](SECRET.reveal(), *call) for call in calls] == [204] * 2 + [400] * 5
    assert capsys.readouterr().out == "R2650 test 488.5\nR2650 - 488.5\n"
    assert not page["is_ours_zenoti"](SECRET.reveal(), example(), {})
    said = ["R2650 test", "204", "R2650 -", "204"]
    assert run_in_node(calls, "handle") == said + ["400"] * 5


def test_the_vector_of_the_page() -> None:
    rows = dict(re.findall(r"^\| `?([a-z-]+)`? \| `([^`]+)` \|$", PAGE, re.MULTILINE))

    made = signature.headers(
        event_id=rows["webhook-id"],
        at=datetime.fromtimestamp(int(rows["webhook-timestamp"]), UTC),
        body=rows["body"].encode(),
        secrets=[Secret.parse(rows["secret"])],
        styles=STYLES,
    )

    assert made == {name: value for name, value in rows.items() if name in made}
    assert len(made) == 4


PUBLIC_KEY, ENTRY = re.findall(r"^\| (?:public key|entry in `webhook-signature`) \| `([^`]+)` \|$", PAGE, re.MULTILINE)


def test_the_vector_of_the_public_key(page: dict[str, Any]) -> None:
    rows = dict(re.findall(r"^\| `?([a-z-]+)`? \| `([^`]+)` \|$", PAGE, re.MULTILINE))
    verify_standard(
        event_id=rows["webhook-id"],
        timestamp=rows["webhook-timestamp"],
        signature=ENTRY,
        body=rows["body"].encode(),
        secrets=[],
        public_keys=[PublicKey.parse(PUBLIC_KEY)],
        now=datetime.fromtimestamp(int(rows["webhook-timestamp"]), UTC),
    )


def test_with_a_public_key_by_hand(page: dict[str, Any]) -> None:
    key, other = PrivateKey.generate(b"k" * 32), PrivateKey.generate(b"o" * 32)
    now = SystemClock().now()

    def call(*keys: PrivateKey, at: datetime = now) -> dict[str, str]:
        return signature.headers(
            event_id="e1", at=at, body=b"{}", secrets=[], styles=[SignatureStyle.ED25519], private_keys=keys
        )

    is_signed_by = page["is_signed_by"]
    assert is_signed_by(key.public_key, b"{}", call(key))
    assert is_signed_by(key.public_key, b"{}", call(other, key))
    assert not is_signed_by(key.public_key, b"{}", call(other))
    assert not is_signed_by(key.public_key, b"{ }", call(key))
    assert not is_signed_by(key.public_key, b"{}", call(key, at=now - timedelta(minutes=6)))
    assert not is_signed_by(key.public_key, b"{}", {"webhook-signature": "v1a,===="})
    assert not is_signed_by(key.public_key, b"{}", {})


def test_the_handler_applies_once_and_refuses_what_is_not_ours(page: dict[str, Any]) -> None:
    body = example()

    assert [page["handle"](body, signed(body)) for _ in range(3)] == [204, 204, 204]
    assert [page["handle"](*call) for call in alterations()] == [400] * 4

    sales = page["connection"].execute("SELECT * FROM sale").fetchall()
    assert sales == [("7e4e1a62-5982-4b3c-b9ac-da0f122e7ae5", "488.5")]


def test_the_independent_package_reads_exact_amounts(page: dict[str, Any]) -> None:
    body = example()

    read = page["read_with_standardwebhooks"](SECRET.reveal(), body, signed(body))

    assert str(read["data"]["invoice"]["total_price"]["sum_total"]) == "488.5"


@pytest.mark.parametrize("call", range(4))
def test_by_hand_in_python(page: dict[str, Any], call: int) -> None:
    assert page["is_ours"](SECRET.reveal(), example(), signed(example()))
    assert not page["is_ours"](SECRET.reveal(), *alterations()[call])


def test_the_zenoti_style_by_hand_in_python(page: dict[str, Any]) -> None:
    assert page["is_ours_zenoti"](SECRET.reveal(), example(), signed(example()))
    assert not page["is_ours_zenoti"](SECRET.reveal(), *alterations()[0])


def run_in_node(calls: list[tuple[bytes, dict[str, str]]], function: str) -> list[str]:
    """What the page's function says and answers for each call, line by line."""
    node = program("node")
    (block,) = blocks("javascript")
    given = json.dumps([[body.decode(), headers] for body, headers in calls])
    harness = f"""
    for (const [body, headers] of {given})
      console.log({function}("{SECRET.reveal()}", Buffer.from(body), headers));
    """
    ran = subprocess.run([node, "-"], input=block + harness, capture_output=True, text=True, check=True, timeout=30)
    return ran.stdout.splitlines()


def test_by_hand_in_node() -> None:
    calls = [(example(), signed(example())), *alterations()]

    assert run_in_node(calls, "isOurs") == ["true", "false", "false", "false", "false"]


def test_healing_brings_what_was_missed_once(page: dict[str, Any]) -> None:
    page["heal"]()
    page["heal"]()

    assert page["handle"](example(), signed(example())) == 204, "a push after the pull is a repeat"
    assert page["connection"].execute("SELECT count(*) FROM sale").fetchone() == (1,)
    assert page["inbox"].cursor() == 1


def test_proving_a_pushed_event(page: dict[str, Any]) -> None:
    pushed = page["receiver"].verify(example(), signed(example()))

    assert page["prove"](pushed)
    with pytest.raises(ChainBroken):
        page["verify_chain"](page["feed"].pull(after=0), bytes([1] * 32))
