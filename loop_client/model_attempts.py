"""Asks the model and, after a failure that may pass, asks again: one turn of it, whatever it takes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, replace

from loop_client.chat_stream import ModelAnswer, StreamEvent
from loop_client.errors import RunError
from loop_client.events import RoundRestart, ToolInputStart
from loop_client.model_request import Model, ModelRequest
from loop_client.retry import Attempts, Retry
from loop_client.tools import ToolRegistry


class DeadlinePassed(Exception):
    """The run's time is up."""


@dataclass(frozen=True, slots=True)
class ModelCall:
    """One turn that is asked for."""

    request: ModelRequest
    registry: ToolRegistry
    """The round's tools, for what people are shown of their calls."""
    retry: Retry
    seconds: float | None
    """Until the run must end; None for no bound."""
    attempt: int = 1
    """Which attempt at this turn comes first."""


ModelPart = StreamEvent | RoundRestart | ModelAnswer
"""What a model call gives: events while it answers and, last and exactly once, the whole answer."""


@dataclass(frozen=True, slots=True)
class Clock:
    """What waiting is done by."""

    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    stands_still: bool = False
    """Whether no time passes on it while it sleeps."""


async def model_parts(model: Model, call: ModelCall, clock: Clock) -> AsyncGenerator[ModelPart, None]:
    """What the model says; after a failure that may pass, a ``RoundRestart`` and what it says then.

    Raises:
        RunError: there is no whole answer.
        DeadlinePassed: the call's seconds are over.
    """
    until = None if call.seconds is None else clock.now() + call.seconds
    attempt, attempts = call.attempt, Attempts(call.retry)
    while True:
        try:
            async with aclosing(_parts(model, call.request, clock, until)) as parts:
                async for part in parts:
                    yield _with_title(part, call.registry)
            return
        except RunError as error:
            wait = attempts.wait_after(error)
            if wait is None or _ends_before(clock, wait, until):
                raise
            attempt += 1
            restart = RoundRestart(call.request.round, attempt, wait, error.detail)
        yield restart
        await clock.sleep(restart.wait_seconds)


def _ends_before(clock: Clock, wait: float, until: float | None) -> bool:
    return until is not None and not clock.stands_still and clock.now() + wait >= until


async def _parts(
    model: Model, request: ModelRequest, clock: Clock, until: float | None
) -> AsyncGenerator[StreamEvent | ModelAnswer, None]:
    async with aclosing(model.call(request)) as parts:
        while True:
            try:
                async with asyncio.timeout(None if until is None else until - clock.now()):
                    part = await anext(parts, None)
            except TimeoutError:
                raise DeadlinePassed from None
            if part is None:
                return
            yield part


def _with_title(part: StreamEvent | ModelAnswer, registry: ToolRegistry) -> StreamEvent | ModelAnswer:
    if not isinstance(part, ToolInputStart):
        return part
    tool = registry.get(part.tool_name)
    if tool is None:
        return replace(part, dynamic=True)
    return replace(part, title=tool.title, dynamic=tool.dynamic or None)
