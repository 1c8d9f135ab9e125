"""Runs the calls of one round side by side and tells of each as it goes on and ends."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from loop_client.context import Progress
from loop_client.steps import Steps
from loop_client.tool_run import ToolEnd, ToolRequest
from loop_client.verdict import Runnable


@dataclass(frozen=True, slots=True)
class CallEnd:
    """A call of the round ended."""

    place: int
    """Its position among the runnable calls."""
    end: ToolEnd


@dataclass(frozen=True, slots=True)
class CallProgress:
    """A call of the round told how far it is."""

    place: int
    progress: Progress


@dataclass(frozen=True, slots=True)
class CallAgain:
    """A call of the round failed and is tried again."""

    place: int
    attempt: int
    """The attempt that follows."""


CallReport = CallEnd | CallProgress | CallAgain


@dataclass(frozen=True, slots=True)
class CallSettings:
    """What the calls of a round have in common."""

    run_id: str
    round: int
    deadline: float
    """When the run must end, on the steps' clock."""
    max_parallel: int
    values: Mapping[str, Any] = field(repr=False)


async def run_calls(
    runnables: Sequence[Runnable], steps: Steps, settings: CallSettings
) -> AsyncGenerator[CallReport, None]:
    """Run the calls, at most ``max_parallel`` at once, within the deadline.

    Gives each call's end exactly once, in the order in which they end. Closing the generator, or cancelling its reader,
    cancels what still runs and waits for it.
    """
    told = _Told()
    requests = [_request(place, runnable, settings, told) for place, runnable in enumerate(runnables)]
    steps.begin_calls(requests)
    waiting = deque(enumerate(runnables))
    running: dict[int, asyncio.Task[ToolEnd]] = {}
    try:
        while waiting or running:
            while waiting and _may_start(waiting[0][1], running, runnables, settings.max_parallel):
                place, _ = waiting.popleft()
                left = None if math.isinf(settings.deadline) else settings.deadline - steps.now()
                running[place] = asyncio.create_task(steps.run_tool(replace(requests[place], seconds=left)))
            for report in await _reports(steps, running, told):
                yield report
    finally:
        for task in running.values():
            task.cancel()
        if running:
            await asyncio.wait(running.values())


async def _reports(steps: Steps, running: dict[int, asyncio.Task[ToolEnd]], told: _Told) -> list[CallReport]:
    """What the next moment brings: what calls have told, and then the ends of those that ended, in call order."""
    places = sorted(running)
    ended = await steps.wait_for_any([running[place] for place in places], told.waiter())
    reports = told.take()
    reports += [CallEnd(places[index], running.pop(places[index]).result()) for index in sorted(ended)]
    return reports


def _may_start(
    runnable: Runnable, running: Mapping[int, object], runnables: Sequence[Runnable], max_parallel: int
) -> bool:
    if not running:
        return True
    is_shared = runnable.tool.parallel and all(runnables[place].tool.parallel for place in running)
    return is_shared and len(running) < max_parallel


def _request(place: int, runnable: Runnable, settings: CallSettings, told: _Told) -> ToolRequest:
    return ToolRequest(
        runnable=runnable,
        run_id=settings.run_id,
        round=settings.round,
        seconds=None,
        values=settings.values,
        report=told.progress_of(place),
        again=told.again_of(place),
    )


class _Told:
    """What the running calls tell, in order. Of a call's progress only the latest is kept until it is read."""

    def __init__(self) -> None:
        self._told: list[CallProgress | CallAgain] = []
        self._waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def waiter(self) -> asyncio.Future[None]:
        """Done when there is something to take."""
        return self._waiter

    def take(self) -> list[CallReport]:
        """What was told since the last time."""
        told: list[CallReport] = list(self._told)
        self._told.clear()
        if self._waiter.done():
            self._waiter = asyncio.get_running_loop().create_future()
        return told

    def _add(self, report: CallProgress | CallAgain) -> None:
        self._told.append(report)
        if not self._waiter.done():
            self._waiter.set_result(None)

    def again_of(self, place: int) -> Callable[[int], None]:
        def tell(attempt: int) -> None:
            self._add(CallAgain(place, attempt))

        return tell

    def progress_of(self, place: int) -> Callable[[Progress], None]:
        def tell(progress: Progress) -> None:
            # The latest takes the place of one that nobody has read.
            for index, told in enumerate(self._told):
                if isinstance(told, CallProgress) and told.place == place:
                    self._told[index] = CallProgress(place, progress)
                    return
            self._add(CallProgress(place, progress))

        return tell
