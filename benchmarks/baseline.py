"""Reference servers: the least that Python can do for a request, on uvicorn with an aiohttp client.

``BENCHMARK_BASELINE`` names one of them, ``BENCHMARK_UPSTREAM`` is the provider's address:

- ``through``: bytes in, bytes out; nothing is read of either.
- ``json``: both bodies and every event parsed and written anew.
- ``anthropic``, ``gemini``: chat translated to that dialect and its answers back, by hand and for this one kind of
  request: no validation, no errors, no limits, no log.
"""

import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Final

import aiohttp
from msgspec import json
from starlette.types import Receive, Scope, Send

Body = dict[str, Any]
Handler = Callable[[aiohttp.ClientSession, bytes, Send], Awaitable[None]]

UPSTREAM: Final = os.environ.get("BENCHMARK_UPSTREAM", "http://127.0.0.1:9")
CHAT: Final = f"{UPSTREAM}/v1/chat/completions"
HEADERS: Final = {"authorization": "Bearer key", "content-type": "application/json"}

decoded, written = json.decode, json.encode


# ---- the server's side


async def read(receive: Receive) -> bytes:
    """The whole body."""
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
    return body


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    """A whole answer."""
    headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def begin(send: Send) -> None:
    """The head of a stream."""
    headers = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-cache")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})


async def more(send: Send, body: bytes, *, last: bool = False) -> None:
    """A piece of a stream."""
    await send({"type": "http.response.body", "body": body, "more_body": not last})


def is_stream(body: bytes) -> bool:
    """Without parsing it."""
    return b'"stream":true' in body or b'"stream": true' in body


async def events(content: aiohttp.StreamReader) -> AsyncIterator[list[bytes]]:
    """The data of the events that each read from the network completes."""
    rest = b""
    async for block in content.iter_any():
        *lines, rest = (rest + block).split(b"\n")
        found = [line[5:].strip() for line in lines if line.startswith(b"data:")]
        if found:
            yield found


# ---- the same dialect


async def through(session: aiohttp.ClientSession, body: bytes, send: Send) -> None:
    """Bytes, unread."""
    async with session.post(CHAT, data=body, headers=HEADERS) as upstream:
        if not is_stream(body):
            await answer(send, await upstream.read(), upstream.status)
            return
        await begin(send)
        async for block in upstream.content.iter_any():
            await more(send, block)
        await more(send, b"", last=True)


async def through_json(session: aiohttp.ClientSession, body: bytes, send: Send) -> None:
    """Everything parsed and written anew."""
    asked = decoded(body)
    async with session.post(CHAT, data=written(asked), headers=HEADERS) as upstream:
        if not asked.get("stream"):
            await answer(send, written(decoded(await upstream.read())), upstream.status)
            return
        await begin(send)
        async for found in events(upstream.content):
            anew = [event if event == b"[DONE]" else written(decoded(event)) for event in found]
            await more(send, b"".join([b"data: " + event + b"\n\n" for event in anew]))
        await more(send, b"", last=True)


# ---- chat in, another dialect out


def call_of(number: str, name: str, arguments: object) -> Body:
    """A call as chat has it."""
    function = {"name": name, "arguments": written(arguments).decode()}
    return {"id": number, "type": "function", "function": function}


def completion(identity: str, model: str, text: str, calls: list[Body], finish: str, usage: tuple[int, int]) -> Body:
    """A whole chat completion."""
    message: Body = {"role": "assistant", "content": text or None}
    if calls:
        message["tool_calls"] = calls
    tokens = {"prompt_tokens": usage[0], "completion_tokens": usage[1], "total_tokens": sum(usage)}
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {
        "id": identity,
        "object": "chat.completion",
        "created": int(time.time()),
        "model": model,
        "choices": [choice],
        "usage": tokens,
    }


def chunk_of(base: Body, delta: Body, finish: str | None = None) -> Body:
    """A chunk of a chat stream."""
    return {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}


def base_of(identity: str, model: str) -> Body:
    """What all chunks of a stream have."""
    return {"id": identity, "object": "chat.completion.chunk", "created": int(time.time()), "model": model}


def _system_of(asked: Body) -> list[str]:
    return [message["content"] for message in asked["messages"] if message["role"] == "system"]


