"""Runs a fake provider on a loopback port, keeps what it was sent, plays failures."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from tests.fakes.refusal import Refusal

START_SECONDS = 10.0
STOP_SECONDS = 10.0
DISCONNECT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it arrived."""

    method: str
    path: str
    """With the query string."""
    headers: dict[str, str]
    """Names in lower case."""
    body: bytes
    json: object
    """The parsed body; None where it is not JSON."""


@dataclass(frozen=True, slots=True)
class HttpError:
    """The provider answers with an error status and its own error body."""

    status: int
    message: str = ""
    """Empty for the provider's usual text."""
    retry_after: str | None = None


@dataclass(frozen=True, slots=True)
class ErrorMidStream:
    """After some events comes the provider's error event, and nothing more; a plain answer is not disturbed."""

    after: int = 2


@dataclass(frozen=True, slots=True)
class CutMidStream:
    """After some events (a plain answer: after half of its bytes) the connection is gone."""

    after: int = 2


@dataclass(frozen=True, slots=True)
class EndlessStream:
    """After some events the stream stays open in silence until the client leaves or the test releases it."""

    after: int = 2


@dataclass(frozen=True, slots=True)
class PausedStream:
    """After some events nothing comes until the test releases it, then the rest; a plain answer waits as a whole."""

    after: int = 2


@dataclass(frozen=True, slots=True)
class NoFirstByte:
    """The request is taken and never answered."""


Failure = HttpError | ErrorMidStream | CutMidStream | EndlessStream | PausedStream | NoFirstByte


@dataclass(frozen=True, slots=True)
class Answer:
    """What goes back for one request."""

    body: bytes = b""
    """A plain answer."""
    events: tuple[bytes, ...] = ()
    """A streamed answer: what is sent at a time."""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    media_type: str = "application/json"


