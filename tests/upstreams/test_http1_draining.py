"""An answer that has said all before its end has come: its connection is kept where the end comes soon."""

from __future__ import annotations

from providers.upstreams.answer import PoolAnswer
from providers.upstreams.http1.reply import Reply
from tests.upstreams.connections import Noted, body_of
from tests.upstreams.rows import WIRES

OK = b"HTTP/1.1 200 OK\r\n"
WHOLE = OK + b"content-length: 2\r\n\r\n{}"
HEAD_OF_EVENTS = b"content-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n"
SAID = OK + HEAD_OF_EVENTS + b"6\r\ndata\n\n\r\n"


async def let_go(noted: Noted, begin: bytes = SAID) -> Reply:
    """The answer after whose last event nobody reads on."""
    reply = await noted.told(begin)
    assert reply.take() == b"data\n\n"
    reply.let_go()
    return reply


async def test_the_end_that_follows_keeps_the_connection() -> None:
    noted = Noted()
    await let_go(noted)
    seen = []
    for piece in (b"0\r\n", b"\r\n"):
        seen.append(noted.is_idle)
        noted.connection.data_received(piece)
    assert [*seen, noted.is_idle] == [False, False, True]
    # The next call has its own answer, and its own time.
    reply = await noted.told(WHOLE)
    assert await body_of(reply) == b"{}"
    noted.clock.pass_to(noted.clock.now + 29)
    assert noted.is_idle


async def test_an_end_that_does_not_come_is_not_waited_for() -> None:
    noted = Noted()
    await let_go(noted)
    for _ in range(4):
        # Nor does it help to say something else.
        noted.clock.pass_to(noted.clock.now + 0.3)
        if not noted.is_closed:
            noted.connection.data_received(b"1\r\n:\r\n")
    assert noted.is_closed
    assert noted.transport.is_aborted


async def test_much_behind_the_end_closes_the_connection() -> None:
    noted = Noted()
    reply = await let_go(noted)
    noted.connection.data_received(b"4000\r\n" + b":" * 0x4000 + b"\r\n")
    assert not noted.is_closed
    assert reply.pieces == []
    noted.connection.data_received(b"1\r\n:\r\n")
    assert noted.is_closed


async def test_an_answer_let_go_while_it_was_held_up_is_read_to_its_end() -> None:
    noted = Noted()
    reply = await noted.told(OK + HEAD_OF_EVENTS + b"20000\r\n" + b":" * 0x20000 + b"\r\n")
    assert not noted.transport.is_reading()
    reply.let_go()
    assert noted.transport.is_reading()
    noted.connection.data_received(b"0\r\n\r\n")
    assert noted.is_idle


async def test_a_connection_lost_behind_the_last_event_is_no_fault() -> None:
    noted = Noted()
    reply = await let_go(noted)
    noted.connection.connection_lost(ConnectionResetError())
    assert noted.is_closed
    reply.close()


async def test_whoever_has_heard_the_last_event_keeps_the_connection() -> None:
    """And whoever has not, closes it: a provider shall not go on for nobody."""
    for is_over in (True, False):
        noted = Noted()
        answer = PoolAnswer(await noted.told(SAID), WIRES[0].row("http://host"))
        await answer.aclose(is_over=is_over)
        assert noted.is_closed is not is_over
