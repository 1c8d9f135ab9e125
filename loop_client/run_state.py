"""What a run is about, and the state it is in between two steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from loop_client.answer_desk import AnswerDesk
from loop_client.call_stream import ToolCall
from loop_client.errors import RunError
from loop_client.hooks import PrepareRound, RepairCall
from loop_client.jsontext import JsonObject
from loop_client.limits import Budget, LimitReason, Limits
from loop_client.model_request import ToolChoice
from loop_client.prices import Price
from loop_client.repeats import Repeats
from loop_client.retry import Retry
from loop_client.run_events import FinishReason, Message, PendingCall, RunFinish, RunFinishReason
from loop_client.settled import Settled
from loop_client.steps import Steps
from loop_client.stop import StopCondition
from loop_client.suspension import Suspension
from loop_client.tool_outcome import ToolOutcome
from loop_client.toolbox import AddedTools, Gathered, Toolbox
from loop_client.tools import ToolRegistry
from loop_client.verdict import Runnable

ResultImages: TypeAlias = Literal["tool", "user"]
"""Where images and files of a tool's result go: into the tool message, as the router takes them, or into a user message
right after the tool messages, as OpenAI's own chat API wants them (HIST-14)."""


@dataclass(frozen=True, slots=True)
class LoopRules:
    """How a client wants its runs to go."""

    stop: tuple[StopCondition, ...] = ()
    retry: Retry = field(default_factory=Retry)
    prepare_round: PrepareRound | None = None
    repair: RepairCall | None = None
    prices: Mapping[str, Price] = field(default_factory=dict)
    """By model, in the request's words or the server's."""
    result_images: ResultImages = "tool"


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is about."""

    model: str
    messages: tuple[Message, ...]
    toolbox: Toolbox
    limits: Limits
    tool_choice: ToolChoice | None = None
    """Of the first round; a forced choice becomes ``auto`` after it, or the run would never end (LOOP-02)."""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The caller's own, for the tools' contexts."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Further members of every request body of this run."""
    rules: LoopRules = field(default_factory=LoopRules)
    desk: AnswerDesk | None = None
    """Where the run is kept when it is suspended; None where it may not be."""
    run_id: str | None = None
    """None for a new one."""


@dataclass(frozen=True, slots=True)
class Resumed:
    """A run that goes on after its calls were answered."""

    suspension: Suspension
    settled: Mapping[str, Settled]


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ends."""

    reason: RunFinishReason
    text: str = ""
    error: RunError | None = None
    output: str | None = None
    stopped_by: str | None = None


@dataclass(slots=True)
class Turn:
    """One turn of the model that made calls, on the way to an outcome for each."""

    round: int
    text: str
    finish_reason: FinishReason
    calls: tuple[ToolCall, ...]
    registry: ToolRegistry
    router: JsonObject | None = None
    """What the router reported beside the answer."""
    outcomes: dict[str, ToolOutcome] = field(default_factory=dict)
    ready: list[Runnable] = field(default_factory=list)
    """To be run next."""
    pending: list[PendingCall] = field(default_factory=list)
    """To be answered from outside."""
    asked: dict[str, int] = field(default_factory=dict)
    """How often somebody was asked whether an interrupted call may run once more, by call id."""
    warned: dict[str, int] = field(default_factory=dict)
    """Calls the model has made too often: in how many rounds, by call id."""
    terminal: str | None = None
    """Id of a call whose result ends the run."""
    is_last_answer: bool = False
    """Whether no call may run, because a limit was reached before."""
    limit: LimitReason | None = None
    """A limit that this turn's calls have reached."""


@dataclass(slots=True)
class Run:
    """The state of one run. Everything the next step depends on is here."""

    spec: RunSpec
    steps: Steps
    run_id: str
    budget: Budget
    messages: list[Message]
    model: str
    deadline: float
    """When the run must end, on the steps' clock; infinite without a limit."""
    tool_choice: ToolChoice | None
    repeats: Repeats = field(default_factory=Repeats)
    added: AddedTools = field(default_factory=AddedTools)
    gathered: Gathered | None = None
    """The tools of the round that begins; None where they are to be gathered."""
    suspensions: int = 0
    paused_text: str = ""
    """What the model said in turns that it paused."""
    turn: Turn | None = None
    ending: Ending | None = None
    told: set[str] = field(default_factory=set)
    """Notices already given: each is given once."""

    def is_over(self) -> bool:
        """Whether it is decided how the run ends."""
        return self.ending is not None

    def finish(self, ending: Ending, error_id: str | None) -> RunFinish:
        """The run's last event."""
        error = ending.error
        return RunFinish(
            run_id=self.run_id,
            finish_reason=ending.reason,
            text=ending.text,
            messages=tuple(self.messages),
            usage=self.budget.usage,
            rounds=self.budget.rounds,
            calls=self.budget.calls,
            seconds=self.steps.now() - self.budget.started,
            error=None if error is None else error.detail,
            output=ending.output,
            stopped_by=ending.stopped_by,
            cost=self.budget.cost,
            error_id=error_id,
            exception=error,
        )
