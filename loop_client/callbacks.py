"""Functions of the caller that are told of a run's steps, beside whoever reads its events."""

from __future__ import annotations

import inspect
import logging
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Any, TypeAlias

from loop_client.events import (
    AnyEvent,
    RoundFinish,
    RoundStart,
    RunFinish,
    ToolInputAvailable,
    ToolOutputAvailable,
    ToolOutputDenied,
    ToolOutputError,
)

_log = logging.getLogger("loop_client")

ToolEnd: TypeAlias = ToolOutputAvailable | ToolOutputError | ToolOutputDenied
"""How a call ended."""


@dataclass(frozen=True, slots=True)
class Step:
    """A round with what came of its calls."""

    finish: RoundFinish
    """The model's turn: reason, usage, cost, seconds."""
    outcomes: tuple[ToolEnd, ...]
    """Of its calls, in the order in which they ended; those that wait for an answer are not among them."""


@dataclass(frozen=True, slots=True)
class Callbacks:
    """Each may be sync or async; an async one is awaited before the run goes on. What one raises is logged, no more."""

    on_step: Callable[[Step], object] | None = None
    """After each round, when its calls have ended."""
    on_tool_start: Callable[[ToolInputAvailable], object] | None = None
    """When a call is about to run, and again for each further attempt."""
    on_tool_end: Callable[[ToolEnd], object] | None = None
    """When a call has ended, with its seconds; also for calls that were refused or denied."""
    on_finish: Callable[[RunFinish], object] | None = None
    """When the run is over or suspended, with usage, cost and seconds."""


async def observed(events: AsyncGenerator[AnyEvent, None], callbacks: Callbacks) -> AsyncGenerator[AnyEvent, None]:
    """Give every event on, each after the callbacks that it concerns."""
    step: RoundFinish | None = None
    outcomes: list[ToolEnd] = []
    async with aclosing(events):
        async for event in events:
            match event:
                case RoundStart():
                    await _end_step(callbacks, step, outcomes)
                    step, outcomes = None, []
                case RoundFinish():
                    step = event
                case ToolInputAvailable():
                    await _call(callbacks.on_tool_start, event)
                case ToolOutputAvailable() | ToolOutputError() | ToolOutputDenied():
                    outcomes.append(event)
                    await _call(callbacks.on_tool_end, event)
                case RunFinish():
                    await _end_step(callbacks, step, outcomes)
                    await _call(callbacks.on_finish, event)
                case _:
                    pass
            yield event


async def _end_step(callbacks: Callbacks, finish: RoundFinish | None, outcomes: list[ToolEnd]) -> None:
    if finish is not None:
        await _call(callbacks.on_step, Step(finish, tuple(outcomes)))


async def _call(callback: Callable[[Any], object] | None, value: object) -> None:
    if callback is None:
        return
    try:
        given = callback(value)
        if inspect.isawaitable(given):
            await given
    except Exception as error:  # noqa: BLE001  # an observer must not change what it observes
        _log.warning("a callback failed", exc_info=error)
