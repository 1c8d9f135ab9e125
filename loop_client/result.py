"""What a run came to."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import dataclass

from loop_client.errors import ErrorDetail
from loop_client.events import AnyEvent, Message, RunFinish, RunFinishReason
from loop_client.usage import Usage


@dataclass(frozen=True, slots=True)
class RunResult:
    """The outcome of a run that ended by itself, by a limit or by an error."""

    text: str
    """The model's answer; empty where a limit or an error ended the run."""
    finish_reason: RunFinishReason
    """``stop`` is the only one that means a whole answer."""
    messages: tuple[Message, ...]
    """The whole history, ready to be continued: every call in it is answered."""
    usage: Usage
    """Sum over the rounds that reported usage."""
    rounds: int
    """Times the model was asked."""
    calls: int
    """Calls the model made, refused ones included."""
    seconds: float
    """Wall clock."""
    error: ErrorDetail | None
    """Why, where the reason is ``error``."""
    run_id: str
    output: str | None = None
    """What a terminal tool gave, where one ended the run."""
    stopped_by: str | None = None
    """The stop condition that held, where one ended the run."""
    cost: float | None = None
    """By the caller's prices."""

    @classmethod
    def of(cls, finish: RunFinish) -> RunResult:
        """The result that the last event of a run describes."""
        return cls(
            text=finish.text,
            finish_reason=finish.finish_reason,
            messages=finish.messages,
            usage=finish.usage,
            rounds=finish.rounds,
            calls=finish.calls,
            seconds=finish.seconds,
            error=finish.error,
            run_id=finish.run_id,
            output=finish.output,
            stopped_by=finish.stopped_by,
            cost=finish.cost,
        )


async def result_of(events: AsyncGenerator[AnyEvent, None]) -> RunResult:
    """Read a run's events to their end.

    Raises:
        RunError: the run ended without an answer; its ``result`` holds the history up to there.
    """
    finish: RunFinish | None = None
    async with aclosing(events):
        async for event in events:
            if isinstance(event, RunFinish):
                finish = event
    assert finish is not None, "a run ends with a RunFinish"  # noqa: S101  # the loop's own promise
    result = RunResult.of(finish)
    if finish.exception is not None:
        finish.exception.result = result
        raise finish.exception
    return result
