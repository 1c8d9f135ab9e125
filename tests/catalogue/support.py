"""What the tests of the catalogue share: a chat body as it leaves for a shipped provider, and what comes back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from starlette.requests import Request

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import FaceContext
from providers.spec.events import StreamEvent
from providers.spec.fold import fold
from providers.spec.parts import Origin
from providers.spec.profile import Target
from providers.spec.response import Response
from providers.upstreams.catalog import builtin_rows, profile
from providers.wire.json import dumps, loads_object
from tests.e2e.service import client, router_before
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_rules import check_chat
from tests.fakes.server import Answer, FakeProvider, Received, json_answer

CHAT = "openai-chat"
MESSAGES = "anthropic-messages"
GEMINI = "google-generate-content"
RESPONSES = "openai-responses"

MODELS = {
    "openai": "gpt-4.1",
    "anthropic": "claude-sonnet-4-5",
    "google": "gemini-3-pro-preview",
    "mistral": "mistral-large-latest",
    "groq": "openai/gpt-oss-120b",
    "deepseek": "deepseek-reasoner",
    "openrouter": "anthropic/claude-sonnet-4.5",
}
"""A model of each provider, for tests that do not care which."""


def target(provider: str, model: str = "", dialect: str = "") -> Target:
    """The shipped row of this provider, with its shipped profile."""
    row = builtin_rows()[provider]
    return Target(
        provider=provider,
        model=model or MODELS[provider],
        dialect=dialect or row.dialect,
        scope="scope",
        profile=profile(row.profile),
    )


def sent(
    body: dict[str, Any], provider: str, *, face: str = CHAT, model: str = "", wire: str = ""
) -> tuple[Any, dict[str, str]]:
    """What leaves for the provider as it would read it, and path and action of what was reported."""
    to = target(provider, model, wire)
    report = Report()
    request = DIALECTS[face].decode_request(loads_object(dumps(body)))
    encoded = DIALECTS[to.dialect].encode_request(request, to, report)
    return json.loads(dumps(encoded.body)), {one.path: one.action for one in report.adjustments}


def chat(*messages: Any, **fields: Any) -> dict[str, Any]:
    """A chat request; one user message where none is given."""
    return {"model": "m", "messages": list(messages) or [user()], **fields}


def user(text: str = "go") -> dict[str, Any]:
    """A message of the user's."""
    return {"role": "user", "content": text}


def called(*ids: str, name: str = "look", arguments: str = "{}", **fields: Any) -> dict[str, Any]:
    """An assistant turn of chat that called one tool, once for each id."""
    function = {"name": name, "arguments": arguments}
    calls = [{"id": call_id, "type": "function", "function": function} for call_id in ids]
    return {"role": "assistant", "content": None, "tool_calls": calls, **fields}


def result(call_id: str, content: Any = "18", **fields: Any) -> dict[str, Any]:
    """A tool message of chat."""
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


def tool(name: str = "look", parameters: Any = None, **fields: Any) -> dict[str, Any]:
    """A function tool of chat."""
    schema = parameters or {"type": "object", "properties": {"city": {"type": "string"}}}
    return {"type": "function", "function": {"name": name, "parameters": schema, **fields}}


# ---- answers


def origin(dialect: str) -> Origin:
    """Where the answers of these tests come from."""
    return Origin(dialect=dialect, provider="there", model="m", scope="scope")


def read(body: Any, dialect: str = CHAT) -> Response:
    """A plain answer of a provider."""
    return DIALECTS[dialect].decode_response(loads_object(dumps(body)), origin(dialect))


def events_of(stream: bytes, dialect: str = CHAT) -> list[StreamEvent]:
    """The events of a whole stream of a provider."""
    decoder = DIALECTS[dialect].stream_decoder(origin(dialect))
    return [*decoder.feed(stream), *decoder.close()]


def sse(*chunks: Any, done: bool = True) -> bytes:
    """A chat stream of these chunks."""
    lines = [b"data: " + dumps(chunk) + b"\n\n" for chunk in chunks]
    return b"".join([*lines, b"data: [DONE]\n\n"] if done else lines)


def typed_sse(*events: Any) -> bytes:
    """A stream of events that are named by their type, as Anthropic and Responses send them."""
    return b"".join(b"event: " + event["type"].encode() + b"\ndata: " + dumps(event) + b"\n\n" for event in events)


def chunk(delta: Any, finish: str | None = None, **fields: Any) -> dict[str, Any]:
    """One chunk of a chat stream."""
    choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
    return {"id": "c-1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices, **fields}


def context(dialect_stream_usage: bool = False) -> FaceContext:
    """What a face adds of its own."""
    return FaceContext(response_id="r-1", model="asked/m", created=1, stream_usage=dialect_stream_usage)


def written(events: list[StreamEvent], face: str) -> bytes:
    """The bytes a caller of this face reads for these events."""
    encoder = DIALECTS[face].stream_encoder(context())
    return b"".join(encoder.feed(event) for event in events)


def data_of(stream: bytes) -> list[Any]:
    """The payloads of an event stream, without ``[DONE]``."""
    texts = [line[5:].strip() for line in stream.splitlines() if line.startswith(b"data:")]
    return [json.loads(text) for text in texts if text != b"[DONE]"]


def folded(stream: bytes, dialect: str = CHAT) -> Response:
    """A whole stream as one answer."""
    return fold(events_of(stream, dialect))


# ---- through the whole router


class Canned(OpenAIChat):
    """A chat host that judges requests as OpenAI does and answers what the test gives it."""

    def __init__(self, *events: bytes, body: Any = None) -> None:
        super().__init__()
        self._canned = Answer(events=events, media_type="text/event-stream") if events else json_answer(body)

    def answer(self, received: Received, request: Request) -> Answer:
        """The same answer to every request that is legal."""
        check_chat(received.json, self.profile)
        return self._canned


def completion(message: Any, finish: str | None = "stop", **fields: Any) -> dict[str, Any]:
    """A whole answer of a chat host."""
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return {"id": "c-1", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice], **fields}


def posted(folder: Path, fake: FakeProvider, body: dict[str, Any], path: str = "/v1/chat/completions") -> Any:
    """The answer of a router in front of this host, named ``openai``."""
    with router_before(folder, {"openai": fake}) as url, client(url) as http:
        return http.post(path, json={**body, "model": "openai/gpt-4.1"})
