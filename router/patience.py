"""How long a provider may take: one clock per call for first byte, pause between events and total."""

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

from providers.spec.errors import ProviderTimeoutError
from providers.upstreams.base import Timeouts

Awaited = TypeVar("Awaited")


class Patience:
    """The time limits of one call, counted from its making. ``close`` it when the call is over.

    One timer serves the whole call: it looks up when it rings whether the limit has moved on, so that an event of a
    stream costs no timer of its own.
    """

    def __init__(self, timeouts: Timeouts, *, stream: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self._stream = stream
        now = self._loop.time()
        self._total = now + timeouts.total
        self._next = now + timeouts.first_byte
        self._limit = min(self._total, self._next)
        self._begun = False
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = math.inf
        self._waiting: asyncio.Task[object] | None = None
        self._over = False
        self._task: asyncio.Task[object] | None = None

    async def wait(self, awaitable: Awaitable[Awaited]) -> Awaited:
        """Await it within what is left. Raises ProviderTimeoutError, having cancelled it.

        The task that awaits first is the one that awaits every time, until ``hand_over``.
        """
        task = self._waiting = self._task or self._found_task()
        cancelling = task.cancelling()
        if self._rings_at > self._limit:
            self._ring_at(self._limit)
        try:
            return await awaitable
        except asyncio.CancelledError:
            if not self._over:
                raise
            self._over = False
            if task.uncancel() > cancelling:
                # Whoever waited was cancelled as well.
                raise
            raise ProviderTimeoutError(f"the provider took too long: waited for {self._reason()}") from None
        finally:
            self._waiting = None
            if self._over:
                self._over = False
                task.uncancel()

    def hand_over(self) -> None:
        """Another task awaits from now on."""
        self._task = None

    def first_byte_came(self) -> None:
        """The answer has begun: a plain one may now take its total time, a stream must bring events."""
        if self._stream:
            self.event_came()
        else:
            self._next = math.inf
            self._limit = self._total

    def event_came(self) -> None:
        """An event came. Bytes that complete none (pings, comments) do not count (STREAM-20)."""
        self._next = self._loop.time() + self._timeouts.between_events
        self._limit = min(self._total, self._next)
        self._begun = True

    def close(self) -> None:
        """The call is over: nothing rings any more."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._rings_at = math.inf

    def _found_task(self) -> "asyncio.Task[object]":
        task = self._task = asyncio.current_task()
        assert task is not None  # noqa: S101  # only a task awaits
        return task

    def _ring_at(self, when: float) -> None:
        self.close()
        self._timer = self._loop.call_at(when, self._ring)
        self._rings_at = when

    def _ring(self) -> None:
        self._timer = None
        self._rings_at = math.inf
        if self._waiting is None:
            # The next wait sets it again.
            return
        if self._loop.time() < self._limit:
            self._ring_at(self._limit)
        else:
            self._over = True
            self._waiting.cancel()

    def _reason(self) -> str:
        if self._total <= self._next:
            return f"the whole answer ({self._timeouts.total:g} s)"
        if self._begun:
            return f"the next event ({self._timeouts.between_events:g} s)"
        return f"the first byte ({self._timeouts.first_byte:g} s)"
