"""Answers the calls of one turn, every one of them: runs tools, suspends the run, takes what comes from outside."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Any

from loop_client.call_stream import ToolCall
from loop_client.events import (
    AnyEvent,
    Message,
    PendingCall,
    RunNotice,
    RunSuspended,
    ToolApprovalAnswered,
    ToolApprovalRequested,
    ToolDeferred,
    ToolInputAvailable,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
    ToolProgress,
)
from loop_client.jsontext import JsonObject, loads
from loop_client.run_state import Ending, Resumed, Run, Turn
from loop_client.settled import Answered, Approved, Denied, Settled
from loop_client.suspend import suspension_of
from loop_client.tool_outcome import ToolOutcome
from loop_client.tool_round import CallAgain, CallEnd, CallProgress, CallSettings, run_calls
from loop_client.tool_run import ToolEnd
from loop_client.turn_sort import make_ready, pending_call, sort_calls


async def answer_turn(run: Run, turn: Turn, resumed: Resumed | None = None) -> AsyncGenerator[AnyEvent, None]:
    """Give every call its result in the history, in call order; or suspend the run and set ``run.ending``."""
    if resumed is None:
        await sort_calls(run, turn)
        for call in turn.calls:
            if call.id in turn.outcomes:
                yield _end(turn, call, turn.outcomes[call.id], 0.0)
    else:
        for event in _settle(turn, resumed.settled):
            yield event
    announced: set[str] = set()
    while run.ending is None:
        async with aclosing(_run_ready(run, turn)) as events:
            async for event in events:
                yield event
        if not turn.pending:
            break
        async with aclosing(_wait(run, turn, announced)) as events:
            async for event in events:
                yield event
    if run.ending is None:
        for notice in _warnings(turn):
            yield notice
        run.messages += _result_messages(run, turn)


async def _wait(run: Run, turn: Turn, announced: set[str]) -> AsyncGenerator[AnyEvent, None]:
    """Wait where the run is, if its steps can, until some of the calls are answered; else suspend it."""
    pending = tuple(turn.pending)
    if run.steps.can_wait:
        for call in pending:
            if call.token not in announced:
                announced.add(call.token)
                yield _announcement(turn, call)
        for event in _settle(turn, await run.steps.wait_for_answers(pending, turn.registry, run.spec.values)):
            yield event
        return
    assert run.spec.desk is not None, "without a desk no call is pending"  # noqa: S101  # see sort_calls
    # Kept before anybody hears of it: an answer may come at once.
    state, expires_at = await run.spec.desk.suspend(suspension_of(run, turn))
    for call in pending:
        yield _announcement(turn, call)
    yield RunSuspended(run.run_id, pending, state, expires_at)
    run.messages.pop()  # the turn that waits is in the state; a history must not end in unanswered calls
    run.ending = Ending("suspended", turn.text)


def _announcement(turn: Turn, call: PendingCall) -> ToolApprovalRequested | ToolDeferred:
    tool = turn.registry.get(call.tool_name)
    dynamic = True if tool is None or tool.dynamic else None
    if call.kind == "approval":
        return ToolApprovalRequested(
            call.round, call.call_id, call.tool_name, call.arguments_text, call.token, call.title, dynamic
        )
    return ToolDeferred(
        call.round,
        call.call_id,
        call.tool_name,
        call.arguments_text,
        call.token,
        call.answer_schema,
        call.title,
        dynamic,
    )


def _settle(turn: Turn, settled: Mapping[str, Settled]) -> list[AnyEvent]:
    """Give the waiting calls what was decided about them: an outcome, or a place among those to be run."""
    events: list[AnyEvent] = []
    for waiting in turn.pending:
        if waiting.call_id not in settled:
            continue
        call = ToolCall(waiting.call_id, waiting.tool_name, waiting.arguments_text)
        decision = settled[call.id]
        if isinstance(decision, (Approved, Denied)):
            approved = isinstance(decision, Approved)
            events.append(
                ToolApprovalAnswered(turn.round, call.id, call.name, call.arguments_text, approved, decision.reason)
            )
        outcome = _outcome_of(turn, call, decision)
        if outcome is not None:
            turn.outcomes[call.id] = outcome
            reason = decision.reason if isinstance(decision, Denied) else None
            events.append(_end(turn, call, outcome, 0.0, reason))
    turn.pending = [call for call in turn.pending if call.call_id not in settled]
    return events


def _outcome_of(turn: Turn, call: ToolCall, decision: Settled) -> ToolOutcome | None:
    match decision:
        case Answered(outcome=outcome):
            return outcome
        case Denied(reason=reason):
            text = "the call was not approved, so it was not run"
            return ToolOutcome(f"{text}: {reason}" if reason else text, "denied")
        case Approved():
            make_ready(turn, call)
            return turn.outcomes.get(call.id)


async def _run_ready(run: Run, turn: Turn) -> AsyncGenerator[AnyEvent, None]:
    """Run what is ready, and tell of it."""
    runnables, turn.ready = turn.ready, []
    for runnable in runnables:
        call, tool = runnable.call, runnable.tool
        yield ToolInputAvailable(turn.round, call.id, call.name, call.arguments_text, tool.title, tool.dynamic or None)
    limit = run.spec.limits.max_parallel
    settings = CallSettings(run.run_id, turn.round, run.deadline, limit, run.spec.values)
    async with aclosing(run_calls(runnables, run.steps, settings)) as reports:
        async for report in reports:
            call, tool = runnables[report.place].call, runnables[report.place].tool
            match report:
                case CallProgress(progress=told):
                    yield ToolProgress(
                        turn.round, call.id, call.name, told.progress, told.total, told.message, told.output
                    )
                case CallAgain(attempt=attempt):
                    yield ToolInputAvailable(
                        turn.round, call.id, call.name, call.arguments_text, tool.title, tool.dynamic or None, attempt
                    )
                case CallEnd(end=ToolEnd(asks=True)):
                    turn.asked[call.id] = turn.asked.get(call.id, 0) + 1
                    turn.pending.append(pending_call(run, turn, runnables[report.place]))
                case CallEnd(end=ToolEnd(outcome=outcome, seconds=seconds)):
                    if tool.provides is not None and outcome.error is None:
                        outcome = _with_tools_added(run, tool.name, turn, outcome)
                    turn.outcomes[call.id] = outcome
                    if tool.terminal and outcome.error is None and turn.terminal is None:
                        turn.terminal = call.id
                    yield _end(turn, call, outcome, seconds)


def _with_tools_added(run: Run, name: str, turn: Turn, outcome: ToolOutcome) -> ToolOutcome:
    """Take the tools that a call brought; they are offered from the next round on."""
    tool = turn.registry.get(name)
    try:
        if tool is not None:
            run.added.add(tool, _json_or_text(outcome.text))
    except ValueError as error:
        return ToolOutcome(f"the tools that were brought cannot be used: {error}", "tool_error")
    return outcome


def _json_or_text(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _end(
    turn: Turn, call: ToolCall, outcome: ToolOutcome, seconds: float, reason: str | None = None
) -> ToolOutputAvailable | ToolOutputError | ToolOutputDenied:
    tool = turn.registry.get(call.name)
    dynamic = True if tool is None or tool.dynamic else None
    if outcome.error is None:
        return ToolOutputAvailable(turn.round, call.id, call.name, outcome.text, seconds, outcome.parts, dynamic)
    if outcome.error == "denied":
        return ToolOutputDenied(turn.round, call.id, call.name, call.arguments_text, reason, dynamic)
    return ToolOutputError(
        turn.round,
        call.id,
        call.name,
        call.arguments_text,
        outcome.error,
        outcome.text,
        seconds,
        outcome.error_id,
        dynamic,
    )


def _warnings(turn: Turn) -> list[RunNotice]:
    names = {call.name for call in turn.calls if call.id in turn.warned}
    text = "the model makes the same call of {} again and again, and was told so"
    return [RunNotice("repeated_calls", text.format(name), turn.round) for name in sorted(names)]


def _result_messages(run: Run, turn: Turn) -> list[Message]:
    """One tool message per call, in call order; media go into a user message behind them where a server wants that."""
    messages: list[Message] = []
    media: list[JsonObject] = []
    for call in turn.calls:
        outcome = turn.outcomes[call.id]
        content = outcome.content
        if isinstance(content, list) and run.spec.rules.result_images == "user":
            media.append({"type": "text", "text": f"Images and files of the result of call {call.id} ({call.name}):"})
            media += [part for part in content if part.get("type") != "text"]
            content = outcome.text
        messages.append({"role": "tool", "tool_call_id": call.id, "content": _warned(turn, call.id, content)})
    return [*messages, {"role": "user", "content": media}] if media else messages


def _warned(turn: Turn, call_id: str, content: str | list[JsonObject]) -> str | list[JsonObject]:
    """The content, with a word to the model about a call it makes too often."""
    if call_id not in turn.warned:
        return content
    note = (
        "[Note from the program that runs the tools: this same call has now been made in"
        f" {turn.warned[call_id]} rounds. Use the result, try something else, or answer.]"
    )
    return [*content, {"type": "text", "text": note}] if isinstance(content, list) else f"{content}\n\n{note}"
