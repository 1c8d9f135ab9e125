"""Our own counters beside prometheus-client's: whatever is counted, what is read is the same to the byte."""

import re
from collections.abc import Callable
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.exposition import choose_encoder

from router.counting import CountFamily, DistributionFamily

BUCKETS = (0.005, 0.5, 1, 2.5, 600)
LABELS = st.tuples(st.sampled_from(["chat", 'a"b\\c\nd']), st.sampled_from(["2xx", "gone"]))
AMOUNTS = st.one_of(st.floats(0, 1e6), st.sampled_from(BUCKETS).map(float), st.integers(0, 10**12).map(float))
READERS = ("", "text/plain; version=0.0.4", "application/openmetrics-text; version=1.0.0")


def read(
    counter: Callable[..., Any], histogram: Callable[..., Any], counted: list[tuple[tuple[str, str], float]]
) -> list[str]:
    registry = CollectorRegistry()
    told = counter("tokens", "Tokens: \\ and\nmore.", ("face", "status"), registry=registry)
    seconds = histogram("duration_seconds", "How long.", ("face", "status"), buckets=BUCKETS, registry=registry)
    for labels, amount in counted:
        told.labels(*labels).inc(amount)
        told.labels(*labels).inc()
        seconds.labels(*labels).observe(amount)
    return [
        re.sub(r"(_created\{.*\}) \S+", r"\1 then", choose_encoder(accept)[0](registry).decode()) for accept in READERS
    ]


@given(st.lists(st.tuples(LABELS, AMOUNTS), max_size=20))
def test_what_is_read_is_the_same(counted: list[tuple[tuple[str, str], float]]) -> None:
    ours = read(CountFamily, DistributionFamily, counted)
    assert ours == read(Counter, Histogram, counted)
    assert all(("duration_seconds_bucket" in text) == bool(counted) for text in ours)
