"""`closebell demo`: the public sample invoice is refused, paid, closed and told, on the real server, step by step."""

from __future__ import annotations

import json
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from decimal import Decimal
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Final

from cyclopts import Parameter
from rich.console import Console

from closebell import samples
from closebell.cli.demo_stage import Received, Receiver, Reply, Server, as_json, running_server
from closebell.domain.event import INVOICE_CLOSED
from closebell.domain.money import Currency
from closebell.errors import ClosebellError, MisuseError

PATIENCE_S: Final = 5.0
"""Seconds to wait for the webhook, and for the word that it was delivered; a few milliseconds are usual."""
SHOWN_HEADERS: Final = ("webhook-id", "webhook-timestamp", "webhook-signature", "closebell-sequence")
TOTAL: Final = 488
"""What the sample invoice comes to, in US dollars."""
ID_SHOWN: Final = 8
"""Digits of the invoice's id that paths are shown with; the whole of it is shown once."""
NEXT: Final = "Next: `make serve` runs the service; docs/start.md has the first ten minutes."
_TERMINATED: Final = 128 + signal.SIGTERM


class DemoFailed(ClosebellError):
    """A step was not as it should be; the text says which, what came, and what should have come."""


class _Unexpected(Exception):
    """Something is not as it should be."""


Day = Annotated[bool, Parameter(negative="", help="Live a whole day of three salons instead, and compare its books.")]
Seed = Annotated[int | None, Parameter(help="Another day: what is done in which order; with --day.")]
Invoices = Annotated[int | None, Parameter(help="So many invoices in all, 300 unless said; with --day.")]


def demo(*, day: Day = False, seed: Seed = None, invoices: Invoices = None) -> int:
    """Close the public sample invoice on a real server, and show its signed webhook arrive.

    Everything happens on loopback and in a temporary directory. The exit code is 0 only if every step was as it
    should be.
    """
    if not day and (seed, invoices) != (None, None):
        raise MisuseError("--seed and --invoices are for a day: closebell demo --day")
    # As an exception, so that the server is ended and the directory removed.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(_TERMINATED))
    console = Console(highlight=False, markup=False, soft_wrap=True)
    if day:
        from closebell.cli.day import command, planning  # noqa: PLC0415  # costs what the story does not need

        with Receiver() as receiver:
            return command.live_a_day(
                receiver,
                console,
                seed=planning.SEED if seed is None else seed,
                invoices=planning.INVOICES if invoices is None else invoices,
            )
    if find_spec("standardwebhooks") is None:
        raise MisuseError(
            "the demo verifies signatures with the independent package standardwebhooks, which is not installed: "
            "use `make demo`, or `pip install standardwebhooks`"
        )
    with Receiver() as receiver:
        play(receiver, console)
    return 0


def play(receiver: Receiver, console: Console, *, patience_s: float = PATIENCE_S) -> None:
    """The whole story.

    Errors: DemoFailed at the first step that is not as it should be.
    """
    story = _Story(console)
    with ExitStack() as stage:
        with story.step("Start the server and a receiver"):
            directory = Path(stage.enter_context(tempfile.TemporaryDirectory(prefix="closebell-demo-")))
            server = stage.enter_context(running_server(directory))
            story.say(f"server    {server.url}, SQLite in a temporary directory")
            story.say(f"receiver  {receiver.url}")
        secret = _register(story, server, receiver)
        invoice = _load(story, server)
        _refused(story, server, invoice)
        suggested = _check(story, server, invoice)
        _pay(story, server, suggested)
        receipt_number = _close(story, server, invoice)
        call = _webhook(story, receiver, invoice, patience_s)
        _verify(story, call, secret)
        _close_again(story, server, invoice, receipt_number)
        _reconcile(story, server, patience_s)
        _stop(story, server, receiver)
    story.end()


# --- the steps -------------------------------------------------------------------------------------------------------


def _register(story: _Story, server: Server, receiver: Receiver) -> str:
    with story.step("Register the receiver as a webhook endpoint"):
        wanted = {"name": "demo", "url": receiver.url, "event_types": [INVOICE_CLOSED]}
        reply = server.call("POST", "/v1/webhook_endpoints", wanted)
        _expect("the status", reply.status, 201)
        _expect("the state", reply.document["state"], "active")
        story.called("POST", "/v1/webhook_endpoints", reply, "active, with a signing secret of its own")
        return str(reply.document["secret"])


