"""The tool loop: one flat `while` that asks the model, runs its calls, and asks again until it answers."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator
from contextlib import aclosing

from loop_client.errors import HookError, LimitReached, RunError
from loop_client.events import AnyEvent, RunStart
from loop_client.jsontext import JsonObject
from loop_client.limits import Budget, LimitReason
from loop_client.model_call import ask_model
from loop_client.run_state import Ending, Resumed, Run, RunSpec, Turn
from loop_client.steps import Steps
from loop_client.stop import EndedCall, StepState, StopCondition, words_for
from loop_client.suspend import resume, resumed_turn
from loop_client.turn import answer_turn

__all__ = ["run_loop"]

_log = logging.getLogger("loop_client")


async def run_loop(spec: RunSpec, steps: Steps, resumed: Resumed | None = None) -> AsyncGenerator[AnyEvent, None]:
    """Run to the end and tell of every step; the last event is a ``RunFinish``.

    A failed model call ends the run with reason ``error``; failed tools do not end it. Every call in the history is
    answered, in call order, before the model is asked again and when a limit ends the run. Closing the generator
    cancels what is under way.

    Args:
        spec: What the run is about. Of a run that goes on, the history and the model are the suspension's.
        steps: Do the work.
        resumed: A suspended run and what was decided about its calls.
    """
    run = _begin(spec, steps) if resumed is None else resume(spec, steps, resumed)
    yield await _start(run, resumed)
    while not run.is_over():
        async with aclosing(_step(run, resumed)) as events:
            async for event in events:
                yield event
        resumed = None
    assert run.ending is not None  # noqa: S101  # as the condition of the loop says
    yield run.finish(run.ending, _logged(run, run.ending.error))


async def _step(run: Run, resumed: Resumed | None) -> AsyncGenerator[AnyEvent, None]:
    """One turn of the model and the answers to its calls; of a run that goes on, at first the answers only."""
    if resumed is None:
        async with aclosing(ask_model(run)) as events:
            async for event in events:
                yield event
    turn, run.turn = run.turn, None
    if turn is None:
        assert run.ending is not None, "the model call has ended the run"  # noqa: S101  # what ask_model promises
    elif turn.calls:
        async with aclosing(answer_turn(run, turn, resumed)) as events:
            async for event in events:
                yield event
    if turn is not None and not run.is_over():
        run.ending = await _after(run, turn)
    if run.ending is not None and _wants_last_answer(run.ending, run.spec):
        async with aclosing(_last_answer(run, run.ending)) as events:
            async for event in events:
                yield event


def _begin(spec: RunSpec, steps: Steps) -> Run:
    budget = Budget(spec.limits, steps.now())
    return Run(
        spec=spec,
        steps=steps,
        run_id=spec.run_id or steps.new_id("run"),
        budget=budget,
        messages=list(spec.messages),
        model=spec.model,
        deadline=budget.deadline,
        tool_choice=spec.tool_choice,
    )


async def _start(run: Run, resumed: Resumed | None) -> RunStart:
    """Gather the tools and, of a run that goes on, the turn that waited."""

    async def decide() -> JsonObject:
        run.gathered = await run.steps.gather(run.spec.toolbox, run.added)
        if resumed is not None:
            _bring_back_tools(run, resumed)
            run.gathered = await run.steps.gather(run.spec.toolbox, run.added)
        return {"tools": list(run.gathered.registry.names())}

    names = tuple(tool.name for tool in run.spec.toolbox.fixed)
    try:
        names = tuple((await run.steps.decide("start", decide))["tools"])
        if resumed is not None and run.gathered is not None:
            run.turn, run.gathered = resumed_turn(resumed.suspension, run.gathered.registry), None
    except RunError as error:
        run.ending = Ending("error", error=error)
    return RunStart(run.run_id, run.model, names, run.steps.unix_time(), resumed=True if resumed is not None else None)


def _bring_back_tools(run: Run, resumed: Resumed) -> None:
    """Make again the tools that tools had brought; one whose bringer is gone is gone, too."""
    for brought in resumed.suspension.added_tools:
        by = run.gathered.registry.get(brought["by"]) if run.gathered is not None else None
        try:
            if by is not None:
                run.added.add(by, brought["value"])
        except ValueError as error:
            _log.warning("tools brought by %s cannot be made again: %s", brought["by"], error)


async def _after(run: Run, turn: Turn) -> Ending | None:
    """How the run ends after this turn, if it does."""
    if turn.finish_reason == "pause" and not turn.calls:
        return _paused(run, turn)
    text = run.paused_text + turn.text
    if turn.finish_reason == "content_filter" or not turn.calls:
        match turn.finish_reason:
            case "tool_calls" | "pause":
                return Ending("stop", text)
            case reason:
                return Ending(reason, text)
    if turn.terminal is not None:
        return Ending("terminal_tool", turn.text, output=turn.outcomes[turn.terminal].text)
    return await _stopped(run, turn)


async def _stopped(run: Run, turn: Turn) -> Ending | None:
    """Whether a limit or a condition of the caller ends the run after this turn's calls."""

    async def decide() -> JsonObject:
        condition = await _held(run, turn)
        limit = turn.limit or run.budget.reached(run.steps.now())
        return {"limit": limit, "stopped_by": None if condition is None else words_for(condition)}

    try:
        decided = await run.steps.decide(f"stop {turn.round}", decide)
    except RunError as error:
        return Ending("error", error=error)
    if decided["stopped_by"] is not None:
        return Ending("stop_condition", turn.text, stopped_by=decided["stopped_by"])
    return None if decided["limit"] is None else _limited(run, decided["limit"])


