"""Runs a tool for a call, so that nothing but a cancellation of the run itself comes out as an exception."""

from __future__ import annotations

import asyncio
import logging
import math
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final

from loop_client.context import Cancellation, Progress, ToolContext
from loop_client.errors import ToolError
from loop_client.tool_outcome import ToolOutcome, written
from loop_client.verdict import Runnable

_CANCEL_GRACE: Final = 1.0
"""Seconds a cancelled handler gets to clean up before the run goes on without it."""

_REPEATED_ERRORS: Final = frozenset({"exception", "timeout"})
_FIRST_WAIT: Final = 0.2
_LONGEST_WAIT: Final = 5.0
"""Seconds between two attempts at a call."""

_log = logging.getLogger("loop_client")


def _drop_progress(progress: Progress) -> None:
    """Nobody looks."""


def _drop_attempt(attempt: int) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True)
class ToolRequest:
    """One call that is to be run."""

    runnable: Runnable
    run_id: str
    round: int
    seconds: float | None
    """How long it may take, all attempts together; None for no bound."""
    attempt: int = 1
    """Of the first attempt made now; above 1 where earlier ones were interrupted."""
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The caller's own, for the tool's context."""
    report: Callable[[Progress], None] = field(default=_drop_progress, repr=False)
    """Takes the tool's progress, in the event loop's thread."""
    again: Callable[[int], None] = field(default=_drop_attempt, repr=False)
    """Told that the call failed and is tried again, with the number of the attempt that follows."""


@dataclass(frozen=True, slots=True)
class ToolEnd:
    """What came of a call that was run."""

    outcome: ToolOutcome
    seconds: float
    """From its first attempt to its end; 0 if there was none."""
    asks: bool = False
    """Whether somebody is to be asked if it may run once more: it was interrupted, and nobody knows how it ended."""


async def run_attempts(request: ToolRequest) -> ToolEnd:
    """Run a call, again after a failure that may pass, as often as its tool allows; each attempt within the tool's own
    time-out, and all of them within the request's seconds."""
    tool, started, attempt = request.runnable.tool, time.monotonic(), request.attempt
    until = math.inf if request.seconds is None else started + request.seconds
    last = attempt + tool.retries
    while True:
        left = until - time.monotonic()
        if left <= 0:
            return ToolEnd(
                ToolOutcome("the run reached its time limit before the call could start", "max_seconds"), 0.0
            )
        outcome = await run_tool(replace(request, seconds=_bound(left, tool.timeout), attempt=attempt))
        wait = min(_FIRST_WAIT * 2.0 ** (attempt - request.attempt), _LONGEST_WAIT)
        is_over = attempt >= last or outcome.error not in _REPEATED_ERRORS
        if is_over or time.monotonic() + wait >= until:
            return ToolEnd(outcome, time.monotonic() - started)
        attempt += 1
        request.again(attempt)
        await asyncio.sleep(wait)


def _bound(left: float, timeout: float | None) -> float | None:
    bound = min(left, math.inf if timeout is None else timeout)
    return None if math.isinf(bound) else bound


async def run_tool(request: ToolRequest) -> ToolOutcome:
    """Make one attempt at a call, for at most so many seconds.

    An async handler is cancelled when the time is up. One that does not end then within a second is left behind and
    reported in the log; a thread cannot be stopped at all, but can look at its context. What either returns later is
    dropped.
    """
    tool, context = request.runnable.tool, tool_context(request)
    assert tool.handler is not None, "a deferred call is answered from outside"  # noqa: S101  # the loop's own promise
    handler = asyncio.ensure_future(tool.handler(request.runnable.arguments, context))
    return await outcome_of(handler, request.seconds, context, tool.max_result_bytes)


async def outcome_of(
    work: asyncio.Future[object], seconds: float | None, context: ToolContext, max_bytes: int | None
) -> ToolOutcome:
    """Wait for a handler's end, and put it into words; stop it when the time is up or the waiting is cancelled."""
    try:
        done, _ = await asyncio.wait({work}, timeout=seconds)
        if not done:
            await _stop(work, context)
            # A thread goes on, and a server may: the model must not take what was asked for as undone.
            text = f"the tool did not finish within {seconds:g} s and was given up; what it began may still take effect"
            return ToolOutcome(text, "timeout")
        return _outcome(work, context.tool_name, max_bytes)
    except asyncio.CancelledError:
        await _stop(work, context)
        raise
    finally:
        context.cancellation.cancel()


def tool_context(request: ToolRequest) -> ToolContext:
    """The context for an attempt. Progress is taken from any thread and given on in the event loop's."""
    loop, cancellation = asyncio.get_running_loop(), Cancellation()

    def give_on(progress: Progress) -> None:
        if not cancellation.is_cancelled:
            request.report(progress)

    def report(progress: Progress) -> None:
        try:
            loop.call_soon_threadsafe(give_on, progress)
        except RuntimeError:
            return  # the event loop is closed: nobody looks any more

    call = request.runnable.call
    return ToolContext(
        run_id=request.run_id,
        call_id=call.id,
        tool_name=call.name,
        round=request.round,
        attempt=request.attempt,
        deadline=None if request.seconds is None else time.monotonic() + request.seconds,
        cancellation=cancellation,
        logger=logging.getLogger(f"loop_client.tools.{call.name}"),
        values=request.values,
        report=report,
    )


async def _stop(work: asyncio.Future[object], context: ToolContext) -> None:
    context.cancellation.cancel()
    work.cancel()
    _, pending = await asyncio.wait({work}, timeout=_CANCEL_GRACE)
    if pending:
        _log.warning("tool %s does not stop when cancelled; the run goes on without it", context.tool_name)
        work.add_done_callback(_drop)
    else:
        _drop(work)


def _drop(work: asyncio.Future[object]) -> None:
    # Looked at, so that the event loop does not complain of an exception nobody saw.
    if not work.cancelled():
        work.exception()


def _outcome(work: asyncio.Future[object], name: str, max_bytes: int | None) -> ToolOutcome:
    if work.cancelled():
        return ToolOutcome("the tool failed: CancelledError", "exception")
    error = work.exception()
    if error is None:
        return written(work.result(), max_bytes)
    if isinstance(error, ToolError):
        return ToolOutcome(str(error) or "the tool failed", "tool_error")
    error_id = f"err_{secrets.token_hex(6)}"
    _log.error("tool %s failed [%s]", name, error_id, exc_info=error)
    return ToolOutcome(f"the tool failed: {type(error).__name__}", "exception", error_id=error_id)
