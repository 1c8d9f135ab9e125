"""A streamed response that ends its source with the viewer, and says that it lives while the source is silent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing
from typing import Final

from starlette.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from loop_client.ui.chunks import HEADERS, KEEP_ALIVE

_HELD: Final = 64
"""Events that may wait for a slow reader before the run waits, too."""


class EventStream(StreamingResponse):
    """Server-sent events. When the viewer leaves, the source is cancelled and closed before the request ends."""

    def __init__(
        self, source: AsyncGenerator[bytes, None], *, keep_alive: float, headers: Mapping[str, str] = HEADERS
    ) -> None:
        self._events = _kept_alive(source, keep_alive)
        super().__init__(self._events, headers=headers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; whatever ends it, the source is closed."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            # The cancellation may land outside the generator, which would then be left to the garbage collector.
            await asyncio.shield(asyncio.ensure_future(self._events.aclose()))


async def _kept_alive(source: AsyncGenerator[bytes, None], seconds: float) -> AsyncGenerator[bytes, None]:
    """The source's events, and a comment whenever it has been silent for so long.

    One task drives the source from beginning to end, so that whatever it opens is closed where it was opened.
    """
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(_HELD)
    driver = asyncio.create_task(_drive(source, queue))
    try:
        while True:
            try:
                async with asyncio.timeout(seconds):
                    event = await queue.get()
            except TimeoutError:
                yield KEEP_ALIVE
                continue
            if event is None:
                break
            yield event
        await driver
    finally:
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
