"""Runs one tool so that nothing but a cancellation of the run itself comes out as an exception."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import Final

from pydantic_core import PydanticSerializationError, to_json

from loop_client.errors import ToolError
from loop_client.events import CallErrorCode
from loop_client.verdict import Runnable

_CANCEL_GRACE: Final = 1.0
"""Seconds a cancelled handler gets to clean up before the run goes on without it."""

_log = logging.getLogger("loop_client")


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What goes back to the model for one call."""

    text: str
    """The output, or the masked text of an error."""
    error: CallErrorCode | None = None

    @property
    def content(self) -> str:
        """The content of the tool message. The chat wire has no field for failure, so the text says it (HIST-22)."""
        return self.text if self.error is None else f"Error: {self.text}"


async def run_tool(runnable: Runnable, seconds: float | None) -> ToolOutcome:
    """Run a call's tool for at most so many seconds.

    An async handler is cancelled when the time is up. One that does not end then within a second is left behind and
    reported in the log; a thread cannot be stopped at all. What either returns later is dropped.
    """
    handler = asyncio.ensure_future(runnable.tool.handler(runnable.arguments))
    try:
        done, _ = await asyncio.wait({handler}, timeout=seconds)
        if not done:
            await _stop(handler, runnable.tool.name)
            return ToolOutcome(f"the tool did not finish within {seconds:g} s and was stopped", "timeout")
        return _outcome(handler, runnable.tool.name)
    except asyncio.CancelledError:
        await _stop(handler, runnable.tool.name)
        raise


async def _stop(handler: asyncio.Future[object], name: str) -> None:
    handler.cancel()
    _, pending = await asyncio.wait({handler}, timeout=_CANCEL_GRACE)
    if pending:
        _log.warning("tool %s does not stop when cancelled; the run goes on without it", name)
        handler.add_done_callback(_drop)
    else:
        _drop(handler)


def _drop(handler: asyncio.Future[object]) -> None:
    # Looked at, so that the event loop does not complain of an exception nobody saw.
    if not handler.cancelled():
        handler.exception()


def _outcome(handler: asyncio.Future[object], name: str) -> ToolOutcome:
    if handler.cancelled():
        return ToolOutcome("the tool failed: CancelledError", "exception")
    error = handler.exception()
    if error is None:
        return _written(handler.result())
    if isinstance(error, ToolError):
        return ToolOutcome(str(error) or "the tool failed", "tool_error")
    _log.warning("tool %s raised %s", name, type(error).__name__)
    return ToolOutcome(f"the tool failed: {type(error).__name__}", "exception")


def _written(returned: object) -> ToolOutcome:
    if isinstance(returned, str):
        return ToolOutcome(returned)
    try:
        return ToolOutcome(to_json(returned, inf_nan_mode="strings").decode())
    except (PydanticSerializationError, ValueError):
        return ToolOutcome("the tool returned a value that has no JSON form", "not_serialisable")
