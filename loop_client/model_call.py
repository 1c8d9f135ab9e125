"""Asks the model in one round, and takes its turn into the run."""

from __future__ import annotations

import math
from collections.abc import AsyncGenerator
from contextlib import aclosing
from dataclasses import replace

from loop_client.chat_stream import ModelAnswer
from loop_client.errors import ModelStreamError, RunError
from loop_client.events import AnyEvent, Message, RoundFinish, RoundStart
from loop_client.model_attempts import DeadlinePassed, ModelCall
from loop_client.model_request import ModelRequest
from loop_client.prices import cost_of
from loop_client.round_plan import RoundCall, plan_round
from loop_client.run_state import Ending, Run, Turn


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
        plan, notices = await plan_round(run)
        for notice in notices:
            yield notice
        if is_last_answer:
            plan = replace(plan, tool_choice="none")
        model = None if plan.model == run.spec.model else plan.model
        yield RoundStart(plan.round, model, run.steps.unix_time())
        async with aclosing(run.steps.call_model(_call(run, plan))) as parts:
            async for part in parts:
                if isinstance(part, ModelAnswer):
                    answer = part
                else:
                    yield part
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
        plan.registry,
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


def _call(run: Run, plan: RoundCall) -> ModelCall:
    request = ModelRequest(
        round=plan.round,
        messages=plan.messages,
        tools=plan.definitions,
        tool_choice=plan.tool_choice,
        model=plan.model,
        options=plan.options,
    )
    left = run.deadline - run.steps.now()
    return ModelCall(request, plan.registry, run.spec.rules.retry, None if math.isinf(left) else left)
