"""HTTP/1.1 as ``ai-router serve`` speaks it: the protocol of a connection for uvicorn's server, parsed by httptools.

uvicorn has one of its own; every request would pay for more writes, events, timers and tasks. What is HTTP and what is
not is decided by the same parser.
"""

import asyncio
import math
from collections import deque
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, cast
from urllib.parse import unquote

import httptools

from router.asgi import DISCONNECT, WHOLE, App
from router.cycle import Cycle, whole_answer

if TYPE_CHECKING:
    import uvicorn
    from uvicorn.server import ServerState

_MOST_UNREAD: Final = 65536
"""Bytes of a body that wait to be taken, and bytes without meaning of their own: of a head, of trailers."""
_LONGEST_KEPT_TARGET: Final = 256
_PARTING_SECONDS: Final = 30.0
"""How long the rest of a request is read past whose answer was the last on its connection."""
_SILENT_SECONDS: Final = 60.0
"""How long nothing may come of a body that has not come whole: a machine that is gone never says so."""
_UNREAD_SECONDS: Final = 600.0
"""A caller that takes nothing of what waits for it for so long has left as well as one that says so."""


class Connection(asyncio.Protocol):
    """One connection of a caller; uvicorn's server makes it, and is given this class as its ``http``.

    Requests that come before the one ahead of them is answered wait for it, and nothing more is read meanwhile.
    """

    transport: asyncio.Transport

    def __init__(
        self,
        config: "uvicorn.Config",
        server_state: "ServerState",
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self.congestion: asyncio.Event | None = None
        """Where the caller reads too slowly: set once it has caught up."""
        self._app = cast(App, config.loaded_app)
        self._server = server_state
        self._loop = _loop or asyncio.get_running_loop()
        self._parser: httptools.HttpRequestParser | None = None
        self._about: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "root_path": "",
        }
        self._app_state = app_state
        # Of the message that is being read.
        self._target = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._expects_continue = False
        self._meaningless = 0
        self._reading: Cycle | None = None
        self._is_held = False

        self._answering: Cycle | None = None
        self._waiting: deque[Cycle] = deque()
        self._refusal: tuple[int, str] | None = None
        """What is said once those that wait were answered."""
        self._idle_seconds = config.timeout_keep_alive
        self._idle_since = 0.0
        self._timer: asyncio.TimerHandle | None = None
        self._look: asyncio.TimerHandle | None = None
        self._is_stopping = False

    @property
    def default_headers(self) -> list[tuple[bytes, bytes]]:
        """Of every answer: the date, which the server writes once a second."""
        return self._server.default_headers

    # ---- the connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = cast(asyncio.Transport, transport)
        cast(set[Any], self._server.connections).add(self)
        self._about["server"] = _address(transport.get_extra_info("sockname"))
        peer = _address(transport.get_extra_info("peername"))
        self._about["client"] = peer if peer and peer[1] is not None else None
        self._about["scheme"] = "https" if transport.get_extra_info("sslcontext") else "http"
        self._parser = self._new_parser()
        self._rest()

    def connection_lost(self, exc: Exception | None) -> None:
        """End: whoever still answers is told."""
        cast(set[Any], self._server.connections).discard(self)
        self._lose()
        self.resume_writing()
        if self._timer is not None:
            self._timer.cancel()
        self._parser = None

    def pause_writing(self) -> None:
        """The caller reads more slowly than it is written to."""
        self.congestion = asyncio.Event()
        self._look_whether_it_reads(math.inf)

    def resume_writing(self) -> None:
        """It has caught up."""
        if self.congestion is not None:
            self.congestion.set()
            self.congestion = None
        if self._look is not None:
            self._look.cancel()
            self._look = None

    def _look_whether_it_reads(self, before: float) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < before:
            self._look = self._loop.call_later(_UNREAD_SECONDS, self._look_whether_it_reads, waiting)
        else:
            self.transport.abort()

    def shutdown(self) -> None:
        """The server stops: what is asked already is answered, and nothing more."""
        self._is_stopping = True
        last = self._waiting[-1] if self._waiting else self._answering
        if last is None or self._parser is None:
            self.transport.close()
        else:
            last.keep_alive = False

    def _rest(self) -> None:
        """Wait for a request, but not for ever. One timer serves the connection: it looks when it rings."""
        self._idle_since = self._loop.time()
        if self._timer is None:
            self._timer = self._loop.call_later(self._idle_seconds, self._ring)

    def _ring(self) -> None:
        self._timer = None
        if self._answering is not None:
            return
        end = self._idle_since + self._idle_seconds
        if self._loop.time() < end:
            self._timer = self._loop.call_at(end, self._ring)
        else:
            self.transport.close()

    def _lose(self) -> None:
        for cycle in (self._answering, *self._waiting):
            if cycle is not None:
                cycle.lose()
        self._waiting.clear()

    # ---- what is read

    def data_received(self, data: bytes) -> None:
        """Bytes came."""
        if len(data) <= _MOST_UNREAD:
            self._feed(data)
            return
        pieces = memoryview(data)
        for start in range(0, len(data), _MOST_UNREAD):
            self._feed(pieces[start : start + _MOST_UNREAD])

    def _feed(self, data: bytes | memoryview) -> None:
        if self._parser is None or self._refusal is not None or self.transport.is_closing():
            return
        self._meaningless += len(data)
        try:
            try:
                self._parser.feed_data(data)
            except httptools.HttpParserUpgrade as other:
                self._go_on_in_http(data[other.args[0] :])
        except httptools.HttpParserError:
            self._refuse(400, "Invalid HTTP request received.")
        else:
            if self._meaningless > _MOST_UNREAD:
                self._refuse(431, "The head of the request is too large.")

    def _new_parser(self) -> httptools.HttpRequestParser:
        parser = httptools.HttpRequestParser(self)
        # What a caller sends behind its last request is read, and answered by nobody: an error would end the answer.
        parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return parser

    def on_message_begin(self) -> None:
        """Called by the parser."""
        self._target = b""
        self._headers = []
        self._expects_continue = False
        self._idle_since = self._loop.time()

    def on_url(self, url: bytes) -> None:
        """Called by the parser, perhaps for each piece of it."""
        self._target += url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Called by the parser."""
        name = name.lower()
        if name == b"expect" and value.lower() == b"100-continue":
            self._expects_continue = True
        self._headers.append((name, value))

    def on_headers_complete(self) -> None:
        """Called by the parser: the request can be answered."""
        parser = self._parser
        assert parser is not None  # noqa: S101  # it is what calls
        if parser.should_upgrade():
            return
        version = parser.get_http_version()
        path, raw_path, query = _parsed(self._target)
        scope = self._about.copy()
        scope["http_version"] = version
        scope["method"] = parser.get_method().decode("ascii")
        scope["path"] = path
        scope["raw_path"] = raw_path
        scope["query_string"] = query
        scope["headers"] = self._headers
        scope["state"] = self._app_state.copy()
        cycle = Cycle(
            self,
            scope,
            keep_alive=version == "1.1" and parser.should_keep_alive(),
            expects_continue=self._expects_continue and version == "1.1",
        )
        scope["extensions"] = {DISCONNECT: cycle.watch, WHOLE: cycle.answer}
        self._headers = []  # trailers are headers to the parser, and nothing to us
        self._meaningless = 0
        self._reading = cycle
        if self._answering is None:
            self._answer(cycle)
        else:
            self._waiting.append(cycle)
            self._hold()

    def on_body(self, body: bytes) -> None:
        """Called by the parser."""
        self._meaningless = 0
        if self._reading is not None:
            self._reading.feed(body)
            if self._reading.unread > _MOST_UNREAD:
                self._hold()

    def on_message_complete(self) -> None:
        """Called by the parser."""
        if self._reading is not None:
            self._reading.end()
            self._reading = None

    def _go_on_in_http(self, rest: bytes | memoryview) -> None:
        """Whoever would rather speak another protocol is answered in this one, as if it had not asked.

        Java's client offers HTTP/2 with its first request, body and all; the parser takes the offer for the end of it.
        Raises HttpParserError.
        """
        assert self._parser is not None  # noqa: S101  # it was just fed
        method, version = self._parser.get_method(), self._parser.get_http_version().encode()
        lines = [b"%b %b HTTP/%b" % (method, self._target, version)]
        lines += [b"%b: %b" % header for header in self._headers if header[0] != b"upgrade"]
        self._parser = self._new_parser()
        try:
            self._parser.feed_data(b"\r\n".join((*lines, b"", rest)))
        except httptools.HttpParserUpgrade:
            # A tunnel, or a second offer behind the first: nobody who means well sends that.
            raise httptools.HttpParserError from None

    def _hold(self) -> None:
        if not self._is_held:
            self._is_held = True
            self.transport.pause_reading()

    def read_on(self) -> None:
        """Read again, where there is room for what comes."""
        if (
            self._is_held
            and not self._waiting
            and self._refusal is None
            and (self._reading is None or self._reading.unread <= _MOST_UNREAD)
        ):
            self._is_held = False
            self.transport.resume_reading()

    def expect_more(self) -> asyncio.TimerHandle:
        """The rest of a body is waited for from now on, but not for ever. To be cancelled once something has come."""
        return self._loop.call_later(_SILENT_SECONDS, self._refuse, 408, "The rest of the request did not come.")

    # ---- what is answered

    def _answer(self, cycle: Cycle) -> None:
        self._answering = cycle
        task = self._loop.create_task(cycle.run(self._app))
        self._server.tasks.add(task)
        task.add_done_callback(self._server.tasks.discard)

    def answered(self, cycle: Cycle) -> None:
        """The answer of this cycle was written to its end."""
        self._server.total_requests += 1
        self._answering = None
        if not cycle.keep_alive or cycle.ends_by_closing:
            self._part()
        elif self._waiting:
            self._answer(self._waiting.popleft())
        elif self._refusal is not None:
            self._say_last(*self._refusal)
        else:
            self._rest()
        self.read_on()

    def fail(self, cycle: Cycle) -> None:
        """Nothing more comes of this answer. Where nothing of it was written the caller is told; else it is cut off."""
        if cycle.is_begun:
            self._lose()
            if cycle.ends_by_closing:
                self.transport.abort()
            else:
                self.transport.close()
        else:
            self._say_last(500, "Internal Server Error")

    def _refuse(self, status: int, text: str) -> None:
        """What came is no request, or none that is taken. What was asked before it is answered first."""
        if self._reading is not None and self._waiting:
            self._waiting.pop()
            self._reading = None
        if self._answering is None or (self._answering is self._reading and not self._answering.is_begun):
            self._say_last(status, text)
        elif self._reading is None:
            self._refusal = (status, text)
            self._hold()
        else:
            self._lose()
            self.transport.close()

    def _say_last(self, status: int, text: str) -> None:
        self._lose()
        self.transport.write(whole_answer(status, text, self.default_headers))
        self._part(is_lost=True)

    def _part(self, *, is_lost: bool = False) -> None:
        """Say no more, and close. While a request still comes (``is_lost``: one may), it is read past for a while.

        Were it closed on what comes, whoever sends that would be told of a broken connection, and perhaps no answer.
        """
        self._lose()
        transport = self.transport
        is_owed = is_lost or self._reading is not None
        if not is_owed or self._is_stopping or transport.is_closing() or not transport.can_write_eof():
            transport.close()
            return
        self._parser = self._reading = self._refusal = None
        transport.write_eof()
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(_PARTING_SECONDS, transport.close)
        self.read_on()


def _address(told: object) -> tuple[str, int | None] | None:
    """As ASGI has it: host and port, or the path of a Unix socket."""
    match told:
        case (str(host), int(port), *_):
            return host, port
        case str(path):
            return path, None
        case _:
            return None


def _parsed(target: bytes) -> tuple[str, bytes, bytes]:
    return _target(target) if len(target) > _LONGEST_KEPT_TARGET else _kept_target(target)


def _target(target: bytes) -> tuple[str, bytes, bytes]:
    """Path, its spelling, and the query. Raises httptools.HttpParserError and UnicodeDecodeError."""
    parsed = httptools.parse_url(target)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


_kept_target = lru_cache(maxsize=256)(_target)
