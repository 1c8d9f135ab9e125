"""Calls to a provider behind TLS, through a proxy's tunnel (CONNECT), over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from providers.spec.dialect import EncodedRequest
from providers.spec.errors import ProviderConnectionError
from providers.upstreams.base import Upstream
from providers.upstreams.factory import open_upstream
from providers.upstreams.pool import Pool
from tests.upstreams.raw_server import EVENT_STREAM, WAIT_SECONDS, Connection, RawServer, chunked, replying
from tests.upstreams.rows import WIRES
from tests.upstreams.tls import certificate_for, tls_server

_HOST = "provider.test"
_WIRE = WIRES[0]
_LARGE = 8 << 20


@dataclass
class Tunnels:
    """A proxy that leads every host to one port."""

    to: int
    status: str = "200 Connection established"
    port: int = 0
    heads: list[bytes] = field(default_factory=list)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection: the request for the tunnel, then whatever goes through it."""
        try:
            self.heads.append(await reader.readuntil(b"\r\n\r\n"))
            writer.write(f"HTTP/1.1 {self.status}\r\n\r\n".encode())
            if self.status.startswith("200"):
                there_reader, there_writer = await asyncio.open_connection("127.0.0.1", self.to)
                await asyncio.gather(_carry(reader, there_writer), _carry(there_reader, writer))
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()


async def _carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1 << 16):
            writer.write(data)
            await writer.drain()
    finally:
        writer.close()


@dataclass(frozen=True)
class Behind:
    """The provider, the proxy in front of it, and the way through."""

    provider: RawServer
    tunnels: Tunnels
    upstream: Upstream


@asynccontextmanager
async def behind(folder: Path, monkeypatch: pytest.MonkeyPatch, host: str = _HOST) -> AsyncIterator[Behind]:
    """``host``: whom the provider's certificate is for."""
    for name in ("NO_PROXY", "no_proxy", "ALL_PROXY", "all_proxy", "https_proxy", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)
    authority, certificate = certificate_for(folder, host)
    monkeypatch.setenv("SSL_CERT_FILE", str(authority))
    async with tls_server(certificate) as provider:
        tunnels = Tunnels(provider.port)
        listener = await asyncio.start_server(tunnels.serve, "127.0.0.1", 0)
        tunnels.port = listener.sockets[0].getsockname()[1]
        monkeypatch.setenv("HTTPS_PROXY", f"http://user:pass@127.0.0.1:{tunnels.port}")
        async with listener, Pool() as pool:
            yield Behind(provider, tunnels, await open_upstream(_WIRE.row(f"https://{_HOST}"), pool))


@pytest.fixture
async def through(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Behind]:
    async with behind(tmp_path, monkeypatch) as made:
        yield made


async def test_much_is_sent_and_read_through_a_tunnel(through: Behind) -> None:
    """More than any buffer on the way takes, both ways; the tunnel is kept for the next call."""
    there, back = b'"' + b"a" * _LARGE + b'"', b'"' + b"b" * _LARGE + b'"'
    through.provider.answer = replying(back)
    for _ in range(2):
        call = through.upstream.prepare(EncodedRequest(path="/x", body={}, content=there), stream=False)
        async with asyncio.timeout(WAIT_SECONDS):
            answer = await through.upstream.send(call)
            assert await answer.read(2 * _LARGE, lambda: None) == back
    assert [request.body == there for request in through.provider.requests] == [True, True]
    assert len(through.tunnels.heads) == 1
    head = through.tunnels.heads[0].lower()
    assert head.startswith(b"connect provider.test:443 http/1.1\r\n")
    assert b"proxy-authorization: basic dxnlcjpwyxnz" in head
    assert "proxy-authorization" not in through.provider.requests[0].by_name


async def test_events_come_through_a_tunnel_as_they_are_sent(through: Behind) -> None:
    sent, read = asyncio.Event(), asyncio.Event()

    async def answer(connection: Connection) -> None:
        await connection.send(EVENT_STREAM + chunked(b"data: 1\n\n"))
        sent.set()
        await read.wait()
        await connection.send(chunked(b"data: 2\n\n") + chunked(b""))

    through.provider.answer = answer
    async with asyncio.timeout(WAIT_SECONDS):
        found = await through.upstream.send(through.upstream.prepare(_WIRE.request, stream=True))
        pieces = aiter(found.chunks())
        assert await anext(pieces) == b"data: 1\n\n"
        assert sent.is_set()
        read.set()
        assert b"".join([piece async for piece in pieces]) == b"data: 2\n\n"


async def test_a_caller_that_gives_up_closes_the_tunnel(through: Behind) -> None:
    async def answer(connection: Connection) -> None:
        await connection.send(EVENT_STREAM + chunked(b"data: 1\n\n"))
        await connection.until_left()

    through.provider.answer = answer
    found = await through.upstream.send(through.upstream.prepare(_WIRE.request, stream=True))
    assert await anext(aiter(found.chunks())) == b"data: 1\n\n"
    await found.aclose()
    await through.provider.wait_left()


async def test_a_proxy_that_refuses_is_told_without_its_credentials(through: Behind) -> None:
    through.tunnels.status = "407 Proxy Authentication Required"
    with pytest.raises(ProviderConnectionError) as caught:
        await through.upstream.send(through.upstream.prepare(_WIRE.request, stream=False))
    assert not through.provider.requests
    assert "pass" not in str(caught.value)


async def test_through_a_tunnel_the_certificate_is_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async with behind(tmp_path, monkeypatch, "somebody.test") as made:
        with pytest.raises(ProviderConnectionError, match="its certificate is not trusted here"):
            await made.upstream.send(made.upstream.prepare(_WIRE.request, stream=False))
    assert not made.provider.requests
