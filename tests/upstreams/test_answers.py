"""What comes back: any status is an answer, its body is unread, comes as it came, and can be given up."""

from __future__ import annotations

import asyncio
import gzip
import zlib
from collections.abc import AsyncIterator
from contextlib import aclosing

import pytest

from providers.upstreams.base import Upstream, UpstreamAnswer
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import EVENT_STREAM, WAIT_SECONDS, Connection, RawServer, chunked, replying
from tests.upstreams.rows import Wire, each_wire


async def sent(upstream: Upstream, wire: Wire, *, stream: bool = True) -> UpstreamAnswer:
    """The answer to the usual request."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await upstream.send(upstream.prepare(wire.request, stream=stream))


async def body_of(answer: UpstreamAnswer) -> bytes:
    """The whole body."""
    async with asyncio.timeout(WAIT_SECONDS):
        return b"".join([piece async for piece in answer.chunks()])


async def next_of(pieces: AsyncIterator[bytes]) -> bytes:
    """The next piece of a body."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await anext(pieces)


@each_wire
async def test_the_answer_is_here_before_its_body(wire: Wire, server: RawServer, opened: Opener) -> None:
    """Nothing of a stream waits for the rest: each piece is handed on when it comes, as it came."""
    go = asyncio.Event()
    pieces = [b'data: {"a": 1}\n\n', b": ping\r\n", "data: \u00fc".encode()[:-1], b"\xbc\n\n", b"\x00\xff"]

    async def answer(connection: Connection) -> None:
        await connection.send(EVENT_STREAM)
        for piece in pieces:
            await go.wait()
            go.clear()
            await connection.send(chunked(piece))
        await connection.send(chunked(b""))

    server.answer = answer
    got = await sent(await opened(wire.row(server.url)), wire)
    assert (got.status, got.headers["Content-Type"]) == (200, "text/event-stream")
    stream = aiter(got.chunks())
    for piece in pieces:
        go.set()
        assert await next_of(stream) == piece
    with pytest.raises(StopAsyncIteration):
        await next_of(stream)


@each_wire
@pytest.mark.parametrize("status", [200, 201, 202, 400, 401, 404, 408, 409, 422, 429, 500, 503, 529])
async def test_every_status_is_an_answer_and_is_asked_for_once(
    wire: Wire, status: int, server: RawServer, opened: Opener
) -> None:
    """ERROR-02, ERROR-03, ERROR-05: status, body and headers are the provider's; the SDKs neither retry nor judge."""
    headers = ("retry-after: 0", "x-should-retry: true", "x-request-id: req_1", "content-type: text/html")
    server.answer = replying(b"<html>no JSON</html>", f"{status} Reason", headers)
    got = await sent(await opened(wire.row(server.url)), wire)
    assert got.status == status
    assert (got.headers["Retry-After"], got.headers["X-Request-ID"]) == ("0", "req_1")
    assert await body_of(got) == b"<html>no JSON</html>"
    assert len(server.requests) == 1


@each_wire
@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_an_answer_without_a_body_is_one(wire: Wire, status: str, server: RawServer, opened: Opener) -> None:
    async def answer(connection: Connection) -> None:
        await connection.send(f"HTTP/1.1 {status}\r\n\r\n".encode())

    server.answer = answer
    got = await sent(await opened(wire.row(server.url)), wire)
    assert (got.status, await body_of(got)) == (int(status[:3]), b"")


@each_wire
@pytest.mark.parametrize("status", ["301 Moved", "302 Found", "303 See Other", "307 Temporary", "308 Permanent"])
async def test_a_redirect_is_not_followed(wire: Wire, status: str, server: RawServer, opened: Opener) -> None:
    """A key must not travel to an address that nobody configured."""
    server.answer = replying(b"moved", status, (f"location: {server.url}/elsewhere",))
    got = await sent(await opened(wire.row(server.url)), wire)
    assert (got.status, got.headers["location"]) == (int(status[:3]), f"{server.url}/elsewhere")
    assert await body_of(got) == b"moved"
    assert len(server.requests) == 1


