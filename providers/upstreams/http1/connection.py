"""One connection: a request goes out over it, the answer is parsed as it comes, and it is kept for the next one."""

import asyncio
from typing import Protocol, cast

import httptools

from providers.upstreams.http1.faults import (
    ClientConnectionError,
    ClientPayloadError,
    HttpFault,
    HttpProcessingError,
    ServerDisconnectedError,
    SocketTimeoutError,
)
from providers.upstreams.http1.headers import Headers
from providers.upstreams.http1.reply import Reply

KEPT_SECONDS = 30.0
"""How long a connection that nobody uses is kept open."""
MOST_HEADER_BYTES = 1 << 16
"""One header of an answer. Gateways in front of providers send some of more than the usual 8 KB."""
MOST_HEADERS = 128
_NO_BODY = frozenset({204, 304})
_MOST_BUFFERED = 1 << 16
"""What may have come of an answer that nobody takes before no more is read; one read of the socket more than this."""
_DRAINED_SECONDS = 1.0
"""How long the end of an answer that has said all is waited for."""
_MOST_DRAINED = 1 << 14
"""Bytes of it that may still come."""
_PIECE_BYTES = 1 << 18
"""A body of more than this is written in pieces, as the connection takes it, so that other calls get their turn."""


class Keeper(Protocol):
    """Who hears what becomes of a connection."""

    def idle(self, connection: "Connection") -> None:
        """It can take another request."""
        ...

    def closed(self, connection: "Connection") -> None:
        """It never can again."""
        ...


