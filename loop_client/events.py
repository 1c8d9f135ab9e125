"""What happens in a run, as typed values with a JSON form.

Every view of a run (terminal, JSON lines, a chat front end) is built on these and nothing else. A tool call goes
through the AI SDK's states: ``input-streaming``, ``input-available``, then ``output-available`` or ``output-error``. A
call that was refused goes from ``input-streaming`` straight to ``output-error``.
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal, TypeAlias

from loop_client.errors import ErrorDetail, RunError
from loop_client.jsontext import JsonObject
from loop_client.limits import LimitReason
from loop_client.usage import Usage

Message: TypeAlias = JsonObject
"""One message of the chat wire, as the server and the caller spell it."""

FinishReason: TypeAlias = Literal["stop", "tool_calls", "length", "content_filter", "other"]
"""Why the model ended a round. ``length``: cut by its output limit."""

RunFinishReason: TypeAlias = Literal["stop", "length", "content_filter", "other", "error"] | LimitReason
"""Why the run ended. ``stop``: the model answered. ``error``: see the event's ``error``."""

CallErrorCode: TypeAlias = Literal[
    "incomplete",
    "invalid_json",
    "schema_mismatch",
    "unknown_tool",
    "refused",
    "tool_error",
    "exception",
    "timeout",
    "not_serialisable",
    "max_rounds",
    "max_calls",
    "max_seconds",
    "not_run",
]
"""Why a call has an error for a result.

The first four are the router's verdicts (or our own, against a plain server); ``refused`` is any other verdict of a
router. ``tool_error`` is a ``ToolError`` of the tool, ``exception`` any other exception. ``not_run``: the model's turn
was stopped by a content filter.
"""


@dataclass(frozen=True, slots=True)
class Event:
    """Base of every event."""

    type: ClassVar[str]
    """Names the kind of event in the JSON form."""
    state: ClassVar[str | None] = None
    """The tool call's state after this event, on tool events."""

    def to_json(self) -> JsonObject:
        """The event as a JSON object: ``type``, ``state`` on tool events, and the fields; absent values left out."""
        body: JsonObject = {"type": self.type}
        if self.state is not None:
            body["state"] = self.state
        return body | _json_fields(self)


@dataclass(frozen=True, slots=True)
class RunStart(Event):
    """The run begins."""

    type: ClassVar[str] = "run-start"
    run_id: str
    model: str
    tools: tuple[str, ...]
    """Names of the tools the model is offered."""


@dataclass(frozen=True, slots=True)
class RoundStart(Event):
    """The model is asked."""

    type: ClassVar[str] = "round-start"
    round: int
    """Counts from 1."""


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
class ToolInputStart(Event):
    """The model begins a call; its name and id are known."""

    type: ClassVar[str] = "tool-input-start"
    state: ClassVar[str | None] = "input-streaming"
    round: int
    call_id: str
    tool_name: str


@dataclass(frozen=True, slots=True)
class ToolInputDelta(Event):
    """More of a call's argument text."""

    type: ClassVar[str] = "tool-input-delta"
    state: ClassVar[str | None] = "input-streaming"
    round: int
    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolInputAvailable(Event):
    """The call is complete, declared and valid, and is about to run."""

    type: ClassVar[str] = "tool-input-available"
    state: ClassVar[str | None] = "input-available"
    round: int
    call_id: str
    tool_name: str
    arguments_text: str
    """As the model wrote it."""


@dataclass(frozen=True, slots=True)
class ToolOutputAvailable(Event):
    """The tool returned."""

    type: ClassVar[str] = "tool-output-available"
    state: ClassVar[str | None] = "output-available"
    round: int
    call_id: str
    tool_name: str
    output: str
    """The text that goes to the model: JSON, or the string the tool returned."""
    seconds: float
    """Run time of the tool."""


@dataclass(frozen=True, slots=True)
class ToolOutputError(Event):
    """The call failed, or was not run."""

    type: ClassVar[str] = "tool-output-error"
    state: ClassVar[str | None] = "output-error"
    round: int
    call_id: str
    tool_name: str
    arguments_text: str
    """As the model wrote it."""
    code: CallErrorCode
    error_text: str
    """The masked text that goes to the model."""
    seconds: float
    """Run time of the tool; 0 if it did not run."""


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


@dataclass(frozen=True, slots=True)
class RunFinish(Event):
    """The run is over; always the last event, unless the run was cancelled."""

    type: ClassVar[str] = "run-finish"
    run_id: str
    finish_reason: RunFinishReason
    text: str
    """The model's last words; empty where a limit or an error ended the run."""
    messages: tuple[Message, ...]
    """The whole history, ready to be continued: every call in it is answered."""
    usage: Usage
    """Sum over the rounds that reported usage."""
    rounds: int
    """Rounds begun."""
    calls: int
    """Calls the model made."""
    seconds: float
    error: ErrorDetail | None = None
    exception: RunError | None = field(default=None, repr=False, compare=False, metadata={"json": False})
    """What ``LoopClient.ask`` raises."""


AnyEvent: TypeAlias = (
    RunStart
    | RoundStart
    | TextDelta
    | ReasoningDelta
    | ToolInputStart
    | ToolInputDelta
    | ToolInputAvailable
    | ToolOutputAvailable
    | ToolOutputError
    | RoundFinish
    | RunFinish
)
"""Every event there is, for an exhaustive ``match``."""


def _json_fields(value: Any) -> JsonObject:
    pairs = ((item.name, getattr(value, item.name)) for item in fields(value) if item.metadata.get("json", True))
    return {name: _json_value(item) for name, item in pairs if item is not None}


def _json_value(value: object) -> object:
    if isinstance(value, (Usage, ErrorDetail)):
        return _json_fields(value)
    if isinstance(value, float):
        return round(value, 6)
    return value
