"""OpenTelemetry metrics of runs: tools that succeed, how long they take, rounds and tokens; read from events alone."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import Final

from opentelemetry import metrics

from loop_client.events import (
    AnyEvent,
    RoundFinish,
    RunFinish,
    RunStart,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)
from loop_client.jobs.job import JobCounts
from loop_client.usage import Usage

_log: Final = logging.getLogger("loop_client.server")

_UNKNOWN = "_unknown"
"""The tool name of calls that name no tool: what a model makes up must not become a series of its own."""


class Metrics:
    """The instruments, made once for a service.

    Without an OpenTelemetry SDK in the process they cost next to nothing and record nothing. Names follow the semantic
    conventions for generative AI where these have one.
    """

    def __init__(self, provider: metrics.MeterProvider | None = None) -> None:
        meter = metrics.get_meter("loop_client", meter_provider=provider)
        self.tool_calls = meter.create_counter(
            "loop_client.tool.calls", "{call}", "Tool calls by tool and outcome: ok, or the code of the error"
        )
        self.tool_duration = meter.create_histogram("loop_client.tool.duration", "s", "Run time of tools")
        self.runs = meter.create_counter("loop_client.runs", "{run}", "Runs by the reason why they ended")
        self.run_duration = meter.create_histogram("loop_client.run.duration", "s", "Wall clock of runs")
        self.run_rounds = meter.create_histogram("loop_client.run.rounds", "{round}", "Times the model was asked")
        self.round_duration = meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "From the request to the end of the model's answer"
        )
        self.tokens = meter.create_histogram("gen_ai.client.token.usage", "{token}", "Tokens of each round")
        self._jobs = meter.create_counter("loop_client.jobs.started", "{job}", "Jobs that were begun here, by profile")
        self._jobs_ended = meter.create_counter(
            "loop_client.jobs.ended", "{job}", "Jobs whose run ended here, by profile and the reason why"
        )
        self._job_duration = meter.create_histogram(
            "loop_client.job.duration", "s", "Time for which jobs were worked on; neither queue nor waits count"
        )
        self._job_rounds = meter.create_histogram("loop_client.job.rounds", "{round}", "Times a job's model was asked")
        self._answers = meter.create_counter("loop_client.jobs.answers", "{answer}", "Answers to calls that waited")
        self._viewers = meter.create_up_down_counter(
            "loop_client.jobs.viewers", "{viewer}", "Viewers of jobs right now"
        )
        self.count_jobs: Callable[[], JobCounts] | None = None
        """Counts the jobs of the store, in any thread, whenever the metrics are read."""
        meter.create_observable_gauge(
            "loop_client.jobs.current", [self._observed_jobs], "{job}", "Jobs of the whole store, by status"
        )

    def of_run(self) -> RunMetrics:
        """What observes one run."""
        return RunMetrics(self)

    def job_started(self, profile: str) -> None:
        """A job was begun."""
        self._jobs.add(1, {"profile": profile})

    def job_answers(self, count: int) -> None:
        """Answers were taken."""
        self._answers.add(count)

    def job_ended(self, profile: str, finish: RunFinish) -> None:
        """The run of a job came to its end, in the process that worked on it."""
        attributes = {"profile": profile, "finish_reason": finish.finish_reason}
        self._jobs_ended.add(1, attributes)
        self._job_duration.record(finish.seconds, attributes)
        self._job_rounds.record(finish.rounds, attributes)

    def _observed_jobs(self, options: metrics.CallbackOptions) -> Iterable[metrics.Observation]:
        if self.count_jobs is None:
            return ()
        try:
            counts = self.count_jobs()
        except Exception as error:  # noqa: BLE001  # a store that is away is no reason to lose the other metrics
            _log.warning("the jobs cannot be counted: %s", type(error).__name__)
            return ()
        numbers = {"queued": counts.queued, "begun": counts.begun}
        return [metrics.Observation(number, {"status": status}) for status, number in numbers.items()]

    @contextmanager
    def viewing(self) -> Iterator[None]:
        """Somebody looks at a job for as long as the block runs."""
        self._viewers.add(1)
        try:
            yield
        finally:
            self._viewers.add(-1)


class RunMetrics:
    """Shown every event of a run, in order."""

    def __init__(self, instruments: Metrics) -> None:
        self._to = instruments
        self._model = ""
        self._tools: frozenset[str] = frozenset()

    def observe(self, event: AnyEvent) -> None:
        """Record what an event tells."""
        match event:
            case RunStart(model=model, tools=tools):
                self._model, self._tools = model, frozenset(tools)
            case ToolOutputAvailable(tool_name=name, seconds=seconds):
                self._tool(name, "ok", seconds)
            case ToolOutputError(tool_name=name, code=code, seconds=seconds):
                self._tool(name, code, seconds)
            case ToolOutputDenied(tool_name=name):
                self._tool(name, "denied", 0.0)
            case RoundFinish(usage=usage, seconds=seconds):
                self._round(usage, seconds)
            case RunFinish():
                attributes = {"gen_ai.request.model": self._model, "finish_reason": event.finish_reason}
                self._to.runs.add(1, attributes)
                self._to.run_duration.record(event.seconds, attributes)
                self._to.run_rounds.record(event.rounds, attributes)
            case _:
                pass

    def _tool(self, name: str, outcome: str, seconds: float) -> None:
        attributes = {"gen_ai.tool.name": name if name in self._tools else _UNKNOWN, "outcome": outcome}
        self._to.tool_calls.add(1, attributes)
        if seconds > 0:  # one that was not run took no time, and would only draw the average down
            self._to.tool_duration.record(seconds, attributes)

    def _round(self, usage: Usage | None, seconds: float) -> None:
        attributes = {"gen_ai.request.model": self._model, "gen_ai.operation.name": "chat"}
        self._to.round_duration.record(seconds, attributes)
        if usage is None:
            return
        for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
            if count is not None:
                self._to.tokens.record(count, attributes | {"gen_ai.token.type": kind})
