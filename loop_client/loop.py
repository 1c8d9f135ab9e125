"""The tool loop: one flat `while` that asks the model, runs its calls, and asks again until it answers."""

from __future__ import annotations

import asyncio
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any

from loop_client.call_stream import ToolCall
from loop_client.chat_stream import ModelAnswer, StreamEvent
from loop_client.errors import ModelStreamError, RunError
from loop_client.events import (
    AnyEvent,
    FinishReason,
    Message,
    RoundFinish,
    RoundStart,
    RunFinish,
    RunFinishReason,
    RunStart,
    ToolInputAvailable,
    ToolOutputAvailable,
    ToolOutputError,
    ToolProgress,
)
from loop_client.jsontext import JsonObject
from loop_client.limits import Budget, LimitReason, Limits
from loop_client.steps import ModelRequest, Steps, ToolChoice
from loop_client.tool_outcome import ToolOutcome
from loop_client.tool_round import CallAgain, CallEnd, CallProgress, CallSettings, run_calls
from loop_client.tools import ToolRegistry
from loop_client.usage import Usage
from loop_client.verdict import Refused, Runnable, judge_calls


@dataclass(frozen=True, slots=True)
class RunSpec:
    """What a run is about."""

    model: str
    """For the events; the request's model is the transport's affair."""
    messages: tuple[Message, ...]
    registry: ToolRegistry
    limits: Limits
    tool_choice: ToolChoice | None = None
    """Of the first round; a forced choice becomes ``auto`` after it, or the run would never end (LOOP-02)."""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The caller's own, for the tools' contexts."""


@dataclass(slots=True)
class _Run:
    """The state of one run. Everything the next round depends on is here."""

    spec: RunSpec
    steps: Steps
    run_id: str
    budget: Budget
    messages: list[Message]
    usage: Usage = field(default_factory=Usage)

    def finish(self, reason: RunFinishReason, text: str = "", error: RunError | None = None) -> RunFinish:
        return RunFinish(
            run_id=self.run_id,
            finish_reason=reason,
            text=text,
            messages=tuple(self.messages),
            usage=self.usage,
            rounds=self.budget.rounds,
            calls=self.budget.calls,
            seconds=self.steps.now() - self.budget.started,
            error=None if error is None else error.detail,
            exception=error,
        )

    def request(self) -> ModelRequest:
        spec, number = self.spec, self.budget.rounds
        choice = spec.tool_choice if number == 1 else relaxed(spec.tool_choice)
        return ModelRequest(number, tuple(self.messages), spec.registry.definitions, choice)


async def run_loop(spec: RunSpec, steps: Steps) -> AsyncGenerator[AnyEvent, None]:
    """Run to the end and tell of every step; the last event is a ``RunFinish``.

    A failed model call ends the run with reason ``error``; failed tools do not end it. Every call in the history is
    answered, in call order, before the model is asked again and when a limit ends the run. Closing the generator
    cancels what is under way.
    """
    run = _Run(spec, steps, steps.new_id("run"), Budget(spec.limits, steps.now()), list(spec.messages))
    yield RunStart(run.run_id, spec.model, spec.registry.names())
    limit: LimitReason | None = None
    while limit is None:
        run.budget.rounds += 1
        yield RoundStart(run.budget.rounds)
        started = steps.now()
        answer: ModelAnswer | None = None
        try:
            async with aclosing(_model_parts(run)) as parts:
                async for part in parts:
                    if isinstance(part, ModelAnswer):
                        answer = part
                    else:
                        yield part
            if answer is None:
                raise ModelStreamError("the model call ended without an answer")
        except RunError as error:
            yield run.finish("error", error=error)
            return
        except _DeadlinePassed:
            yield run.finish("max_seconds")
            return
        run.messages.append(answer.message)
        run.usage += answer.usage or Usage()
        yield _round_finish(run, answer, steps.now() - started)
        if answer.calls:
            async with aclosing(_answer_calls(run, answer)) as events:
                async for event in events:
                    yield event
        if answer.finish_reason == "content_filter" or not answer.calls:
            yield run.finish(_ended(answer.finish_reason), answer.text)
            return
        limit = run.budget.reached(steps.now())
    yield run.finish(limit)


def relaxed(choice: ToolChoice | None) -> ToolChoice | None:
    """The tool choice of the rounds after the first: what was forced is left to the model."""
    if isinstance(choice, str):
        return "auto" if choice == "required" else choice
    if choice is None:
        return None
    if choice.get("type") == "allowed_tools" and isinstance(choice.get("allowed_tools"), Mapping):
        return {**choice, "allowed_tools": {**choice["allowed_tools"], "mode": "auto"}}
    return "auto"


def _ended(reason: FinishReason) -> RunFinishReason:
    return "stop" if reason in {"tool_calls", "pause"} else reason  # type: ignore[return-value]


class _DeadlinePassed(Exception):
    """The run's time is up."""


