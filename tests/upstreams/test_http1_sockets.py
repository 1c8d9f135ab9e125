"""The pool's own client over real sockets: connecting, both ways of a slow body, TLS, and the end of the pool."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from providers.upstreams.base import PreparedCall
from providers.upstreams.http1.faults import (
    ClientConnectionError,
    ClientPayloadError,
    ConnectionTimeoutError,
    ConnectorDNSError,
    HttpFault,
    HttpProcessingError,
    ServerDisconnectedError,
)
from providers.upstreams.http1.reply import Reply
from providers.upstreams.pool import Pool
from tests.upstreams.connections import body_of
from tests.upstreams.raw_server import (
    EVENT_STREAM,
    WAIT_SECONDS,
    Connection,
    RawServer,
    chunked,
    raw_server,
    replying,
)
from tests.upstreams.tls import Elsewhere, certificate_for, tls_server

PROXIES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy")


async def asked(pool: Pool, url: str, body: bytes = b"{}", *, connect: float = 5.0) -> Reply:
    """The answer to one call."""
    way = pool.way(url, connect=connect, silent=5.0)
    call = PreparedCall(method="POST", url=f"{url}/x", headers={"x": "y"}, body=body, stream=False)
    async with asyncio.timeout(WAIT_SECONDS):
        reply = await way.send(call)
    assert isinstance(reply, Reply)
    return reply


async def whole(pool: Pool, url: str, body: bytes = b"{}") -> bytes:
    """The body of the answer to one call."""
    async with asyncio.timeout(WAIT_SECONDS):
        return await body_of(await asked(pool, url, body))


class Leading(AbstractResolver):
    """Leads every host to these addresses, once it may."""

    def __init__(self, *places: tuple[str, int]) -> None:
        self._places = places
        self.asked = 0
        self.is_asked = asyncio.Event()
        self.may = asyncio.Event()
        self.may.set()

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        """In this order."""
        self.asked += 1
        self.is_asked.set()
        await self.may.wait()
        if not self._places:
            raise OSError("no such host")
        return [
            ResolveResult(hostname=host, host=place, port=number, family=socket.AF_INET, proto=0, flags=0)
            for place, number in self._places
        ]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)


def refusing_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@contextlib.contextmanager
def full_port() -> Iterator[int]:
    """A port whose queue is full: a connection is neither accepted nor refused."""
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(full.getsockname())
        try:
            yield full.getsockname()[1]
        finally:
            for each in waiting:
                each.close()


# ---- connecting


@pytest.mark.parametrize("first", ["::1", "127.0.0.1"])
async def test_an_address_that_refuses_is_passed_over(first: str, server: RawServer) -> None:
    """A host with IPv6 and IPv4 of which one leads nowhere."""
    async with Pool(Leading((first, refusing_port()), ("127.0.0.1", server.port))) as pool:
        assert await whole(pool, "http://provider.test") == b"{}"


async def test_an_address_that_does_not_answer_is_not_waited_for(server: RawServer) -> None:
    with full_port() as full:
        async with Pool(Leading(("127.0.0.1", full), ("127.0.0.1", server.port))) as pool:
            assert await whole(pool, "http://provider.test") == b"{}"


async def test_no_address_answers_in_time() -> None:
    with full_port() as full:
        async with Pool(Leading(("127.0.0.1", full), ("127.0.0.1", full))) as pool:
            with pytest.raises(ConnectionTimeoutError):
                await asked(pool, "http://provider.test", connect=0.1)


async def test_a_lookup_counts_as_connecting() -> None:
    resolver = Leading()
    resolver.may.clear()
    async with Pool(resolver) as pool:
        with pytest.raises(ConnectionTimeoutError):
            await asked(pool, "http://provider.test", connect=0.05)
        resolver.may.set()
        with pytest.raises(ConnectorDNSError):
            await asked(pool, "http://provider.test")


async def test_calls_that_come_together_look_a_host_up_once(server: RawServer) -> None:
    resolver = Leading(("127.0.0.1", server.port))
    resolver.may.clear()
    async with Pool(resolver) as pool:
        calls = [asyncio.create_task(whole(pool, "http://provider.test")) for _ in range(10)]
        await resolver.is_asked.wait()
        resolver.may.set()
        assert await asyncio.gather(*calls) == [b"{}"] * 10
    assert (resolver.asked, server.connections) == (1, 10)


async def test_an_address_in_figures_is_not_looked_up(server: RawServer) -> None:
    resolver = Leading()
    async with Pool(resolver) as pool:
        assert await whole(pool, server.url) == b"{}"
    assert resolver.asked == 0


async def test_ipv6_in_figures() -> None:
    served = RawServer()
    listener = await asyncio.start_server(served.serve, "::1", 0)
    port = listener.sockets[0].getsockname()[1]
    async with listener, Pool() as pool:
        assert await whole(pool, f"http://[::1]:{port}") == b"{}"
        listener.close()
    assert served.only_request.by_name["host"] == f"[::1]:{port}"


# ---- reading


@pytest.mark.parametrize(
    "answer",
    [
        b"HTTP/1.1 103 Early\r\nx: y\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello",
        EVENT_STREAM + chunked(b"hel") + chunked(b"lo") + b"0\r\ntrailer: 1\r\n\r\n",
    ],
)
async def test_an_answer_that_comes_byte_by_byte(answer: bytes, server: RawServer, pool: Pool) -> None:
    async def dribble(connection: Connection) -> None:
        for byte in answer:
            await connection.send(bytes([byte]))
            await asyncio.sleep(0)

    server.answer = dribble
    for _ in range(2):
        assert await whole(pool, server.url) == b"hello"
    assert server.connections == 1


@pytest.mark.parametrize("behind", [b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nevil", b"x", b"\r\n\r\nevil"])
async def test_what_a_server_says_unasked_answers_no_call(behind: bytes, server: RawServer, pool: Pool) -> None:
    async def talkative(connection: Connection) -> None:
        await replying(b"good")(connection)
        await connection.send(behind)

    server.answer = talkative
    for _ in range(5):
        try:
            assert await whole(pool, server.url) == b"good"
        except HttpProcessingError:
            # It came with the answer to come, and both are refused.
            assert behind == b"x"


async def test_nobody_reads_and_the_server_has_to_wait(server: RawServer, pool: Pool) -> None:
    size = 64 << 20
    full, sent = asyncio.Event(), asyncio.Event()

    async def pour(connection: Connection) -> None:
        await connection.send(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % size)
        asyncio.get_running_loop().call_soon(full.set)
        await connection.send(b"x" * size)
        sent.set()

    server.answer = pour
    reply = await asked(pool, server.url)
    async with asyncio.timeout(WAIT_SECONDS):
        await full.wait()
        for _ in range(1000):
            # Enough turns of the loop for all of it to come.
            await asyncio.sleep(0)
        assert 0 < reply.size < 1 << 20
        assert not sent.is_set()
        assert len(await body_of(reply)) == size
        await sent.wait()


# ---- writing


@asynccontextmanager
async def deaf(answer: Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]) -> AsyncIterator[str]:
    """A server that does with a connection what the test says, whatever was sent. Gives its address."""
    gone: list[asyncio.StreamWriter] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        gone.append(writer)
        await answer(reader, writer)

    listener = await asyncio.start_server(serve, "127.0.0.1", 0)
    async with listener:
        yield f"http://127.0.0.1:{listener.sockets[0].getsockname()[1]}"
        for writer in gone:
            writer.transport.abort()
        listener.close()


async def test_an_answer_may_come_before_the_request_has_left(pool: Pool) -> None:
    """A body that is too large is refused by its head, and the rest of it is not waited for."""
    connections = 0

    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 2\r\n\r\n{}")

    async with deaf(refuse) as url:
        for _ in range(2):
            reply = await asked(pool, url, b"x" * (64 << 20))
            assert (reply.status, await body_of(reply)) == (413, b"{}")
    assert connections == 2


async def test_a_server_that_leaves_while_it_is_written_to(pool: Pool) -> None:
    async def leave(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.transport.abort()

    async with deaf(leave) as url:
        with pytest.raises(ServerDisconnectedError):
            await asked(pool, url, b"x" * (64 << 20))


async def test_a_call_cancelled_while_it_is_written_leaves_at_once(pool: Pool) -> None:
    left = asyncio.Event()
    here = asyncio.Event()

    async def look(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        here.set()
        with contextlib.suppress(ConnectionError):
            while await reader.read(1 << 20):
                await proceed.wait()
        left.set()

    proceed = asyncio.Event()
    async with deaf(look) as url:
        call = asyncio.create_task(asked(pool, url, b"x" * (64 << 20)))
        async with asyncio.timeout(WAIT_SECONDS):
            await here.wait()
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
            proceed.set()
            await left.wait()


# ---- TLS


@pytest.fixture
async def secure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[RawServer]:
    """A server that the pool's certificates vouch for, as provider.test."""
    authority, host = certificate_for(tmp_path, "provider.test")
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    monkeypatch.delenv("SSL_CERT_DIR", raising=False)
    async with tls_server(host) as served:
        yield served