@each_wire
@pytest.mark.parametrize(
    ("coding", "encoded"),
    [
        ("identity", b'{"a": 1.0}'),
        ("gzip", gzip.compress(b'{"a": 1.0}')),
        ("GZIP", gzip.compress(b'{"a": 1.0}')),
        ("deflate", zlib.compress(b'{"a": 1.0}')),
        ("deflate, gzip", gzip.compress(zlib.compress(b'{"a": 1.0}'))),
    ],
)
async def test_a_content_coding_is_undone(
    wire: Wire, coding: str, encoded: bytes, server: RawServer, opened: Opener
) -> None:
    """None is asked for, and some hosts compress all the same."""
    server.answer = replying(encoded, headers=(f"content-encoding: {coding}",))
    assert await body_of(await sent(await opened(wire.row(server.url)), wire)) == b'{"a": 1.0}'


@each_wire
async def test_a_header_that_came_twice_is_joined(wire: Wire, server: RawServer, opened: Opener) -> None:
    server.answer = replying(b"{}", headers=("x-note: one", "X-Note: two"))
    got = await sent(await opened(wire.row(server.url)), wire)
    assert got.headers["x-note"] == "one, two"
    await got.aclose()


@each_wire
@pytest.mark.parametrize("status", ["200 OK", "500 Oops"])
@pytest.mark.parametrize("read", ["nothing", "one piece"])
async def test_giving_an_answer_up_closes_its_connection(
    wire: Wire, status: str, read: str, server: RawServer, opened: Opener
) -> None:
    """The provider sees that nobody listens any more, and stops. Closing twice is closing once."""

    async def answer(connection: Connection) -> None:
        await connection.send(EVENT_STREAM.replace(b"200 OK", status.encode()) + chunked(b"data: 1\n\n"))
        await connection.until_left()

    server.answer = answer
    got = await sent(await opened(wire.row(server.url)), wire)
    if read == "one piece":
        async with aclosing(got.chunks()) as pieces:  # type: ignore[type-var]
            assert await next_of(pieces) == b"data: 1\n\n"
        await server.wait_left()
    await got.aclose()
    await server.wait_left()
    await got.aclose()


@each_wire
async def test_a_cancelled_call_closes_its_connection(wire: Wire, server: RawServer, opened: Opener) -> None:
    """While it waits for the status, and while it waits for the body."""
    arrived = asyncio.Event()

    async def silent(connection: Connection) -> None:
        arrived.set()
        await connection.until_left()

    upstream = await opened(wire.row(server.url))
    server.answer = silent
    call = asyncio.create_task(sent(upstream, wire))
    async with asyncio.timeout(WAIT_SECONDS):
        await arrived.wait()
    call.cancel()
    with pytest.raises(asyncio.CancelledError):
        await call
    await server.wait_left()

    async def half(connection: Connection) -> None:
        await connection.send(EVENT_STREAM)
        await connection.until_left()

    server.answer = half
    server.left.clear()
    reading = asyncio.create_task(body_of(await sent(upstream, wire)))
    await asyncio.sleep(0)
    reading.cancel()
    with pytest.raises(asyncio.CancelledError):
        await reading
    await server.wait_left()


@each_wire
async def test_a_body_read_to_its_end_leaves_its_connection_for_the_next_call(
    wire: Wire, server: RawServer, opened: Opener
) -> None:
    server.answer = replying(b"{}")
    upstream = await opened(wire.row(server.url))
    for _ in range(3):
        assert await body_of(await sent(upstream, wire)) == b"{}"
    assert (server.connections, len(server.requests)) == (1, 3)


@each_wire
async def test_many_answers_are_read_at_once(wire: Wire, server: RawServer, opened: Opener) -> None:
    """More than the SDKs' own pools would let through side by side: the number of streams is not limited here."""
    waiting = 0
    everyone = asyncio.Event()
    calls = 150

    async def answer(connection: Connection) -> None:
        nonlocal waiting
        await connection.send(EVENT_STREAM)
        waiting += 1
        if waiting == calls:
            everyone.set()
        await everyone.wait()
        await connection.send(chunked(b"x") + chunked(b""))

    server.answer = answer
    upstream = await opened(wire.row(server.url))

    async def one() -> bytes:
        return await body_of(await sent(upstream, wire))

    async with asyncio.timeout(WAIT_SECONDS * 2):
        assert await asyncio.gather(*(one() for _ in range(calls))) == [b"x"] * calls