ENDS: Final = {"end_turn": "stop", "tool_use": "tool_calls", "max_tokens": "length", "STOP": "stop"}


class Anthropic:
    """Chat to Anthropic Messages and back."""

    def url(self, *, stream: bool) -> str:
        """Where it goes."""
        return f"{UPSTREAM}/v1/messages"

    def request(self, asked: Body) -> Body:
        """The body that is sent."""
        messages: list[Body] = []
        for message in asked["messages"]:
            content: Any = message["content"]
            role = message["role"]
            if role == "system":
                continue
            if role == "tool":
                role, content = "user", [self._result(message)]
            elif message.get("tool_calls"):
                content = [{"type": "text", "text": content}] if content else []
                content += [self._use(call) for call in message["tool_calls"]]
            messages.append({"role": role, "content": content})
        body: Body = {
            "model": "claude-sonnet-4-5",
            "max_tokens": asked.get("max_tokens", 4096),
            "messages": messages,
            "system": "\n".join(_system_of(asked)),
            "tools": [self._tool(tool["function"]) for tool in asked["tools"]],
            "tool_choice": {"type": "auto"},
            "temperature": asked["temperature"],
        }
        return {**body, "stream": True} if asked.get("stream") else body

    @staticmethod
    def _result(message: Body) -> Body:
        return {"type": "tool_result", "tool_use_id": message["tool_call_id"], "content": message["content"]}

    @staticmethod
    def _use(call: Body) -> Body:
        function = call["function"]
        arguments = decoded(function["arguments"])
        return {"type": "tool_use", "id": call["id"], "name": function["name"], "input": arguments}

    @staticmethod
    def _tool(function: Body) -> Body:
        described = function.get("description", "")
        return {"name": function["name"], "description": described, "input_schema": function["parameters"]}

    def response(self, got: Body) -> Body:
        """The answer that is given."""
        blocks = got["content"]
        text = "".join([block["text"] for block in blocks if block["type"] == "text"])
        uses = [block for block in blocks if block["type"] == "tool_use"]
        calls = [call_of(block["id"], block["name"], block["input"]) for block in uses]
        usage = got["usage"]["input_tokens"], got["usage"]["output_tokens"]
        return completion(got["id"], got["model"], text, calls, ENDS[got["stop_reason"]], usage)

    def reader(self) -> Callable[[Body], Body | None]:
        """Turns the events of one stream into chunks."""
        base: Body = {}
        number = -1

        def fed(event: Body) -> Body | None:
            nonlocal base, number
            kind = event["type"]
            if kind == "content_block_delta":
                delta = event["delta"]
                if delta["type"] == "text_delta":
                    return chunk_of(base, {"content": delta["text"]})
                call = {"index": number, "function": {"arguments": delta["partial_json"]}}
                return chunk_of(base, {"tool_calls": [call]})
            if kind == "content_block_start" and event["content_block"]["type"] == "tool_use":
                number += 1
                block = event["content_block"]
                function = {"name": block["name"], "arguments": ""}
                call = {"index": number, "id": block["id"], "type": "function", "function": function}
                return chunk_of(base, {"tool_calls": [call]})
            if kind == "message_start":
                base = base_of(event["message"]["id"], event["message"]["model"])
                return chunk_of(base, {"role": "assistant", "content": ""})
            if kind == "message_delta":
                return chunk_of(base, {}, ENDS[event["delta"]["stop_reason"]])
            return None

        return fed