class Connection(asyncio.Protocol):
    """To be made by a loop's ``create_connection``; one call at a time.

    It is used again only where nothing is left open about where an answer ended: the answer came whole, said so in one
    way and wants the connection kept, the request had left whole, and nothing came after the answer.
    """

    def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
        self._keeper = keeper
        self._loop = loop
        self._transport: asyncio.Transport
        self._reply: Reply | None = None
        # What the parser hears of an answer, from its first byte on. A stream has a chunk for each event: they are
        # taken without a step of Python for each.
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser = httptools.HttpResponseParser(self)
        self._parser.set_dangerous_leniencies(lenient_spaces_after_chunk_size=True)
        self._headers: list[tuple[bytes, bytes]] = []
        self._has_begun = False
        self._is_final = False
        self._ends_with_connection = False
        self._keeps = False
        self._unparsed = 0
        # The way out.
        self._is_sending = False
        self._is_full = False
        self._is_paused = False
        # One timer, looked up when it rings: it is set anew only where it would ring too late.
        self._heard = 0.0
        self._silent = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._rings_at = 0.0

    @property
    def is_open(self) -> bool:
        """Whether a request may be written to it."""
        return not self._transport.is_closing()

    async def ask(self, head: bytes, body: bytes, silent: float) -> Reply:
        """Send a request and wait for the head of its answer.

        ``silent``: seconds in which nothing may come or go, from here to the answer's end. Raises HttpFault. Where no
        answer is returned, the connection is closed.
        """
        if not self.is_open:
            raise ServerDisconnectedError
        loop = self._loop
        reply = self._reply = Reply(self, loop)
        self._has_begun = self._is_final = False
        self._silent = silent
        self._heard = loop.time()
        self._ring_by(self._heard + silent)
        try:
            if len(body) <= _PIECE_BYTES:
                self._transport.write(head + body)
            else:
                await self._send(reply, head, memoryview(body))
            while not reply.status:
                await reply.wait()
        except BaseException:
            # Not the connection: where the answer came whole just before, it is another call's by now.
            reply.close()
            raise
        return reply

    async def _send(self, reply: Reply, head: bytes, body: memoryview) -> None:
        """Write a large request, as far as the provider wants it: it may answer before."""
        self._is_sending = True
        self._transport.write(head)
        for start in range(0, len(body), _PIECE_BYTES):
            self._transport.write(body[start : start + _PIECE_BYTES])
            await asyncio.sleep(0)
            while self._is_full and not reply.status:
                await reply.wait()
            if reply.status or not self.is_open:
                return
            self._heard = self._loop.time()
        self._is_sending = False

    def resume(self) -> None:
        """There is room for more of the answer."""
        if self._is_paused:
            self._is_paused = False
            self._heard = self._loop.time()
            if not self._transport.is_closing():
                self._transport.resume_reading()

    def drain(self) -> None:
        """Wait a moment for the end of the answer under way: behind a stream's last event its framing follows."""
        self.resume()
        self._heard = self._loop.time()
        self._silent = min(self._silent, _DRAINED_SECONDS)
        self._ring_by(self._heard + self._silent)

    def close(self) -> None:
        """Close it at once, whatever is under way; an answer under way fails."""
        self._fail(ClientConnectionError())

    # ---- what the loop says

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It is open."""
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Part of an answer; where nobody has asked, it is none."""
        reply = self._reply
        if reply is None:
            self.close()
            return
        if not reply.is_let_go:
            self._heard = self._loop.time()
        self._has_begun = True
        self._unparsed += len(data)
        is_http = True
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            is_http = False
        if self._pieces:
            self._take(reply)
        if not is_http or self._unparsed > 2 * MOST_HEADER_BYTES:
            # The latter: one header, or one line of the framing, without end. An answer that has ended is good
            # whatever follows it.
            self._fail(HttpProcessingError())
        elif reply.ended:
            self._release()
        elif reply.is_let_go and reply.size > _MOST_DRAINED:
            self.close()
        elif reply.size > _MOST_BUFFERED and not self._is_paused:
            self._is_paused = True
            self._transport.pause_reading()
        reply.wake()

    def eof_received(self) -> None:
        """The provider says no more. Nothing is told to one that only listens: the loop closes the connection."""
        self.connection_lost(None)

    def connection_lost(self, fault: Exception | None) -> None:
        """It is gone."""
        reply = self._reply
        if reply is None or not reply.status:
            cause = fault if isinstance(fault, OSError) else None
            self._fail(ServerDisconnectedError(cause, begun=self._has_begun))
            return
        # Where that is the end of the body, what is not so is no fault of it any more.
        reply.ended = self._ends_with_connection and fault is None
        self._fail(ClientPayloadError())

    def pause_writing(self) -> None:
        """It takes no more for now."""
        self._is_full = True

    def resume_writing(self) -> None:
        """It takes more."""
        self._is_full = False
        if self._is_sending and self._reply is not None:
            self._reply.wake()

    # ---- what the parser says

    def on_message_begin(self) -> None:
        """An answer begins, or after a whole one something that nobody asked for."""
        if self._reply is None or self._reply.ended:
            raise HttpProcessingError
        self._headers = []

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or behind the body a trailer, which nobody gets to see."""
        self._unparsed = 0
        self._headers.append((name, value))
        if len(name) + len(value) > MOST_HEADER_BYTES or len(self._headers) > MOST_HEADERS:
            raise HttpProcessingError

    def on_headers_complete(self) -> None:
        """The head is here. One that only announces another is passed over."""
        self._unparsed = 0
        status = self._parser.get_status_code()
        if status == 101 or self._reply is None:
            raise HttpProcessingError
        if status < 200:
            return
        headers = Headers(self._headers)
        # Both at once, and two lengths, are refused by the parser. Another coding would not be undone.
        is_coded = "transfer-encoding" in headers
        if is_coded and headers["transfer-encoding"].lower() != "chunked":
            raise HttpProcessingError
        self._is_final = True
        # What has no body may be sent with one all the same, which would be the next answer.
        self._keeps = status not in _NO_BODY and self._parser.should_keep_alive()
        self._ends_with_connection = not is_coded and "content-length" not in headers
        self._reply.headers = headers
        self._reply.status = status

    def on_message_complete(self) -> None:
        """The answer has ended."""
        if self._is_final and self._reply is not None:
            self._reply.ended = True
        else:
            self._pieces.clear()

    # ---- ends

    def _take(self, reply: Reply) -> None:
        """What one read brought of a body is one piece of it."""
        if self._is_final:
            body = self._pieces[0] if len(self._pieces) == 1 else b"".join(self._pieces)
            if not reply.is_let_go:
                reply.pieces.append(body)
            reply.size += len(body)
        self._pieces.clear()
        self._unparsed = 0

    def _release(self) -> None:
        """The answer has come whole: keep the connection, or close it."""
        self._reply = None
        self._is_paused, was_paused = False, self._is_paused
        transport = self._transport
        if not self._keeps or self._is_sending or transport.get_write_buffer_size() or transport.is_closing():
            self.close()
            return
        if was_paused:
            transport.resume_reading()
        self._ring_by(self._heard + KEPT_SECONDS)
        self._keeper.idle(self)

    def _fail(self, fault: HttpFault) -> None:
        reply, self._reply = self._reply, None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        # Nothing is left to be written for which it would be worth to wait.
        self._transport.abort()
        self._keeper.closed(self)
        if reply is not None:
            reply.fail(fault)

    def _ring_by(self, when: float) -> None:
        if self._timer is None or self._rings_at > when:
            if self._timer is not None:
                self._timer.cancel()
            self._timer = self._loop.call_at(when, self._ring)
            self._rings_at = when

    def _ring(self) -> None:
        self._timer = None
        now = self._loop.time()
        if self._is_paused:
            # It is not the provider that keeps us waiting.
            self._heard = now
        until = self._heard + (KEPT_SECONDS if self._reply is None else self._silent)
        if until > now:
            self._ring_by(until)
        elif self._reply is None:
            self.close()
        else:
            self._fail(SocketTimeoutError())
