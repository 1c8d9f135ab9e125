"""What a tool may know about the call it answers, and the way it reports how far it is."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a running tool is."""

    progress: float
    total: float | None = None
    message: str | None = None
    output: Any = None


class Cancellation:
    """Tells a tool that nobody waits for its result any more. Safe to use from any thread."""

    def __init__(self) -> None:
        self._event = threading.Event()

    @property
    def is_cancelled(self) -> bool:
        """Whether the time is up, or the run was stopped."""
        return self._event.is_set()

    def cancel(self) -> None:
        """Say that nobody waits any more."""
        self._event.set()

    def wait(self, seconds: float | None = None) -> bool:
        """Block this thread until cancelled, at most so many seconds; whether it is. Not for async code, which gets a
        ``CancelledError`` where it awaits."""
        return self._event.wait(seconds)


def _drop(progress: Progress) -> None:
    """Nobody looks."""


@dataclass(frozen=True, slots=True, eq=False)
class ToolContext:
    """Given to a tool function whose parameter has this type; the model never sees that parameter."""

    run_id: str
    call_id: str
    tool_name: str
    round: int
    attempt: int = 1
    """Counts from 1; above it, this is a repetition of a call that failed or was interrupted."""
    deadline: float | None = None
    """When the result will no longer be waited for, on the clock of ``time.monotonic``; None for never."""
    cancellation: Cancellation = field(default_factory=Cancellation, repr=False)
    logger: logging.Logger = field(default_factory=lambda: logging.getLogger("loop_client.tools"), repr=False)
    values: Mapping[str, Any] = field(default_factory=dict, repr=False)
    """The caller's own: user, thread, workspace, secrets. Never shown to the model, never in a log or an event."""
    report: Callable[[Progress], None] = field(default=_drop, repr=False)
    """What ``report_progress`` calls."""

    @property
    def idempotency_key(self) -> str:
        """The same for every attempt at this call and for no other call: for systems that drop repetitions."""
        return f"{self.run_id}/{self.round}/{self.call_id}"

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits for the result any more; for functions that run in a thread and cannot be stopped."""
        return self.cancellation.is_cancelled

    @property
    def seconds_left(self) -> float | None:
        """Until the deadline, never below 0; None without one."""
        return None if self.deadline is None else max(0.0, self.deadline - time.monotonic())

    def report_progress(
        self, progress: float, total: float | None = None, message: str | None = None, output: Any = None
    ) -> None:
        """Tell viewers how far the work is; from any thread, never blocks. After the call has ended it does nothing.

        Args:
            progress: So much is done.
            total: When it will be done; None where that is not known.
            message: For people.
            output: What there is of the output so far, as a JSON value; viewers may show it, the model never sees it.
        """
        self.report(Progress(progress, total, message, output))
