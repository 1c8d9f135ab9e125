"""What goes wrong on the way comes out as our errors, soon, and tells no key."""

from __future__ import annotations

import asyncio
import errno
import gzip
import logging
import os
import socket
import time
import traceback

import pytest

from providers.spec.errors import (
    ProviderConnectionError,
    ProviderProtocolError,
    ProviderTimeoutError,
    RouterError,
)
from providers.upstreams.base import ProviderRow, Timeouts, Upstream
from tests.upstreams.conftest import Opener
from tests.upstreams.raw_server import EVENT_STREAM, WAIT_SECONDS, Connection, RawServer, chunked, replying
from tests.upstreams.rows import KEY, Wire, each_wire

NEVER_ACCEPTED = Timeouts(connect=0.2)
CONNECTION_REFUSED = {"pool": os.strerror(errno.ECONNREFUSED), "sdk": "ConnectError"}
SILENT = Timeouts(first_byte=0.2, between_events=0.1)


async def whole_call(upstream: Upstream, wire: Wire) -> list[bytes]:
    """A call whose answer is read to its end."""
    answer = await upstream.send(upstream.prepare(wire.request, stream=True))
    return [piece async for piece in answer.chunks()]


async def fault(opener: Opener, row: ProviderRow, wire: Wire) -> RouterError:
    """What a call over this row ends in."""
    upstream = await opener(row)
    async with asyncio.timeout(WAIT_SECONDS):
        with pytest.raises(RouterError) as caught:
            await whole_call(upstream, wire)
    shown = "".join(traceback.format_exception(caught.value)) + repr(vars(caught.value))
    assert KEY not in shown
    assert caught.value.provider == "canary"
    return caught.value


def refusing_port() -> int:
    """A port on which nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port: int = taken.getsockname()[1]
    return port


@each_wire
async def test_a_refused_connection_is_said_at_once(wire: Wire, opened: Opener) -> None:
    """One SDK would wait up to ten seconds and try again, where aiohttp is installed."""
    began = time.monotonic()
    error = await fault(opened, wire.row(f"http://127.0.0.1:{refusing_port()}"), wire)
    assert isinstance(error, ProviderConnectionError)
    assert error.message == f"could not connect to canary ({CONNECTION_REFUSED[wire.transport]})"
    assert (error.status, error.retryable) == (502, True)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("host", ["no-such-host.invalid", "no-such..invalid", "no-such" * 10 + ".invalid"])
@each_wire
async def test_an_unknown_host_cannot_be_connected_to(
    wire: Wire, host: str, opened: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor one that is no name at all."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    error = await fault(opened, wire.row(f"http://{host}"), wire)
    assert isinstance(error, ProviderConnectionError)
    assert error.message.startswith("could not connect to canary (")


@each_wire
async def test_a_connection_that_is_never_accepted_times_out(wire: Wire, opened: Opener) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        address = full.getsockname()
        # The queue of this port is full: a further connection is neither accepted nor refused.
        waiting = [socket.socket() for _ in range(4)]
        for each in waiting:
            each.setblocking(False)
            each.connect_ex(address)
        try:
            error = await fault(opened, wire.row(f"http://127.0.0.1:{address[1]}", timeouts=NEVER_ACCEPTED), wire)
        finally:
            for each in waiting:
                each.close()
    assert isinstance(error, ProviderTimeoutError)
    assert error.message == "no connection to canary within 0.2 s"
    assert (error.status, error.retryable) == (504, True)


@each_wire
@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\ncontent-", EVENT_STREAM, EVENT_STREAM + chunked(b"x")])
async def test_silence_times_out(wire: Wire, sent: bytes, server: RawServer, opened: Opener) -> None:
    """The row's limits count, not those of the SDKs (ten minutes, or none at all)."""

    async def answer(connection: Connection) -> None:
        await connection.send(sent)
        await connection.until_left()

    server.answer = answer
    error = await fault(opened, wire.row(server.url, timeouts=SILENT), wire)
    assert isinstance(error, ProviderTimeoutError)
    assert error.message == "canary was silent for 0.2 s"
    await server.wait_left()


