"""Folds the events of a job into its rounds and calls; no I/O."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from loop_client.errors import ErrorDetail
from loop_client.jobs.job import CallState, Job, JobCall, JobEvent, JobRestart, JobRound, JobStatus
from loop_client.jsontext import JsonObject
from loop_client.usage import Usage


@dataclass(slots=True)
class JobFold:
    """What the events so far say. Feed it each event once, in order."""

    rounds: dict[int, JobRound] = field(default_factory=dict)
    calls: dict[str, JobCall] = field(default_factory=dict)
    """In the order in which they began."""
    model: str | None = None
    started_at: float | None = None
    last: int | None = None
    last_at: float | None = None
    """When that was told."""
    finish: JsonObject | None = None
    """Of ``run-finish``, once it is there."""

    def feed_all(self, events: Iterable[JobEvent]) -> None:
        """Take events."""
        for event in events:
            self.feed(event)

    def feed(self, event: JobEvent) -> None:
        """Take the next event."""
        self.last, self.last_at = event.id, event.time
        data, time = event.data, event.time
        if (begun := self.rounds.get(data.get("round", 0))) is not None and begun.restart is not None:
            self.rounds[begun.number] = replace(begun, restart=None)
        match event.type:
            case "run-start":
                self.model, self.started_at = data["model"], time
            case "round-start":
                model = data.get("model") or self.model
                self.rounds[data["round"]] = JobRound(data["round"], data.get("started_at") or time, model=model)
            case "round-restart":
                self.calls = {key: call for key, call in self.calls.items() if call.round != data["round"]}
                restart = JobRestart(
                    data["attempt"], round(time + data["wait_seconds"], 3), ErrorDetail(**data["error"])
                )
                self._round(data, text="", reasoning="", restart=restart)
            case "text-delta":
                self._round(data, text=self.rounds[data["round"]].text + data["text"])
            case "reasoning-delta":
                self._round(data, reasoning=self.rounds[data["round"]].reasoning + data["text"])
            case "response-metadata":
                self._round(data, model=data.get("model") or self.rounds[data["round"]].model)
            case "round-finish":
                usage = data.get("usage")
                self._round(
                    data,
                    finish_reason=data["finish_reason"],
                    usage=None if usage is None else Usage(**usage),
                    cost=data.get("cost"),
                    finished_at=time,
                )
            case "run-finish":
                self.finish = data
            case _:
                self._feed_call(event.type, data, time)

    def _feed_call(self, kind: str, data: JsonObject, time: float) -> None:  # one short case per event
        match kind:
            case "tool-input-start":
                self._call(data, "pending", title=data.get("title"), dynamic=data.get("dynamic"))
            case "tool-input-delta":
                self._call(data, None, arguments_text=self.calls[data["call_id"]].arguments_text + data["text"])
            case "tool-input-available":
                self._call(data, "pending", arguments_text=data["arguments_text"], kind=None, token=None)
            case "job-call-start":
                before = self.calls[data["call_id"]]
                self._call(data, "running", attempt=data["attempt"], started_at=before.started_at or time)
            case "tool-progress":
                names = ("progress", "total", "message", "output")
                self._call(data, None, progress={name: data[name] for name in names if name in data})
            case "tool-approval-requested" | "tool-deferred":
                self._call(
                    data,
                    "waiting",
                    arguments_text=data["arguments_text"],
                    started_at=time,
                    token=data["token"],
                    kind="answer" if kind == "tool-deferred" else "approval",
                    answer_schema=data.get("answer_schema"),
                    title=data.get("title"),
                )
            case "tool-approval-answered":
                self._call(data, "pending", kind=None, token=None, started_at=None)
            case "tool-output-available":
                parts = data.get("parts")
                self._call(
                    data,
                    "completed",
                    output=data["output"],
                    parts=None if parts is None else tuple(parts),
                    finished_at=time,
                    kind=None,
                    token=None,
                )
            case "tool-output-error":
                state: CallState = "interrupted" if data["code"] == "interrupted" else "error"
                self._end(data, state, data["code"], data["error_text"], time)
            case "tool-output-denied":
                self._end(data, "error", "denied", data.get("reason"), time)
            case _:
                pass

    def _end(self, data: JsonObject, state: CallState, code: str, text: str | None, time: float) -> None:
        self._call(data, state, error_code=code, error_text=text, finished_at=time, kind=None, token=None)

    def _call(self, data: JsonObject, state: CallState | None, **changes: Any) -> None:
        key = data["call_id"]
        call = self.calls.get(key)
        if call is None:
            call = JobCall(key, data["round"], data["tool_name"], "pending")
        self.calls[key] = replace(call, state=state or call.state, **changes)

    def _round(self, data: JsonObject, **changes: Any) -> None:
        self.rounds[data["round"]] = replace(self.rounds[data["round"]], **changes)

    def is_waiting(self) -> bool:
        """Whether nothing goes on but waiting for somebody."""
        states = {call.state for call in self.calls.values()}
        return "waiting" in states and not states & {"pending", "running"}

    def view(self, job: Job) -> Job:
        """The job with what the events say of it. What a job that is over had under way was interrupted."""
        calls = [_as_ended(call, job.status) for call in self.calls.values()]
        rounds = tuple(
            replace(
                item,
                calls=tuple(call for call in calls if call.round == item.number),
                restart=None if job.is_over else item.restart,
            )
            for item in self.rounds.values()
        )
        usages = [item.usage for item in rounds if item.usage is not None]
        costs = [item.cost for item in rounds if item.cost is not None]
        status: JobStatus = job.status
        if status == "running" and self.is_waiting():
            status = "waiting"
        job = replace(
            job,
            status=status,
            rounds=rounds,
            model=self.model or job.model,
            started_at=self.started_at or job.started_at,
            finished_at=_latest(job.finished_at, self.last_at) if job.is_over else None,
            usage=sum(usages, Usage()) if usages else Usage(),
            cost=sum(costs) if costs else None,
            last_event=self.last,
        )
        return job if self.finish is None or not job.is_over else finished(job, self.finish)


def finished(job: Job, finish: JsonObject) -> Job:
    """The job with what its ``run-finish`` says."""
    error = finish.get("error")
    return replace(
        job,
        text=finish["text"],
        finish_reason=finish["finish_reason"],
        usage=Usage(**finish.get("usage", {})),
        cost=finish.get("cost"),
        output=finish.get("output"),
        error=None if error is None else ErrorDetail(**error),
        error_id=finish.get("error_id"),
        finished_at=finish.get("finished_at", job.finished_at),
        messages=tuple(finish.get("messages", ())) or job.messages,
    )


def final_status(finish: JsonObject) -> JobStatus:
    """What a run that ended so makes of its job."""
    return "failed" if finish.get("error") is not None else "completed"


def _latest(given: float | None, told: float | None) -> float | None:
    return told if given is None else max(given, told or 0.0)


def _as_ended(call: JobCall, status: JobStatus) -> JobCall:
    if status not in {"completed", "failed", "cancelled"} or not call.is_active:
        return call
    return replace(call, state="interrupted", kind=None, token=None)
