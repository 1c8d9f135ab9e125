"""Sorts the calls of a turn: refused at once, run now, or answered from outside."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping

from loop_client.call_stream import ToolCall
from loop_client.event_base import json_fields
from loop_client.hooks import BrokenCall, Repaired
from loop_client.jsontext import JsonObject
from loop_client.limits import Budget
from loop_client.run_events import PendingCall
from loop_client.run_state import Run, Turn
from loop_client.signing import call_digest, call_token
from loop_client.tool_outcome import ToolOutcome
from loop_client.tools import Tool
from loop_client.verdict import Refused, Runnable, judge_alone, judge_calls

_log = logging.getLogger("loop_client")

_REPAIRABLE = frozenset({"invalid_json", "schema_mismatch", "unknown_tool"})


async def sort_calls(run: Run, turn: Turn) -> None:
    """Give each call of a new turn its place: an outcome, ``ready`` or ``pending``.

    Rules and hooks of the caller take part in this, so what was decided is remembered by the steps.
    """
    room, counts = run.budget.take_calls(len(turn.calls)), run.repeats.count(turn.calls)

    async def decide() -> JsonObject:
        judged = judge_calls(turn.calls, turn.finish_reason, turn.router, turn.registry)
        repaired = [await _repaired(run, turn, verdict) for verdict in judged]
        within = _within_limits(turn, repaired, run.budget, room)
        return await _decided(run, turn, _within_repeats(run, turn, within, counts))

    decided = await run.steps.decide(f"sort {turn.round}", decide)
    turn.limit, turn.warned = decided["limit"], dict(decided["warned"])
    for call, place in zip(turn.calls, decided["calls"], strict=True):
        match place:
            case {"outcome": outcome}:
                turn.outcomes[call.id] = ToolOutcome.from_json(outcome)
            case {"run": name, "arguments": text}:
                make_ready(turn, ToolCall(call.id, name, text))
            case _:
                turn.pending.append(PendingCall(**place["pending"]))


def make_ready(turn: Turn, call: ToolCall) -> None:
    """Put a call among those to be run; or give it an outcome, where its tool is not here any more."""
    verdict = judge_alone(call, turn.registry)
    if isinstance(verdict, Refused):
        turn.outcomes[call.id] = ToolOutcome(verdict.message, verdict.code)
    elif verdict.tool.is_deferred:
        turn.outcomes[call.id] = ToolOutcome("the tool cannot be run here any more", "not_run")
    else:
        turn.ready.append(verdict)


async def _decided(run: Run, turn: Turn, verdicts: list[Runnable | Refused]) -> JsonObject:
    calls: list[JsonObject] = []
    can_ask = run.steps.can_wait or run.spec.desk is not None
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            calls.append({"outcome": ToolOutcome(verdict.message, verdict.code).to_json()})
        elif not verdict.tool.is_deferred and not await verdict.tool.wants_approval(verdict.arguments):
            calls.append({"run": verdict.call.name, "arguments": verdict.call.arguments_text})
        elif not can_ask:
            text = "the call needs somebody's answer, and nobody can be asked here, so it was not run"
            calls.append({"outcome": ToolOutcome(text, "cannot_suspend").to_json()})
        else:
            calls.append({"pending": json_fields(pending_call(run, turn, verdict))})
    return {"calls": calls, "limit": turn.limit, "warned": turn.warned}


def pending_call(run: Run, turn: Turn, runnable: Runnable) -> PendingCall:
    """A call that has to wait for somebody outside."""
    call, tool = runnable.call, runnable.tool
    return PendingCall(
        call_id=call.id,
        tool_name=call.name,
        arguments_text=call.arguments_text,
        kind="answer" if tool.is_deferred else "approval",
        round=turn.round,
        token=_token(run, turn, call),
        answer_schema=tool.answer_schema,
        title=tool.title,
    )


def _token(run: Run, turn: Turn, call: ToolCall) -> str:
    """What an answer shows that it is for this call. Where nobody signs, whoever may see the run may answer."""
    if run.steps.can_wait or run.spec.desk is None:
        asked = str(turn.asked.get(call.id, 0))
        return call_digest(run.run_id, call.id, call.name, call.arguments_text, asked)
    return call_token(run.spec.desk.signer, run.run_id, call.id, call.name, call.arguments_text)


async def _repaired(run: Run, turn: Turn, verdict: Runnable | Refused) -> Runnable | Refused:
    """The verdict on the call as the caller's hook mends it, if it does; a hook that fails mends nothing."""
    hook = run.spec.rules.repair
    if hook is None or not isinstance(verdict, Refused) or verdict.code not in _REPAIRABLE:
        return verdict
    call, tool = verdict.call, turn.registry.get(verdict.call.name)
    broken = BrokenCall(
        call.id,
        call.name,
        call.arguments_text,
        verdict.code,
        verdict.message,
        None if tool is None else tool.parameters,
        turn.registry.names(),
    )
    try:
        given = hook(broken)
        repaired = await given if inspect.isawaitable(given) else given
    except Exception as error:  # noqa: BLE001  # the hook is foreign code; without it the call is simply refused
        _log.warning("the repair hook failed", exc_info=error)
        return verdict
    if not isinstance(repaired, Repaired):
        return verdict
    again = judge_alone(ToolCall(call.id, repaired.tool_name or call.name, repaired.arguments_text), turn.registry)
    return again if isinstance(again, Runnable) else verdict


def _within_limits(
    turn: Turn, verdicts: list[Runnable | Refused], budget: Budget, room: int
) -> list[Runnable | Refused]:
    """Refuse the calls for which there is no room, and all of the last round if nobody would read their results."""
    if turn.is_last_answer:
        text = "a limit of the run was reached and an answer was asked for, so the call was not run"
        return [Refused(item.call, "not_run", text) if isinstance(item, Runnable) else item for item in verdicts]
    if budget.is_last_round() and budget.limits.on_limit != "answer":
        text = f"the run reached its limit of {budget.limits.max_rounds} rounds, so the call was not run"
        return [Refused(item.call, "max_rounds", text) if isinstance(item, Runnable) else item for item in verdicts]
    text = f"the run reached its limit of {budget.limits.max_calls} calls, so the call was not run"
    beyond = [Refused(item.call, "max_calls", text) for item in verdicts[room:]]
    return verdicts[:room] + beyond


def _within_repeats(
    run: Run, turn: Turn, verdicts: list[Runnable | Refused], counts: Mapping[str, int]
) -> list[Runnable | Refused]:
    """Refuse, or mark for a warning, what the model has called in too many rounds already."""
    limits = run.budget.limits
    within: list[Runnable | Refused] = []
    for verdict in verdicts:
        count = counts[verdict.call.id]
        if _may_repeat(turn.registry.get(verdict.call.name)):
            within.append(verdict)
        elif limits.max_repeats is not None and count > limits.max_repeats:
            turn.limit = "repeated_calls"
            text = f"the same call was made in {count} rounds, so it was not run again"
            within.append(Refused(verdict.call, "repeated_calls", text))
        else:
            if limits.warn_repeats is not None and count >= limits.warn_repeats:
                turn.warned[verdict.call.id] = count
            within.append(verdict)
    return within


def _may_repeat(tool: Tool | None) -> bool:
    return tool is not None and tool.may_repeat
