"""A service that has lived through something, and its metrics as Prometheus reads them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta

from prometheus_client.parser import text_string_to_metric_families

from calling import KEY, Site, running
from closebell.config import Settings
from closebell.store.schema import migrate
from closebell.testing import SECRET_KEY, a_paid_invoice, an_invoice, guid_of
from dispatching import AWAITED_S
from receiving import receiving

ATTEMPTS = "closebell_delivery_attempts_total"
BETWEEN_ATTEMPTS = timedelta(hours=1)
ANSWERS: dict[str, tuple[int, ...]] = {
    "well": (200,),
    "shaky": (500, 200),
    "gone": (410,),
    "dead": (500, 500, 500, 500, 500, 500),
}
"""What the receiver of each endpoint answers, one call after the other; whatever comes after them is taken."""


@dataclass(frozen=True, slots=True)
class Samples:
    """Every figure there is, by name and labels."""

    figures: dict[tuple[str, frozenset[tuple[str, str]]], float]

    def get(self, metric: str, /, **labels: str) -> float | None:
        return self.figures.get((metric, frozenset(labels.items())))

    def __call__(self, metric: str, /, **labels: str) -> float:
        found = self.get(metric, **labels)
        assert found is not None, f"{metric}{labels} is not there"
        return found

    def labels_of(self) -> dict[str, set[str]]:
        """The labels that each name has."""
        found: dict[str, set[str]] = {}
        for name, labels in self.figures:
            found.setdefault(name, set()).update(label for label, _ in labels)
        return found

    def values_of(self, metric: str, label: str) -> set[str]:
        """The values that a label of this metric has."""
        return {value for name, labels in self.figures if name == metric for key, value in labels if key == label}


async def samples(site: Site) -> Samples:
    """The figures as they are now."""
    reply = await site.get("/metrics")
    assert reply.status == 200
    return Samples(
        {
            (sample.name, frozenset(sample.labels.items())): sample.value
            for family in text_string_to_metric_families(reply.body.decode())
            for sample in family.samples
        }
    )


async def until(site: Site, satisfied: Callable[[Samples], bool]) -> Samples:
    """The figures once they satisfy."""
    async with asyncio.timeout(AWAITED_S):
        while not satisfied(found := await samples(site)):
            # A look at the database gives the dispatcher its turn.
            await site.get("/readyz", key=None)
    return found


@dataclass(frozen=True, slots=True)
class Lived:
    """A service behind which lies a close, told to endpoints of every fate."""

    site: Site
    endpoints: dict[str, str]


@asynccontextmanager
async def living(database_url: str) -> AsyncIterator[Lived]:
    """Close an invoice, refuse to close another, and deliver until nothing is due any more."""
    migrate(database_url)
    settings = Settings(
        database_url=database_url, admin_key=KEY, secret_keys=(SECRET_KEY,), allowed_networks=("127.0.0.0/8",)
    )
    async with AsyncExitStack() as stack:
        site = await stack.enter_async_context(running(settings))
        endpoints = {name: await _subscribe(stack, site, name) for name in ANSWERS}
        await site.put(a_paid_invoice("1"), an_invoice("2", paid=1))
        assert (await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")).status == 200
        assert (await site.post(f"/v1/invoices/{guid_of('invoice 1')}/close")).status == 200
        assert (await site.post(f"/v1/invoices/{guid_of('invoice 2')}/close")).status == 409
        for attempts in range(1, len(ANSWERS["dead"]) + 1):
            await until(site, lambda found, count=attempts: _has_called(found, endpoints, count))  # type: ignore[misc]
            site.clock.advance(BETWEEN_ATTEMPTS)
            site.service.told()
        yield Lived(site, endpoints)


async def _subscribe(stack: AsyncExitStack, site: Site, name: str) -> str:
    answers = iter(ANSWERS[name])
    receiver = await stack.enter_async_context(receiving(lambda _call: next(answers, 200)))
    draft = {"name": name, "url": receiver.url, "event_types": ["Invoice.Closed"], "policy": "zenoti"}
    reply = await site.post("/v1/webhook_endpoints", draft)
    assert reply.status == 201, reply.body
    return str(reply.document["id"])


def _has_called(found: Samples, endpoints: dict[str, str], count: int) -> bool:
    """Whether each endpoint was called so often, or as often as it will be."""
    return all(
        _attempts(found, endpoint_id) >= min(count, len(ANSWERS[name])) for name, endpoint_id in endpoints.items()
    )


def _attempts(found: Samples, endpoint_id: str) -> float:
    return sum(
        found.get(ATTEMPTS, endpoint=endpoint_id, outcome=outcome) or 0 for outcome in ("delivered", "http_status")
    )
