"""What happens to a tool call, in the AI SDK's states.

A call goes from ``input-streaming`` to ``input-available`` and ends as ``output-available`` or ``output-error``; one
that needs an approval goes through ``approval-requested`` and ``approval-responded``, and ends as ``output-denied`` if
it is refused. A call that may not run at all goes from ``input-streaming`` straight to ``output-error``.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, TypeAlias

from loop_client.event_base import Event
from loop_client.jsontext import JsonObject

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
    "too_large",
    "max_rounds",
    "max_calls",
    "max_seconds",
    "max_tokens",
    "max_cost",
    "repeated_calls",
    "not_run",
    "cannot_suspend",
    "answered_with_error",
    "denied",
    "interrupted",
    "expired",
]
"""Why a call has an error for a result.

The first four are the router's verdicts (or our own, against a plain server); ``refused`` is any other verdict of a
router. ``tool_error`` is a ``ToolError`` of the tool, ``exception`` any other exception. ``not_run``: the model's turn
was stopped by a content filter, or was to be an answer without calls. ``cannot_suspend``: the call waits for somebody
outside, and no secret is configured to sign with. ``answered_with_error``: whoever was asked gave an error.
``interrupted``: it began, and nobody knows how it ended.
"""


@dataclass(frozen=True, slots=True)
class ToolEvent(Event):
    """Base of the events of a call whose tool is known."""

    round: int
    call_id: str
    tool_name: str


@dataclass(frozen=True, slots=True)
class ToolInputStart(ToolEvent):
    """The model begins a call; its name and id are known."""

    type: ClassVar[str] = "tool-input-start"
    state: ClassVar[str | None] = "input-streaming"
    title: str | None = None
    """The tool's name for people."""
    dynamic: bool | None = None
    """True where the tool was not known when the program was written: of a server, or added in the run."""


@dataclass(frozen=True, slots=True)
class ToolInputDelta(Event):
    """More of a call's argument text."""

    type: ClassVar[str] = "tool-input-delta"
    state: ClassVar[str | None] = "input-streaming"
    round: int
    call_id: str
    text: str


@dataclass(frozen=True, slots=True)
class ToolInputAvailable(ToolEvent):
    """The call is complete, declared and valid, and is about to run."""

    type: ClassVar[str] = "tool-input-available"
    state: ClassVar[str | None] = "input-available"
    arguments_text: str
    """As the model wrote it, or as the repair hook mended it."""
    title: str | None = None
    """The tool's name for people."""
    dynamic: bool | None = None
    """As in ``ToolInputStart``."""
    attempt: int | None = None
    """Counts from 1; given when the tool is run again."""


@dataclass(frozen=True, slots=True)
class ToolProgress(ToolEvent):
    """A running tool reports how far it is."""

    type: ClassVar[str] = "tool-progress"
    state: ClassVar[str | None] = "input-available"
    progress: float
    """So much is done; grows."""
    total: float | None = None
    """When it will be done; absent where the tool does not know."""
    message: str | None = None
    """For people."""
    output: Any = None
    """What there is of the output so far, as a JSON value (the AI SDK's preliminary output)."""


@dataclass(frozen=True, slots=True)
class ToolApprovalRequested(ToolEvent):
    """The call is complete and valid, and may run only if somebody approves it."""

    type: ClassVar[str] = "tool-approval-requested"
    state: ClassVar[str | None] = "approval-requested"
    arguments_text: str
    """What is to be approved: exactly this."""
    token: str = field(repr=False)
    """Must come with the answer; holds for this run, call, name and argument text only."""
    title: str | None = None
    """The tool's name for people."""
    dynamic: bool | None = None
    """As in ``ToolInputStart``."""


@dataclass(frozen=True, slots=True)
class ToolApprovalAnswered(ToolEvent):
    """Somebody decided about the call."""

    type: ClassVar[str] = "tool-approval-answered"
    state: ClassVar[str | None] = "approval-responded"
    arguments_text: str
    approved: bool
    reason: str | None = None
    """In the words of whoever decided."""


@dataclass(frozen=True, slots=True)
class ToolDeferred(ToolEvent):
    """The call is complete and valid, and its result comes from outside: the run suspends."""

    type: ClassVar[str] = "tool-deferred"
    state: ClassVar[str | None] = "input-available"
    arguments_text: str
    token: str = field(repr=False)
    """Must come with the answer; holds for this run, call, name and argument text only."""
    answer_schema: JsonObject | None = None
    """JSON Schema that the answer's value must fit; absent where any JSON value will do."""
    title: str | None = None
    """The tool's name for people."""
    dynamic: bool | None = None
    """As in ``ToolInputStart``."""


@dataclass(frozen=True, slots=True)
class ToolOutputAvailable(ToolEvent):
    """The tool returned, or the answer came from outside."""

    type: ClassVar[str] = "tool-output-available"
    state: ClassVar[str | None] = "output-available"
    output: str
    """The text that goes to the model: JSON, or the string the tool returned."""
    seconds: float
    """Run time of the tool."""
    parts: tuple[JsonObject, ...] | None = None
    """Content parts as the chat wire has them, where the tool returned more than text (images, files)."""
    dynamic: bool | None = None
    """As in ``ToolInputStart``."""


@dataclass(frozen=True, slots=True)
class ToolOutputError(ToolEvent):
    """The call failed, or was not run."""

    type: ClassVar[str] = "tool-output-error"
    state: ClassVar[str | None] = "output-error"
    arguments_text: str
    """As the model wrote it."""
    code: CallErrorCode
    error_text: str
    """The masked text that goes to the model."""
    seconds: float
    """Run time of the tool; 0 if it did not run."""
    error_id: str | None = None
    """Under which the log has the detail that is masked here."""
    dynamic: bool | None = None
    """As in ``ToolInputStart``."""


@dataclass(frozen=True, slots=True)
class ToolOutputDenied(ToolEvent):
    """The call was not approved, so it did not run."""

    type: ClassVar[str] = "tool-output-denied"
    state: ClassVar[str | None] = "output-denied"
    arguments_text: str
    reason: str | None = None
    """In the words of whoever decided."""
    dynamic: bool | None = None
    """As in ``ToolInputStart``."""


@dataclass(frozen=True, slots=True)
class ProviderToolActivity(ToolEvent):
    """The provider runs, or ran, a tool of its own; nothing is run here and nothing is answered."""

    type: ClassVar[str] = "provider-tool"
    status: Literal["input-available", "output-available", "output-error"]
    data: Any = None
    """What the provider told: arguments or output, as a JSON value."""