@each_wire
@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-",
        b"nonsense\r\n\r\n",
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        EVENT_STREAM + chunked(b"data: 1\n\n"),
        EVENT_STREAM + b"zz\r\n",
    ],
)
@pytest.mark.parametrize("ending", ["closed", "reset"])
async def test_a_broken_answer_is_an_error(
    wire: Wire, sent: bytes, ending: str, server: RawServer, opened: Opener
) -> None:
    """STREAM-15: a cut body never passes for a whole one, even where its text would."""

    async def answer(connection: Connection) -> None:
        await connection.send(sent)
        if ending == "reset":
            connection.reset()
        raise ConnectionError

    server.answer = answer
    error = await fault(opened, wire.row(server.url), wire)
    assert isinstance(error, ProviderConnectionError)
    assert error.message.startswith("the connection to canary broke (")
    assert error.retryable is True


@each_wire
@pytest.mark.parametrize(
    ("coding", "body"),
    [
        ("gzip", b'{"a": 1}'),
        ("deflate", b"\xff\xff\xff"),
        ("br", b"\x0b\x02\x80{}\x03"),
        ("zstd", b"x"),
        ("gzip, br", b"x"),
    ],
)
async def test_a_body_that_is_not_encoded_as_it_says_is_a_protocol_error(
    wire: Wire, coding: str, body: bytes, server: RawServer, opened: Opener
) -> None:
    server.answer = replying(body, headers=(f"content-encoding: {coding}",))
    error = await fault(opened, wire.row(server.url), wire)
    assert isinstance(error, ProviderProtocolError)
    assert "encoded" in error.message


@each_wire
async def test_a_compressed_body_that_is_cut_is_no_whole_one(wire: Wire, server: RawServer, opened: Opener) -> None:
    """The framing tells: a length that was not reached."""
    whole = gzip.compress(b'{"text": "' + b"x" * 1000 + b'"}')

    async def answer(connection: Connection) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: {len(whole)}\r\n\r\n"
        await connection.send(head.encode() + whole[:-12])
        raise ConnectionError

    server.answer = answer
    assert isinstance(await fault(opened, wire.row(server.url), wire), ProviderConnectionError)


@each_wire
async def test_the_key_is_in_no_repr_and_in_no_log(
    wire: Wire, server: RawServer, opened: Opener, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nor are the body and what the row's own headers hold, whatever the SDKs are told to log."""
    for name in ("openai", "anthropic", "google_genai", "httpx2", "httpcore2", "aiohttp.client", "asyncio"):
        monkeypatch.setattr(logging.getLogger(name), "level", logging.DEBUG)
    caplog.set_level(logging.DEBUG)
    row = wire.row(server.url, x_secret="canary-of-the-row")
    upstream = await opened(row)
    server.answer = replying(b'{"error": {"message": "no"}}', "401 Unauthorized")
    answer = await upstream.send(upstream.prepare(wire.request, stream=True))
    [piece async for piece in answer.chunks()]
    shown = [repr(each) for each in (row, upstream, answer)] + [record.getMessage() for record in caplog.records]
    shown += [repr(record.args) for record in caplog.records]
    for secret in (KEY, "canary-of-the-row", "🙂"):
        assert not [text for text in shown if secret in text]


@each_wire
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"base_url": "ftp://host"}, "must be an http or https address"),
        ({"base_url": "host/v1"}, "must be an http or https address"),
        ({"base_url": f"https://user:{KEY}@host"}, "put credentials into headers"),
        ({"api_key": f"{KEY}\n"}, "api_key is empty or holds"),
        ({"api_key": ""}, "api_key is empty or holds"),
        ({"api_key": "ключ"}, "api_key is empty or holds"),
        ({"headers": {"Content-Length": "1"}}, "header Content-Length is not the row's to set"),
        ({"headers": {"x": f"{KEY}\r\nx-evil: 1"}}, "header x holds a line break"),
        ({"headers": {f"x: {KEY}\r\nx-evil": "1"}}, "a name that no header can have"),
        ({"key_header": "x: y"}, "key_header is no name"),
        ({"key_header": "Content-Length"}, "key_header is no name"),
    ],
)
async def test_a_row_that_could_not_be_sent_is_refused_when_it_is_opened(
    wire: Wire, changes: dict[str, object], reason: str, opened: Opener
) -> None:
    fields = {"name": "canary", "dialect": wire.dialect, "transport": wire.transport, "base_url": "https://host"}
    with pytest.raises(ValueError, match=reason) as caught:
        await opened(ProviderRow(**{**fields, **changes}))  # type: ignore[arg-type]
    assert KEY not in str(caught.value)


async def test_a_dialect_without_a_transport_is_refused_by_name(opened: Opener) -> None:
    row = ProviderRow(name="odd", dialect="smoke-signals", base_url="https://host")
    with pytest.raises(ValueError, match="provider odd: no transport for dialect 'smoke-signals'; known: "):
        await opened(row)
