"""A kept connection that the provider has closed in the meantime is no error, and no call is made twice for it."""

from __future__ import annotations

import asyncio
import socket
import struct

import pytest

from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError
from providers.upstreams.base import Upstream
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import WAIT_SECONDS, Connection, RawServer, replying
from tests.upstreams.rows import WIRES, WRITTEN

WIRE = WIRES[0]


async def called(upstream: Upstream) -> bytes:
    """The body of one plain answer."""
    async with asyncio.timeout(WAIT_SECONDS):
        answer = await upstream.send(upstream.prepare(WIRE.request, stream=False))
        return await answer.read(1 << 20, lambda: None)


class Forgetful:
    """Answers the first request of a connection; what it does on hearing another one is the test's to say."""

    def __init__(self, ending: str) -> None:
        self._ending = ending
        self._seen: list[Connection] = []
        self.again = 0
        """How often a connection was used again."""

    async def __call__(self, connection: Connection) -> None:
        writer = connection._writer
        if not any(seen._writer is writer for seen in self._seen):
            self._seen.append(connection)
            await replying(b"{}")(connection)
            return
        self.again += 1
        match self._ending:
            case "closed":
                raise ConnectionError
            case "reset":
                writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.reset()
                raise ConnectionError
            case half:
                await connection.send(half.encode())
                raise ConnectionError


LEAVE = [
    "HTTP/1.0 408 Request Time-out\r\nCache-Control: no-cache\r\nConnection: close\r\n\r\n<html>",
    "HTTP/1.1 408 Request Timeout\r\ncontent-length: 0\r\n\r\n",
]
"""As HAProxy and Google's servers take it from an idle connection."""


@pytest.mark.parametrize("ending", ["closed", "reset", *LEAVE])
async def test_a_connection_given_up_while_it_was_idle_is_replaced(
    ending: str, server: RawServer, opened: Opener
) -> None:
    """Servers close idle connections after seconds (uvicorn: five). Seen from here, that may cross with a request."""
    server.answer = forgetful = Forgetful(ending)
    upstream = await opened(WIRE.row(server.url))
    for _ in range(3):
        assert await called(upstream) == b"{}"
    assert (forgetful.again, server.connections) == (2, 3)
    assert {request.body for request in server.requests} == {WRITTEN}


async def test_a_server_that_closes_after_every_answer_costs_no_answer(server: RawServer, opened: Opener) -> None:
    """Whether that is seen before the next call goes out or only then."""

    async def once(connection: Connection) -> None:
        await replying(b"{}")(connection)
        raise ConnectionError

    server.answer = once
    upstream = await opened(WIRE.row(server.url))
    for _ in range(20):
        assert await called(upstream) == b"{}"
    assert (len(server.requests), server.connections) == (20, 20)


async def test_many_calls_at_once_over_connections_that_are_all_given_up(server: RawServer, opened: Opener) -> None:
    """A provider that restarts closes every kept connection together."""
    server.answer = forgetful = Forgetful("closed")
    upstream = await opened(WIRE.row(server.url))
    for _ in range(2):
        assert await asyncio.gather(*(called(upstream) for _ in range(20))) == [b"{}"] * 20
    before = forgetful.again
    assert await called(upstream) == b"{}"
    # The first that was found given up stands for the others.
    assert forgetful.again == before + 1


async def test_a_new_connection_that_ends_is_an_error_and_the_call_is_not_made_again(
    server: RawServer, opened: Opener
) -> None:
    """The provider may have begun to work on it."""

    async def gone(connection: Connection) -> None:
        raise ConnectionError

    server.answer = gone
    with pytest.raises(ProviderConnectionError):
        await called(await opened(WIRE.row(server.url)))
    assert len(server.requests) == 1


@pytest.mark.parametrize("begun", ["HTTP/1.1 200 OK\r\ncontent-", "HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{"])
async def test_an_answer_that_has_begun_is_not_asked_for_again(begun: str, server: RawServer, opened: Opener) -> None:
    server.answer = Forgetful(begun)
    upstream = await opened(WIRE.row(server.url))
    assert await called(upstream) == b"{}"
    with pytest.raises(ProviderConnectionError):
        await called(upstream)
    assert len(server.requests) == 2


async def test_a_connection_that_ends_while_the_provider_works_is_an_error(
    server: RawServer, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was given up while idle shows it at once; a later end is the end of work that was paid for."""
    monkeypatch.setattr("providers.upstreams.way._STALE_SECONDS", 0.0)
    server.answer = forgetful = Forgetful("closed")
    upstream = await opened(WIRE.row(server.url))
    assert await called(upstream) == b"{}"
    with pytest.raises(ProviderConnectionError):
        await called(upstream)
    assert (forgetful.again, len(server.requests)) == (1, 2)


async def test_a_large_body_is_sent_again_whole(server: RawServer, opened: Opener) -> None:
    server.answer = Forgetful("closed")
    upstream = await opened(WIRE.row(server.url))
    assert await called(upstream) == b"{}"
    request = EncodedRequest(path=WIRE.path, body={"text": "x" * (3 << 20)})
    answer = await upstream.send(upstream.prepare(request, stream=False))
    assert await answer.read(1 << 20, lambda: None) == b"{}"
    assert (len(server.requests), server.connections) == (3, 2)
    assert server.requests[1] == server.requests[2]
    assert len(server.requests[2].body) == len('{"text":""}') + (3 << 20)


async def test_a_new_connection_that_is_told_of_a_time_out_has_its_answer(server: RawServer, opened: Opener) -> None:
    """It was not idle: the provider means the request."""
    server.answer = replying(b"{}", status="408 Request Timeout")
    upstream = await opened(WIRE.row(server.url))
    async with asyncio.timeout(WAIT_SECONDS):
        answer = await upstream.send(upstream.prepare(WIRE.request, stream=False))
    assert (answer.status, len(server.requests)) == (408, 1)
    await answer.aclose()


@pytest.mark.parametrize("status", ["204 No Content", "304 Not Modified"])
async def test_what_may_have_no_body_is_the_last_of_its_connection(
    status: str, server: RawServer, opened: Opener
) -> None:
    """A server that sends one all the same would have it taken for the next answer."""

    async def announcing(connection: Connection) -> None:
        await connection.send(f"HTTP/1.1 {status}\r\ncontent-length: 2\r\n\r\n".encode())

    upstream = await opened(WIRE.row(server.url))
    server.answer = announcing
    assert await called(upstream) == b""
    server.answer = replying(b"{}")
    assert await called(upstream) == b"{}"
    assert server.connections == 2