def json_answer(value: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Answer:
    """A plain JSON answer."""
    return Answer(body=json.dumps(value, ensure_ascii=False).encode(), status=status, headers=headers or {})


class FakeProvider(ABC):
    """One provider: an ASGI application that keeps what it received.

    Safe to look at from the test while it runs in its own thread.
    """

    paths: tuple[str, ...]
    """Route patterns it serves."""

    def __init__(self) -> None:
        self.requests: list[Received] = []
        """Everything received, refused requests included, in order."""
        self.disconnected = threading.Event()
        """Set once a client has left before its answer was whole."""
        self.open_connections = 0
        """Requests being answered at this moment."""
        self._failures: deque[Failure | None] = deque()
        self._released = False
        self._waiting: list[tuple[asyncio.AbstractEventLoop, asyncio.Event]] = []
        self.app = Starlette(routes=[Route(path, self._serve, methods=["POST"]) for path in self.paths])

    def fail(self, *failures: Failure | None) -> None:
        """Play these failures on the next requests, one each, in order; None is an undisturbed answer."""
        self._failures.extend(failures)

    def release(self) -> None:
        """End every stream that stays open."""
        self._released = True
        for loop, event in self._waiting:
            loop.call_soon_threadsafe(event.set)

    async def until_released(self) -> None:
        """Wait, in the server's thread, for ``release``."""
        event = asyncio.Event()
        self._waiting.append((asyncio.get_running_loop(), event))
        if not self._released:
            await event.wait()

    def wait_disconnected(self, seconds: float = DISCONNECT_SECONDS) -> bool:
        """Whether a client left within the time; for async tests run it in a thread."""
        return self.disconnected.wait(seconds)

    @abstractmethod
    def check_headers(self, headers: Mapping[str, str]) -> None:
        """Judge the key and what else the provider wants in the headers; names in lower case.

        Raises:
            Refusal: the provider would refuse it.
        """

    @abstractmethod
    def answer(self, received: Received, request: Request) -> Answer:
        """Judge a request whose headers are good and answer it.

        Raises:
            Refusal: the provider would refuse it.
        """

    @abstractmethod
    def error(self, refusal: Refusal) -> Answer:
        """A refusal in the provider's own error body."""

    @abstractmethod
    def failure_text(self, status: int) -> Refusal:
        """The provider's usual words for a status."""

    @abstractmethod
    def error_event(self) -> bytes:
        """What the provider puts into a stream when it fails in the middle."""

    async def _serve(self, request: Request) -> Response:
        body = await request.body()
        received = Received(
            method=request.method,
            path=request.url.path + (f"?{request.url.query}" if request.url.query else ""),
            headers=dict(request.headers),
            body=body,
            json=_parsed(body),
        )
        self.requests.append(received)
        failure = self._failures.popleft() if self._failures else None
        if isinstance(failure, HttpError):
            return _Playback(self, self._http_error(failure), None)
        try:
            self.check_headers(received.headers)
            answer = self.answer(received, request)
        except Refusal as refusal:
            return _Playback(self, self.error(refusal), None)
        return _Playback(self, answer, failure)

    def _http_error(self, failure: HttpError) -> Answer:
        refusal = self.failure_text(failure.status)
        if failure.message:
            refusal = Refusal(failure.message, status=refusal.status, kind=refusal.kind, code=refusal.code)
        answer = self.error(refusal)
        extra = {} if failure.retry_after is None else {"retry-after": failure.retry_after}
        return Answer(body=answer.body, status=failure.status, headers={**answer.headers, **extra})


class _Playback(Response):
    """Sends an answer, disturbed as the failure says, and notices a client that leaves."""

    def __init__(self, fake: FakeProvider, answer: Answer, failure: Failure | None):
        super().__init__(status_code=answer.status, headers=dict(answer.headers), media_type=answer.media_type)
        if "content-length" in self.headers:
            del self.headers["content-length"]
        self._fake = fake
        self._answer = answer
        self._failure = failure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._fake.open_connections += 1
        sending = asyncio.ensure_future(self._send(send))
        leaving = asyncio.ensure_future(_client_left(receive))
        left = False
        try:
            await asyncio.wait({sending, leaving}, return_when=asyncio.FIRST_COMPLETED)
            left = not sending.done()
        finally:
            self._fake.open_connections -= 1
            sending.cancel()
            leaving.cancel()
            await asyncio.gather(sending, leaving, return_exceptions=True)
            if left:
                self._fake.disconnected.set()

    async def _send(self, send: Send) -> None:
        if isinstance(self._failure, NoFirstByte):
            await self._fake.until_released()
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        async for chunk in self._chunks():
            await send({"type": "http.response.body", "body": chunk, "more_body": True})
        if isinstance(self._failure, CutMidStream):
            return  # without the closing chunk the server drops the connection
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _chunks(self) -> AsyncIterator[bytes]:
        events = self._answer.events
        match self._failure:
            case CutMidStream(after=after):
                sent = events[:after] if events else (self._answer.body[: len(self._answer.body) // 2],)
            case ErrorMidStream(after=after) if events:
                sent = (*events[:after], self._fake.error_event())
            case EndlessStream(after=after) | PausedStream(after=after):
                sent = events[:after]
            case _:
                sent = events or (self._answer.body,)
        for chunk in sent:
            yield chunk
        match self._failure:
            case EndlessStream():
                await self._fake.until_released()
            case PausedStream(after=after):
                await self._fake.until_released()
                for chunk in events[after:] or (self._answer.body,):
                    yield chunk
            case _:
                pass


async def _client_left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


def _parsed(body: bytes) -> object:
    try:
        return json.loads(body, parse_constant=_no_constant)
    except ValueError:
        return None


def _no_constant(name: str) -> object:
    """``NaN`` and ``Infinity`` are Python's, not JSON."""
    raise ValueError(name)


class _Server(uvicorn.Server):
    """Tells when it listens, or that it never will."""

    def __init__(self, config: uvicorn.Config):
        super().__init__(config)
        self.settled = threading.Event()
        self._told_to_stop: Callable[[], object] = lambda: None

    async def main_loop(self) -> None:
        """Until told to stop: uvicorn's own looks every tenth of a second, which is long where a test is short."""
        loop, stop = asyncio.get_running_loop(), asyncio.Event()
        self._told_to_stop = lambda: loop.call_soon_threadsafe(stop.set)
        await self.on_tick(0)
        if not self.should_exit:
            await stop.wait()

    def stop(self) -> None:
        """From any thread."""
        self.should_exit = True
        self._told_to_stop()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.settled.set()

    def serve_in_thread(self, listener: socket.socket) -> None:
        try:
            with suppress(SystemExit):  # uvicorn's way to say that it cannot start; ``started`` tells
                self.run(sockets=[listener])
        finally:
            self.settled.set()


@contextmanager
def running(
    app: ASGIApp | FakeProvider, *, http: type[asyncio.Protocol] | None = None, keep_alive: float = 5
) -> Iterator[str]:
    """Serve an application, or a fake, with uvicorn in a thread of its own; gives its base URL, without a last slash.

    Usable from plain and from async tests; every wait is bounded. ``http``: its protocol, for uvicorn's own;
    ``keep_alive``: seconds that a connection may be idle.

    Raises:
        RuntimeError: the server did not start or did not stop in time.
    """
    served = app.app if isinstance(app, FakeProvider) else app
    config = uvicorn.Config(
        served, http=http or "auto", log_level="critical", ws="none", timeout_graceful_shutdown=1, server_header=False
    )
    config.timeout_keep_alive = keep_alive  # type: ignore[assignment]  # less than a second, for tests
    server = _Server(config)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        thread = threading.Thread(target=server.serve_in_thread, args=(listener,), daemon=True)
        thread.start()
        if not server.settled.wait(START_SECONDS) or not server.started:
            raise RuntimeError("the server did not start")
        try:
            yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        finally:
            if isinstance(app, FakeProvider):
                app.release()
            server.stop()
            thread.join(STOP_SECONDS)
            if thread.is_alive():
                raise RuntimeError("the server did not stop")
