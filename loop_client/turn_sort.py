"""Sorts the calls of a turn: refused at once, run now, or answered from outside."""

from __future__ import annotations

import inspect
import logging

from loop_client.call_stream import ToolCall
from loop_client.hooks import BrokenCall, Repaired
from loop_client.limits import Budget
from loop_client.run_events import PendingCall
from loop_client.run_state import Run, Turn
from loop_client.signing import Signer, call_token
from loop_client.tool_outcome import ToolOutcome
from loop_client.tools import Tool
from loop_client.verdict import Refused, Runnable, judge_alone, judge_calls

_log = logging.getLogger("loop_client")

_REPAIRABLE = frozenset({"invalid_json", "schema_mismatch", "unknown_tool"})


async def sort_calls(run: Run, turn: Turn) -> None:
    """Give each call of a new turn its place: an outcome, ``ready`` or ``pending``."""
    judged = judge_calls(turn.calls, turn.finish_reason, turn.router, turn.registry)
    repaired = [await _repaired(run, turn, verdict) for verdict in judged]
    verdicts = _within_repeats(run, turn, _within_limits(turn, repaired, run.budget))
    for verdict in verdicts:
        if isinstance(verdict, Refused):
            turn.outcomes[verdict.call.id] = ToolOutcome(verdict.message, verdict.code)
        elif not verdict.tool.is_deferred and not await verdict.tool.wants_approval(verdict.arguments):
            turn.ready.append(verdict)
        elif run.spec.desk is None:
            text = "the call needs somebody's answer, and nobody can be asked here, so it was not run"
            turn.outcomes[verdict.call.id] = ToolOutcome(text, "cannot_suspend")
        else:
            turn.pending.append(_pending(run, turn.round, verdict, run.spec.desk.signer))


def _pending(run: Run, number: int, runnable: Runnable, signer: Signer) -> PendingCall:
    call, tool = runnable.call, runnable.tool
    return PendingCall(
        call_id=call.id,
        tool_name=call.name,
        arguments_text=call.arguments_text,
        kind="answer" if tool.is_deferred else "approval",
        round=number,
        token=call_token(signer, run.run_id, call.id, call.name, call.arguments_text),
        answer_schema=tool.answer_schema,
        title=tool.title,
    )


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


def _within_limits(turn: Turn, verdicts: list[Runnable | Refused], budget: Budget) -> list[Runnable | Refused]:
    """Refuse the calls for which there is no room, and all of the last round if nobody would read their results."""
    room = budget.take_calls(len(verdicts))
    if turn.is_last_answer:
        text = "a limit of the run was reached and an answer was asked for, so the call was not run"
        return [Refused(item.call, "not_run", text) if isinstance(item, Runnable) else item for item in verdicts]
    if budget.is_last_round() and budget.limits.on_limit != "answer":
        text = f"the run reached its limit of {budget.limits.max_rounds} rounds, so the call was not run"
        return [Refused(item.call, "max_rounds", text) if isinstance(item, Runnable) else item for item in verdicts]
    text = f"the run reached its limit of {budget.limits.max_calls} calls, so the call was not run"
    beyond = [Refused(item.call, "max_calls", text) for item in verdicts[room:]]
    return verdicts[:room] + beyond


def _within_repeats(run: Run, turn: Turn, verdicts: list[Runnable | Refused]) -> list[Runnable | Refused]:
    """Refuse, or mark for a warning, what the model has called in too many rounds already."""
    limits, counts = run.budget.limits, run.repeats.count(turn.calls)
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
