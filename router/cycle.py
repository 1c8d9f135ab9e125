"""One request of a connection and its answer, as an ASGI application has them."""

import asyncio
import http
import logging
import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from router.asgi import App, Message, Scope
from router.logs import LOGGER_NAME

if TYPE_CHECKING:
    from router.connection import Connection

CONTINUE: Final = b"HTTP/1.1 100 Continue\r\n\r\n"
_CHUNKED: Final = b"transfer-encoding: chunked\r\n"
_CLOSE: Final = b"connection: close\r\n"

_NAME: Final = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_IN_LINES: Final = bytes({*range(0x20, 0x100), 0x09} - {0x7F})
"""What the lines of a head may hold; nothing else of an application's may get between them."""
_FRAMING: Final = frozenset({b"connection", b"content-length", b"transfer-encoding"})
"""Where a body ends, and whether the connection does, is said by whoever writes it."""
_NO_BODY: Final = frozenset({204, 304})

_log = logging.getLogger(f"{LOGGER_NAME}.connection")


def _status_line(status: int) -> bytes:
    try:
        phrase = http.HTTPStatus(status).phrase
    except ValueError:
        phrase = ""
    return f"HTTP/1.1 {status} {phrase}\r\n".encode()


_STATUS_LINES: Final = {status: _status_line(status) for status in range(200, 600)}


