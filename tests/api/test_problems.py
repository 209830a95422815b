from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Never

import pytest
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from sqlalchemy.exc import IntegrityError
from structlog.testing import capture_logs

from calling import Site
from closebell import errors
from closebell.api.front_door import explained
from closebell.api.problems import PageTooLarge, problem_of
from closebell.errors import (
    ClosebellError,
    Conflict,
    InDoubt,
    InvalidInput,
    MisuseError,
    NotFound,
    Refusal,
    RefusalCode,
    RefusalKind,
    SealBroken,
    Stopping,
    TooLarge,
    TooOften,
    Unauthorised,
    Unavailable,
)
from closebell.testing import a_paid_invoice, guid_of

CLOSE = f"/v1/invoices/{guid_of('invoice 1')}/close"

# Every leaf of the error tree: an instance, and the status, body code and message it becomes.
BECOMES: list[tuple[ClosebellError, int, int, str]] = [
    (InvalidInput("amount", "is missing"), 400, 502, "amount: is missing"),
    (InvalidInput("", "The body is not JSON."), 400, 400, "The request is invalid. The body is not JSON."),
    (NotFound("No endpoint has the id x"), 404, 404, "No endpoint has the id x"),
    (Conflict("It is closed"), 409, 409, "It is closed"),
    (TooLarge("Over 5 bytes."), 413, 413, "Over 5 bytes."),
    (PageTooLarge("limit", most=100), 422, 422, "You cannot request more than 100 items."),
    (Unauthorised("No key."), 401, 401, "Authorization has been denied for this request."),
    (TooOften("More than 60 calls.", retry_after_s=1), 429, 429, "Too many requests."),
    (Unavailable("disk is full"), 503, 719, "The request could not be completed."),
    (InDoubt("Nobody knows whether it was done."), 503, 719, "The request could not be completed."),
    (Stopping("The service is stopping."), 503, 719, "The request could not be completed."),
    (SealBroken("The key is missing."), 500, 719, "The request could not be completed."),
    (MisuseError("A setting is wrong."), 500, 719, "The request could not be completed."),
]


@pytest.mark.parametrize(
    ("error", "status", "code", "message"), BECOMES, ids=[type(row[0]).__name__ for row in BECOMES]
)
def test_each_error_has_its_status_code_and_message(
    error: ClosebellError, status: int, code: int, message: str
) -> None:
    problem = problem_of(error)
    assert (problem.status, problem.code, problem.message) == (status, code, message)


STATUSES = {RefusalKind.RULE: 409, RefusalKind.INPUT: 400, RefusalKind.MISSING: 404, RefusalKind.DENIED: 403}


@pytest.mark.parametrize("code", RefusalCode)
def test_each_refusal_has_its_status_code_and_literal_message(code: RefusalCode) -> None:
    problem = problem_of(Refusal(code, "What and how much."))
    assert problem.status == STATUSES[code.kind]
    assert (problem.code, problem.message, problem.detail) == (code.wire_code, code.message, "What and how much.")


def test_no_error_of_the_tree_is_forgotten() -> None:
    mapped = {type(row[0]) for row in BECOMES} | {Refusal}
    declared = {error for error in vars(errors).values() if isinstance(error, type) and error in _below(ClosebellError)}
    assert declared <= mapped


def _below(error: type) -> set[type]:
    children: list[type] = error.__subclasses__()
    return {below for child in children for below in (child, *_below(child))}


def test_a_close_that_fails_says_so_in_the_contracts_words() -> None:
    for error in (Unavailable("x"), RuntimeError("x")):
        problem = problem_of(error, closing=True)
        assert (problem.code, problem.message) == (719, "Invoice could not be closed.")


def test_what_the_framework_raises_keeps_its_status() -> None:
    assert problem_of(NotFoundException()).status == 404
    refused = problem_of(MethodNotAllowedException(headers={"allow": "POST"}))
    assert (refused.status, refused.headers) == (405, ((b"allow", b"POST"),))


@pytest.fixture
def _failing(site: Site) -> Iterator[None]:
    """A database that meets what nobody foresaw."""
    unforeseen = IntegrityError(
        "INSERT INTO keys VALUES (?)", ("a-secret-value",), Exception("constraint of table keys")
    )

    class Broken:
        async def read(self, *_arguments: Any, **_named: Any) -> Never:
            raise unforeseen

        write = read

    kept = site.service
    site.alter(database=Broken())
    yield
    site.app.service = kept


@pytest.mark.usefixtures("_failing")
async def test_the_unforeseen_is_told_by_reference_and_logged_without_values(site: Site) -> None:
    with capture_logs() as logs:
        reply = await site.get(f"/v1/invoices/{guid_of('invoice 1')}")
    assert (reply.status, reply.error["code"]) == (500, 719)
    assert reply.error["message"] == "The request could not be completed."
    assert b"INSERT" not in reply.body
    assert b"keys" not in reply.body
    (failure,) = [entry for entry in logs if entry["event"] == "request.failed"]
    assert reply.error["InternalMessage"] == f"Reference {failure['reference']}."
    assert "constraint of table keys" in str(failure["exc_info"])
    assert "a-secret-value" not in str(failure["exc_info"])


async def test_a_database_that_cannot_answer_is_503_with_a_time_to_come_back(site: Site) -> None:
    await site.put(a_paid_invoice())

    class Gone:
        engine_name = "sqlite"
        writers = 1

        async def read(self, *_arguments: Any, **_named: Any) -> Never:
            raise Unavailable("database is locked: /srv/secret/path.db", retry_after_s=3)

        write = read

    kept = site.service
    gone: Any = Gone()
    site.service.desk._database = gone
    site.alter(database=gone)
    close = await site.post(CLOSE)
    batch = await site.post("/v1/invoices/close", {"invoice_ids": [guid_of("invoice 1")]})
    read = await site.get(f"/v1/invoices/{guid_of('invoice 1')}")
    site.app.service = kept
    for reply in (close, batch, read):
        assert (reply.status, reply.error["code"], reply.headers["retry-after"]) == (503, 719, "3")
        assert b"secret" not in reply.body
    assert close.error["message"] == batch.error["message"] == "Invoice could not be closed."
    site.service.desk._database = kept.database
    assert (await site.post(CLOSE)).status == 200


@pytest.mark.parametrize("path", ["/", "/v1", "/v2/invoices", "/v1/invoice", "/docs", "/schema"])
async def test_an_unknown_route_is_404_in_our_own_shape(site: Site, path: str) -> None:
    reply = await site.get(path)
    assert (reply.status, reply.error["message"]) == (404, "There is no such route.")


async def test_a_wrong_method_is_405_and_says_which_are_right(site: Site) -> None:
    reply = await site.get(CLOSE)
    assert reply.status == 405
    assert reply.error["message"] == "The route does not take this method."
    assert "POST" in reply.headers["allow"]


def test_references_differ() -> None:
    found = {explained(RuntimeError("x"), path="/").detail for _ in range(3)}
    assert len(found) == 3


async def test_whoever_hangs_up_in_the_middle_of_a_body_changes_nothing(site: Site) -> None:
    await site.put(a_paid_invoice())
    before = await site.rows()
    # Nobody reads the answer; what counts is that the half body was not taken for a whole one.
    reply = await site.call("POST", CLOSE, chunks=())
    assert reply.status == 503
    assert await site.rows() == before