def _paused(run: Run, turn: Turn) -> Ending | None:
    """The provider paused its turn: it goes on when it is asked again, within a bound (FINISH-05)."""
    run.budget.pauses += 1
    run.paused_text += turn.text
    if run.budget.pauses > run.budget.limits.max_pauses:
        text = f"the provider paused its turn more than {run.budget.limits.max_pauses} times"
        return Ending("max_pauses", error=LimitReached(text))
    limit = run.budget.reached(run.steps.now())
    return None if limit is None else _limited(run, limit)


def _limited(run: Run, limit: LimitReason) -> Ending:
    if run.spec.limits.on_limit != "raise":
        return Ending(limit)
    return Ending(limit, error=LimitReached(f"the run reached its limit: {limit}"))


async def _held(run: Run, turn: Turn) -> StopCondition | None:
    """The first of the caller's conditions that holds."""
    state = StepState(
        round=turn.round,
        finish_reason=turn.finish_reason,
        text=turn.text,
        calls=tuple(
            EndedCall(call.id, call.name, call.arguments_text, turn.outcomes[call.id].error is not None)
            for call in turn.calls
        ),
        messages=tuple(run.messages),
        usage=run.budget.usage,
        cost=run.budget.cost,
        seconds=run.steps.now() - run.budget.started,
    )
    for condition in run.spec.rules.stop:
        try:
            given = condition(state)
            holds = await given if inspect.isawaitable(given) else given
        except Exception as error:
            raise HookError(f"the stop condition {words_for(condition)} failed: {type(error).__name__}") from error
        if holds:
            return condition
    return None


_ANSWERABLE = frozenset({"max_rounds", "max_calls", "max_seconds", "max_tokens", "max_cost", "repeated_calls"})


def _wants_last_answer(ending: Ending, spec: RunSpec) -> bool:
    return spec.limits.on_limit == "answer" and ending.reason in _ANSWERABLE


async def _last_answer(run: Run, ending: Ending) -> AsyncGenerator[AnyEvent, None]:
    """Ask once more, without tools; what the model says is the text of a run that still ends with the limit."""
    run.ending = None
    run.deadline = max(run.deadline, run.steps.now() + run.spec.limits.answer_seconds)
    async with aclosing(ask_model(run, is_last_answer=True)) as events:
        async for event in events:
            yield event
    turn, run.turn = run.turn, None
    if turn is not None and turn.calls:
        async with aclosing(answer_turn(run, turn)) as events:
            async for event in events:
                yield event
    if not run.is_over():
        run.ending = Ending(ending.reason, "" if turn is None else turn.text)


def _logged(run: Run, error: RunError | None) -> str | None:
    """Put an error into the log under an id that may be shown instead of it."""
    if error is None or isinstance(error, LimitReached):
        return None
    error_id = run.steps.new_id("err")
    _log.error("run %s failed [%s]: %s: %s", run.run_id, error_id, error.detail.code, error)
    return error_id
