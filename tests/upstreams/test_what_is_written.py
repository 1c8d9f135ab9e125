"""The pool's own client as a provider sees it: what leaves, over which connection, and nothing else than a request."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError
from providers.upstreams.base import ProviderRow, Upstream
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import EVENT_STREAM, WAIT_SECONDS, Connection, RawServer, chunked, replying
from tests.upstreams.rows import WIRES

WIRE = WIRES[0]


async def called(upstream: Upstream, request: EncodedRequest = WIRE.request) -> bytes:
    """The body of one plain answer."""
    async with asyncio.timeout(WAIT_SECONDS):
        answer = await upstream.send(upstream.prepare(request, stream=False))
        return await answer.read(1 << 20, lambda: None)


async def test_aiohttp_is_not_asked_where_there_is_no_proxy(
    server: RawServer, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    def used(*arguments: object, **named: object) -> None:
        raise AssertionError("aiohttp was used")

    monkeypatch.setattr("aiohttp.ClientSession.__init__", used)
    monkeypatch.setattr("aiohttp.TCPConnector.__init__", used)
    upstream = await opened(WIRE.row(server.url))
    assert await called(upstream) == b"{}"


async def test_a_large_body_goes_over_the_same_connection(server: RawServer, opened: Opener) -> None:
    """It is written in pieces, and else as any other."""
    upstream = await opened(WIRE.row(server.url))
    large = EncodedRequest(path=WIRE.path, body={"x": "y" * (3 << 20)})
    for request in (WIRE.request, large, WIRE.request):
        assert await called(upstream, request) == b"{}"
    assert server.connections == 1
    assert len(server.requests[1].body) == len('{"x":""}') + (3 << 20)
    by_name = [{**request.by_name, "content-length": ""} for request in server.requests]
    assert by_name[0] == by_name[1] == by_name[2]


@pytest.mark.parametrize(
    ("path", "headers"),
    [
        ("/x y", {}),
        ("/x\r\nx-evil: 1\r\n", {}),
        ("/ü", {}),
        ("/x", {"x": "1\r\nx-evil: 1"}),
        ("/x", {"x\nx-evil": "1"}),
        ("/x", {"x": "1\r"}),
    ],
)
async def test_what_is_no_request_does_not_leave(
    path: str, headers: dict[str, str], server: RawServer, opened: Opener
) -> None:
    """It is refused where it comes from; here once more, whoever let it through."""
    upstream = await opened(WIRE.row(server.url))
    call = upstream.prepare(WIRE.request, stream=False)
    call = msgspec.structs.replace(call, url=server.url + path, headers={**call.headers, **headers})
    with pytest.raises(ValueError, match="a call that is no HTTP request"):
        await upstream.send(call)
    assert server.connections == 0


@pytest.mark.parametrize("base", ["", "/", "/v1", "/v1/"])
async def test_the_target_is_what_stands_behind_the_host(base: str, server: RawServer, opened: Opener) -> None:
    row = ProviderRow(name="x", dialect=WIRE.dialect, base_url=server.url + base)
    assert await called(await opened(row)) == b"{}"
    assert server.only_request.target == base.rstrip("/") + WIRE.path
    assert server.only_request.by_name["host"] == f"127.0.0.1:{server.port}"


async def test_a_host_that_the_row_names_is_said_once(server: RawServer, opened: Opener) -> None:
    """As a gateway wants it that tells its providers apart by it."""
    assert await called(await opened(WIRE.row(server.url, host="inner.example.com"))) == b"{}"
    assert server.only_request.by_name["host"] == "inner.example.com"


async def test_interim_answers_are_passed_over(server: RawServer, opened: Opener) -> None:
    async def answer(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 100 Continue\r\n\r\n")
        await connection.send(b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n")
        await replying(b"{}")(connection)

    server.answer = answer
    upstream = await opened(WIRE.row(server.url))
    for _ in range(2):
        assert await called(upstream) == b"{}"
    assert server.connections == 1


async def test_an_upgrade_that_nobody_asked_for_is_a_broken_answer(server: RawServer, opened: Opener) -> None:
    async def answer(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n")
        await connection.until_left()

    server.answer = answer
    with pytest.raises(ProviderConnectionError):
        await called(await opened(WIRE.row(server.url)))
    await server.wait_left()


async def test_a_connection_that_the_provider_wants_closed_is_not_used_again(server: RawServer, opened: Opener) -> None:
    server.answer = replying(b"{}", headers=("connection: close",))
    upstream = await opened(WIRE.row(server.url))
    for _ in range(2):
        assert await called(upstream) == b"{}"
    assert server.connections == 2


async def test_a_body_without_a_length_ends_with_its_connection(server: RawServer, opened: Opener) -> None:
    async def answer(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\r\n{}")
        raise ConnectionError

    server.answer = answer
    upstream = await opened(WIRE.row(server.url))
    for _ in range(2):
        assert await called(upstream) == b"{}"


async def test_closing_while_others_read_leaves_them_alone(server: RawServer, opened: Opener) -> None:
    go = asyncio.Event()

    async def answer(connection: Connection) -> None:
        await connection.send(EVENT_STREAM + chunked(b"one"))
        if len(server.requests) == 1:
            await connection.until_left()
            return
        await go.wait()
        await connection.send(chunked(b"two") + chunked(b""))

    server.answer = answer
    upstream = await opened(WIRE.row(server.url))
    call = upstream.prepare(WIRE.request, stream=True)
    given_up = await upstream.send(call)
    read = await upstream.send(call)
    await given_up.aclose()
    await given_up.aclose()
    await server.wait_left()
    go.set()
    async with asyncio.timeout(WAIT_SECONDS):
        assert b"".join([piece async for piece in read.chunks()]) == b"onetwo"
    await read.aclose()
