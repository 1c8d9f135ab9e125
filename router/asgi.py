"""One HTTP exchange with a caller on bare ASGI: its headers, its body, its answer, and whether the caller is there."""

import asyncio
import math
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterable, Mapping, MutableMapping
from types import TracebackType
from typing import Any, Final, Self, TypeAlias
from urllib.parse import parse_qs

from providers.spec.errors import RequestTooLargeError
from router.logs import RequestRecord
from router.silence import EMPTY_LINES, SilenceBreaker

Scope: TypeAlias = MutableMapping[str, Any]
Message: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[Message]]
Send: TypeAlias = Callable[[Message], Awaitable[None]]
App: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]

Watch: TypeAlias = Callable[[Callable[[], None] | None], bool]

Headers: TypeAlias = Iterable[tuple[bytes, bytes]]
"""Names in lower case, as ASGI has them."""

AnswerWhole: TypeAlias = Callable[[int, Headers, bytes], bool]

JSON: Final = b"application/json"
EVENTS: Final = b"text/event-stream; charset=utf-8"

DISCONNECT: Final = "ai_router.disconnect"
"""Extension of the scope: ``watch(callback)`` of a server that tells when a caller leaves before it was answered.

The callback replaces the one before, ``None`` takes it away; ``False`` comes back where the caller has left already.
"""

WHOLE: Final = "ai_router.whole"
"""Extension of the scope: ``answer(status, headers, body)`` of a server that takes an answer in one piece.

``False`` comes back where that cannot be now: then it is sent as everywhere.
"""

_MOST_DIGITS: Final = 18
"""Of a length that is worth reading as a number."""


class CallerGoneError(Exception):
    """The caller closed the connection before the answer was ready."""


class HttpCall:
    """One request and its answer. Frameworks build several objects for each; every request pays for them."""

    __slots__ = ("_receive", "_send", "headers", "record", "scope")

    def __init__(self, scope: Scope, receive: Receive, send: Send, record: RequestRecord) -> None:
        self.scope = scope
        self.record = record
        self.headers: dict[str, str] = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in reversed(scope["headers"])
        }
        """By name in lower case; of one that was sent twice, the first."""
        self._receive = receive
        self._send = send

    def query(self, name: str) -> str | None:
        """A parameter of the query, the last of its name."""
        found = parse_qs(self.scope["query_string"].decode("latin-1"), keep_blank_values=True).get(name)
        return found[-1] if found else None

    # ---- in

    async def body(self, most: int) -> bytes:
        """The whole body. Raises RequestTooLargeError beyond ``most`` bytes, CallerGoneError where its end is missing.

        Never holds more than that, plus what the server has read ahead.
        """
        announced = self.headers.get("content-length", "")
        if announced.isdecimal() and (len(announced) > _MOST_DIGITS or int(announced) > most):
            raise _too_large(most)
        pieces: list[bytes] = []
        length = 0
        while True:
            message = await self._receive()
            if message["type"] == "http.disconnect":
                raise CallerGoneError
            piece = message.get("body", b"")
            length += len(piece)
            if length > most:
                raise _too_large(most)
            if not message.get("more_body", False):
                return b"".join((*pieces, piece)) if pieces else bytes(piece)
            pieces.append(piece)

    def while_there(self) -> "WhileThere":
        """Cancels what is done within it when the caller closes the connection. The body must have been read."""
        return WhileThere(self._receive, self._extensions.get(DISCONNECT))

    # ---- out

    async def answer(self, body: bytes, *, status: int = 200, headers: Headers = (), media_type: bytes = JSON) -> None:
        """Send a whole answer. Raises CallerGoneError where the server knows that nobody reads it."""
        sent = self._begun(status, (*headers, (b"content-length", b"%d" % len(body))), media_type)
        answered: AnswerWhole | None = self._extensions.get(WHOLE)
        if answered is None or not answered(status, sent, body):
            await self._sent({"type": "http.response.start", "status": status, "headers": sent})
            await self._sent({"type": "http.response.body", "body": body, "more_body": False})

    async def stream(
        self,
        pieces: AsyncGenerator[bytes, None],
        headers: Headers,
        media_type: bytes = EVENTS,
        *,
        is_over: Callable[[], bool] = bool,
        is_late: bool = False,
        keep_alive: float = math.inf,
    ) -> None:
        """Send an answer as it comes; ``pieces`` is closed however that ends.

        ``is_over``: whether the piece that was given is the last, where that can be known; it saves a write.
        ``keep_alive``: seconds of silence after which empty lines are sent; ``is_late``: so many have passed already.
        """
        silence = SilenceBreaker(self._send, keep_alive)
        time = asyncio.get_running_loop().time
        try:
            unbuffered = ((b"cache-control", b"no-cache"), (b"x-accel-buffering", b"no"))
            sent = self._begun(200, (*unbuffered, *headers), media_type)
            await self._sent({"type": "http.response.start", "status": 200, "headers": sent})
            if is_late:
                await self._sent({"type": "http.response.body", "body": EMPTY_LINES, "more_body": True})
            silence.since = time()
            async for piece in pieces:
                silence.since = None
                if silence.under_way is not None:
                    await silence.done()
                more = not is_over()
                await self._sent({"type": "http.response.body", "body": piece, "more_body": more})
                if not more:
                    return
                silence.since = time()
            silence.since = None
            await silence.done()
            await self._sent({"type": "http.response.body", "body": b"", "more_body": False})
        finally:
            await silence.aclose()
            await pieces.aclose()

    async def send(self, message: Message) -> None:
        """For an application of another make that answers this request: notes its status, adds the request's id."""
        if message["type"] == "http.response.start":
            self.record.status = message["status"]
            headers = [*message["headers"], (b"x-request-id", self.record.request_id.encode())]
            message = {**message, "headers": headers}
        await self._send(message)

    async def _sent(self, message: Message) -> None:
        try:
            await self._send(message)
        except OSError:
            # How servers of ASGI 2.4 and later say it.
            raise CallerGoneError from None

    def _begun(self, status: int, headers: Headers, media_type: bytes) -> Headers:
        """The headers of an answer that begins."""
        self.record.status = status
        return (*headers, (b"content-type", media_type), (b"x-request-id", self.record.request_id.encode()))

    @property
    def _extensions(self) -> Mapping[str, Any]:
        return self.scope.get("extensions") or {}


class WhileThere:
    """Cancels the task that is within it when the caller closes the connection, which is then CallerGoneError.

    Servers go on with an application whose caller has left; an upstream call would be paid for in vain. All that is
    under way has ended when the error arrives: a cancellation waits for what it cancels.
    """

    __slots__ = ("_gone", "_listening", "_receive", "_task", "_watch")

    def __init__(self, receive: Receive, watch: Watch | None) -> None:
        self._receive = receive
        self._watch = watch
        """Where the server tells of it; else a task has to listen."""
        self._gone = False

    def __enter__(self) -> Self:
        task = asyncio.current_task()
        assert task is not None  # noqa: S101  # a coroutine that runs has one
        self._task = task
        if self._watch is None:
            self._listening = asyncio.ensure_future(self._listen())
        elif not self._watch(self._leave):
            raise CallerGoneError
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._watch is None:
            self._listening.cancel()
        else:
            self._watch(None)
        if self._gone and self._task.uncancel() == 0 and kind is asyncio.CancelledError:
            raise CallerGoneError from None

    async def _listen(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass
        self._leave()

    def _leave(self) -> None:
        self._gone = True
        self._task.cancel()


def _too_large(most: int) -> RequestTooLargeError:
    return RequestTooLargeError(f"the body is larger than {most} bytes (limits.max_body_bytes)")
