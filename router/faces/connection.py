"""The caller's end of a connection: answers that notice when the caller goes away."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Coroutine, Mapping
from typing import Any, TypeVar

import anyio
from fastapi import Request
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

Result = TypeVar("Result")


class CallerGoneError(Exception):
    """The caller closed the connection before the answer was ready."""


async def unless_gone(request: Request, work: Coroutine[Any, Any, Result]) -> Result:
    """The result of ``work``, which is cancelled when the caller closes the connection.

    FastAPI goes on with a handler whose caller has left; an upstream call would be paid for in vain. The body must
    have been read before. Raises CallerGoneError.
    """
    working = asyncio.ensure_future(work)
    watching = asyncio.ensure_future(_gone(request))
    try:
        await asyncio.wait((working, watching), return_when=asyncio.FIRST_COMPLETED)
        if working.done():
            return working.result()
        raise CallerGoneError
    finally:
        for task in (working, watching):
            task.cancel()
        # Wait for the cancellation to arrive: the upstream connection is closed when this returns.
        await asyncio.gather(working, watching, return_exceptions=True)


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


class EventStream(StreamingResponse):
    """Server-sent events whose source is closed however the response ends.

    A plain StreamingResponse leaves its generator to the garbage collector where the cancellation lands outside it.
    """

    def __init__(
        self,
        content: AsyncGenerator[bytes, None],
        close: Callable[[], Awaitable[None]],
        headers: Mapping[str, str],
        media_type: str = "text/event-stream",
    ) -> None:
        super().__init__(
            content,
            media_type=media_type,
            headers={"cache-control": "no-cache", "x-accel-buffering": "no", **headers},
        )
        self._content = content
        self._close = close

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream; whatever ends it, close what feeds it."""
        # A server of a later revision is trusted to fail the next `send` where the caller has left; a provider that is
        # silent meanwhile would be waited for. Under this one Starlette listens for the disconnect itself.
        listening = {**scope, "asgi": {**scope.get("asgi", {}), "spec_version": "2.3"}}
        try:
            await super().__call__(listening, receive, send)
        finally:
            with anyio.CancelScope(shield=True):
                await self._content.aclose()
                await self._close()
