"""What a run leaves in OpenTelemetry, read back through its SDK."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader

from loop_client.events import (
    AnyEvent,
    RoundFinish,
    RoundStart,
    RunFinish,
    RunStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from loop_client.jobs import JobCounts
from loop_client.server.metrics import Metrics
from loop_client.usage import Usage
from tests.loop_client.jobs.stage import Stage, script
from tests.loop_client.server.job_service import job_service, start, until

Points = dict[str, list[tuple[dict[str, Any], Any]]]


def recorded(events: Iterable[AnyEvent]) -> Points:
    """What these events leave."""

    def observe(metrics: Metrics) -> None:
        observed = metrics.of_run()
        for event in events:
            observed.observe(event)

    return left_by(observe)


def left_by(work: Callable[[Metrics], None]) -> Points:
    """By instrument: the attributes and the count or sum of each series."""
    reader = InMemoryMetricReader()
    provider = MeterProvider([reader])
    work(Metrics(provider))
    points = points_of(reader)
    provider.shutdown()
    return points


def points_of(reader: InMemoryMetricReader) -> Points:
    """By instrument, as they are now."""
    data = reader.get_metrics_data()
    assert data is not None
    return {
        metric.name: [
            (dict(point.attributes or {}), point.value if hasattr(point, "value") else point.sum)
            for point in metric.data.data_points
        ]
        for resource in data.resource_metrics
        for scope in resource.scope_metrics
        for metric in scope.metrics
    }


def test_tools_rounds_tokens_and_runs_are_counted() -> None:
    points = recorded(
        [
            RunStart("run_1", "test/model", ("add",)),
            RoundStart(1),
            RoundFinish(1, "tool_calls", None, Usage(20, 8, 28), 0.5, None),
            ToolOutputAvailable(1, "c1", "add", "5", 0.25),
            ToolOutputAvailable(1, "c2", "add", "7", 0.25),
            ToolOutputError(1, "c3", "add", "{}", "timeout", "too slow", 2.0),
            ToolOutputError(1, "c4", "rm_rf_1234", "{}", "unknown_tool", "no such tool", 0.0),
            ToolOutputDenied(1, "c5", "add", "{}"),
            RoundFinish(2, "stop", None, None, 0.5, None),
            RunFinish("run_1", "stop", "", (), Usage(20, 8, 28), 2, 5, 4.0),
        ]
    )
    model = {"gen_ai.request.model": "test/model"}
    assert points["loop_client.tool.calls"] == [
        ({"gen_ai.tool.name": "add", "outcome": "ok"}, 2),
        ({"gen_ai.tool.name": "add", "outcome": "timeout"}, 1),
        ({"gen_ai.tool.name": "_unknown", "outcome": "unknown_tool"}, 1),
        ({"gen_ai.tool.name": "add", "outcome": "denied"}, 1),
    ]
    assert points["loop_client.tool.duration"] == [
        ({"gen_ai.tool.name": "add", "outcome": "ok"}, 0.5),
        ({"gen_ai.tool.name": "add", "outcome": "timeout"}, 2.0),
    ], "a call that did not run took no time, and would only draw the average down"
    assert points["gen_ai.client.operation.duration"] == [(model | {"gen_ai.operation.name": "chat"}, 1.0)]
    tokens = {attributes["gen_ai.token.type"]: count for attributes, count in points["gen_ai.client.token.usage"]}
    assert tokens == {"input": 20, "output": 8}
    assert points["loop_client.runs"] == [(model | {"finish_reason": "stop"}, 1)]
    assert points["loop_client.run.duration"] == [(model | {"finish_reason": "stop"}, 4.0)]
    assert points["loop_client.run.rounds"] == [(model | {"finish_reason": "stop"}, 2)]


def test_jobs_are_counted_where_they_begin_and_where_they_end() -> None:
    def work(metrics: Metrics) -> None:
        metrics.job_started("default")
        metrics.job_started("default")
        metrics.job_answers(2)
        metrics.job_ended("default", RunFinish("job_1", "stop", "", (), Usage(), 3, 5, 4.0))
        with metrics.viewing(), metrics.viewing():
            pass
        with pytest.raises(ConnectionError), metrics.viewing():
            raise ConnectionError

    points = left_by(work)
    assert points["loop_client.jobs.started"] == [({"profile": "default"}, 2)]
    assert points["loop_client.jobs.answers"] == [({}, 2)]
    ended = {"profile": "default", "finish_reason": "stop"}
    assert points["loop_client.jobs.ended"] == [(ended, 1)]
    assert points["loop_client.job.duration"] == [(ended, 4.0)]
    assert points["loop_client.job.rounds"] == [(ended, 3)]
    assert points["loop_client.jobs.viewers"] == [({}, 0)]


def test_the_jobs_of_the_store_are_counted_when_the_metrics_are_read(caplog: pytest.LogCaptureFixture) -> None:
    def work(metrics: Metrics) -> None:
        metrics.count_jobs = lambda: JobCounts(queued=3, begun=2)

    counted = left_by(work)["loop_client.jobs.current"]
    assert counted == [({"status": "queued"}, 3), ({"status": "begun"}, 2)]

    def away() -> JobCounts:
        raise ConnectionError

    def fail(metrics: Metrics) -> None:
        metrics.count_jobs = away
        metrics.job_answers(1)

    assert set(left_by(fail)) == {"loop_client.jobs.answers"}, "the others are read although the store is away"
    assert "ConnectionError" in caplog.text


async def test_a_service_with_jobs_counts_them_while_it_is_open() -> None:
    reader = InMemoryMetricReader()
    metrics = Metrics(MeterProvider([reader]))
    async with job_service(Stage(), metrics=metrics) as served:
        await until(served.http, await start(served.http, script([["c1", "ask_user", {}]])), "tool-deferred")
        assert points_of(reader)["loop_client.jobs.current"] == [({"status": "queued"}, 0), ({"status": "begun"}, 1)]
    assert "loop_client.jobs.current" not in points_of(reader)


def test_without_an_sdk_nothing_is_recorded_and_nothing_fails() -> None:
    Metrics().of_run().observe(ToolOutputAvailable(1, "c1", "add", "5", 0.25))
