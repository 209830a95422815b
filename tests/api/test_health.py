from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any, Never

from sqlalchemy import Connection, text

from calling import Site, running
from closebell.api.front_door import Api
from closebell.app import configure_logging
from closebell.config import Settings
from closebell.errors import Unavailable
from closebell.testing import a_paid_invoice, an_invoice, guid_of


async def test_readiness_fails_when_the_schema_is_another(site: Site) -> None:
    def pretend(connection: Connection) -> None:
        connection.execute(text("UPDATE alembic_version SET version_num = 'older'"))

    await site.service.database.write(pretend)
    reply = await site.get("/readyz", key=None)
    assert (reply.status, reply.error["code"]) == (503, 719)
    assert "retry-after" in reply.headers
    assert (await site.get("/healthz", key=None)).status == 200


async def test_readiness_fails_when_the_database_is_gone(site: Site) -> None:
    class Gone:
        async def read(self, *_arguments: Any) -> Never:
            raise Unavailable("gone")

    kept = site.service
    site.alter(database=Gone())
    assert (await site.get("/readyz", key=None)).status == 503
    site.app.service = kept


async def test_the_metrics_count_by_route_and_rule_and_never_by_id(site: Site) -> None:
    await site.put(a_paid_invoice("1"), an_invoice("2", paid=1))
    await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")
    await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")
    await site.post(f"/v1/invoices/{guid_of('invoice 2')}/close")
    await site.get("/v1/no/such/route")
    await site.call("BREW", "/v1/no/such/route")
    reply = await site.get("/metrics")
    assert reply.headers["content-type"].startswith("text/plain")
    told = reply.body.decode()
    route = "/v1/invoices/{invoice_id}/close"
    assert f'closebell_requests_total{{method="POST",route="{route}",status="200"}} 2.0' in told
    assert f'closebell_requests_total{{method="POST",route="{route}",status="409"}} 1.0' in told
    assert 'closebell_requests_total{method="GET",route="none",status="404"} 1.0' in told
    assert "closebell_invoices_closed_total 1.0" in told
    assert "closebell_invoices_closed_again_total 1.0" in told
    assert 'closebell_close_refusals_total{refusal="not_fully_paid"} 1.0' in told
    assert "closebell_close_batch_invoices_count 3.0" in told
    assert guid_of("invoice 1") not in told
    assert "BREW" not in told


async def test_two_applications_count_apart(settings: Settings, migrated: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    shutil.copy(migrated, other)
    async with running(settings) as first, running(replace(settings, database_url=f"sqlite:///{other}")) as second:
        await first.get("/v1/keys")
        assert b'route="/v1/keys"' in (await first.get("/metrics")).body
        assert b'route="/v1/keys"' not in (await second.get("/metrics")).body


def test_logging_is_configured_from_the_settings() -> None:
    for log_format in ("console", "json"):
        configure_logging(Settings(log_format=log_format, log_level="warning"))


def test_the_application_is_of_the_framework() -> None:
    assert Api.__mro__[1].__name__ == "Litestar"
