"""Counts of one process, read out by prometheus-client: to count costs an addition.

That library's own counters take a lock for every value. They count where several processes are read as one, since they
keep what they count in files then.
"""

import time
from abc import abstractmethod
from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from itertools import accumulate
from math import inf
from typing import Generic, Protocol, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.registry import Collector
from prometheus_client.utils import floatToGoString


class Counts(Protocol):
    """What can be counted up: also prometheus-client's ``Counter``."""

    def inc(self, amount: float = 1) -> None:
        """Add to it."""


class Observes(Protocol):
    """What can be told of a value: also prometheus-client's ``Histogram``."""

    def observe(self, amount: float) -> None:
        """Count the value."""


class Count:
    """One number. Only one thread may count; any may read."""

    __slots__ = ("created", "value")

    def __init__(self) -> None:
        self.value = 0.0
        self.created = time.time()

    def inc(self, amount: float = 1) -> None:
        """Add to it."""
        self.value += amount


class Distribution:
    """How many values lie where, and their sum. Only one thread may count; any may read."""

    __slots__ = ("_bounds", "created", "numbers", "total")

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds = bounds
        self.numbers = [0] * len(bounds)
        self.total = 0.0
        self.created = time.time()

    def observe(self, amount: float) -> None:
        """Count the value."""
        self.numbers[bisect_left(self._bounds, amount)] += 1
        self.total += amount


Child = TypeVar("Child", Count, Distribution)


class _Family(Collector, Generic[Child]):
    """A metric with one child for each combination of its labels' values, in the order they first came."""

    def __init__(self, name: str, documentation: str, labelnames: Sequence[str], registry: CollectorRegistry) -> None:
        self._name = name
        self._documentation = documentation
        self._labelnames = labelnames
        self._children: dict[tuple[str, ...], Child] = {}
        registry.register(self)

    def labels(self, *values: str) -> Child:
        """The child with these values, made when it is first asked for."""
        child = self._children.get(values)
        if child is None:
            child = self._children[values] = self._made()
        return child

    def collect(self) -> Iterable[Metric]:
        """What the registry reads."""
        return [self._read(list(self._children.items()))]

    @abstractmethod
    def _made(self) -> Child:
        """A new child."""

    @abstractmethod
    def _read(self, children: list[tuple[tuple[str, ...], Child]]) -> Metric:
        """What the children have counted."""


class CountFamily(_Family[Count]):
    """A counter; its ``name`` is without ``_total``."""

    def _made(self) -> Count:
        return Count()

    def _read(self, children: list[tuple[tuple[str, ...], Count]]) -> Metric:
        family = CounterMetricFamily(self._name, self._documentation, labels=self._labelnames)
        for values, child in children:
            family.add_metric(values, child.value, child.created)
        return family


class DistributionFamily(_Family[Distribution]):
    """A histogram with these upper bounds, in ascending order, and one for whatever is above them."""

    def __init__(
        self,
        name: str,
        documentation: str,
        labelnames: Sequence[str],
        registry: CollectorRegistry,
        *,
        buckets: Sequence[float],
    ) -> None:
        super().__init__(name, documentation, labelnames, registry)
        self._bounds = (*map(float, buckets), inf)

    def _made(self) -> Distribution:
        return Distribution(self._bounds)

    def _read(self, children: list[tuple[tuple[str, ...], Distribution]]) -> Metric:
        family = HistogramMetricFamily(self._name, self._documentation, labels=self._labelnames)
        for values, child in children:
            family.add_metric(values, list(self._buckets(child.numbers)), child.total)
            labels = dict(zip(self._labelnames, values, strict=True))
            family.add_sample(f"{self._name}_created", labels, child.created)
        return family

    def _buckets(self, numbers: list[int]) -> Iterator[tuple[str, float]]:
        for bound, number in zip(self._bounds, accumulate(numbers), strict=True):
            yield floatToGoString(bound), float(number)  # type: ignore[no-untyped-call]
