"""The failure log over the API, and the mail of a running application."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest

from calling import Site, running
from closebell.config import Settings
from closebell.testing import a_paid_invoice, guid_of
from mailing import HOST, mailing
from receiving import receiving

AT = "/v1/webhook_endpoints"
AWAITED_S = 20


async def gone(site: Site, url: str) -> str:
    """An endpoint whose receiver answered 410."""
    body = {"name": "Books", "url": f"{url}?token=hunter2", "event_types": ["Invoice.Closed"]}
    made = (await site.post(AT, body)).document
    await site.put(a_paid_invoice())
    assert (await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")).status == 200
    return str(made["id"])


async def logged(site: Site, endpoint_id: str, *, mail: str) -> Any:
    """The log, once its newest entry's mail is in this state."""
    async with asyncio.timeout(AWAITED_S):
        while True:
            log = (await site.get(f"{AT}/{endpoint_id}/failure_log")).document
            if log["failures"] and log["failures"][0]["mail"]["state"] == mail:
                return log


async def test_a_deactivated_endpoint_has_its_story_told(site: Site) -> None:
    async with receiving(answer=lambda _call: 410) as receiver:
        endpoint_id = await gone(site, receiver.url)
        log = await logged(site, endpoint_id, mail="none")
    (failure,) = log["failures"]
    (delivery,) = (await site.get("/v1/deliveries?state=held")).document["deliveries"]
    assert (failure["delivery_id"], failure["status"], failure["fault"]) == (delivery["id"], 410, "http_status")
    assert failure["consecutive_failures"] == 1
    assert failure["failing_since"] == failure["at"]
    assert failure["mail"] == {"state": "none", "attempts": 0, "due_at": None, "sent_at": None, "error": ""}
    (attempt,) = log["recent_attempts"]
    assert (attempt["delivery_id"], attempt["number"], attempt["status"]) == (delivery["id"], 1, 410)
    assert log["page_info"] == {"total": 1, "page": 1, "size": 10}
    assert (await site.get(f"{AT}/{endpoint_id}/failure_log?page=2")).document["failures"] == []
    assert b"hunter2" not in (await site.get(f"{AT}/{endpoint_id}/failure_log")).body
    await site.call("DELETE", f"{AT}/{endpoint_id}")
    assert (await site.get(f"{AT}/{endpoint_id}/failure_log")).document["failures"] == log["failures"]


async def test_people_are_mailed_by_the_running_application(settings: Settings) -> None:
    async with receiving(answer=lambda _call: 410) as receiver, mailing() as mailbox:
        mailed = replace(
            settings,
            alert_emails=("ops@salon.example",),
            mail_from="closebell@salon.example",
            smtp_host=HOST,
            smtp_port=mailbox.port,
            smtp_security="none",
            public_url="https://closebell.example",
        )
        async with running(mailed) as site:
            endpoint_id = await gone(site, receiver.url)
            log = await logged(site, endpoint_id, mail="sent")
            assert log["failures"][0]["mail"]["attempts"] == 1
            metrics = (await site.get("/metrics")).body.decode()
            assert 'closebell_alert_mails_total{outcome="sent"} 1.0' in metrics
    (taken,) = mailbox.taken
    assert taken.to == ("ops@salon.example",)
    said = taken.mail.get_content()
    assert f"https://closebell.example{AT}/{endpoint_id}/failure_log" in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    ("path", "status"),
    [
        (f"{guid_of('nobody')}/failure_log", 404),
        ("nonsense/failure_log", 400),
        (f"{guid_of('nobody')}/failure_log?size=101", 422),
        (f"{guid_of('nobody')}/failure_log?page=0", 400),
    ],
)
async def test_what_cannot_be_read_is_refused(site: Site, path: str, status: int) -> None:
    assert (await site.get(f"{AT}/{path}")).status == status