URL = "https://provider.test"


async def test_over_tls_much_is_sent_and_read(secure: RawServer) -> None:
    body = b"x" * (3 << 20)
    secure.answer = replying(body)
    async with Pool(Elsewhere(secure.port)) as pool:
        for _ in range(2):
            assert await whole(pool, URL, body) == body
    assert [request.body == body for request in secure.requests] == [True, True]
    assert secure.connections == 1


async def test_over_tls_a_cut_body_is_no_whole_one(secure: RawServer) -> None:
    async def cut(connection: Connection) -> None:
        await connection.send(EVENT_STREAM + chunked(b"one"))
        raise ConnectionError

    secure.answer = cut
    async with Pool(Elsewhere(secure.port)) as pool:
        with pytest.raises(ClientPayloadError):
            await whole(pool, URL)


async def test_over_tls_giving_up_is_seen(secure: RawServer) -> None:
    async def stream(connection: Connection) -> None:
        await connection.send(EVENT_STREAM + chunked(b"one"))
        await connection.until_left()

    secure.answer = stream
    async with Pool(Elsewhere(secure.port)) as pool:
        reply = await asked(pool, URL)
        reply.close()
        await secure.wait_left()


async def test_a_dot_behind_the_host_belongs_to_no_certificate(secure: RawServer) -> None:
    async with Pool(Elsewhere(secure.port)) as pool:
        assert await whole(pool, URL + ".") == b"{}"


