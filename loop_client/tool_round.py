"""Runs the calls of one round side by side and tells of each as it goes on and ends."""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import AsyncGenerator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from loop_client.context import Progress
from loop_client.steps import Steps
from loop_client.tool_outcome import ToolOutcome
from loop_client.tool_run import ToolRequest
from loop_client.verdict import Runnable

_REPEATED_ERRORS: Final = frozenset({"exception", "timeout"})
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0
"""Seconds between two attempts at a call."""


@dataclass(frozen=True, slots=True)
class CallEnd:
    """A call of the round ended."""

    place: int
    """Its position among the runnable calls."""
    outcome: ToolOutcome
    seconds: float


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
    """Run the calls, at most ``max_parallel`` at once, each attempt within its own time-out and the deadline.

    Gives each call's end exactly once, in the order in which they end. Closing the generator, or cancelling its reader,
    cancels what still runs and waits for it.
    """
    waiting = deque(enumerate(runnables))
    running: dict[int, asyncio.Task[CallEnd]] = {}
    reports = _Reports()
    try:
        while waiting or running:
            while waiting and _may_start(waiting[0][1], running, runnables, settings.max_parallel):
                place, runnable = waiting.popleft()
                task = asyncio.create_task(_run(place, runnable, steps, settings, reports))
                running[place] = task
                task.add_done_callback(reports.end)
            report = await reports.next()
            if isinstance(report, CallEnd):
                del running[report.place]
            yield report
    finally:
        for task in running.values():
            task.cancel()
        if running:
            await asyncio.wait(running.values())


def _may_start(
    runnable: Runnable, running: Mapping[int, object], runnables: Sequence[Runnable], max_parallel: int
) -> bool:
    if not running:
        return True
    is_shared = runnable.tool.parallel and all(runnables[place].tool.parallel for place in running)
    return is_shared and len(running) < max_parallel


async def _run(place: int, runnable: Runnable, steps: Steps, settings: CallSettings, reports: _Reports) -> CallEnd:
    started, attempt = steps.now(), 1
    while True:
        left = settings.deadline - steps.now()
        if left <= 0:
            outcome = ToolOutcome("the run reached its time limit before the call could start", "max_seconds")
            break
        outcome = await steps.run_tool(
            ToolRequest(
                runnable=runnable,
                run_id=settings.run_id,
                round=settings.round,
                seconds=_bound(left, runnable.tool.timeout),
                attempt=attempt,
                values=settings.values,
                report=reports.progress_of(place),
            )
        )
        wait = min(_FIRST_WAIT * 2.0 ** (attempt - 1), _LONGEST_WAIT)
        is_over = attempt > runnable.tool.retries or outcome.error not in _REPEATED_ERRORS
        if is_over or steps.now() + wait >= settings.deadline:
            break
        attempt += 1
        reports.add(CallAgain(place, attempt))
        await steps.sleep(wait)
    return CallEnd(place, outcome, 0.0 if outcome.error == "max_seconds" else steps.now() - started)


def _bound(left: float, timeout: float | None) -> float | None:
    bound = min(left, math.inf if timeout is None else timeout)
    return None if math.isinf(bound) else bound


class _Reports:
    """What the running calls tell, in order. Of a call's progress only the latest is kept until it is read."""

    def __init__(self) -> None:
        self._queue: asyncio.Queue[CallProgress | CallAgain | asyncio.Task[CallEnd]] = asyncio.Queue()
        self._latest: dict[int, Progress] = {}

    def add(self, report: CallProgress | CallAgain) -> None:
        self._queue.put_nowait(report)

    def end(self, task: asyncio.Task[CallEnd]) -> None:
        if not task.cancelled():
            self._queue.put_nowait(task)

    def progress_of(self, place: int) -> Callable[[Progress], None]:
        def report(progress: Progress) -> None:
            is_unread = place in self._latest
            self._latest[place] = progress
            if not is_unread:
                self.add(CallProgress(place, progress))

        return report

    async def next(self) -> CallReport:
        report = await self._queue.get()
        match report:
            case CallProgress(place=place):
                return CallProgress(place, self._latest.pop(place))
            case CallAgain():
                return report
            case task:
                return task.result()
