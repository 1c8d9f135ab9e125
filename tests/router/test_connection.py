"""A caller that goes away: whatever feeds its answer is closed, whoever the server is and whatever is under way."""

import asyncio
import json
import socket
from collections.abc import AsyncGenerator, Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from router.asgi import DISCONNECT, CallerGoneError, HttpCall
from router.connection import Connection
from router.logs import RequestRecord
from router.silence import EMPTY_LINES
from tests.e2e.service import client, router_before
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import EndlessStream, Failure, FakeProvider, NoFirstByte, PausedStream

SECONDS = 5.0


class Caller:
    """The caller's end of an ASGI connection."""

    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.begun = asyncio.Event()
        self.received: list[dict[str, Any]] = []

    async def receive(self) -> dict[str, Any]:
        await self.left.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: Any) -> None:
        self.received.append(message)
        self.begun.set()


def call_of(caller: Caller, spec_version: str = "2.3") -> HttpCall:
    scope = {"type": "http", "method": "POST", "path": "/", "headers": [], "asgi": {"spec_version": spec_version}}
    return HttpCall(scope, caller.receive, caller.send, RequestRecord("r", "POST", "/"))


@pytest.mark.parametrize("spec_version", ["2.0", "2.3", "2.4", "2.5"])
async def test_a_silent_stream_is_closed_when_its_caller_leaves(spec_version: str) -> None:
    closed: list[str] = []

    async def content() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            closed.append("content")

    caller = Caller()
    call = call_of(caller, spec_version)

    async def answer() -> None:
        with call.while_there():
            await call.stream(content(), ())

    answering = asyncio.ensure_future(answer())
    await asyncio.wait_for(caller.begun.wait(), SECONDS)
    caller.left.set()
    with pytest.raises(CallerGoneError):
        await asyncio.wait_for(answering, SECONDS)
    assert closed == ["content"]


async def test_a_stream_that_ends_is_closed_as_well() -> None:
    closed: list[str] = []

    async def content() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
        finally:
            closed.append("content")

    caller = Caller()
    await asyncio.wait_for(call_of(caller).stream(content(), ()), SECONDS)
    assert closed == ["content"]
    assert b"".join(message.get("body", b"") for message in caller.received) == b"data: 1\n\n"
    assert [message.get("more_body") for message in caller.received[1:]] == [True, False]


async def test_a_server_that_fails_what_is_sent_to_nobody_has_lost_its_caller() -> None:
    """ASGI 2.4: ``send`` raises an OSError where the caller has left."""
    closed: list[str] = []

    async def content() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
        finally:
            closed.append("content")

    async def send(message: Any) -> None:
        if message["type"] == "http.response.body":
            raise BrokenPipeError

    caller = Caller()
    caller.send = send  # type: ignore[method-assign]
    with pytest.raises(CallerGoneError):
        await asyncio.wait_for(call_of(caller, "2.4").stream(content(), ()), SECONDS)
    assert closed == ["content"]


async def test_what_breaks_the_silence_is_sent_before_the_piece_that_ends_it_and_needs_no_caller() -> None:
    """Also to a caller that does not keep up, so that the server takes its time over it."""
    takes, taken = asyncio.Event(), asyncio.Event()
    caller = Caller()
    received = caller.send

    async def send(message: Any) -> None:
        if message.get("body") == EMPTY_LINES:
            taken.set()
            await takes.wait()
            await received(message)
            raise BrokenPipeError
        await received(message)

    async def content() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"
        await taken.wait()
        asyncio.get_running_loop().call_soon(takes.set)
        yield b"data: 2\n\n"

    caller.send = send  # type: ignore[method-assign]
    await asyncio.wait_for(call_of(caller).stream(content(), (), keep_alive=0.01), SECONDS)
    bodies = [message["body"] for message in caller.received[1:]]
    assert bodies == [b"data: 1\n\n", EMPTY_LINES, b"data: 2\n\n", b""]


async def test_work_is_cancelled_and_has_ended_when_the_caller_is_known_to_be_gone() -> None:
    ended: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            ended.append("work")

    caller = Caller()
    caller.left.set()

    async def answer() -> None:
        with call_of(caller).while_there():
            await work()

    with pytest.raises(CallerGoneError):
        await asyncio.wait_for(answer(), SECONDS)
    assert ended == ["work"]


async def test_work_that_fails_fails_as_itself() -> None:
    with pytest.raises(ValueError, match="its own"), call_of(Caller()).while_there():
        raise ValueError("its own")