class Cycle:
    """A request that was begun, until its answer is whole or the caller is gone.

    The head of an answer leaves with the first piece of its body, in one write: ASGI wants it so, and a call to the
    system costs as much as all that is done here.
    """

    __slots__ = (
        "_asked_for",
        "_changed",
        "_connection",
        "_gone",
        "_head",
        "_is_bodyless",
        "_is_chunked",
        "_is_taken",
        "_left",
        "_pieces",
        "_watcher",
        "ends_by_closing",
        "is_begun",
        "is_complete",
        "is_read",
        "keep_alive",
        "scope",
        "unread",
    )

    def __init__(self, connection: "Connection", scope: Scope, *, keep_alive: bool, expects_continue: bool) -> None:
        self.scope = scope
        self.keep_alive = keep_alive
        """Whether another request may follow on the connection."""
        self.is_read = False
        """Whether the whole request has come."""
        self.unread = 0
        """Bytes of its body that nobody has taken yet."""
        self.is_begun = False
        """Whether something of the answer was written."""
        self.is_complete = False
        self.ends_by_closing = False
        """Whether the end of the answer is the end of the connection, as before HTTP/1.1."""
        self._connection = connection
        self._asked_for = not expects_continue
        """Whether the caller need not be told to send the body."""
        self._pieces: list[bytes] = []
        self._is_taken = False
        """Whether the application has seen the end of the body."""
        self._gone = False
        self._watcher: Callable[[], None] | None = None
        self._changed: asyncio.Event | None = None
        self._head: bytes | None = None
        self._is_bodyless = False
        self._is_chunked = False
        self._left: int | None = None
        """What the body still lacks of its announced length."""

    # ---- what comes

    def feed(self, piece: bytes) -> None:
        """A piece of the body has come. What comes after the answer is read by nobody."""
        if not self.is_complete:
            self._pieces.append(piece)
            self.unread += len(piece)
            self._asked_for = True
            self._tell()

    def end(self) -> None:
        """The whole request has come."""
        self.is_read = True
        self._tell()

    def lose(self) -> None:
        """The caller is gone, or nothing more can be said to it."""
        if not self.is_complete and not self._gone:
            self._gone = True
            self._tell()
            if self._watcher is not None:
                self._watcher()

    def watch(self, watcher: Callable[[], None] | None) -> bool:
        """Whether the caller is there; if it leaves before its answer is whole, ``watcher`` is called."""
        self._watcher = watcher
        return not self._gone

    def _tell(self) -> None:
        if self._changed is not None:
            self._changed.set()

    # ---- the application

    async def run(self, app: App) -> None:
        """Let the application answer. One that fails to has its caller told, or cut off where the answer was begun."""
        try:
            await app(self.scope, self.receive, self.send)
        except Exception as error:  # noqa: BLE001  # nothing is above it
            _log.error("the application failed", exc_info=error)
        finally:
            if not self.is_complete and not self._gone:
                self._connection.fail(self)

    async def receive(self) -> Message:
        """What has come of the body; once it was taken whole, waits for the caller to leave."""
        self.unread = 0
        self._connection.read_on()
        while not self._gone and not self.is_complete and not self._pieces and (self._is_taken or not self.is_read):
            if not self._asked_for and not self.is_read:
                self._asked_for = True
                self._connection.transport.write(CONTINUE)
            self._changed = self._changed or asyncio.Event()
            self._changed.clear()
            late = None if self.is_read else self._connection.expect_more()
            try:
                await self._changed.wait()
            finally:
                if late is not None:
                    late.cancel()
        if self._gone or self.is_complete:
            return {"type": "http.disconnect"}
        pieces, self._pieces, self.unread = self._pieces, [], 0
        self._is_taken = self.is_read
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        return {"type": "http.request", "body": body, "more_body": not self.is_read}

    async def send(self, message: Message) -> None:
        """Take a message of the answer. Raises RuntimeError for what makes no HTTP. To nobody nothing is sent."""
        while self._connection.congestion is not None:
            await self._connection.congestion.wait()
        if self._gone:
            return
        kind = message["type"]
        if self.is_complete or kind != ("http.response.start" if self._head is None else "http.response.body"):
            raise RuntimeError(f"unexpected ASGI message {kind!r}")
        if self._head is None:
            self._head = self._headed(message["status"], message.get("headers", ()))
        else:
            self._write(message.get("body", b""), more=message.get("more_body", False))

    def answer(self, status: int, headers: Iterable[tuple[bytes, bytes]], body: bytes) -> bool:
        """Take a whole answer; false where the caller does not keep up, so that it has to be waited for."""
        if self._connection.congestion is not None:
            return False
        if not self._gone:
            if self.is_complete or self._head is not None:
                raise RuntimeError("unexpected answer")
            self._head = self._headed(status, headers)
            self._write(body, more=False)
        return True

    def _headed(self, status: int, headers: Iterable[tuple[bytes, bytes]]) -> bytes:
        self._is_bodyless = self.scope["method"] == "HEAD" or status in _NO_BODY
        if not self._asked_for and not self.is_read:
            # It may send its body now or never: what follows could be taken for either.
            self.keep_alive = False
        lines = [_STATUS_LINES[status]]
        for given, value in (*self._connection.default_headers, *headers):
            name = _header_name(given)
            if name in _FRAMING:
                if name == b"content-length":
                    self._left = int(value)
                else:
                    self.keep_alive = self.keep_alive and b"close" not in value.lower()
                    continue
            lines.append(b"%b: %b\r\n" % (name, value))
        if self._left is None and not self._is_bodyless:
            self._is_chunked = self.scope["http_version"] == "1.1"
            self.ends_by_closing = not self._is_chunked
            if self._is_chunked:
                lines.append(_CHUNKED)
        if not self.keep_alive:
            lines.append(_CLOSE)
        head = b"".join(lines)
        if head.translate(None, _IN_LINES) != b"\r\n" * len(lines):
            raise RuntimeError("invalid HTTP header value")
        return head + b"\r\n"

    def _write(self, body: bytes, *, more: bool) -> None:
        assert self._head is not None  # noqa: S101  # the start came first
        if self._is_bodyless:
            framed = b""
        elif self._is_chunked:
            framed = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if not more:
                framed += b"0\r\n\r\n"
        else:
            framed = body
            if self._left is not None:
                self._left -= len(body)
                if self._left < 0 or (self._left and not more):
                    raise RuntimeError("the body is not as long as its content-length")
        written = framed if self.is_begun else self._head + framed
        self.is_begun = True
        if written:
            self._connection.transport.write(written)
        if not more:
            self.is_complete = True
            self._pieces.clear()
            self.unread = 0
            self._tell()
            self._connection.answered(self)


def whole_answer(status: int, text: str, defaults: Iterable[tuple[bytes, bytes]]) -> bytes:
    """A server's own last word on a connection, in plain text."""
    lines = [_STATUS_LINES[status], *(b"%b: %b\r\n" % header for header in defaults)]
    return b"%bcontent-type: text/plain; charset=utf-8\r\ncontent-length: %d\r\n%b\r\n%b" % (
        b"".join(lines),
        len(text),
        _CLOSE,
        text.encode("ascii"),
    )


@lru_cache(maxsize=256)
def _header_name(name: bytes) -> bytes:
    if not _NAME.fullmatch(name):
        raise RuntimeError("invalid HTTP header name")
    return name.lower()
