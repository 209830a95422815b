"""A histogram that costs next to nothing to observe: two additions, and no lock.

Each of its series is observed by one thread. Whoever reads meanwhile may miss the newest observation, no other.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Series:
    """The observations under one set of labels."""

    __slots__ = ("_bounds", "counts", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total: float = 0

    def observe(self, value: float) -> None:
        """Count the value."""
        self.counts[bisect_left(self._bounds, value)] += 1
        self.total += value


class Histogram(Collector):
    """Observations by labels, in the buckets below `bounds` and the one above."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        bounds: Sequence[float],
        registry: CollectorRegistry | None,
    ) -> None:
        self._family = name, documentation, tuple(labels)
        self._bounds = tuple(bounds)
        self._les = (*map(floatToGoString, bounds), "+Inf")
        self._series: dict[tuple[str, ...], Series] = {}
        if registry is not None:
            registry.register(self)

    def labels(self, *values: str) -> Series:
        """The series with these labels; without labels the only one."""
        assert len(values) == len(self._family[2]), "as many values as labels"
        return self._series.setdefault(values, Series(self._bounds))

    def forget(self, *values: str) -> None:
        """Drop the series with these labels, if there is one."""
        self._series.pop(values, None)

    def describe(self) -> Iterable[Metric]:
        """What it is, without its observations."""
        yield self._empty()

    def collect(self) -> Iterator[Metric]:
        """The observations, as the client library hands them out."""
        family = self._empty()
        for values, series in list(self._series.items()):
            buckets: list[tuple[str, float]] = []
            sum_value, below = series.total, 0
            for le, count in zip(self._les, list(series.counts), strict=True):
                below += count
                buckets.append((le, below))
            family.add_metric(values, buckets=buckets, sum_value=sum_value)
        yield family

    def _empty(self) -> HistogramMetricFamily:
        name, documentation, labels = self._family
        return HistogramMetricFamily(name, documentation, labels=labels)