def _load(story: _Story, server: Server) -> str:
    """Where the invoice is found from now on."""
    with story.step("Load the public sample invoice, as open"):
        sample = samples.invoice_closed()
        path = "/v1/import?as_open=true"
        reply = server.call("POST", path, sample)
        _expect("the status", reply.status, 200)
        _expect("the number of invoices created", reply.document["created"], 1)
        story.called("POST", path, reply, "1 created")
        invoice_id = json.loads(sample)["data"]["invoice"]["id"]
        story.say(f"its id is {invoice_id}")
        return f"/v1/invoices/{invoice_id}"


def _refused(story: _Story, server: Server, invoice: str) -> None:
    with story.step("Close it: refused, as nothing is paid"):
        reply = server.call("POST", f"{invoice}/close")
        error = reply.document["error"]
        _expect("the status", reply.status, 409)
        _expect("the code", error["code"], 419)
        _expect("the message", error["message"], "Full Payment of invoice is not made.")
        story.called("POST", f"{invoice}/close", reply, f"code {error['code']}: {error['message']}")
        story.say(error["InternalMessage"])


def _check(story: _Story, server: Server, invoice: str) -> Any:
    """The call that the check suggests."""
    with story.step("Ask what keeps it from closing, and what would help"):
        reply = server.call("GET", f"{invoice}/close_check")
        _expect("the status", reply.status, 200)
        _expect("can_close", reply.document["can_close"], wanted=False)
        blockers = reply.document["blockers"]
        _expect("the number of blockers", len(blockers), 1)
        call = blockers[0]["clear_with"]
        _expect("the amount that is missing", call["body"]["amount"], TOTAL)
        story.called("GET", f"{invoice}/close_check", reply, f"code {blockers[0]['code']}: {blockers[0]['rule']}")
        story.say(f"would help: {call['method']} {_shortened(call['path'])}")
        story.say(f"            {as_json(call['body'])}")
        return call


def _pay(story: _Story, server: Server, suggested: Any) -> None:
    with story.step(f"Pay {TOTAL} USD, with the call that was suggested"):
        reply = server.call("POST", suggested["path"], suggested["body"])
        _expect("the status", reply.status, 200)
        paid = reply.document["transaction"]["amount_paid"]
        _expect("the amount paid", paid, TOTAL)
        story.called("POST", suggested["path"], reply, f"{paid} USD paid")


def _close(story: _Story, server: Server, invoice: str) -> str:
    """The receipt number."""
    with story.step("Close it"):
        reply = server.call("POST", f"{invoice}/close")
        _expect("the status", reply.status, 200)
        _expect("is_invoice_closed", reply.document["is_invoice_closed"], wanted=True)
        receipt_number = str(reply.document["receipt_number"])
        story.called("POST", f"{invoice}/close", reply, f"closed, receipt number {receipt_number}")
        return receipt_number


def _webhook(story: _Story, receiver: Receiver, invoice: str, patience_s: float) -> Received:
    with story.step("The receiver is told"):
        call = receiver.next_call(within_s=patience_s)
        said = json.loads(call.body, parse_float=Decimal, parse_int=Decimal)
        told = said["data"]["invoice"]
        _expect("the event type", said["event_type"], INVOICE_CLOSED)
        _expect("the invoice", f"/v1/invoices/{told['id']}", invoice)
        _expect("its is_closed", told["is_closed"], wanted=True)
        _expect("its sum_total", told["total_price"]["sum_total"], TOTAL)
        happened_at = datetime.fromisoformat(said["event_timestamp"])
        took_ms = (call.at - happened_at) / timedelta(milliseconds=1)
        story.say(f"{call.method} {call.path}, {took_ms:.1f} ms after the invoice closed, its commit included")
        for name in SHOWN_HEADERS:
            _expect(f"the presence of {name}", name in call.headers, wanted=True)
            story.say(f"{name + ':':<20} {call.headers[name]}")
        _recount(story, said["event_type"], told)
        story.say(f"{len(call.body)} bytes of JSON in all")
        return call


def _recount(story: _Story, event_type: str, told: Any) -> None:
    """What a person recognises in the event."""
    code = next(field["value"] for field in told["additional_fields"] if field["key"] == "currency_code")
    money = Currency.of(code)
    amounts = [(item["name"], item["price"]["final"]) for item in told["invoice_items"]]
    amounts.append((f"total in {code}", told["total_price"]["sum_total"]))
    amounts += [
        (f"paid by {paid['payment_option']['payment_name']}", paid["amount_paid"]) for paid in told["transactions"]
    ]
    guest = f"{told['guest']['first_name']} {told['guest']['last_name']}"
    story.say(f"{event_type}: invoice {told['invoice_number']}, receipt {told['receipt_number']}, guest {guest}")
    for what, amount in amounts:
        story.say(f"  {what:<34} {money.digits(money.minor(amount, field=what)):>8}")


