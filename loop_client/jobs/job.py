"""A job as its owner sees it: where it is, its rounds and calls, and what happened in which order."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, Literal, Self, TypeAlias

from loop_client.errors import ErrorDetail
from loop_client.event_base import json_fields
from loop_client.events import AnyEvent, event_from_json
from loop_client.jsontext import JsonObject
from loop_client.run_events import Message
from loop_client.usage import Usage

JobStatus: TypeAlias = Literal["queued", "running", "waiting", "completed", "failed", "cancelled"]
"""``waiting``: for somebody's answer. The last three are final: ``completed`` has an answer or reached a limit, as
``finish_reason`` tells; ``failed`` ended with an error."""

FINAL: Final[frozenset[JobStatus]] = frozenset({"completed", "failed", "cancelled"})

CallState: TypeAlias = Literal["pending", "running", "completed", "error", "interrupted", "waiting"]
"""``pending``: will run. ``interrupted``: begun, and nobody knows how it ended. ``waiting``: for somebody's answer."""

ACTIVE: Final[frozenset[CallState]] = frozenset({"pending", "running", "waiting"})


@dataclass(frozen=True, slots=True)
class JobCall:
    """A call of the model."""

    call_id: str
    round: int
    tool_name: str
    state: CallState
    arguments_text: str = ""
    """As the model wrote it, or as far as it has written."""
    attempt: int = 0
    """How often it was begun; 0 where it was not run."""
    started_at: float | None = None
    """Seconds since 1970 in UTC, as all times here: when it was first begun or put to somebody."""
    finished_at: float | None = None
    output: str | None = None
    parts: tuple[JsonObject, ...] | None = None
    error_code: str | None = None
    error_text: str | None = None
    title: str | None = None
    dynamic: bool | None = None
    progress: JsonObject | None = None
    """What the running tool told last: ``progress``, ``total``, ``message``, ``output``."""
    kind: Literal["approval", "answer"] | None = None
    """What a waiting call waits for."""
    token: str | None = None
    """Of a waiting call: an answer that brings it is for exactly this call and these arguments."""
    answer_schema: JsonObject | None = None

    @property
    def is_active(self) -> bool:
        """Whether it has no outcome yet."""
        return self.state in ACTIVE


@dataclass(frozen=True, slots=True)
class JobRestart:
    """A model call that failed, and is made again."""

    attempt: int
    """The attempt that follows; 2 is the first repetition."""
    at: float
    """When it begins, in seconds since 1970 in UTC; later where other jobs have this one's place meanwhile."""
    error: ErrorDetail
    """Why the attempt before failed."""


@dataclass(frozen=True, slots=True)
class JobRound:
    """A turn of the model and its calls."""

    number: int
    started_at: float
    calls: tuple[JobCall, ...] = ()
    model: str | None = None
    text: str = ""
    reasoning: str = ""
    finish_reason: str | None = None
    """None while the model answers."""
    usage: Usage | None = None
    cost: float | None = None
    finished_at: float | None = None
    """When the model had answered."""
    restart: JobRestart | None = None
    """What the round waits for, and why, until the model begins to answer."""


@dataclass(frozen=True, slots=True)
class Job:
    """A job as it is now."""

    id: str
    owner: str
    status: JobStatus
    created_at: float
    """Seconds since 1970 in UTC."""
    started_at: float | None = None
    finished_at: float | None = None
    attempt: int = 1
    """Counts the jobs that were made of the same one by ``retry``."""
    retry_of: str | None = None
    """Id of the job that this one repeats or goes on with."""
    profile: str = "default"
    model: str | None = None
    metadata: JsonObject = field(default_factory=dict)
    rounds: tuple[JobRound, ...] = ()
    """Left out of lists."""
    usage: Usage = field(default_factory=Usage)
    cost: float | None = None
    text: str = ""
    """The answer; empty until there is one."""
    finish_reason: str | None = None
    """Of the run, once it is over."""
    output: Any = None
    """What a terminal tool gave, where one ended the run."""
    error: ErrorDetail | None = None
    error_id: str | None = None
    """Under which the log has the detail."""
    messages: tuple[Message, ...] = field(default=(), repr=False)
    """The whole history, once the run is over; left out of lists."""
    last_event: int | None = None
    """Id of the latest event; None where there is none yet. Left out of lists."""

    @property
    def is_over(self) -> bool:
        """Whether nothing more will happen."""
        return self.status in FINAL

    @property
    def active_calls(self) -> tuple[JobCall, ...]:
        """Calls without an outcome."""
        return tuple(call for item in self.rounds for call in item.calls if call.is_active)

    def call(self, call_id: str) -> JobCall | None:
        """The call of that id."""
        return next((call for item in self.rounds for call in item.calls if call.call_id == call_id), None)

    def to_json(self) -> JsonObject:
        """The job as a JSON object; absent values left out."""
        body = json_fields(self)
        body["active_calls"] = [json_fields(call) for call in self.active_calls]
        return body

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        """What ``to_json`` wrote."""
        given = {name: value for name, value in body.items() if name != "active_calls"}
        error = body.get("error")
        return cls(
            **given
            | {
                "rounds": tuple(_round(item) for item in body.get("rounds", ())),
                "usage": Usage(**body.get("usage", {})),
                "error": None if error is None else ErrorDetail(**error),
                "messages": tuple(body.get("messages", ())),
            }
        )


@dataclass(frozen=True, slots=True)
class JobEvent:
    """Something that happened in a job. Everybody who looks sees the same events under the same ids."""

    id: int
    """Counts from 0 without a gap."""
    time: float
    """Seconds since 1970 in UTC."""
    type: str
    """Of the run's event; or ``job-call-start`` (a call's tool really begins, ``attempt`` says which time) and, last of
    all, ``job-end`` with the job's ``status``."""
    data: JsonObject
    """The event's JSON form. That of ``run-finish`` has no history; the job has it."""

    def run_event(self) -> AnyEvent | None:
        """The event as the live run gives it; None where it is one of jobs only."""
        return None if self.type.startswith("job-") else event_from_json(self.data)

    def to_json(self) -> JsonObject:
        """The event as a JSON object."""
        return json_fields(self)

    @classmethod
    def from_json(cls, body: JsonObject) -> Self:
        """What ``to_json`` wrote."""
        return cls(body["id"], body["time"], body["type"], body["data"])


def _round(body: JsonObject) -> JobRound:
    usage, restart = body.get("usage"), body.get("restart")
    return JobRound(
        **body
        | {
            "calls": tuple(_call(item) for item in body.get("calls", ())),
            "usage": None if usage is None else Usage(**usage),
            "restart": None if restart is None else JobRestart(**restart | {"error": ErrorDetail(**restart["error"])}),
        }
    )


def _call(body: JsonObject) -> JobCall:
    parts = body.get("parts")
    return JobCall(**body | {"parts": None if parts is None else tuple(parts)})


@dataclass(frozen=True, slots=True)
class JobCounts:
    """Jobs of a whole store that are not over."""

    queued: int
    """No worker has them: none has taken them up yet, or theirs has died."""
    begun: int
    """A worker has them: it works on them, or they wait there for somebody."""
