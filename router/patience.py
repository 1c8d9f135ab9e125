"""How long a provider may take: one clock per call for first byte, pause between events and total."""

import asyncio
import math
from collections.abc import Awaitable
from typing import TypeVar

from providers.spec.errors import ProviderTimeoutError
from providers.upstreams.base import Timeouts

Awaited = TypeVar("Awaited")


class Patience:
    """The time limits of one call, counted from its making."""

    def __init__(self, timeouts: Timeouts, *, stream: bool) -> None:
        self._loop = asyncio.get_running_loop()
        self._timeouts = timeouts
        self._stream = stream
        now = self._loop.time()
        self._total = now + timeouts.total
        self._next = now + timeouts.first_byte
        self._waiting_for = f"the first byte ({timeouts.first_byte:g} s)"

    async def wait(self, awaitable: Awaitable[Awaited]) -> Awaited:
        """Await it within what is left. Raises ProviderTimeoutError, having cancelled it."""
        try:
            async with asyncio.timeout_at(min(self._total, self._next)):
                return await awaitable
        except TimeoutError:
            raise ProviderTimeoutError(f"the provider took too long: waited for {self._reason()}") from None

    def first_byte_came(self) -> None:
        """The answer has begun: a plain one may now take its total time, a stream must bring events."""
        if self._stream:
            self.event_came()
        else:
            self._next = math.inf

    def event_came(self) -> None:
        """An event came. Bytes that complete none (pings, comments) do not count (STREAM-20)."""
        self._next = self._loop.time() + self._timeouts.between_events
        self._waiting_for = f"the next event ({self._timeouts.between_events:g} s)"

    def _reason(self) -> str:
        over = self._total <= self._next
        return f"the whole answer ({self._timeouts.total:g} s)" if over else self._waiting_for
