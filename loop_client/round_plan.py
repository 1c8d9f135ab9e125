"""Plans a round: gathers its tools, asks the caller's hook, and puts both into what the model is asked."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from loop_client.errors import HookError, LoopClientError, RunError
from loop_client.events import Message, RunNotice
from loop_client.hooks import RoundPlan
from loop_client.jsontext import JsonObject
from loop_client.model_request import ToolChoice, checked_options
from loop_client.run_state import Run
from loop_client.tools import Tool, ToolRegistry

_log = logging.getLogger("loop_client")


@dataclass(frozen=True, slots=True)
class RoundCall:
    """What the model is asked in a round, and the tools that may be called in it."""

    round: int
    model: str
    messages: tuple[Message, ...]
    definitions: tuple[JsonObject, ...]
    """The tools as the model is told of them."""
    registry: ToolRegistry
    tool_choice: ToolChoice | None
    options: Mapping[str, Any] = field(default_factory=dict)


async def plan_round(run: Run) -> tuple[RoundCall, list[RunNotice]]:
    """Plan the round that begins, and say once what was left out of its tools.

    What was decided is remembered by the steps; tools are code, so a replayed plan takes those of its names that there
    are now.

    Raises:
        RunError: a source of tools cannot be opened, or the hook failed.
    """
    number = run.budget.rounds
    made: list[RoundPlan] = []

    async def decide() -> JsonObject:
        gathered = run.gathered or await run.steps.gather(run.spec.toolbox, run.added)
        plan = RoundPlan(
            round=number,
            model=run.model,
            messages=tuple(run.messages),
            tools=gathered.registry.tools,
            tool_choice=run.tool_choice,
            options=run.spec.options,
        )
        made.append(await _prepared(run, plan))
        return _remembered(plan, made[0]) | {"left_out": list(gathered.left_out), "failed": list(gathered.failed)}

    decided = await run.steps.decide(f"plan {number}", decide)
    notices = [RunNotice("tool_left_out", text, number) for text in decided["left_out"] if text not in run.told]
    notices += [RunNotice("tool_source_failed", text, number) for text in decided["failed"] if text not in run.told]
    run.told |= {notice.message for notice in notices}
    registry = ToolRegistry(made[0].tools) if made else await _found_again(run, decided["tools"])
    changed = decided.get("messages")
    call = RoundCall(
        round=number,
        model=decided["model"],
        messages=tuple(run.messages if changed is None else changed),
        definitions=registry.definitions if "definitions" not in decided else tuple(decided["definitions"]),
        registry=registry,
        tool_choice=decided["tool_choice"],
        options=decided["options"],
    )
    # The next round's tools are gathered anew, and nothing is forced twice.
    run.gathered, run.tool_choice = None, relaxed(run.tool_choice)
    return call, notices


def relaxed(choice: ToolChoice | None) -> ToolChoice | None:
    """The tool choice of the rounds after the first: what was forced is left to the model."""
    if isinstance(choice, str):
        return "auto" if choice == "required" else choice
    if choice is None:
        return None
    if choice.get("type") == "allowed_tools" and isinstance(choice.get("allowed_tools"), Mapping):
        return {**choice, "allowed_tools": {**choice["allowed_tools"], "mode": "auto"}}
    return "auto"


def _remembered(plan: RoundPlan, changed: RoundPlan) -> JsonObject:
    """What is needed to ask the same again. What the hook left alone is not written down twice."""
    body: JsonObject = {
        "model": changed.model,
        "tools": [tool.name for tool in changed.tools],
        "tool_choice": changed.tool_choice,
        "options": dict(changed.options),
    }
    if changed.messages != plan.messages:
        body["messages"] = list(changed.messages)
    if changed.tools != plan.tools:
        body["definitions"] = [tool.definition() for tool in changed.tools]
    return body


async def _found_again(run: Run, names: list[str]) -> ToolRegistry:
    """The tools of a plan that was made before, as far as they are still there."""
    try:
        gathered = run.gathered or await run.steps.gather(run.spec.toolbox, run.added)
        there = gathered.registry
    except RunError as error:
        _log.warning("tools of run %s cannot be gathered again: %s", run.run_id, error)
        there = ToolRegistry((*run.spec.toolbox.fixed, *run.spec.toolbox.outside))
    found: list[Tool] = [tool for name in names if (tool := there.get(name)) is not None]
    return ToolRegistry(found)


async def _prepared(run: Run, plan: RoundPlan) -> RoundPlan:
    """The plan as the caller's hook wants it."""
    hook = run.spec.rules.prepare_round
    if hook is None:
        return plan
    failed = f"the hook before round {plan.round} failed"
    try:
        given = hook(plan)
        changed = await given if inspect.isawaitable(given) else given
        if changed is None:
            return plan
        ToolRegistry(changed.tools)
        return replace(changed, options=checked_options(changed.options))
    except LoopClientError as error:
        raise HookError(f"{failed}: {error}") from error
    except Exception as error:
        raise HookError(f"{failed}: {type(error).__name__}") from error
