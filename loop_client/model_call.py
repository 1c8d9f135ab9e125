"""Asks the model in one round: the caller's hook, the request, its repetition after a failure that may pass."""

from __future__ import annotations

import asyncio
import inspect
import math
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from dataclasses import replace

from loop_client.chat_stream import ModelAnswer, StreamEvent
from loop_client.errors import HookError, LoopClientError, ModelStreamError, RunError
from loop_client.events import AnyEvent, Message, RoundFinish, RoundRestart, RoundStart, RunNotice, ToolInputStart
from loop_client.hooks import RoundPlan
from loop_client.prices import cost_of
from loop_client.run_state import Ending, Run, Turn
from loop_client.steps import ModelRequest, ToolChoice, checked_options
from loop_client.toolbox import gather_tools
from loop_client.tools import ToolRegistry


class DeadlinePassed(Exception):
    """The run's time is up."""


async def ask_model(run: Run, *, is_last_answer: bool = False) -> AsyncGenerator[AnyEvent, None]:
    """Ask once. Puts the turn into the history and, with its calls, into ``run.turn``; or sets ``run.ending``.

    Args:
        run: Is changed.
        is_last_answer: No tool may be called, because a limit was reached.
    """
    run.budget.rounds += 1
    started = run.steps.now()
    answer: ModelAnswer | None = None
    try:
        for notice in await _gather(run):
            yield notice
        plan = await _plan(run, is_last_answer=is_last_answer)
        registry = ToolRegistry(plan.tools)
        model = None if plan.model == run.spec.model else plan.model
        yield RoundStart(plan.round, model, run.steps.unix_time())
        async with aclosing(_attempts(run, plan, registry)) as parts:
            async for part in parts:
                if isinstance(part, ModelAnswer):
                    answer = part
                else:
                    yield _with_title(part, registry)
        if answer is None:
            raise ModelStreamError("the model call ended without an answer")
    except RunError as error:
        run.ending = Ending("error", error=error)
        return
    except DeadlinePassed:
        run.ending = Ending("max_seconds")
        return
    cost = cost_of(run.spec.rules.prices, (plan.model, answer.model), answer.usage)
    run.budget.take_usage(answer.usage, cost)
    if _holds_something(answer.message):
        run.messages.append(answer.message)
    run.turn = Turn(
        plan.round,
        answer.text,
        answer.finish_reason,
        answer.calls,
        registry,
        answer.router,
        is_last_answer=is_last_answer,
    )
    yield RoundFinish(
        plan.round,
        answer.finish_reason,
        answer.raw_finish_reason,
        answer.usage,
        run.steps.now() - started,
        answer.router,
        model=answer.model,
        cost=cost,
    )


def _holds_something(message: Message) -> bool:
    """Whether a turn has anything to go back to the server: an empty one, cut or paused at once, would be refused."""
    return any(value for name, value in message.items() if name != "role")


def relaxed(choice: ToolChoice | None) -> ToolChoice | None:
    """The tool choice of the rounds after the first: what was forced is left to the model."""
    if isinstance(choice, str):
        return "auto" if choice == "required" else choice
    if choice is None:
        return None
    if choice.get("type") == "allowed_tools" and isinstance(choice.get("allowed_tools"), Mapping):
        return {**choice, "allowed_tools": {**choice["allowed_tools"], "mode": "auto"}}
    return "auto"


async def _gather(run: Run) -> list[RunNotice]:
    """Get the round's tools, and say once what was left out of them."""
    number = run.budget.rounds
    if run.gathered is None:
        run.gathered = await gather_tools(run.spec.toolbox, run.added)
    notices = [RunNotice("tool_left_out", text, number) for text in run.gathered.left_out if text not in run.told]
    notices += [RunNotice("tool_source_failed", text, number) for text in run.gathered.failed if text not in run.told]
    run.told |= {notice.message for notice in notices}
    return notices


async def _plan(run: Run, *, is_last_answer: bool) -> RoundPlan:
    assert run.gathered is not None  # noqa: S101  # gathered by the caller
    plan = RoundPlan(
        round=run.budget.rounds,
        model=run.model,
        messages=tuple(run.messages),
        tools=run.gathered.registry.tools,
        tool_choice=run.tool_choice,
        options=run.spec.options,
    )
    # The next round's tools are gathered anew, and nothing is forced twice.
    run.gathered, run.tool_choice = None, relaxed(run.tool_choice)
    plan = await _prepared(run, plan)
    return replace(plan, tool_choice="none") if is_last_answer else plan


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
        checked_options(changed.options)
    except LoopClientError as error:
        raise HookError(f"{failed}: {error}") from error
    except Exception as error:
        raise HookError(f"{failed}: {type(error).__name__}") from error
    return changed


async def _attempts(
    run: Run, plan: RoundPlan, registry: ToolRegistry
) -> AsyncGenerator[StreamEvent | RoundRestart | ModelAnswer, None]:
    """What the model says; after a failure that may pass, a notice and what it says then."""
    request = ModelRequest(
        round=plan.round,
        messages=plan.messages,
        tools=registry.definitions,
        tool_choice=plan.tool_choice,
        model=plan.model,
        options=plan.options,
    )
    attempt = 1
    while True:
        try:
            async with aclosing(_parts(run, request)) as parts:
                async for part in parts:
                    yield part
            return
        except RunError as error:
            wait = run.spec.rules.retry.wait(error, attempt)
            if wait is None or run.steps.now() + wait >= run.deadline:
                raise
            attempt += 1
            restart = RoundRestart(plan.round, attempt, wait, error.detail)
        yield restart
        await run.steps.sleep(restart.wait_seconds)


async def _parts(run: Run, request: ModelRequest) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
    """What the model says, until the run's deadline."""
    async with aclosing(run.steps.call_model(request)) as parts:
        while True:
            left = run.deadline - run.steps.now()
            try:
                async with asyncio.timeout(None if math.isinf(left) else left):
                    part = await anext(parts, None)
            except TimeoutError:
                raise DeadlinePassed from None
            if part is None:
                return
            yield part


def _with_title(event: StreamEvent | RoundRestart, registry: ToolRegistry) -> StreamEvent | RoundRestart:
    if not isinstance(event, ToolInputStart):
        return event
    tool = registry.get(event.tool_name)
    if tool is None:
        return replace(event, dynamic=True)
    return replace(event, title=tool.title, dynamic=tool.dynamic or None)
