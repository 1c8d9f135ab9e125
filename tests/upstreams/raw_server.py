"""A provider made of a bare socket: keeps the very bytes that came, answers the very bytes a test gives it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

WAIT_SECONDS = 10.0


@dataclass(frozen=True, slots=True)
class RawRequest:
    """A request as it stood on the wire."""

    method: str
    target: str
    """Path and query, undecoded."""
    headers: list[tuple[str, str]]
    """In order, names as they were spelled."""
    body: bytes

    @property
    def by_name(self) -> dict[str, str]:
        """Headers with lower-case names. Fails where one came twice."""
        named = {name.lower(): value for name, value in self.headers}
        assert len(named) == len(self.headers), "a header was sent twice"
        return named


class Connection:
    """The test's end of one call."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Send these bytes now."""
        self._writer.write(data)
        await self._writer.drain()

    async def until_left(self) -> None:
        """Wait until the client closes its end; bounded."""
        async with asyncio.timeout(WAIT_SECONDS):
            try:
                assert await self._reader.read(1) == b"", "the client sent more"
            except ConnectionError:
                return

    def reset(self) -> None:
        """Drop the connection without a word."""
        self._writer.transport.abort()


Answerer = Callable[[Connection], Awaitable[None]]


class RawServer:
    """Takes requests on a loopback port of its own. The answer is chosen before a request is made."""

    def __init__(self) -> None:
        self.requests: list[RawRequest] = []
        self.connections = 0
        """How many were opened."""
        self.answer: Answerer = replying(b"{}")
        self.left = asyncio.Event()
        """Set once a client has closed a connection on which it still owed reading."""
        self.port = 0

    @property
    def url(self) -> str:
        """Where it listens, without a last slash."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def only_request(self) -> RawRequest:
        """The one request that came."""
        assert len(self.requests) == 1, f"{len(self.requests)} requests came"
        return self.requests[0]

    async def wait_left(self) -> None:
        """Wait until a client has gone; bounded."""
        async with asyncio.timeout(WAIT_SECONDS):
            await self.left.wait()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, request after request."""
        self.connections += 1
        try:
            while (request := await _request(reader)) is not None:
                self.requests.append(request)
                await self.answer(Connection(reader, writer))
        except ConnectionError:
            pass
        finally:
            self.left.set()
            writer.close()


@asynccontextmanager
async def raw_server() -> AsyncIterator[RawServer]:
    """A running one."""
    served = RawServer()
    listener = await asyncio.start_server(served.serve, "127.0.0.1", 0)
    served.port = listener.sockets[0].getsockname()[1]
    async with listener:
        yield served
        listener.close()


def replying(body: bytes, status: str = "200 OK", headers: tuple[str, ...] = ()) -> Answerer:
    """Answers every request with this, whole, and keeps the connection open."""
    head = [f"HTTP/1.1 {status}", f"content-length: {len(body)}", *headers]
    if not any(header.lower().startswith("content-type:") for header in headers):
        head.append("content-type: application/json")
    data = "\r\n".join([*head, "", ""]).encode() + body

    async def answer(connection: Connection) -> None:
        await connection.send(data)

    return answer


def chunked(piece: bytes) -> bytes:
    """One chunk of a chunked body; the empty one ends it."""
    return b"%x\r\n%s\r\n" % (len(piece), piece)


EVENT_STREAM = b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"


async def _request(reader: asyncio.StreamReader) -> RawRequest | None:
    try:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("ascii")
    except asyncio.IncompleteReadError:
        return None
    line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
    method, target, version = line.split(" ")
    assert version == "HTTP/1.1"
    headers = [(name, value.strip()) for name, _, value in (each.partition(":") for each in lines)]
    length = next(int(value) for name, value in headers if name.lower() == "content-length")
    return RawRequest(method, target, headers, await reader.readexactly(length))
