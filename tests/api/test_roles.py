"""Who may reach what: every route asks for a role, and what is about every centre for a caller of every centre."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from calling import Reply, Site
from closebell.api.catalogue import OPERATIONS
from closebell.api.examples.sample import PATH_VALUES
from closebell.api.front_door import OPEN_PATHS, SECRET_PATHS
from closebell.api.routing import Doc
from closebell.domain.caller import Role
from closebell.domain.grant import Grant
from closebell.store import invoices
from closebell.testing import SeededLuck, a_centre, a_paid_invoice, an_employee, an_invoice, guid_of
from closebell.usecase.manage_keys import create_key

GUARDED = [op.doc for op in OPERATIONS if not op.doc.is_open]
HERE, THERE = a_centre("Main Street"), a_centre("Elsewhere")
LUCK = SeededLuck(3)


async def key_for(site: Site, role: Role, *center_ids: str) -> str:
    grant = Grant(role=role, center_ids=center_ids)
    made = await site.service.database.write(create_key, str(role), grant=grant, clock=site.clock, luck=LUCK)
    return made.key


def named(doc: Doc) -> str:
    return f"{doc.method} {doc.path}"


async def ask(site: Site, doc: Doc, key: str) -> Reply:
    return await site.call(doc.method, doc.path.format(**{**PATH_VALUES, **doc.path_example}), key=key)


def denial(reply: Reply) -> tuple[int, int, str, str]:
    """The refusal, whatever else the errors of the route carry."""
    error = reply.document["error"]
    return reply.status, int(error["code"]), error["message"], error["InternalMessage"]


@pytest.mark.parametrize("role", [Role.READER, Role.CASHIER])
async def test_each_route_lets_in_its_role_and_no_lesser_one(site: Site, role: Role) -> None:
    key = await key_for(site, role)
    for doc in GUARDED:
        before = await site.rows()
        reply = await ask(site, doc, key)
        if role.may(doc.needed_role):
            assert reply.status not in {401, 403}, named(doc)
        else:
            wanted = f"{named(doc)} needs the role {doc.needed_role}; the caller's is {role}."
            assert denial(reply) == (403, 438, "cannot access.", wanted)
            assert await site.rows() == before, named(doc)


async def test_what_is_about_every_centre_is_not_for_those_of_some(site: Site) -> None:
    await site.put(a_paid_invoice(centre=HERE))
    key = await key_for(site, Role.ADMIN, HERE.id)
    for doc in (doc for doc in GUARDED if doc.needs_every_center):
        before = await site.rows()
        wanted = f"{named(doc)} is about every centre; the caller is bound to 1 of them."
        assert denial(await ask(site, doc, key)) == (403, 438, "cannot access.", wanted)
        assert await site.rows() == before, named(doc)


def test_only_admins_of_every_centre_say_who_may_call_and_who_is_told() -> None:
    for doc in GUARDED:
        if doc.tag in {"Keys", "Users", "Webhook endpoints"} or doc.path == "/v1/import":
            assert doc.needed_role is Role.ADMIN, named(doc)
            assert doc.needs_every_center, named(doc)


def test_no_path_is_open_in_part() -> None:
    """What is open is open by its path, so that nothing else may be reached by one like it."""
    assert {
        *("/healthz", "/readyz", "/v1/tokens", "/Token", "/token"),
        "/v1/hosted_payments/{token_id}",
    } == OPEN_PATHS
    assert not [doc for doc in GUARDED if doc.path in OPEN_PATHS or doc.path.startswith(SECRET_PATHS)]


async def test_the_body_of_a_caller_who_may_not_is_not_read(site: Site) -> None:
    site.alter(import_bytes_max=1024)
    key = await key_for(site, Role.CASHIER)
    reply = await site.call("POST", "/v1/import", key=key, chunks=(b"x" * 2000, b"x" * 2000))
    assert reply.status == 403


INVOICE = f"/v1/invoices/{guid_of('invoice 1')}"


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("GET", "/close_check"), ("POST", "/close")])
async def test_an_invoice_of_another_centre_is_out_of_reach(site: Site, method: str, path: str) -> None:
    await site.put(a_paid_invoice(centre=HERE), a_paid_invoice("2", centre=THERE))
    there, here = [await key_for(site, Role.CASHIER, centre.id) for centre in (THERE, HERE)]
    before = await site.rows()
    reply = await site.call(method, INVOICE + path, key=there)
    assert (reply.status, reply.error["code"], reply.error["message"]) == (403, 438, "cannot access.")
    assert reply.error["InternalMessage"] == f"The caller is not bound to centre {HERE.id}."
    assert await site.rows() == before
    assert (await site.call(method, INVOICE + path, key=here)).status == 200


async def test_of_a_batch_only_the_callers_own_are_closed(site: Site) -> None:
    await site.put(a_paid_invoice(centre=HERE), a_paid_invoice("2", centre=THERE))
    ids = [guid_of("invoice 1"), guid_of("invoice 2")]
    key = await key_for(site, Role.CASHIER, THERE.id)
    results = (await site.post("/v1/invoices/close", {"invoice_ids": ids}, key=key)).document["results"]
    assert [result["is_invoice_closed"] for result in results] == [False, True]
    assert results[0]["error"]["code"] == 438


async def test_a_key_says_what_it_may_do(site: Site) -> None:
    await site.put(a_paid_invoice(centre=HERE))
    body: dict[str, Any] = {"name": "till", "role": "cashier", "center_ids": [HERE.id, HERE.id.upper()]}
    made = (await site.post("/v1/keys", body)).document
    assert (made["role"], made["center_ids"]) == ("cashier", [HERE.id])
    everything = (await site.post("/v1/keys", {"name": "old"})).document
    assert (everything["role"], everything["center_ids"]) == ("admin", [])
    listed = (await site.get("/v1/keys")).document["keys"]
    assert {(row["name"], row["role"]) for row in listed} == {("till", "cashier"), ("old", "admin")}
    assert (await site.get(INVOICE, key=made["key"])).status == 200
    assert (await site.get("/v1/keys", key=made["key"])).status == 403


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"role": "king"}, "role: 'king' is no role; write reader, cashier, admin"),
        ({"role": ""}, "role: '' is no role; write reader, cashier, admin"),
        ({"center_ids": ["x"]}, "center_ids[0]: 'x' is not a GUID"),
        ({"center_ids": [guid_of("nowhere")]}, "center_ids[0]: "),
        ({"center_ids": [str(n) for n in range(1001)]}, "center_ids[0]: "),
    ],
)
async def test_a_key_is_granted_what_there_is(site: Site, wrong: Any, message: str) -> None:
    before = await site.rows()
    reply = await site.post("/v1/keys", {"name": "till", **wrong})
    assert reply.status == 400
    assert reply.error["message"].startswith(message)
    assert await site.rows() == before


async def test_a_revoked_key_is_refused_at_once_and_elsewhere_within_seconds(site: Site) -> None:
    made = (await site.post("/v1/keys", {"name": "till", "role": "reader"})).document
    assert (await site.get("/v1/events", key=made["key"])).status == 200
    await site.call("DELETE", f"/v1/keys/{made['id']}")
    site.clock.advance(timedelta(0))
    assert (await site.get("/v1/events", key=made["key"])).status == 401


async def test_who_closes_is_the_employee_who_signed_in_unless_another_is_named(site: Site) -> None:
    await site.put(a_paid_invoice(), a_paid_invoice("2"), employees=(an_employee("Ines"), an_employee("Bo")))
    user = {"user_name": "ines", "password": "a long enough password", "role": "cashier"}
    assert (await site.post("/v1/users", {**user, "employee_id": an_employee("Ines")})).status == 201
    signed_in = await site.post("/v1/tokens", {**user, "grant_type": "password"}, key=None)
    bearer = {"authorization": f"bearer {signed_in.document['credentials']['access_token']}"}
    own = await site.post(f"{INVOICE}/close", key=None, headers=bearer)
    assert own.document["closed_by_id"] == an_employee("Ines")
    named_one = {"invoice_ids": [guid_of("invoice 2")], "closed_by_id": an_employee("Bo")}
    await site.post("/v1/invoices/close", named_one, key=None, headers=bearer)
    again = await site.post(f"/v1/invoices/{guid_of('invoice 2')}/close", key=None, headers=bearer)
    assert again.document["closed_by_id"] == an_employee("Bo")


async def test_what_an_employee_does_who_signed_in_is_theirs_on_every_way(site: Site) -> None:
    group = guid_of("group")
    grouped, unpaid, old = a_paid_invoice("g", group_invoice_id=group), an_invoice("u", total=1000), a_paid_invoice("o")
    await site.put(grouped, unpaid, old, employees=(an_employee("Ines"),))
    user = {"user_name": "ines", "password": "a long enough password", "role": "cashier"}
    await site.post("/v1/users", {**user, "employee_id": an_employee("Ines")})
    signed_in = await site.post("/v1/tokens", {**user, "grant_type": "password"}, key=None)
    bearer = {"authorization": f"bearer {signed_in.document['credentials']['access_token']}"}

    for path, body in (
        (f"/v1/group_invoices/{group}/close", None),
        (f"/Catalog/Memberships/CloseInvoice/{old.id}", None),
        (f"/v1/invoices/{unpaid.id}/payments/cash", {"amount": 10}),
    ):
        assert (await site.post(path, body, key=None, headers=bearer)).status == 200

    found = await site.service.database.read(invoices.load, [grouped.id, unpaid.id, old.id])
    assert {found[grouped.id].closed_by_id, found[old.id].closed_by_id} == {an_employee("Ines")}
    assert [paid.collected_by_id for paid in found[unpaid.id].transactions] == [an_employee("Ines")]