async def test_whoever_cancels_the_whole_is_not_taken_for_the_caller() -> None:
    """A service that is shut down cancels what is under way: that stays a cancellation."""
    begun = asyncio.Event()

    async def answer() -> None:
        with call_of(Caller()).while_there():
            begun.set()
            await asyncio.Event().wait()

    answering = asyncio.ensure_future(answer())
    await asyncio.wait_for(begun.wait(), SECONDS)
    answering.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asyncio.wait_for(answering, SECONDS)


async def test_a_server_that_tells_of_it_needs_nobody_to_listen() -> None:
    """The extension: no task is made, and work is cancelled all the same."""
    caller, tasks = Caller(), asyncio.all_tasks()
    watchers: list[Callable[[], None] | None] = []
    ended: list[str] = []

    def watch(watcher: Callable[[], None] | None) -> bool:
        watchers.append(watcher)
        return True

    async def answer(leave: bool) -> None:
        call = call_of(caller)
        call.scope["extensions"] = {DISCONNECT: watch}
        with call.while_there():
            watcher = watchers[-1]
            assert watcher is not None
            assert len(asyncio.all_tasks() - tasks) == 1
            if leave:
                asyncio.get_running_loop().call_soon(watcher)
                try:
                    await asyncio.Event().wait()
                finally:
                    await asyncio.sleep(0)
                    ended.append("work")

    await asyncio.ensure_future(answer(leave=False))
    assert watchers[-1] is None
    answering = asyncio.ensure_future(answer(leave=True))
    with pytest.raises(CallerGoneError):
        await asyncio.wait_for(answering, SECONDS)
    assert (answering.cancelling(), watchers[-1], ended) == (0, None, ["work"])


async def test_work_for_a_caller_that_has_left_already_is_not_begun() -> None:
    call = call_of(Caller())
    call.scope["extensions"] = {DISCONNECT: lambda watcher: False}
    with pytest.raises(CallerGoneError), call.while_there():
        raise AssertionError("begun")


async def test_nobody_listens_for_a_caller_that_was_answered() -> None:
    before = asyncio.all_tasks()
    with call_of(Caller()).while_there():
        await asyncio.sleep(0)
        assert len(asyncio.all_tasks() - before) == 1
    await asyncio.sleep(0)
    assert asyncio.all_tasks() == before


ANY_SERVER = pytest.mark.parametrize("http", [None, Connection], ids=["uvicorn's own", "ours"])


@ANY_SERVER
@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/ai/run"])
def test_a_caller_that_leaves_while_it_is_still_asking_costs_nothing(
    tmp_path: Path, path: str, http: type[Connection] | None
) -> None:
    """Half a body: nothing is sent to the provider, and the service goes on."""
    fakes: dict[str, FakeProvider] = {"openai": OpenAIChat()}

    def half() -> Any:
        yield b'{"model": "openai/gpt-4.1", '
        raise ConnectionAbortedError

    with router_before(tmp_path, fakes, http=http) as url, client(url) as caller:
        with pytest.raises((ConnectionAbortedError, httpx2.HTTPError)):
            caller.post(path, content=half())
        assert caller.get("/healthz").status_code == 200
    assert fakes["openai"].requests == []


@ANY_SERVER
@pytest.mark.parametrize("failure", [NoFirstByte(), PausedStream(), EndlessStream()])
@pytest.mark.parametrize("stream", [False, True])
def test_what_nobody_waits_for_any_more_is_not_asked_of_the_provider(
    tmp_path: Path, http: type[Connection] | None, failure: Failure, stream: bool
) -> None:
    fake = OpenAIChat()
    fake.fail(failure)
    body = {"model": "openai/gpt-4.1", "stream": stream, "messages": [{"role": "user", "content": "x"}]}
    content = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: {len(content)}\r\n\r\n".encode()
    with router_before(tmp_path, {"openai": fake}, http=http) as url, client(url) as caller:
        with socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), SECONDS) as leaving:
            leaving.sendall(head + content)
            while not fake.requests:
                assert caller.get("/healthz").status_code == 200
        assert fake.wait_disconnected()
        assert caller.post("/v1/chat/completions", json=body).status_code == 200


@ANY_SERVER
def test_one_caller_that_leaves_takes_no_other_along(tmp_path: Path, http: type[Connection] | None) -> None:
    fake = OpenAIChat()
    fake.fail(EndlessStream(after=3), EndlessStream(after=3))
    body = {"model": "openai/gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    with (
        router_before(tmp_path, {"openai": fake}, http=http) as url,
        client(url) as one,
        client(url) as two,
        one.stream("POST", "/v1/chat/completions", json=body) as staying,
    ):
        pieces = staying.iter_bytes()
        next(pieces)
        with two.stream("POST", "/v1/chat/completions", json=body) as leaving:
            next(leaving.iter_bytes())
        assert fake.wait_disconnected()
        assert fake.open_connections == 1
        fake.release()
        assert list(pieces)
