"""Connections of `ai-router serve` beside uvicorn's own: whatever bytes come in whatever pieces, both say the same."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any

import msgspec
import uvicorn
from hypothesis import given, settings
from hypothesis import strategies as st
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from router.asgi import Receive, Scope, Send
from router.connection import Connection

CASES = settings(max_examples=300, deadline=None)
POST = (
    b"POST /v1/chat/completions?a=b HTTP/1.1\r\nHost: 127.0.0.1:8080\r\nAccept: application/json\r\n"
    b"Content-Type: application/json\r\nUser-Agent: OpenAI/Python 3.5.0\r\nX-Stainless-Lang: python\r\n"
    b"Authorization: Bearer air_key\r\nContent-Length: 15\r\n\r\n" + b'{"model":"a/b"}'
)
CHUNKED = (
    b"POST /v1/messages HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n"
    b'4\r\n{"a"\r\n4;x=y\r\n: 1}\r\n0\r\n\r\n'
)
GET = b"GET /v1/models/a%2Fb HTTP/1.1\r\nhost: a\r\nx-request-id: one\r\n\r\n"
LAST = b"GET /last HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n"
HEAD = b"HEAD / HTTP/1.1\r\nhost: a\r\n\r\n"


class Wire(asyncio.Transport):
    """A transport that keeps what is written."""

    def __init__(self) -> None:
        super().__init__({"sockname": ("127.0.0.1", 8080), "peername": ("127.0.0.1", 50000)})
        self.written = b""
        self.closed = False
        self.was_written_late = False
        self.held = False

    def write(self, data: bytes | bytearray | memoryview) -> None:
        if self.closed:
            self.was_written_late = True
        else:
            self.written += data

    def close(self) -> None:
        self.closed = True

    def can_write_eof(self) -> bool:
        return True

    def write_eof(self) -> None:
        """Whoever says no more has closed it, as far as a caller can see."""
        self.closed = True

    def abort(self) -> None:
        self.closed = True

    def is_closing(self) -> bool:
        return self.closed

    def pause_reading(self) -> None:
        self.held = True

    def resume_reading(self) -> None:
        self.held = False


class Said(msgspec.Struct, frozen=True):
    """What came of some bytes."""

    asked: list[str]
    """The requests that the application had whole."""
    written: bytes
    closed: bool

    @property
    def refused(self) -> bool:
        return b"HTTP/1.1 400 " in self.written


class Echo:
    """Tells of each request what it was; some in pieces."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = b"", True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        told = {name: scope[name] for name in ("type", "method", "http_version", "path", "scheme", "server", "client")}
        bare = {name: scope[name].decode("latin-1") for name in ("raw_path", "query_string")}
        headers = [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]]
        self.asked.append(json.dumps({**told, **bare, "headers": headers, "body": body.decode("latin-1")}))
        content = self.asked[-1].encode()
        whole = [] if scope["path"] == "/v1/messages" else [(b"content-length", b"%d" % len(content))]
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a", b"b"), *whole]})
        await send({"type": "http.response.body", "body": content[:9], "more_body": True})
        await send({"type": "http.response.body", "body": content[9:]})


async def said(protocol: Any, pieces: Sequence[bytes]) -> Said:
    """What comes of these pieces of a connection."""
    app, wire, state = Echo(), Wire(), ServerState()
    config = uvicorn.Config(app, http=protocol, ws="none", log_config=None, access_log=False, proxy_headers=False)
    config.load()
    state.default_headers = [(b"date", b"today")]
    connection = protocol(config=config, server_state=state, app_state={}, _loop=asyncio.get_running_loop())
    connection.connection_made(wire)
    waiting = [piece for piece in pieces if piece]
    while waiting and not wire.closed:
        if not wire.held:
            connection.data_received(waiting.pop(0))
        await settled(wire)
    await settled(wire)
    closed = wire.closed
    assert not (wire.was_written_late and protocol is Connection)
    tasks = list(state.tasks)
    connection.connection_lost(None)
    await asyncio.gather(*tasks)
    return Said(app.asked, wire.written, closed)


async def settled(wire: Wire) -> None:
    """Until nothing more is written."""
    before = -1
    while before != len(wire.written):
        before = len(wire.written)
        for _ in range(8):
            await asyncio.sleep(0)


def both(pieces: Sequence[bytes]) -> tuple[Said, Said]:
    """Of ours and of uvicorn's."""

    async def of_both() -> tuple[Said, Said]:
        return await said(Connection, pieces), await said(HttpToolsProtocol, pieces)

    return asyncio.run(of_both())


def cut(data: bytes, places: Sequence[int]) -> list[bytes]:
    at = sorted({place % (len(data) + 1) for place in places})
    return [data[begin:end] for begin, end in zip([0, *at], [*at, len(data)], strict=True)]


REQUESTS = st.lists(st.sampled_from([POST, CHUNKED, GET, HEAD]), min_size=1, max_size=4)
PLACES = st.lists(st.integers(0, 2000), max_size=6)


@CASES
@given(REQUESTS, st.booleans(), PLACES)
def test_good_requests_in_any_pieces(requests: list[bytes], ends: bool, places: list[int]) -> None:
    ours, uvicorns = both(cut(b"".join(requests) + (LAST if ends else b""), places))
    assert ours == uvicorns
    assert ours.written.count(b"HTTP/1.1 200 OK") == len(requests) + ends


def test_cut_at_every_byte() -> None:
    for request in (POST, CHUNKED, GET, HEAD, LAST):
        whole = both([request])
        assert whole[0] == whole[1]
        for place in range(1, len(request)):
            assert both([request[:place], request[place:]]) == whole


BAD = st.sampled_from(
    [b"\x00", b"\r", b"HTTP/1.1", b"HTTP/1.0", b"GET ",
     b"\n", b"\r\n", b"\r\n\r\n", b" ", b":", b"\t", b"a", b"0", b"9", b"-", b"%", b"#", b"?", b"/", b"\xff",
     b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: identity\r\n", b"Content-Length: 3\r\n",
     b"content-length : 3\r\n",
     b"connection: close\r\n", b"connection: keep-alive\r\n", b"x: y\r\n z\r\n"]
)  # fmt: skip


@settings(CASES, max_examples=600)
@given(REQUESTS, st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 30), BAD), max_size=2), PLACES)
def test_requests_with_something_wrong(
    requests: list[bytes], edits: list[tuple[int, int, bytes]], places: list[int]
) -> None:
    """What is a request, where it ends, and what is none: only what was asked before a fault is answered by ours."""
    data = bytearray(b"".join(requests))
    for place, length, new in edits:
        at = place % (len(data) + 1)
        data[at : at + length] = new
    ours, uvicorns = both(cut(bytes(data), places))
    assert ours.closed == uvicorns.closed
    assert ours.refused == uvicorns.refused
    assert ours.asked[: len(uvicorns.asked)] == uvicorns.asked
    assert ours.refused or ours.asked == uvicorns.asked


@CASES
@given(st.lists(st.binary(max_size=40), max_size=4))
def test_bytes_of_any_kind(pieces: list[bytes]) -> None:
    ours, uvicorns = both(pieces)
    assert ours == uvicorns
