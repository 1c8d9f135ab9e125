"""A scripted OpenAI-compatible server on a real socket, as strict about histories as OpenAI is."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

WAIT = 10.0
"""Seconds after which a wait of a test has failed."""

Chunk = dict[str, Any] | bytes
Ending = Literal["done", "nothing", "hang", "heartbeats", "break"]


@dataclass(frozen=True)
class Turn:
    """What the server answers to one request."""

    chunks: tuple[Chunk, ...] = ()
    """Objects become ``data:`` lines, bytes go out as they are."""
    ending: Ending = "done"
    """``done``: ``[DONE]``; ``nothing``: a clean end without; ``hang``: silence; ``break``: the connection is cut."""
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    body: object = None
    """A plain JSON body instead of a stream."""


class FakeServer:
    """Plays turns in order and keeps what it was sent."""

    def __init__(self, base_url: str) -> None:
        self.base_url = base_url
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self.client_left = threading.Event()
        """Set when a streamed answer was given up by the client."""
        self._turns: list[Turn] = []
        self._repeat: Turn | None = None

    def play(self, *turns: Turn, then: Turn | None = None) -> None:
        """Answer with these turns, and with ``then`` for ever after."""
        self._turns = list(turns)
        self._repeat = then

    @property
    def requests(self) -> list[dict[str, Any]]:
        """The bodies, parsed."""
        return [json.loads(body) for body in self.bodies]

    async def answer(self, request: Request) -> Response:
        """The one endpoint."""
        body = await request.body()
        self.bodies.append(body)
        self.headers.append(dict(request.headers))
        problem = _problem(json.loads(body))
        if problem:
            return JSONResponse({"error": {"message": problem, "type": "invalid_request_error"}}, 400)
        turn = self._turns.pop(0) if self._turns else self._repeat
        if turn is None:
            return JSONResponse({"error": {"message": "the script is over"}}, 500)
        if turn.body is not None or turn.status != 200:
            return JSONResponse(turn.body, turn.status, headers=turn.headers)
        return StreamingResponse(self._play(turn), headers=turn.headers, media_type="text/event-stream")

    async def _play(self, turn: Turn) -> AsyncIterator[bytes]:
        try:
            for chunk in turn.chunks:
                yield chunk if isinstance(chunk, bytes) else b"data: " + json.dumps(chunk).encode() + b"\n\n"
            match turn.ending:
                case "done":
                    yield b"data: [DONE]\n\n"
                case "hang":
                    await asyncio.sleep(WAIT)
                case "heartbeats":
                    for _ in range(int(WAIT / 0.02)):
                        yield b": still here\n\n"
                        await asyncio.sleep(0.02)
                case "break":
                    raise ConnectionResetError("the test breaks the connection here")
                case "nothing":
                    pass
        except asyncio.CancelledError:
            self.client_left.set()
            raise


def _problem(body: dict[str, Any]) -> str | None:
    """What OpenAI would refuse: calls without results, results without calls, empty tool lists."""
    if body.get("tools") == [] or ("tool_choice" in body and "tools" not in body):
        return "tools is empty, or tool_choice stands without tools"
    return history_problem(body["messages"])


def history_problem(messages: Iterable[Mapping[str, Any]]) -> str | None:
    """What is wrong with a history, by OpenAI's rules; media in tool messages are taken, as the router takes them."""
    waiting: list[str] = []
    for message in messages:
        if message["role"] == "tool":
            if not waiting or waiting.pop(0) != message["tool_call_id"] or not _is_content(message["content"]):
                return "a tool message answers no call, or out of order"
            continue
        if waiting:
            return f"calls without results: {waiting}"
        if message["role"] == "assistant":
            waiting = [call["id"] for call in message.get("tool_calls", ())]
            if not waiting and not message.get("content"):
                return "an assistant message without content"
            if "tool_calls" in message and any("index" in call for call in message["tool_calls"]):
                return "unknown field index"
    return f"calls without results: {waiting}" if waiting else None


def _is_content(content: object) -> bool:
    if isinstance(content, list):
        return bool(content) and all(isinstance(part, dict) and "type" in part for part in content)
    return isinstance(content, str)


@contextmanager
def serve() -> Iterator[FakeServer]:
    """A server on a free port of the loopback address, in a thread of its own."""
    # Bound and listening before the server runs, so that a client may connect at once.
    with socket.create_server(("127.0.0.1", 0)) as listener:
        fake = FakeServer(f"http://127.0.0.1:{listener.getsockname()[1]}/v1")
        app = Starlette(routes=[Route("/v1/chat/completions", fake.answer, methods=["POST"])])
        config = uvicorn.Config(app, log_level="critical", timeout_graceful_shutdown=1, lifespan="off")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
        thread.start()
        try:
            yield fake
        finally:
            server.should_exit = True
            thread.join(WAIT)


def delta(**fields: Any) -> dict[str, Any]:
    """A chunk with a delta of these fields."""
    return {"id": "chatcmpl-1", "object": "chat.completion.chunk", "choices": [{"index": 0, "delta": fields}]}


def call(
    index: int | None, call_id: str | None, name: str | None, arguments: str | None, **extra: Any
) -> dict[str, Any]:
    """A chunk with one fragment of a tool call; None leaves a member out."""
    function = {key: value for key, value in (("name", name), ("arguments", arguments)) if value is not None}
    fragment: dict[str, Any] = {"index": index} if index is not None else {}
    if call_id is not None:
        fragment |= {"id": call_id, "type": "function"}
    return delta(tool_calls=[{**fragment, "function": function, **extra}])


def finish(reason: str | None) -> dict[str, Any]:
    """A chunk that only ends the turn."""
    return {"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]}


def usage(prompt: int, completion: int) -> dict[str, Any]:
    """The chunk that ``stream_options.include_usage`` asks for."""
    counts = {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
    return {"choices": [], "usage": counts}


def says(text: str, reason: str = "stop") -> Turn:
    """A turn of text, in two fragments."""
    half = len(text) // 2
    return Turn(
        (delta(role="assistant", content=text[:half]), delta(content=text[half:]), finish(reason), usage(10, 5))
    )


def calls(*wanted: tuple[str, str, str], reason: str = "tool_calls") -> Turn:
    """A turn of calls, each given as id, name and argument text, the text in two fragments."""
    chunks: list[Chunk] = [delta(role="assistant", content=None)]
    for index, (call_id, name, arguments) in enumerate(wanted):
        chunks += _fragments(index, call_id, name, arguments)
    return Turn((*chunks, finish(reason), usage(20, 8)))


def _fragments(index: int, call_id: str, name: str, arguments: str) -> Iterable[Chunk]:
    half = len(arguments) // 2
    yield call(index, call_id, name, "")
    yield call(index, None, None, arguments[:half])
    yield call(index, None, None, arguments[half:])
