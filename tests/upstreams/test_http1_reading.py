"""How an answer is read: alike however it is cut up, at once where it is here, and never beyond its end."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from providers.upstreams.answer import PoolAnswer
from providers.upstreams.http1.faults import (
    ClientConnectionError,
    ClientPayloadError,
    HttpFault,
    HttpProcessingError,
    ServerDisconnectedError,
    SocketTimeoutError,
)
from providers.upstreams.http1.reply import Reply
from tests.upstreams.connections import Noted, body_of
from tests.upstreams.raw_server import EVENT_STREAM, chunked
from tests.upstreams.rows import WIRES

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"content-length: 2\r\n\r\n{}"


def outcome(pieces: list[bytes], *, ends: bool) -> tuple[object, ...]:
    """What a call ends in whose answer comes in these reads, the connection being closed after them or not."""

    async def call() -> tuple[object, ...]:
        noted = Noted()
        asking = await noted.ask()
        for piece in pieces:
            if piece and not noted.is_closed:
                noted.connection.data_received(piece)
        if ends and not noted.is_closed:
            noted.connection.eof_received()
        if not ends and not asking.done():
            # Whoever waits for more waits in vain.
            await asyncio.sleep(0)
            noted.clock.pass_to(noted.clock.now + 100)
        body = b""
        try:
            reply = await asking
            while piece := await reply.read_some():
                body += piece
        except HttpFault as fault:
            return (type(fault), body)
        return (reply.status, dict(reply.headers), body)

    return asyncio.run(call())


def cut(data: bytes, places: list[int]) -> list[bytes]:
    """The same bytes in several reads."""
    ends = sorted({place % (len(data) + 1) for place in places})
    return [data[start:end] for start, end in zip([0, *ends], [*ends, len(data)], strict=True)]


_names = st.sampled_from([b"x-a", b"X-A", b"Retry-After", b"content-type", b"set-cookie"])
_values = st.binary(max_size=8).map(lambda raw: bytes(0x21 + byte % 0x5E for byte in raw))
_headers = st.lists(st.tuples(_names, _values), max_size=4).map(
    lambda pairs: b"".join(b"%b: %b\r\n" % pair for pair in pairs)
)


@st.composite
def answers(draw: st.DrawFn) -> bytes:
    """What a server may send: interim answers, and one of any framing, with trailers or something behind it."""
    interim = b"".join(
        draw(st.lists(st.sampled_from([b"HTTP/1.1 100 Continue\r\n\r\n", b"HTTP/1.1 103 E\r\nx: y\r\n\r\n"])))
    )
    status = draw(st.sampled_from([b"200 OK", b"204 No Content", b"304 Not Modified", b"429 Too", b"500"]))
    version = draw(st.sampled_from([b"1.1", b"1.0"]))
    head = b"HTTP/%b %b\r\n%b" % (version, status, draw(_headers))
    pieces = draw(st.lists(st.binary(min_size=1, max_size=20), max_size=4))
    body = b"".join(pieces)
    match draw(st.sampled_from(["length", "chunks", "end", "short", "both"])):
        case "length":
            rest = b"content-length: %d\r\n\r\n%b" % (len(body), body)
        case "chunks":
            chunks = b"".join(chunked(piece) for piece in pieces)
            rest = b"transfer-encoding: chunked\r\n\r\n%b0\r\n%b\r\n" % (chunks, draw(_headers))
        case "end":
            rest = b"\r\n" + body
        case "short":
            rest = b"content-length: %d\r\n\r\n%b" % (len(body) + 1, body)
        case _:
            rest = b"content-length: 1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n"
    return interim + head + rest + draw(st.sampled_from([b"", b"x", WHOLE]))


@given(answers(), st.lists(st.integers(0, 1 << 16), max_size=8), st.booleans())
def test_an_answer_cut_anywhere_reads_the_same(answer: bytes, places: list[int], ends: bool) -> None:
    assert outcome(cut(answer, places), ends=ends) == outcome([answer], ends=ends)


@given(answers(), st.booleans())
def test_an_answer_that_comes_byte_by_byte_reads_the_same(answer: bytes, ends: bool) -> None:
    assert outcome([bytes([byte]) for byte in answer], ends=ends) == outcome([answer], ends=ends)


@given(answers(), st.integers(0, 1 << 16), st.binary(max_size=6), st.lists(st.integers(0, 1 << 16), max_size=4))
def test_whatever_comes_is_an_answer_or_a_fault(answer: bytes, at: int, junk: bytes, places: list[int]) -> None:
    """And the same one however it is cut."""
    at %= len(answer) + 1
    broken = answer[:at] + junk + answer[at + len(junk) :]
    assert outcome(cut(broken, places), ends=True) == outcome([broken], ends=True)


@given(st.lists(st.binary(min_size=1, max_size=50), max_size=6), st.sampled_from(["length", "chunks"]), st.data())
def test_a_cut_body_never_passes_for_a_whole_one(pieces: list[bytes], framing: str, data: st.DataObject) -> None:
    body = b"".join(pieces)
    if framing == "length":
        whole = OK + b"content-length: %d\r\n\r\n%b" % (len(body), body)
    else:
        whole = OK + b"transfer-encoding: chunked\r\n\r\n" + b"".join(map(chunked, pieces)) + chunked(b"")
    assert outcome([whole], ends=True)[::2] == (200, body)
    kind, read = outcome([whole[: data.draw(st.integers(0, len(whole) - 1))]], ends=True)
    assert kind in {ServerDisconnectedError, ClientPayloadError}
    assert isinstance(read, bytes)
    assert body.startswith(read)


@pytest.mark.parametrize(
    "answer",
    [
        # Two things about where it ends: what one side takes for a body, another takes for the next answer.
        OK + b"content-length: 2\r\ncontent-length: 2\r\n\r\n{}",
        OK + b"content-length: 2\r\ncontent-length: 3\r\n\r\n{}",
        OK + b"content-length: 2, 2\r\n\r\n{}",
        OK + b"content-length: 2\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ncontent-length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        # Lengths that are none.
        OK + b"content-length: +2\r\n\r\n{}",
        OK + b"content-length: 0x2\r\n\r\n{}",
        OK + b"content-length: -2\r\n\r\n{}",
        OK + b"content-length:\r\n\r\n{}",
        OK + b"content-length: 99999999999999999999999\r\n\r\n{}",
        # Codings that nobody undoes, or whose end nobody sees.
        OK + b"transfer-encoding: gzip, chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"transfer-encoding: chunked, gzip\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        OK + b"transfer-encoding: identity\r\n\r\n{}",
        OK + b"transfer-encoding: xchunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        # Headers that others read otherwise.
        OK + b"x: a\r\n folded\r\ncontent-length: 2\r\n\r\n{}",
        OK + b"content-length : 2\r\n\r\n{}",
        OK + b"x y: 1\r\ncontent-length: 2\r\n\r\n{}",
        OK + b"x: a\x00b\r\ncontent-length: 2\r\n\r\n{}",
        OK + b"x: a\rb\r\ncontent-length: 2\r\n\r\n{}",
        OK + b"x\xc3\xbc: 1\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 200 OK\ncontent-length: 2\n\n{}",
        # No answer at all, or one to another question.
        b"SSH-2.0-OpenSSH\r\n",
        b"HTTP/1.1 20 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 2000 OK\r\ncontent-length: 2\r\n\r\n{}",
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: x\r\n\r\n",
    ],
)  # fmt: skip
async def test_what_can_be_read_in_two_ways_is_not_read(answer: bytes) -> None:
    noted = Noted()
    with pytest.raises(HttpProcessingError):
        await body_of(await noted.told(answer))
    assert noted.transport.is_aborted
    assert noted.is_closed


@pytest.mark.parametrize("behind", [b"x", WHOLE, b"HTTP/1.1 100 Continue\r\n\r\n", b"\x00"])
@pytest.mark.parametrize("apart", [False, True])
@pytest.mark.parametrize("answer", [WHOLE, EVENT_STREAM + chunked(b"{}") + chunked(b"")])
async def test_what_follows_an_answer_closes_the_connection(answer: bytes, apart: bool, behind: bytes) -> None:
    """It would be taken for the answer to the next request. The answer before it is whole."""
    noted = Noted()
    reply = await noted.told(*([answer, behind] if apart else [answer + behind]))
    assert await body_of(reply) == b"{}"
    assert noted.transport.is_aborted
    assert (noted.is_idle, noted.is_closed) == (False, True)


@pytest.mark.parametrize(
    ("answer", "kept"),
    [
        (WHOLE, True),
        (EVENT_STREAM + chunked(b"{}") + b"0\r\nx-checksum: 1\r\ny: 2\r\n\r\n", True),
        (OK + b"transfer-encoding: Chunked\r\n\r\n2 \r\n{}\r\n0;last=1\r\n\r\n", True),
        (b"HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\n{}", True),
        (b"HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\n{}", False),
        (OK + b"connection: close\r\ncontent-length: 2\r\n\r\n{}", False),
        (OK + b"Connection: x, Close\r\ncontent-length: 2\r\n\r\n{}", False),
        (b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 110 X\r\ncontent-length: 1\r\n\r\ny" + WHOLE, True),
        (b"\r\n" + WHOLE, True),
    ],
)
async def test_a_connection_is_kept_where_its_answer_lets_it(answer: bytes, kept: bool) -> None:
    noted = Noted()
    assert await body_of(await noted.told(answer)) == b"{}"
    assert (noted.is_idle, noted.is_closed) == (kept, not kept)
    if kept:
        # And nothing of the one before, a trailer say, is in the next.
        reply = await noted.told(OK + b"x: 1\r\ncontent-length: 1\r\n\r\n-")
        assert (dict(reply.headers), await body_of(reply)) == ({"x": "1", "content-length": "1"}, b"-")


async def test_headers_are_read_up_to_their_limits() -> None:
    noted = Noted()
    long = b"y" * 65000
    few = b"".join(b"x%d: %d\r\n" % (number, number) for number in range(126))
    head = OK + few + b"long: " + long + b"\r\ncontent-length: 0\r\n\r\n"
    reply = await noted.told(*(head[start : start + 1000] for start in range(0, len(head), 1000)))
    assert reply.headers["long"].encode() == long
    assert len(reply.headers) == 128


@pytest.mark.parametrize(
    "head",
    [
        OK + b"long: " + b"y" * 66000 + b"\r\ncontent-length: 0\r\n\r\n",
        OK + b"".join(b"x%d: 1\r\n" % number for number in range(129)) + b"\r\n",
        EVENT_STREAM + b"0\r\n" + b"".join(b"x%d: 1\r\n" % number for number in range(129)) + b"\r\n",
        # What never ends is given up, and not collected.
        OK + b"long: " + b"y" * (1 << 20),
        b"HTTP/1.1 200 " + b"O" * (1 << 20),
        EVENT_STREAM + b"1;" + b"x" * (1 << 20),
        EVENT_STREAM + b"0\r\nlong: " + b"y" * (1 << 20),
    ],
)
async def test_beyond_them_they_are_no_answer(head: bytes) -> None:
    noted = Noted()
    asking = await noted.ask()
    for start in range(0, len(head), 1000):
        if not noted.is_closed:
            noted.connection.data_received(head[start : start + 1000])
    with pytest.raises(HttpProcessingError):
        await body_of(await asking)
    assert noted.is_closed


async def test_headers_are_matched_by_name_and_joined() -> None:
    reply = await Noted().told(
        OK + b"X-A: one \r\nx-b:\r\nx-a:  two\t\r\nx-c: \xc3\xbc\xff\r\ncontent-length: 0\r\n\r\n"
    )
    headers = reply.headers
    assert dict(headers) == {"x-a": "one, two", "x-b": "", "x-c": "ü\udcff", "content-length": "0"}
    assert (headers["X-a"], headers.get("x-d"), "X-C" in headers, "ü" in headers) == ("one, two", None, True, False)


def at_once(waiting: Any) -> object:
    """What a coroutine returns that has nothing to wait for."""
    with pytest.raises(StopIteration) as done:
        waiting.send(None)
    return done.value.value


async def test_an_answer_that_is_here_is_read_without_waiting() -> None:
    """One network read, one wake-up."""
    noted = Noted()
    answer = PoolAnswer(await noted.told(WHOLE), WIRES[0].row("http://host"))
    began: list[None] = []
    assert at_once(answer.read(100, lambda: began.append(None))) == b"{}"
    assert began == []


async def test_what_one_read_brings_is_one_piece() -> None:
    noted = Noted()
    reply = await noted.told(EVENT_STREAM + chunked(b"one ") + chunked(b"two ") + chunked(b"three")[:-2])
    assert at_once(reply.read_some()) == b"one two three"
    noted.connection.data_received(b"\r\n" + chunked(b"four") + chunked(b"five"))
    noted.connection.data_received(chunked(b""))
    assert at_once(reply.read_some()) == b"fourfive"
    assert at_once(reply.read_some()) == b""
    assert noted.is_idle


async def test_what_came_before_a_fault_is_told_before_it() -> None:
    reply = await Noted().told(EVENT_STREAM + chunked(b"one") + b"zz\r\n")
    assert await reply.read_some() == b"one"
    for _ in range(2):
        with pytest.raises(HttpProcessingError):
            await reply.read_some()


async def test_nobody_reads_and_no_more_is_taken() -> None:
    noted = Noted()
    asking = await noted.ask(silent=60.0)
    noted.connection.data_received(OK + b"content-length: 200000\r\n\r\n" + b"x" * 60000)
    assert noted.transport.is_reading()
    noted.connection.data_received(b"x" * 60000)
    assert not noted.transport.is_reading()
    # It is not the provider that is silent.
    noted.clock.pass_to(noted.clock.now + 500)
    reply = await asking
    assert len(await reply.read_some()) == 120000
    assert noted.transport.is_reading()
    noted.clock.pass_to(noted.clock.now + 59)
    noted.connection.data_received(b"x" * 80000)
    assert len(await body_of(reply)) == 80000
    assert (noted.transport.is_reading(), noted.is_idle) == (True, True)


async def test_what_comes_all_the_same_may_end_an_answer() -> None:
    """TLS hands on what it had before it heard; a connection is not kept with its ears closed."""
    noted = Noted()
    reply = await noted.told(OK + b"content-length: 100000\r\n\r\n" + b"x" * 70000)
    assert not noted.transport.is_reading()
    noted.connection.data_received(b"x" * 30000)
    assert (noted.transport.is_reading(), noted.is_idle) == (True, True)
    assert len(await body_of(reply)) == 100000


async def test_many_reads_set_one_timer() -> None:
    noted = Noted()
    reply = await noted.told(EVENT_STREAM)
    for _ in range(100):
        noted.clock.pass_to(noted.clock.now + 0.5)
        noted.connection.data_received(chunked(b"x"))
    assert len(noted.clock.timers) == 1
    noted.clock.pass_to(noted.clock.now + 59)
    assert len(await reply.read_some()) == 100
    noted.clock.pass_to(noted.clock.now + 2)
    with pytest.raises(SocketTimeoutError):
        await reply.read_some()
    assert noted.is_closed


async def test_an_idle_connection_is_closed_after_half_a_minute() -> None:
    noted = Noted()
    for _ in range(50):
        await noted.told(WHOLE)
        noted.clock.pass_to(noted.clock.now + 0.1)
    assert len(noted.clock.timers) <= 4
    noted.clock.pass_to(noted.clock.now + 29)
    assert noted.is_idle
    noted.clock.pass_to(noted.clock.now + 2)
    assert (noted.is_idle, noted.is_closed) == (False, True)


async def test_a_call_cancelled_after_its_answer_came_leaves_the_next_one_alone() -> None:
    """Both have the same connection by then."""
    noted = Noted()
    first = await noted.ask()
    noted.connection.data_received(WHOLE)
    assert noted.is_idle
    second = noted.connection.ask(b"head", b"body", 60.0)
    second.send(None)
    first.cancel()
    with pytest.raises(asyncio.CancelledError):
        await first
    noted.connection.data_received(OK + b"content-length: 1\r\n\r\n2")
    reply = at_once(second)
    assert isinstance(reply, Reply)
    assert await body_of(reply) == b"2"
    assert not noted.is_closed


@pytest.mark.parametrize("sent", [b"", OK, EVENT_STREAM, EVENT_STREAM + chunked(b"x")])
async def test_a_call_that_is_cancelled_closes_its_connection(sent: bytes) -> None:
    noted = Noted()
    asking = await noted.ask()
    if sent:
        noted.connection.data_received(sent)
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    assert noted.is_closed


async def test_an_answer_that_is_given_up_reads_no_further() -> None:
    noted = Noted()
    reply = await noted.told(EVENT_STREAM)
    waiting = asyncio.create_task(reply.read_some())
    await asyncio.sleep(0)
    reply.close()
    with pytest.raises(ClientConnectionError):
        await waiting
    assert noted.is_closed


async def test_a_connection_that_is_gone_is_not_written_to() -> None:
    noted = Noted()
    noted.connection.connection_lost(ConnectionResetError())
    with pytest.raises(ServerDisconnectedError) as caught:
        await noted.connection.ask(b"head", b"body", 1.0)
    assert not caught.value.begun
    assert noted.transport.written == b""
