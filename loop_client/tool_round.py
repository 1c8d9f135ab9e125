"""Runs the calls of one round side by side and tells of each as it ends."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator
from dataclasses import dataclass

from loop_client.steps import Steps
from loop_client.tool_run import ToolOutcome
from loop_client.verdict import Runnable


@dataclass(frozen=True, slots=True)
class CallEnd:
    """A call of the round ended."""

    place: int
    """Its position among the runnable calls."""
    outcome: ToolOutcome
    seconds: float


async def run_calls(
    runnables: list[Runnable], steps: Steps, *, round_number: int, deadline: float, max_parallel: int
) -> AsyncGenerator[CallEnd, None]:
    """Run the calls, at most ``max_parallel`` at once, each within its own time-out and the deadline.

    Gives each call exactly once, in the order in which they end. Closing the generator, or cancelling its reader,
    cancels what still runs and waits for it.
    """
    waiting = deque(enumerate(runnables))
    running: set[asyncio.Task[CallEnd]] = set()
    try:
        while waiting or running:
            while waiting and len(running) < max_parallel:
                place, runnable = waiting.popleft()
                running.add(asyncio.create_task(_run(place, runnable, steps, round_number, deadline)))
            ended, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for end in sorted((task.result() for task in ended), key=lambda end: end.place):
                yield end
    finally:
        for task in running:
            task.cancel()
        if running:
            await asyncio.wait(running)


async def _run(place: int, runnable: Runnable, steps: Steps, round_number: int, deadline: float) -> CallEnd:
    started = steps.now()
    left = deadline - started
    if left <= 0:
        outcome = ToolOutcome("the run reached its time limit before the call could start", "max_seconds")
        return CallEnd(place, outcome, 0.0)
    bound = min(left, math.inf if runnable.tool.timeout is None else runnable.tool.timeout)
    seconds = None if math.isinf(bound) else bound
    outcome = await steps.run_tool(runnable, round_number=round_number, seconds=seconds)
    return CallEnd(place, outcome, steps.now() - started)