async def _model_parts(run: _Run) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
    """What the model says, until the run's deadline."""
    async with aclosing(run.steps.call_model(run.request())) as parts:
        while True:
            left = run.budget.deadline - run.steps.now()
            try:
                async with asyncio.timeout(None if math.isinf(left) else left):
                    part = await anext(parts, None)
            except TimeoutError:
                raise _DeadlinePassed from None
            if part is None:
                return
            yield part


def _round_finish(run: _Run, answer: ModelAnswer, seconds: float) -> RoundFinish:
    return RoundFinish(
        run.budget.rounds, answer.finish_reason, answer.raw_finish_reason, answer.usage, seconds, answer.router
    )


async def _answer_calls(run: _Run, answer: ModelAnswer) -> AsyncGenerator[AnyEvent, None]:
    """Run what may run, and append one result for every call, in call order."""
    number = run.budget.rounds
    contents: dict[str, str | list[JsonObject]] = {}
    runnables: list[Runnable] = []
    for verdict in _within_limits(judge_calls(answer, run.spec.registry), run.budget):
        call = verdict.call
        if isinstance(verdict, Refused):
            outcome = ToolOutcome(verdict.message, verdict.code)
            contents[call.id] = outcome.content
            yield _call_end(number, call, outcome, 0.0)
        else:
            runnables.append(verdict)
            yield ToolInputAvailable(number, call.id, call.name, call.arguments_text)
    settings = CallSettings(run.run_id, number, run.budget.deadline, run.spec.limits.max_parallel, run.spec.values)
    async with aclosing(run_calls(runnables, run.steps, settings)) as reports:
        async for report in reports:
            call = runnables[report.place].call
            match report:
                case CallEnd(outcome=outcome, seconds=seconds):
                    contents[call.id] = outcome.content
                    yield _call_end(number, call, outcome, seconds)
                case CallProgress(progress=told):
                    yield ToolProgress(number, call.id, call.name, told.progress, told.total, told.message, told.output)
                case CallAgain(attempt=attempt):
                    yield ToolInputAvailable(number, call.id, call.name, call.arguments_text, attempt=attempt)
    run.messages.extend(
        {"role": "tool", "tool_call_id": call.id, "content": contents[call.id]} for call in answer.calls
    )


def _within_limits(verdicts: list[Runnable | Refused], budget: Budget) -> list[Runnable | Refused]:
    """Refuse the calls for which there is no room, and all of the last round: their results would not be read."""
    room = budget.take_calls(len(verdicts))
    if budget.is_last_round():
        text = f"the run reached its limit of {budget.limits.max_rounds} rounds, so the call was not run"
        return [Refused(item.call, "max_rounds", text) if isinstance(item, Runnable) else item for item in verdicts]
    text = f"the run reached its limit of {budget.limits.max_calls} calls, so the call was not run"
    beyond = [Refused(item.call, "max_calls", text) for item in verdicts[room:]]
    return verdicts[:room] + beyond


def _call_end(
    number: int, call: ToolCall, outcome: ToolOutcome, seconds: float
) -> ToolOutputAvailable | ToolOutputError:
    if outcome.error is None:
        return ToolOutputAvailable(number, call.id, call.name, outcome.text, seconds, outcome.parts)
    return ToolOutputError(
        number,
        call.id,
        call.name,
        call.arguments_text,
        outcome.error,
        outcome.text,
        seconds,
        error_id=outcome.error_id,
    )
