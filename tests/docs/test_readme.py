"""README.md tells the truth: its session runs, its receiver verifies, its links lead somewhere."""

from __future__ import annotations

import asyncio
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from closebell.clock import SystemClock
from closebell.dispatch.probe import TEST_EVENT_TYPE
from closebell.domain import signature
from closebell.domain.signature import Secret, SignatureStyle
from docs.conftest import program
from receiving import receiving
from serving import ADMIN_KEY, serving

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def block(language: str) -> str:
    found = re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)
    assert len(found) == 1, f"one {language} block"
    return str(found[0])


async def test_the_curl_session_runs(sqlite_url: str, tmp_path: Path) -> None:
    program("curl")
    async with receiving() as receiver, serving(sqlite_url, tmp_path) as server:
        script = block("bash").replace("<the key>", ADMIN_KEY)
        script = script.replace("http://127.0.0.1:8080", server.url).replace("http://127.0.0.1:9000/hook", receiver.url)
        assert len(script.splitlines()) == 10
        # Each answer on a line of its own.
        script = script.replace("curl -s", "curl -w '\\n' -s")
        process = await asyncio.create_subprocess_exec("bash", "-euc", script, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
        out, _ = await process.communicate()
        (call,) = await receiver.wait_for(1)

    assert process.returncode == 0
    endpoint, imported, refused, paid, closed, feed, deliveries = map(json.loads, out.decode().splitlines())
    assert imported["created"] == 1
    assert refused["error"]["InternalMessage"].startswith("0.00 of 488.00 USD is paid")
    assert paid["transaction"]["amount_paid"] == 488
    assert closed["is_invoice_closed"]
    assert [event["event_type"] for event in feed["events"]] == ["Invoice.Payments.Added", "Invoice.Closed"]
    assert feed["events"][-1]["event_id"] == call.headers["webhook-id"]
    assert [delivery["endpoint_id"] for delivery in deliveries["deliveries"]] == [endpoint["id"]]


def event(event_type: str, data: dict[str, Any]) -> bytes:
    return json.dumps(
        {
            "id": "622b5b33a961750e01db6512",
            "event_id": "622b5b33a961750e01db6510",
            "event_type": event_type,
            "event_timestamp": "2022-03-11T14:22:43.3847049Z",
            "data": data,
        }
    ).encode()


def test_the_receiver_verifies(capsys: pytest.CaptureFixture[str]) -> None:
    page: dict[str, Any] = {}
    code = block("python")
    exec(code, page)
    secret = re.search(r"whsec_\w+", code)
    assert secret is not None

    def signed(body: bytes) -> dict[str, str]:
        return signature.headers(
            event_id="622b5b33a961750e01db6510",
            at=SystemClock().now(),
            body=body,
            secrets=[Secret.parse(secret[0])],
            styles=[SignatureStyle.STANDARD],
        )

    closed = event("Invoice.Closed", {"invoice": {"total_price": {"sum_total": 488.5}}})
    tried = event(TEST_EVENT_TYPE, {})

    assert page["handle"](closed, signed(closed)) == 204
    assert page["handle"](closed + b" ", signed(closed)) == 400
    assert page["handle"](tried, signed(tried)) == 204
    assert page["handle"](b"[]", signed(b"[]")) == 400
    assert capsys.readouterr().out == f"{Decimal('488.5')}\n"


@pytest.mark.parametrize("page", DOCS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8")):
        if "://" in target:
            continue
        name, _, anchor = target.partition("#")
        other = (page.parent / name) if name else page
        assert other.exists(), target
        if anchor:
            headings = re.findall(r"^#+ (.+)$", other.read_text(encoding="utf-8"), re.MULTILINE)
            assert anchor in {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}, (
                target
            )


def test_the_targets_it_names_exist() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"\bmake ([a-z]+)", README)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), target
