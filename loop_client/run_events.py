"""What happens to a run and in the model's turns."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from pydantic import ConfigDict

from loop_client.errors import ErrorDetail, RunError
from loop_client.event_base import Event
from loop_client.jsontext import JsonObject
from loop_client.limits import LimitReason
from loop_client.usage import Usage

Message: TypeAlias = JsonObject
"""One message of the chat wire, as the server and the caller spell it."""

FinishReason: TypeAlias = Literal["stop", "tool_calls", "length", "content_filter", "pause", "other"]
"""Why the model ended a round. ``length``: cut by its output limit. ``pause``: it goes on when it is asked again."""

RunFinishReason: TypeAlias = (
    Literal["stop", "length", "content_filter", "other", "error", "stop_condition", "terminal_tool", "suspended"]
    | LimitReason
)
"""Why the run ended.

``stop``: the model answered. ``error``: see the event's ``error``. ``stop_condition``: a condition of the caller held.
``terminal_tool``: a tool that ends the run was run; see ``output``. ``suspended``: calls wait for somebody outside.
"""


@dataclass(frozen=True, slots=True)
class RunStart(Event):
    """The run begins, or goes on after it was suspended."""

    type: ClassVar[str] = "run-start"
    run_id: str
    model: str
    tools: tuple[str, ...]
    """Names of the tools the model is offered."""
    started_at: float | None = None
    """Seconds since 1970 in UTC."""
    resumed: bool | None = None
    """True where the run was suspended before."""


@dataclass(frozen=True, slots=True)
class RoundStart(Event):
    """The model is asked."""

    type: ClassVar[str] = "round-start"
    round: int
    """Counts from 1."""
    model: str | None = None
    """The model that is asked; absent where it is the run's."""
    started_at: float | None = None
    """Seconds since 1970 in UTC."""


@dataclass(frozen=True, slots=True)
class RoundRestart(Event):
    """The model call failed and is made again: what this round has shown so far is void."""

    type: ClassVar[str] = "round-restart"
    round: int
    attempt: int
    """The attempt that follows; 2 is the first repetition."""
    wait_seconds: float
    """So long the run waits before it."""
    error: ErrorDetail
    """Why the attempt before failed."""


@dataclass(frozen=True, slots=True)
class ResponseMetadata(Event):
    """What the server says about its answer; comes once per round, before its first words."""

    type: ClassVar[str] = "response-metadata"
    round: int
    response_id: str | None = None
    model: str | None = None
    """The model that answers, in the server's words."""
    created: int | None = None
    """Seconds since 1970 in UTC, by the server's clock."""


@dataclass(frozen=True, slots=True)
class TextDelta(Event):
    """More of the model's text."""

    type: ClassVar[str] = "text-delta"
    round: int
    text: str


@dataclass(frozen=True, slots=True)
class ReasoningDelta(Event):
    """More of the model's readable reasoning."""

    type: ClassVar[str] = "reasoning-delta"
    round: int
    text: str


@dataclass(frozen=True, slots=True)
class SourceFound(Event):
    """The model refers to a source."""

    type: ClassVar[str] = "source"
    round: int
    source_id: str
    """Unique in the run."""
    kind: Literal["url", "document"]
    url: str | None = None
    title: str | None = None
    annotation: JsonObject | None = None
    """The annotation as the server sent it."""


@dataclass(frozen=True, slots=True)
class FileOutput(Event):
    """The model made a file, such as an image."""

    type: ClassVar[str] = "file"
    round: int
    media_type: str
    url: str = field(repr=False)
    """An address, or a ``data:`` URL."""


@dataclass(frozen=True, slots=True)
class RoundFinish(Event):
    """The model ended its turn; its calls, if any, run next."""

    type: ClassVar[str] = "round-finish"
    round: int
    finish_reason: FinishReason
    raw_finish_reason: str | None
    """The server's own word; absent where it gave none and the reason was inferred from a clean end."""
    usage: Usage | None
    """Absent where the server did not report it."""
    seconds: float
    """From the request to the end of the answer."""
    router: JsonObject | None
    """What the router reported beside the answer (adjustments, verdicts), where there is a router."""
    model: str | None = None
    """The model that answered, in the server's words."""
    cost: float | None = None
    """By the caller's prices; absent where there are none for this model, or no usage."""


@dataclass(frozen=True, slots=True)
class RunNotice(Event):
    """Something the operator should know; the run goes on."""

    type: ClassVar[str] = "notice"
    code: Literal["repeated_calls", "tool_left_out", "tool_source_failed", "paused", "choice_relaxed"]
    message: str
    round: int | None = None


@dataclass(frozen=True, slots=True)
class PendingCall:
    """A call that waits for somebody outside."""

    call_id: str
    tool_name: str
    arguments_text: str
    kind: Literal["approval", "answer"]
    """Whether a decision is expected, or a value."""
    round: int
    token: str = field(repr=False)
    """Must come with the answer; holds for this run, call, name and argument text only."""
    answer_schema: JsonObject | None = None
    title: str | None = None


@dataclass(frozen=True, slots=True)
class RunSuspended(Event):
    """The run waits; a ``RunFinish`` with reason ``suspended`` follows."""

    type: ClassVar[str] = "run-suspended"
    run_id: str
    pending: tuple[PendingCall, ...]
    signed_state: str = field(repr=False)
    """JSON text. With it, or with the run's id and the same store, any process can take the answers."""
    expires_at: float | None = None
    """Seconds since 1970 in UTC; absent where answers are taken for ever."""


@dataclass(frozen=True, slots=True)
class RunFinish(Event):
    """The run is over, or suspended; always the last event, unless the run was cancelled."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(arbitrary_types_allowed=True)

    type: ClassVar[str] = "run-finish"
    run_id: str
    finish_reason: RunFinishReason
    text: str
    """The model's last words; empty where the run ended without an answer."""
    messages: tuple[Message, ...]
    """The whole history, ready to be continued: every call in it is answered. A turn whose calls still wait is not in
    it; the signed state has that."""
    usage: Usage
    """Sum over the rounds that reported usage."""
    rounds: int
    """Rounds begun."""
    calls: int
    """Calls the model made."""
    seconds: float
    """Wall clock while the run ran; the time for which it was suspended does not count."""
    error: ErrorDetail | None = None
    output: Any = None
    """What a terminal tool gave, as the model would have seen it."""
    stopped_by: str | None = None
    """The stop condition that held, in its own words."""
    cost: float | None = None
    """By the caller's prices; absent where nothing could be priced."""
    error_id: str | None = None
    """Under which the log has the detail of the error, to be shown instead of it."""
    exception: RunError | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    """What ``LoopClient.ask`` raises."""
