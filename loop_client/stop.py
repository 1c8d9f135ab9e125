"""Conditions under which a run stops although the model would go on, as values."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeAlias

from loop_client.run_events import FinishReason, Message
from loop_client.usage import Usage


@dataclass(frozen=True, slots=True)
class EndedCall:
    """A call of a round, and what came of it."""

    call_id: str
    tool_name: str
    arguments_text: str
    is_error: bool


@dataclass(frozen=True, slots=True)
class StepState:
    """A run after a round whose calls have all ended."""

    round: int
    """Counts from 1."""
    finish_reason: FinishReason
    text: str
    """The model's words in this round."""
    calls: tuple[EndedCall, ...]
    """Of this round, in call order."""
    messages: tuple[Message, ...]
    """The whole history."""
    usage: Usage
    """Of the whole run."""
    cost: float | None
    """Of the whole run, by the caller's prices."""
    seconds: float
    """Wall clock of the whole run."""


StopCondition: TypeAlias = Callable[[StepState], bool | Awaitable[bool]]
"""Asked after every round that had calls, when these have ended; true stops the run. Any function will do."""


@dataclass(frozen=True, slots=True)
class AfterRounds:
    """Holds when so many rounds are over, their calls included."""

    rounds: int

    def __call__(self, state: StepState) -> bool:
        """Whether it holds."""
        return state.round >= self.rounds

    def __str__(self) -> str:
        """As it was written."""
        return f"after_rounds({self.rounds})"


@dataclass(frozen=True, slots=True)
class WhenCalled:
    """Holds when one of these tools was called and gave a result that is no error."""

    names: tuple[str, ...]

    def __call__(self, state: StepState) -> bool:
        """Whether it holds."""
        return any(call.tool_name in self.names and not call.is_error for call in state.calls)

    def __str__(self) -> str:
        """As it was written."""
        return f"when_called({', '.join(repr(name) for name in self.names)})"


def after_rounds(rounds: int) -> AfterRounds:
    """Stop when so many rounds are over, their calls included."""
    return AfterRounds(rounds)


def when_called(*names: str) -> WhenCalled:
    """Stop when one of these tools gave a result that is no error."""
    return WhenCalled(names)


def words_for(condition: StopCondition) -> str:
    """How a condition is named where it has stopped a run."""
    if isinstance(condition, (AfterRounds, WhenCalled)):
        return str(condition)
    return str(getattr(condition, "__name__", None) or type(condition).__name__)
