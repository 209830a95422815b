"""The OpenAPI document against the served API: whatever is asked, no server error, and answers as described."""

from __future__ import annotations

import asyncio
import json
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
import uvicorn
from hypothesis import HealthCheck, given, settings, strategies
from schemathesis.checks import not_a_server_error
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from calling import KEY
from closebell import samples
from closebell.api.catalogue import OPERATIONS
from closebell.api.examples.sample import INVOICE_ID
from closebell.api.openapi import document
from closebell.app import build
from closebell.config import Settings
from closebell.testing import NOON
from closebell.usecase.import_records import decode, import_records

EXAMPLES = 25
"""Requests made up for each route of the document."""
CHECKS = (not_a_server_error, content_type_conformance, response_schema_conformance, status_code_conformance)
SCHEMA = schemathesis.openapi.from_dict(
    json.loads(document([operation.doc for operation in OPERATIONS], version="0", server=None))
)
DESCRIBED = {result.ok().label: result.ok() for result in SCHEMA.get_all_operations() if isinstance(result, Ok)}


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory, migrated: Path) -> Iterator[str]:
    """The application on a real socket, in a thread of its own."""
    path = tmp_path_factory.mktemp("schemathesis") / "closebell.db"
    shutil.copy(migrated, path)
    app = build(Settings(database_url=f"sqlite:///{path}", admin_key=KEY, allowed_networks=("127.0.0.0/8",)))
    server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, access_log=False, http="httptools"))
    ready = threading.Event()

    async def serve() -> None:
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():  # noqa: ASYNC110  # uvicorn has a flag and no event
            await asyncio.sleep(0)
        assert app.service is not None
        records = decode(samples.invoice_closed())
        await app.service.database.write(import_records, records, as_open=True, now=NOON)
        ready.set()
        await serving

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    assert ready.wait(30)
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def test_every_route_can_be_asked() -> None:
    assert len(DESCRIBED) == len(OPERATIONS)


@pytest.mark.parametrize("label", DESCRIBED)
def test_whatever_is_asked_is_answered_as_described(served: str, label: str) -> None:
    @given(case=DESCRIBED[label].as_strategy(), is_known=strategies.booleans())
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    def ask(case: Any, is_known: bool) -> None:
        if is_known and "invoice_id" in case.path_parameters:
            case.path_parameters["invoice_id"] = INVOICE_ID
        case.query.pop("wait", None)  # nobody will close anything meanwhile
        answer = case.call(base_url=served, headers={"Authorization": f"apikey {KEY}"})
        case.validate_response(answer, checks=CHECKS)

    ask()