class Gemini:
    """Chat to Gemini's generateContent and back."""

    def url(self, *, stream: bool) -> str:
        """Where it goes."""
        method = "streamGenerateContent?alt=sse" if stream else "generateContent"
        return f"{UPSTREAM}/v1beta/models/gemini-2.5-pro:{method}"

    def request(self, asked: Body) -> Body:
        """The body that is sent."""
        names: dict[str, str] = {}
        contents: list[Body] = []
        for message in asked["messages"]:
            content = message["content"]
            match message["role"]:
                case "system":
                    continue
                case "tool":
                    name = names.get(message["tool_call_id"], "tool")
                    parts = [{"functionResponse": {"name": name, "response": {"result": content}}}]
                case "assistant":
                    parts = [{"text": content}] if content else []
                    for call in message.get("tool_calls", ()):
                        names[call["id"]] = call["function"]["name"]
                        arguments = decoded(call["function"]["arguments"])
                        parts.append({"functionCall": {"name": call["function"]["name"], "args": arguments}})
                case _:
                    parts = [{"text": content}]
            contents.append({"role": "model" if message["role"] == "assistant" else "user", "parts": parts})
        declared = [self._tool(tool["function"]) for tool in asked["tools"]]
        return {
            "contents": contents,
            "systemInstruction": {"parts": [{"text": text} for text in _system_of(asked)]},
            "tools": [{"functionDeclarations": declared}],
            "generationConfig": {
                "maxOutputTokens": asked.get("max_tokens", 4096),
                "temperature": asked["temperature"],
            },
        }

    @staticmethod
    def _tool(function: Body) -> Body:
        described = function.get("description", "")
        return {"name": function["name"], "description": described, "parametersJsonSchema": function["parameters"]}

    def response(self, got: Body) -> Body:
        """The answer that is given."""
        candidate = got["candidates"][0]
        text, calls = self._read(candidate["content"]["parts"], 0)
        finish = "tool_calls" if calls else ENDS.get(candidate.get("finishReason", ""), "stop")
        usage = got["usageMetadata"]["promptTokenCount"], got["usageMetadata"]["candidatesTokenCount"]
        return completion(got["responseId"], got["modelVersion"], text, calls, finish, usage)

    @staticmethod
    def _read(parts: list[Body], first: int) -> tuple[str, list[Body]]:
        text = ""
        calls: list[Body] = []
        for part in parts:
            if "text" in part:
                text += part["text"]
            elif "functionCall" in part:
                call = part["functionCall"]
                calls.append(call_of(f"call_{first + len(calls)}", call["name"], call.get("args", {})))
        return text, calls

    def reader(self) -> Callable[[Body], Body | None]:
        """Turns the events of one stream into chunks."""
        base: Body = {}
        number = 0

        def fed(event: Body) -> Body | None:
            nonlocal base, number
            base = base or base_of(event["responseId"], event["modelVersion"])
            candidate = event["candidates"][0]
            text, calls = self._read(candidate["content"]["parts"], number)
            delta: Body = {"content": text} if text else {}
            if calls:
                delta["tool_calls"] = [{"index": number + each, **call} for each, call in enumerate(calls)]
                number += len(calls)
            end = candidate.get("finishReason")
            finish = ("tool_calls" if number else ENDS.get(end, "stop")) if end else None
            return chunk_of(base, delta, finish)

        return fed


def translating(dialect: Anthropic | Gemini) -> Handler:
    """Chat from the caller, this dialect to the provider."""

    async def handle(session: aiohttp.ClientSession, body: bytes, send: Send) -> None:
        asked = decoded(body)
        stream = bool(asked.get("stream"))
        content = written(dialect.request(asked))
        async with session.post(dialect.url(stream=stream), data=content, headers=HEADERS) as upstream:
            if not stream:
                await answer(send, written(dialect.response(decoded(await upstream.read()))), upstream.status)
                return
            await begin(send)
            fed = dialect.reader()
            async for found in events(upstream.content):
                chunks = [chunk for event in found if (chunk := fed(decoded(event))) is not None]
                if chunks:
                    await more(send, b"".join([b"data: " + written(chunk) + b"\n\n" for chunk in chunks]))
            await more(send, b"data: [DONE]\n\n", last=True)

    return handle


# ---- the application

BASELINES: Final[dict[str, Handler]] = {
    "through": through,
    "json": through_json,
    "anthropic": translating(Anthropic()),
    "gemini": translating(Gemini()),
}


class Application:
    """One of them as an ASGI application."""

    def __init__(self, handler: Handler) -> None:
        self._handler = handler
        self._session: aiohttp.ClientSession | None = None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or the beginning and end of the process."""
        if scope["type"] == "lifespan":
            await receive()
            connector = aiohttp.TCPConnector(limit=0)
            self._session = aiohttp.ClientSession(connector=connector, auto_decompress=False)
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await self._session.close()
            await send({"type": "lifespan.shutdown.complete"})
        elif self._session is not None and scope["method"] == "POST":
            await self._handler(self._session, await read(receive), send)
        else:
            await answer(send, b"{}")


app = Application(BASELINES[os.environ.get("BENCHMARK_BASELINE", "through")])