# ---- the end


async def test_closing_the_pool_breaks_what_is_under_way(server: RawServer) -> None:
    async def stream(connection: Connection) -> None:
        await connection.send(EVENT_STREAM + chunked(b"one"))
        await connection.until_left()

    server.answer = stream
    async with Pool() as pool:
        reply = await asked(pool, server.url)
        waiting = asyncio.create_task(body_of(reply))
        await asyncio.sleep(0)
    with pytest.raises(HttpFault):
        await waiting
    await server.wait_left()


async def test_a_closed_pool_opens_nothing(server: RawServer) -> None:
    async with Pool() as pool:
        way = pool.way(server.url, connect=5.0, silent=5.0)
    with pytest.raises(ClientConnectionError):
        await way.send(PreparedCall(method="POST", url=server.url, headers={}, body=b"", stream=False))
    assert server.requests == []


async def test_the_pool_is_closed_while_a_connection_is_opened() -> None:
    async with raw_server() as served:
        resolver = Leading(("127.0.0.1", served.port))
        resolver.may.clear()
        async with Pool(resolver) as pool:
            calling = asyncio.create_task(asked(pool, "http://provider.test"))
            await resolver.is_asked.wait()
        resolver.may.set()
        with pytest.raises(ClientConnectionError):
            await calling
        assert served.requests == []
