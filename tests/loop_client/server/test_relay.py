"""The streamed response: over a real socket, with viewers that stay and viewers that leave."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable

import httpx2
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from loop_client.server.relay import EventStream
from tests.loop_client.fake_server import WAIT
from tests.loop_client.serving import serving

Source = Callable[[], AsyncGenerator[bytes, None]]


def app_of(source: Source, keep_alive: float = WAIT) -> Starlette:
    async def stream(request: Request) -> Response:
        return EventStream(source(), keep_alive=keep_alive)

    return Starlette(routes=[Route("/", stream)])


async def test_events_arrive_with_headers_that_no_proxy_holds_back() -> None:
    async def source() -> AsyncGenerator[bytes, None]:
        for number in range(200):
            yield b"data: %d\n\n" % number

    async with serving(app_of(source)) as address, httpx2.AsyncClient(timeout=WAIT) as client:
        response = await client.get(address)
    assert response.content == b"".join(b"data: %d\n\n" % number for number in range(200))
    assert response.headers["content-type"].partition(";")[0] == "text/event-stream"
    assert response.headers["x-vercel-ai-ui-message-stream"] == "v1"
    assert response.headers["x-accel-buffering"] == "no"
    assert response.headers["cache-control"] == "no-cache, no-transform"


async def test_a_silent_source_is_kept_alive() -> None:
    go_on = asyncio.Event()

    async def source() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        await go_on.wait()
        yield b"data: 2\n\n"

    async with (
        serving(app_of(source, keep_alive=0.01)) as address,
        httpx2.AsyncClient(timeout=WAIT) as client,
        client.stream("GET", address) as response,
    ):
        seen = b""
        async for chunk in response.aiter_bytes():
            seen += chunk
            if seen.count(b": keep-alive\n\n") == 3:
                go_on.set()
    assert seen.startswith(b"data: 1\n\n: keep-alive\n\n")
    assert seen.endswith(b"data: 2\n\n")


@pytest.mark.parametrize("first_event", [True, False], ids=["after the first event", "before any event"])
async def test_a_viewer_that_leaves_ends_the_source(first_event: bool) -> None:
    started, closed = asyncio.Event(), asyncio.Event()
    driver: list[asyncio.Task[object] | None] = []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            driver.append(asyncio.current_task())
            started.set()
            if first_event:
                yield b"data: 1\n\n"
            await asyncio.sleep(WAIT)
        finally:
            driver.append(asyncio.current_task())
            closed.set()

    async with serving(app_of(source)) as address, asyncio.timeout(WAIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        if first_event:
            await reader.readuntil(b"data: 1\n\n")
        else:
            await started.wait()
        writer.close()
        await closed.wait()
    assert driver[0] is driver[1], "the task that opened what the source holds is the one that closes it"


async def test_a_viewer_that_leaves_while_the_source_is_ahead_ends_it() -> None:
    """Back pressure: a source that is faster than its viewer waits, and is ended where it waits."""
    closed, produced = asyncio.Event(), []

    async def source() -> AsyncGenerator[bytes, None]:
        try:
            while True:
                produced.append(1)
                yield b"data: " + b"x" * 65536 + b"\n\n"
        finally:
            closed.set()

    async with serving(app_of(source)) as address, asyncio.timeout(WAIT):
        reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        writer.write(b"GET / HTTP/1.1\r\nHost: x\r\n\r\n")
        await reader.readexactly(100)
        writer.close()
        await closed.wait()
    assert len(produced) < 10_000


async def test_a_source_that_fails_breaks_the_connection_off() -> None:
    """A stream that just ended would look whole."""

    async def source() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        raise RuntimeError("the service is to have handled this")

    async with serving(app_of(source)) as address, httpx2.AsyncClient(timeout=WAIT) as client:
        with pytest.raises(httpx2.RemoteProtocolError):
            await client.get(address)
