"""A streamed response that ends its source with the viewer, and says that it lives while the source is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from loop_client.ui.chunks import HEADERS, KEEP_ALIVE

_HELD: Final = 64
"""Events that may wait for a slow reader before the run waits, too."""


class Streams:
    """Streams that their viewers may leave and come back to, so that nobody who stops a process need wait for them."""

    def __init__(self) -> None:
        self._queues: set[asyncio.Queue[bytes | None]] = set()
        self.are_ended = False

    def end(self) -> None:
        """End all of them where they are, and those that begin from now on."""
        self.are_ended = True
        for queue in self._queues:
            with suppress(asyncio.QueueFull):  # its reader looks up with the next event
                queue.put_nowait(None)

    def add(self, queue: asyncio.Queue[bytes | None]) -> None:
        """A stream begins."""
        self._queues.add(queue)

    def discard(self, queue: asyncio.Queue[bytes | None]) -> None:
        """A stream is over."""
        self._queues.discard(queue)


class EventStream(StreamingResponse):
    """Server-sent events. When the viewer leaves, the source is cancelled and closed before the request ends.

    Args:
        source: The events.
        keep_alive: Seconds of silence after which it says that it lives.
        headers: Of the response.
        streams: Where it is ended from outside; None where it is to be waited for.
    """

    def __init__(
        self,
        source: AsyncGenerator[bytes, None],
        *,
        keep_alive: float,
        headers: Mapping[str, str] = HEADERS,
        streams: Streams | None = None,
    ) -> None:
        self._events = _kept_alive(source, keep_alive, streams or Streams())
        super().__init__(self._events, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; whatever ends it, the source is closed."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # The cancellation may land outside the generator, which would then be left to the garbage collector.
            await asyncio.shield(asyncio.ensure_future(self._events.aclose()))


async def _kept_alive(
    source: AsyncGenerator[bytes, None], seconds: float, streams: Streams
) -> AsyncGenerator[bytes, None]:
    """The source's events, and a comment whenever it has been silent for so long.

    One task drives the source from beginning to end, so that whatever it opens is closed where it was opened.
    """
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(_HELD)
    driver = asyncio.create_task(_drive(source, queue))
    streams.add(queue)
    try:
        while not streams.are_ended:
            try:
                async with asyncio.timeout(seconds):
                    event = await queue.get()
            except TimeoutError:
                yield KEEP_ALIVE
                continue
            if event is None:
                break
            yield event
        if not streams.are_ended:
            await driver
    finally:
        streams.discard(queue)
        driver.cancel()
        await asyncio.wait({driver})
        if not driver.cancelled():
            driver.exception()  # looked at: where the viewer has left, nobody else will


async def _drive(source: AsyncGenerator[bytes, None], queue: asyncio.Queue[bytes | None]) -> None:
    try:
        async with aclosing(source):
            async for event in source:
                await queue.put(event)
    finally:
        # A reader that has left empties nothing, and needs no end either.
        if not asyncio.current_task().cancelling():  # type: ignore[union-attr]  # a coroutine runs in a task
            await queue.put(None)