def _verify(story: _Story, call: Received, secret: str) -> None:
    with story.step("The signature holds, says the independent package standardwebhooks"):
        from standardwebhooks import Webhook, WebhookVerificationError  # noqa: PLC0415  # an extra of the demo alone

        judge = Webhook(secret)
        judge.verify(call.body, dict(call.headers))
        try:
            judge.verify(call.body.replace(b"488", b"489", 1), dict(call.headers))
        except WebhookVerificationError:
            story.say("as it came: verified; with 488 changed to 489: refused")
        else:
            raise _Unexpected("an altered body was taken for genuine")


def _close_again(story: _Story, server: Server, invoice: str, receipt_number: str) -> None:
    with story.step("Close it again: success, and nobody is told twice"):
        reply = server.call("POST", f"{invoice}/close")
        _expect("the status", reply.status, 200)
        _expect("the receipt number", reply.document["receipt_number"], receipt_number)
        story.called("POST", f"{invoice}/close", reply, f"closed, receipt number {receipt_number} as before")
        feed = server.call("GET", "/v1/events")
        closes = [event for event in feed.document["events"] if event["event_type"] == INVOICE_CLOSED]
        _expect(f"the number of {INVOICE_CLOSED} events in the feed", len(closes), 1)
        story.called("GET", "/v1/events", feed, f"1 {INVOICE_CLOSED} event, as before")
        deliveries = server.call("GET", "/v1/deliveries")
        _expect("the number of deliveries", len(deliveries.document["deliveries"]), 1)
        story.called("GET", "/v1/deliveries", deliveries, "1 delivery, as before")


def _reconcile(story: _Story, server: Server, patience_s: float) -> None:
    """The outcome is recorded just after the receiver has answered, so this asks until it is."""
    with story.step("Prove it: the reconciliation balances"):
        until_s = time.monotonic() + patience_s
        reply = server.call("GET", "/v1/reconciliation")
        while reply.document["endpoints"][0]["pending"] and time.monotonic() < until_s:
            reply = server.call("GET", "/v1/reconciliation")
        found = reply.document
        tally = found["endpoints"][0]
        told = ", ".join(f"{tally[state]} {state}" for state in ("delivered", "pending", "held", "exhausted"))
        _expect("closes, events", (found["closes"], found["events"]), (1, 1))
        _expect("where the deliveries stand", told, "1 delivered, 0 pending, 0 held, 0 exhausted")
        _expect("balanced", found["balanced"], wanted=True)
        story.called("GET", "/v1/reconciliation", reply, f"1 close, 1 event; {told}: balanced")


def _stop(story: _Story, server: Server, receiver: Receiver) -> None:
    """A server that ends finishes what it has to send, so from here on no further call can come."""
    with story.step("Stop the server"):
        _expect("the exit code", server.stop(), 0)
        _expect("the number of further calls to the receiver", receiver.calls_waiting(), 0)
        story.say("exit code 0; the receiver was called once in all")


# --- telling ---------------------------------------------------------------------------------------------------------


class _Story:
    """Tells the steps as they happen, and which one went wrong."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._steps = 0
        self._began_s = time.monotonic()
        console.print("Closebell demo: the public sample invoice, refused, paid, closed, and told.", style="bold")

    @contextmanager
    def step(self, title: str) -> Iterator[None]:
        """One step; whatever goes wrong in it ends the story."""
        self._steps += 1
        self._console.print(f"\n{self._steps:>2}  {title}", style="bold")
        try:
            yield
        except Exception as error:
            what = str(error) if isinstance(error, _Unexpected | ClosebellError) else repr(error)
            raise DemoFailed(f"demo step {self._steps} ({title}) failed: {what}") from error

    def say(self, text: str) -> None:
        """A line within the step."""
        self._console.print(f"    {text}")

    def called(self, method: str, path: str, reply: Reply, came: str) -> None:
        """A call of the API and what came of it."""
        self.say(f"{method + ' ' + _shortened(path):<45} HTTP {reply.status}  {came}")

    def end(self) -> None:
        """All went well."""
        took_s = time.monotonic() - self._began_s
        self._console.print(f"\nAll {self._steps} steps were as they should be, in {took_s:.1f} s.", style="bold green")
        self._console.print(NEXT)


def _shortened(path: str) -> str:
    """The path with an invoice's id cut short."""
    before, mark, rest = path.partition("/v1/invoices/")
    invoice_id, slash, action = rest.partition("/")
    return f"{before}{mark}{invoice_id[:ID_SHOWN]}…{slash}{action}" if mark else path


def _expect(what: str, got: object, wanted: object) -> None:
    if got != wanted:
        raise _Unexpected(f"{what} is {got}, and should be {wanted}")
