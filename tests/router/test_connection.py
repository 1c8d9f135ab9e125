"""A caller that goes away: whatever feeds its answer is closed, whoever the server is and whatever is under way."""

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import Request

from router.faces.connection import CallerGoneError, EventStream, unless_gone
from tests.e2e.service import client, router_before
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import EndlessStream, FakeProvider

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


def scope(spec_version: str) -> dict[str, Any]:
    return {"type": "http", "method": "POST", "path": "/", "headers": [], "asgi": {"spec_version": spec_version}}


@pytest.mark.parametrize("spec_version", ["2.0", "2.3", "2.4", "2.5"])
async def test_a_silent_stream_is_closed_when_its_caller_leaves(spec_version: str) -> None:
    closed: list[str] = []

    async def content() -> AsyncGenerator[bytes, None]:
        try:
            yield b"data: 1\n\n"
            await asyncio.Event().wait()
        finally:
            closed.append("content")

    async def close() -> None:
        closed.append("call")

    caller = Caller()
    answering = asyncio.ensure_future(
        EventStream(content(), close, {})(scope(spec_version), caller.receive, caller.send)
    )
    await asyncio.wait_for(caller.begun.wait(), SECONDS)
    caller.left.set()
    await asyncio.wait_for(answering, SECONDS)
    assert closed == ["content", "call"]


async def test_a_stream_that_ends_is_closed_as_well() -> None:
    closed: list[str] = []

    async def content() -> AsyncGenerator[bytes, None]:
        yield b"data: 1\n\n"

    async def close() -> None:
        closed.append("call")

    caller = Caller()
    await asyncio.wait_for(EventStream(content(), close, {})(scope("2.3"), caller.receive, caller.send), SECONDS)
    assert closed == ["call"]
    assert b"".join(message.get("body", b"") for message in caller.received) == b"data: 1\n\n"


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
    with pytest.raises(CallerGoneError):
        await asyncio.wait_for(unless_gone(Request(scope("2.3"), caller.receive), work()), SECONDS)
    assert ended == ["work"]


async def test_work_that_fails_fails_as_itself() -> None:
    async def work() -> None:
        raise ValueError("its own")

    with pytest.raises(ValueError, match="its own"):
        await unless_gone(Request(scope("2.3"), Caller().receive), work())


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/ai/run"])
def test_a_caller_that_leaves_while_it_is_still_asking_costs_nothing(tmp_path: Path, path: str) -> None:
    """Half a body: nothing is sent to the provider, and the service goes on."""
    fakes: dict[str, FakeProvider] = {"openai": OpenAIChat()}

    def half() -> Any:
        yield b'{"model": "openai/gpt-4.1", '
        raise ConnectionAbortedError

    with router_before(tmp_path, fakes) as url, client(url) as http:
        with pytest.raises((ConnectionAbortedError, httpx2.HTTPError)):
            http.post(path, content=half())
        assert http.get("/healthz").status_code == 200
    assert fakes["openai"].requests == []


def test_one_caller_that_leaves_takes_no_other_along(tmp_path: Path) -> None:
    fake = OpenAIChat()
    fake.fail(EndlessStream(after=3), EndlessStream(after=3))
    body = {"model": "openai/gpt-4.1", "stream": True, "messages": [{"role": "user", "content": "x"}]}
    with (
        router_before(tmp_path, {"openai": fake}) as url,
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
