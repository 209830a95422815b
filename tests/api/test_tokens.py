"""Tokens: sign in with a name and a password, stay signed in, sign out."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import pytest
from structlog.testing import capture_logs

from calling import Reply, Site
from closebell.api.sign_in_desk import FAILURES_MAX, NAMES_MAX, WAITING_MAX, WINDOW_S, SignInDesk
from closebell.errors import TooOften
from closebell.store import passwords
from closebell.testing import a_paid_invoice, snapshot

PASSWORD = "correct horse battery staple"
WRONG = "incorrect horse battery"
DENIED = "Authorization has been denied for this request."


async def user(site: Site, name: str = "Ada@Example.com", **more: Any) -> str:
    made = await site.post("/v1/users", {"user_name": name, "password": PASSWORD, "role": "cashier", **more})
    assert made.status == 201
    return str(made.document["id"])


async def sign_in(site: Site, password: str = PASSWORD, name: str = "ada@example.com", **more: Any) -> Reply:
    body = {"grant_type": "password", "user_name": name, "password": password, **more}
    return await site.post("/v1/tokens", body, key=None)


async def refresh(site: Site, token: str) -> Reply:
    return await site.post("/v1/tokens", {"grant_type": "refresh_token", "refresh_token": token}, key=None)


async def ask(site: Site, token: str, path: str = "/v1/events") -> int:
    return (await site.get(path, key=None, headers={"authorization": f"Bearer {token}"})).status


async def test_a_name_and_a_password_give_tokens_in_the_contracts_shape(site: Site) -> None:
    await user(site)
    reply = await sign_in(
        site, name=" ADA@example.COM", app_id="till", app_secret="s3cret", account_name="spa", device_id="d"
    )
    assert reply.status == 200
    assert reply.document["error"] is None
    credentials = reply.document["credentials"]
    token, renewal = credentials.pop("access_token"), credentials.pop("refresh_token")
    assert len(token) == len(renewal) == 64
    assert len(credentials.pop("token_id")) == 36
    assert credentials == {
        "access_token_expiry": "2026-01-06T12:00:00",
        "refresh_token_expiry": "2026-04-05T12:00:00",
        "token_type": "bearer",
        "app_id": "till",
        "user_type": "Employee",
    }
    assert await ask(site, token) == 200
    assert await ask(site, token, "/v1/keys") == 403
    assert (await site.get("/v1/events", key=token)).status == 401, "a token is no key"


async def test_tokens_and_passwords_are_nowhere_to_be_read(site: Site) -> None:
    with capture_logs() as logs:
        await user(site)
        credentials = (await sign_in(site, app_secret="s3cret-of-app")).document["credentials"]
        await sign_in(site, WRONG)
        await refresh(site, credentials["refresh_token"])
        await ask(site, credentials["access_token"])
    rows = repr(await site.service.database.read(snapshot))
    for hidden in (PASSWORD, WRONG, credentials["access_token"], credentials["refresh_token"], "s3cret-of-app"):
        assert hidden not in rows
        assert hidden not in str(logs)


@pytest.mark.parametrize("name", ["ada@example.com", "nobody@example.com", "gone@example.com"])
async def test_whatever_is_wrong_is_answered_alike(site: Site, name: str) -> None:
    await user(site)
    gone = await user(site, "gone@example.com")
    await site.call("DELETE", f"/v1/users/{gone}")
    before = await site.rows()
    reply = await sign_in(site, PASSWORD if name.startswith("gone") else WRONG, name)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (401, 401, DENIED)
    assert reply.error["InternalMessage"] == "The user name or the password is wrong."
    assert await site.rows() == before


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"grant_type": "password", "password": "x"}, "user_name is missing."),
        ({"grant_type": "password", "user_name": "ada", "password": ""}, "password is missing."),
        ({"grant_type": "password", "user_name": "a" * 201, "password": "x"}, "user_name: has 201 characters"),
        ({"grant_type": "password", "user_name": "a", "password": "x" * 1025}, "password: has 1025 characters"),
        ({"grant_type": "password", "user_name": "a", "password": "x", "app_id": "x" * 201}, "app_id: has 201"),
        ({"grant_type": "refresh_token"}, "refresh_token is missing."),
        ({"grant_type": "implicit"}, "grant_type must be password or refresh_token."),
        ({"user_name": "a", "password": "x"}, "grant_type must be password or refresh_token."),
        (b"[]", "The body must be an object"),
        (b"", "The body is empty"),
    ],
)
async def test_a_bad_request_is_400_in_the_contracts_words(site: Site, body: Any, says: str) -> None:
    reply = await site.post("/v1/tokens", body, key=None)
    assert (reply.status, reply.error["code"]) == (400, 400)
    assert reply.error["message"].startswith(f"The request is invalid. {says}")


async def test_a_refresh_token_is_good_once_and_ends_the_access_tokens_before_it(site: Site) -> None:
    await user(site)
    first = (await sign_in(site, app_id="till")).document["credentials"]
    other = (await sign_in(site)).document["credentials"]
    assert await ask(site, first["access_token"]) == 200
    second = (await refresh(site, first["refresh_token"])).document["credentials"]
    assert second["app_id"] == "till"
    assert await ask(site, first["access_token"]) == 401
    assert [await ask(site, one["access_token"]) for one in (second, other)] == [200, 200]

    stolen = await refresh(site, first["refresh_token"])
    assert (stolen.status, stolen.error["message"]) == (401, DENIED)
    assert await ask(site, second["access_token"]) == 401, "whoever has it may be the thief"
    assert (await refresh(site, second["refresh_token"])).status == 401
    assert await ask(site, other["access_token"]) == 200, "another sign-in is another chain"


async def test_of_two_refreshes_at_once_one_succeeds(site: Site) -> None:
    await user(site)
    first = (await sign_in(site)).document["credentials"]
    replies = await asyncio.gather(*(refresh(site, first["refresh_token"]) for _ in range(4)))
    assert sorted(reply.status for reply in replies) == [200, 401, 401, 401]


async def test_tokens_expire(site: Site) -> None:
    await user(site)
    pair = (await sign_in(site)).document["credentials"]
    site.clock.advance(timedelta(hours=24) - timedelta(seconds=1))
    assert await ask(site, pair["access_token"]) == 200
    site.clock.advance(timedelta(seconds=1))
    site.service.gatekeeper.forget()
    assert await ask(site, pair["access_token"]) == 401
    site.clock.advance(timedelta(days=89))
    site.clock.advance(-timedelta(seconds=1))
    later = await refresh(site, pair["refresh_token"])
    assert later.status == 200
    site.clock.advance(timedelta(days=90))
    assert (await refresh(site, later.document["credentials"]["refresh_token"])).status == 401


async def test_signing_out_ends_everything_of_that_user(site: Site) -> None:
    await user(site, role="reader")
    await user(site, "bo")
    mine, also_mine, theirs = [
        (await sign_in(site, name=name)).document["credentials"]
        for name in ("ada@example.com", "ada@example.com", "bo")
    ]
    headers = {"authorization": f"bearer {mine['access_token']}"}
    out = await site.call("DELETE", "/v1/tokens/sessions/revoke", key=None, headers=headers)
    assert (out.status, out.document) == (200, {"is_revoked": True, "error": None})
    assert [await ask(site, pair["access_token"]) for pair in (mine, also_mine, theirs)] == [401, 401, 200]
    assert (await refresh(site, also_mine["refresh_token"])).status == 401


async def test_a_key_has_no_sessions(site: Site) -> None:
    reply = await site.call("DELETE", "/v1/tokens/sessions/revoke")
    assert (reply.status, "API key" in reply.error["message"]) == (409, True)


@pytest.mark.parametrize("path", ["/Token", "/token"])
@pytest.mark.parametrize("content_type", ["application/x-www-form-urlencoded", "text/plain", "application/json"])
async def test_the_older_form(site: Site, path: str, content_type: str) -> None:
    await user(site, password="a b&c=d+é ünïcode")
    form = {"UserName": "ada@example.com", "password": "a b&c=d+é ünïcode", "clientid": "t", "grant_type": "password"}
    reply = await site.post(path, urlencode(form).encode(), key=None, headers={"content-type": content_type})
    assert reply.status == 200
    flat = reply.document
    assert flat.keys() == {"access_token", "token_type", "expires_in", "refresh_token"}
    assert (flat["token_type"], flat["expires_in"]) == ("bearer", 86_400)
    assert await ask(site, flat["access_token"]) == 200
    renewed = await site.post(
        path, f"grant_type=refresh_token&refresh_token={flat['refresh_token']}".encode(), key=None
    )
    assert renewed.document["access_token"] != flat["access_token"]


@pytest.mark.parametrize(
    "body",
    [b"", b"{}", b"username=a&password=b", b"\xff\xfe", b"a=1&" * 21, b"grant_type=password&username=%ff&password=b"],
)
async def test_the_older_form_refuses_what_is_none(site: Site, body: bytes) -> None:
    reply = await site.post("/Token", body, key=None)
    assert (reply.status, reply.error["code"]) == (400, 400)
    assert reply.error["message"].startswith("The request is invalid.")


async def test_a_nul_is_refused_before_the_database_sees_it(site: Site) -> None:
    reply = await site.post("/Token", b"grant_type=password&username=a%00b&password=" + b"x" * 12, key=None)
    assert reply.status == 400


async def test_the_sixth_wrong_password_in_a_minute_is_not_looked_at(site: Site) -> None:
    await user(site)
    now_s = [0.0]
    site.alter(sign_ins=SignInDesk(monotonic_s=lambda: now_s[0]))
    for attempt in range(FAILURES_MAX):
        now_s[0] = attempt * 10.0
        assert (await sign_in(site, WRONG, name=("ADA@example.com", " ada@Example.com")[attempt % 2])).status == 401
    refused = await sign_in(site)
    assert (refused.status, refused.error["code"], refused.headers["retry-after"]) == (429, 429, "20")
    assert (await sign_in(site, name="nobody")).status == 401
    now_s[0] = WINDOW_S
    assert (await sign_in(site)).status == 200


async def test_a_right_password_wipes_out_the_wrong_ones(site: Site) -> None:
    await user(site)
    for _ in range(2):
        for _ in range(FAILURES_MAX - 1):
            assert (await sign_in(site, WRONG)).status == 401
        assert (await sign_in(site)).status == 200


async def test_many_guesses_at_once_are_not_more_guesses() -> None:
    desk = SignInDesk(monotonic_s=lambda: 0.0)
    results = await asyncio.gather(
        *(desk.check("ada", WRONG, passwords.NOBODYS) for _ in range(20)), return_exceptions=True
    )
    assert results.count(False) == FAILURES_MAX
    assert sum(isinstance(result, TooOften) for result in results) == 20 - FAILURES_MAX


async def test_no_more_wait_for_their_turn_than_there_is_room_for() -> None:
    desk = SignInDesk()
    async with asyncio.TaskGroup() as group:
        held = [group.create_task(desk._turns.acquire()) for _ in range(2)]
    assert all(task.result() for task in held)
    waiting = [asyncio.create_task(desk.hashed("a long password")) for _ in range(WAITING_MAX)]
    await asyncio.sleep(0)
    with pytest.raises(TooOften) as refused:
        await desk.hashed("a long password")
    assert refused.value.retry_after_s == 1
    for task in waiting:
        task.cancel()
    await asyncio.gather(*waiting, return_exceptions=True)
    desk._turns.release()
    assert await desk.hashed("a long password")


async def test_what_is_remembered_of_failures_is_bounded() -> None:
    desk = SignInDesk(monotonic_s=lambda: 0.0)
    desk._failures = {str(number).encode(): (0.0, 1) for number in range(NAMES_MAX)}
    await desk.check("one more", WRONG, passwords.NOBODYS)
    assert len(desk._failures) == NAMES_MAX
    assert b"0" not in desk._failures


async def test_a_user_may_be_bound_to_centres(site: Site) -> None:
    invoice = a_paid_invoice()
    await site.put(invoice)
    await user(site, center_ids=[invoice.centre.id])
    token = (await sign_in(site)).document["credentials"]["access_token"]
    assert await ask(site, token, f"/v1/invoices/{invoice.id}") == 200
    assert await ask(site, token) == 403
