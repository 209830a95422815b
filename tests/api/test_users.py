"""Users over HTTP: created, listed, given another password, disabled."""

from __future__ import annotations

from typing import Any

import pytest

from calling import Reply, Site
from closebell.testing import a_paid_invoice, an_employee, guid_of

PASSWORD = "correct horse battery staple"
ADA = {"user_name": "Ada", "password": PASSWORD, "role": "cashier"}


async def sign_in(site: Site, password: str = PASSWORD) -> Reply:
    return await site.post("/v1/tokens", {**ADA, "password": password, "grant_type": "password"}, key=None)


async def bearing(site: Site, reply: Reply) -> int:
    token = reply.document["credentials"]["access_token"]
    return (await site.get("/v1/events", key=None, headers={"authorization": f"bearer {token}"})).status


async def test_a_user_is_created_and_shown_without_the_password(site: Site) -> None:
    invoice = a_paid_invoice()
    await site.put(invoice, employees=(an_employee(),))
    more = {"center_ids": [invoice.centre.id], "employee_id": an_employee().upper()}
    made = await site.post("/v1/users", {**ADA, **more})
    assert made.status == 201
    shown = made.document
    assert shown.pop("error") is None
    assert (shown["user_name"], shown["role"], shown["disabled_at"]) == ("ada", "cashier", None)
    assert (shown["center_ids"], shown["employee_id"]) == ([invoice.centre.id], an_employee())
    listed = await site.get("/v1/users")
    assert listed.document == {"users": [shown], "error": None}
    assert b"argon2" not in made.body + listed.body


@pytest.mark.parametrize(
    ("wrong", "field", "problem"),
    [
        ({"password": "x" * 11}, "password", "has 11 characters; a password has at least 12"),
        ({"password": "é" * 600}, "password", "has 1200 bytes; at most 1024 are taken"),
        ({"user_name": " "}, "user_name", "is blank"),
        ({"user_name": "a\nb"}, "user_name", "holds a line break"),
        ({"user_name": "ß" * 101}, "user_name", "has 202 characters"),
        ({"role": "owner"}, "role", "'owner' is no role"),
        ({"role": None}, "role", "must be a string, not null"),
        ({"employee_id": guid_of("nobody")}, "employee_id", f"{guid_of('nobody')} is not an employee Closebell knows"),
        ({"center_ids": [guid_of("nowhere")]}, "center_ids[0]", f"{guid_of('nowhere')} is not a centre Closebell"),
    ],
)
async def test_what_is_wrong_is_named_and_no_password_repeated(
    site: Site, wrong: Any, field: str, problem: str
) -> None:
    before = await site.rows()
    reply = await site.post("/v1/users", {**ADA, **wrong})
    assert (reply.status, reply.error["code"]) == (400, 502)
    assert reply.error["message"].startswith(f"{field}: {problem}")
    assert str(wrong.get("password", "\0")).encode() not in reply.body
    assert await site.rows() == before
    assert (await site.get("/v1/users")).document["users"] == []


async def test_a_name_is_taken_once_however_it_is_written(site: Site) -> None:
    await site.post("/v1/users", ADA)
    reply = await site.post("/v1/users", {**ADA, "user_name": "ADA "})
    assert (reply.status, reply.error["message"]) == (409, "there is a user ada already")


async def test_another_password_ends_what_the_old_one_gave(site: Site) -> None:
    user_id = (await site.post("/v1/users", ADA)).document["id"]
    before = await sign_in(site)
    assert await bearing(site, before) == 200
    at = f"/v1/users/{user_id}/password"
    short = await site.call("PUT", at, {"password": "short"})
    assert (short.status, await bearing(site, before)) == (400, 200)
    changed = await site.call("PUT", at, {"password": "another long password"})
    assert (changed.status, changed.document["id"]) == (200, user_id)
    assert await bearing(site, before) == 401
    assert (await sign_in(site)).status == 401
    assert (await sign_in(site, "another long password")).status == 200


async def test_a_disabled_user_is_out_until_they_are_created_again(site: Site) -> None:
    user_id = (await site.post("/v1/users", ADA)).document["id"]
    before = await sign_in(site)
    gone = await site.call("DELETE", f"/v1/users/{user_id}")
    assert (gone.status, gone.document["disabled_at"]) == (200, "2026-01-05T12:00:00Z")
    assert await bearing(site, before) == 401
    refresh = {"grant_type": "refresh_token", "refresh_token": before.document["credentials"]["refresh_token"]}
    assert (await site.post("/v1/tokens", refresh, key=None)).status == 401
    assert (await sign_in(site)).status == 401
    for method, path, body in [
        ("DELETE", f"/v1/users/{user_id}", None),
        ("PUT", f"/v1/users/{user_id}/password", {"password": PASSWORD}),
        ("DELETE", f"/v1/users/{guid_of('nobody')}", None),
    ]:
        assert (await site.call(method, path, body)).status == 404

    again = (await site.post("/v1/users", {**ADA, "role": "reader"})).document
    assert (again["id"], again["role"], again["disabled_at"]) == (user_id, "reader", None)
    assert await bearing(site, before) == 401
    assert (await sign_in(site)).status == 200
