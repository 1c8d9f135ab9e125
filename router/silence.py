"""Breaks the silence of a streamed answer: what stands between caller and router may cut a connection that is idle."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Final

EMPTY_LINES: Final = b"\n\n"
"""Means nothing between two events, nor within a JSON array. Comments do the same by the standard, but Google's SDK
(google-genai 2.32) takes one for an event, and others crash on it (STREAM-18)."""


class SilenceBreaker:
    """Sends empty lines whenever nothing was sent for so many seconds. Whoever made it calls ``aclose``.

    One timer serves the whole stream: it looks up when it rings whether something was sent meanwhile.
    """

    __slots__ = ("_loop", "_seconds", "_send", "_timer", "since", "under_way")

    def __init__(self, send: Callable[[MutableMapping[str, Any]], Awaitable[None]], seconds: float) -> None:
        self._send = send
        self._seconds = seconds
        self._loop = asyncio.get_running_loop()
        self.since: float | None = None
        """Time of the loop when the last piece was sent; ``None`` while one is."""
        self.under_way: asyncio.Task[None] | None = None
        """To be awaited before anything else is sent."""
        self._timer = self._loop.call_later(seconds, self._ring)

    async def done(self) -> None:
        """Wait until what is under way was sent."""
        if self.under_way is not None:
            await self.under_way
            self.under_way = None

    async def aclose(self) -> None:
        """Send nothing more."""
        self._timer.cancel()
        if self.under_way is not None:
            self.under_way.cancel()
            await asyncio.gather(self.under_way, return_exceptions=True)

    def _ring(self) -> None:
        now, wait = self._loop.time(), self._seconds
        if self.since is not None:
            wait += self.since - now
            if wait <= 0:
                self.since, wait = now, self._seconds
                if self.under_way is None or self.under_way.done():
                    self.under_way = self._loop.create_task(self._break())
        self._timer = self._loop.call_later(wait, self._ring)

    async def _break(self) -> None:
        # A caller that has left is noticed by whoever sends the answer.
        with contextlib.suppress(OSError):
            await self._send({"type": "http.response.body", "body": EMPTY_LINES, "more_body": True})
