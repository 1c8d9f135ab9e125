"""Runs the code of the application in the application's own event loop, whichever loop the engine works in."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, Final, TypeAlias, TypeVar

from loop_client.jobs.journal import Tell
from loop_client.jsontext import JsonObject

Returned = TypeVar("Returned")
Emit: TypeAlias = Callable[[JsonObject], None]

_STOP_SECONDS: Final = 2.0
"""How long cancelled work may take to end before it is left behind; tools have their own, shorter bound."""


class Place:
    """The event loop that connections, sources of tools and async handlers belong to."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()

    async def run(self, work: Callable[[], Coroutine[Any, Any, Returned]]) -> Returned:
        """Run it there and wait for its end. A cancellation reaches it, and is waited for."""
        if asyncio.get_running_loop() is self._loop:
            return await work()
        there = asyncio.run_coroutine_threadsafe(work(), self._loop)
        ended = asyncio.wrap_future(there)
        try:
            return await asyncio.shield(ended)
        except asyncio.CancelledError:
            if not there.done():
                there.cancel()
                await asyncio.wait({ended}, timeout=_STOP_SECONDS)
            raise


class Teller:
    """Tells what work emits: deltas put together, so that not every word is an event of its own."""

    def __init__(self, tell: Tell, seconds: float, max_bytes: int) -> None:
        self._tell = tell
        self._seconds = seconds
        self._max_bytes = max_bytes
        self._kept: list[JsonObject] = []

    async def of(self, place: Place, work: Callable[[Emit], Coroutine[Any, Any, Returned]]) -> Returned:
        """Run the work in its place, and tell what it emits, from any thread, until it has ended."""
        here: asyncio.AbstractEventLoop = asyncio.get_running_loop()
        queue: asyncio.Queue[JsonObject | None] = asyncio.Queue()

        def emit(data: JsonObject) -> None:
            here.call_soon_threadsafe(queue.put_nowait, data)

        task = asyncio.ensure_future(place.run(lambda: work(emit)))
        task.add_done_callback(lambda _: here.call_soon(queue.put_nowait, None))
        try:
            await self._tell_all(queue)
            return await task
        finally:
            if not task.done():
                task.cancel()
                await asyncio.wait({task})

    async def _tell_all(self, queue: asyncio.Queue[JsonObject | None]) -> None:
        until: float | None = None
        loop = asyncio.get_running_loop()
        while True:
            try:
                async with asyncio.timeout_at(until):
                    data = await queue.get()
            except TimeoutError:
                await self._flush()
                until = None
                continue
            if data is None:
                break
            self._keep(data)
            until = until or loop.time() + self._seconds
        await self._flush()

    def _keep(self, data: JsonObject) -> None:
        last = self._kept[-1] if self._kept else None
        if last is not None and data["type"] == "tool-progress" and _is_of_same(last, data):
            self._kept[-1] = data
        elif last is not None and "delta" in data["type"] and _is_of_same(last, data):
            if len(last["text"]) + len(data["text"]) <= self._max_bytes // 8:
                self._kept[-1] = {**last, "text": last["text"] + data["text"]}
            else:
                self._kept.append(data)
        else:
            self._kept.append(data)

    async def _flush(self) -> None:
        kept, self._kept = self._kept, []
        for data in kept:
            await self._tell(data)


def _is_of_same(last: JsonObject, data: JsonObject) -> bool:
    return all(last.get(name) == data.get(name) for name in ("type", "round", "call_id"))


async def awaited(value: Awaitable[Returned]) -> Returned:
    """A coroutine of anything that can be awaited."""
    return await value
