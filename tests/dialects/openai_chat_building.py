"""What the tests of the chat codec build requests and streams from."""

from __future__ import annotations

import json
from typing import Any

from providers.dialects.openai_chat import DIALECT
from providers.spec.adjustments import Report
from providers.spec.events import StreamError
from providers.spec.fold import fold
from providers.spec.parts import ContentPart, Origin, Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.profile import Profile
from providers.spec.request import FunctionTool, Message, Request
from providers.spec.response import Response
from providers.spec.values import JsonObject
from providers.upstreams.catalog import builtin_profiles
from providers.wire.json import dumps, loads_object
from tests.dialects.openai_chat_support import decoded, target
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_rules import check_chat

MODELS = {
    "openai": "gpt-5.1",
    "mistral": "mistral-large-latest",
    "groq": "openai/gpt-oss-20b",
    "deepseek": "deepseek-chat",
    "openrouter": "z-ai/glm-4.6",
}
"""A model of each host that the fakes play."""

SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = FunctionTool(name="look", schema=SCHEMA)
USER = Message(role="user", parts=(TextPart(text="hi"),))
GEMINI = Origin(dialect="google-generate-content", provider="google", model="g", scope="s")
ANTHROPIC = Origin(dialect="anthropic-messages", provider="anthropic", model="c", scope="s")

# ---- a request of another dialect


def call(call_id: str = "call_1", **fields: Any) -> ToolCallPart:
    return ToolCallPart(**{"id": call_id, "name": "look", "arguments": "{}", **fields})


def turn(*parts: Part) -> Message:
    return Message(role="assistant", parts=parts)


def result(call_id: str = "call_1", *content: ContentPart, **fields: Any) -> Message:
    part = ToolResultPart(call_id=call_id, content=content or (TextPart(text="18"),), **fields)
    return Message(role="tool", parts=(part,))


def sent(*messages: Message, host: str = "openai", **fields: Any) -> tuple[dict[str, Any], Report]:
    """The body as this host's strict fake takes it, and what was reported."""
    report = Report()
    request = Request(messages=messages or (USER,), **{"tools": (TOOL,), **fields})
    return checked(request, host, report), report


def checked(request: Request, host: str, report: Report, *, model: str | None = None) -> dict[str, Any]:
    """The body for this host's shipped profile, after its strict fake has judged it."""
    where = target(model or MODELS[host], builtin_profiles()[host])
    body = DIALECT.encode_request(request, where, report).body
    return check_chat(loads_object(dumps(body)), profile_of(host))


def paths(report: Report) -> list[tuple[str, str]]:
    return [(one.path, one.action) for one in report.adjustments]


# ---- a request of a chat client

FUNCTION: dict[str, Any] = {"type": "function", "function": {"name": "look", "parameters": SCHEMA}}
OTHER: dict[str, Any] = {"type": "function", "function": {"name": "hear", "parameters": SCHEMA}}


def body_of(**fields: Any) -> dict[str, Any]:
    return {"model": "m", "messages": [{"role": "user", "content": "hi"}], **fields}


def passed_on(body: dict[str, Any], profile: Profile | None = None) -> tuple[JsonObject, Report]:
    """What a host of this dialect is sent for a chat body, and what was reported."""
    report = Report()
    request = DIALECT.decode_request(loads_object(json.dumps(body)))
    return DIALECT.encode_request(request, target("m", profile), report).body, report


def called(call_id: str = "call_1", arguments: str = "{}", **fields: Any) -> dict[str, Any]:
    return {"id": call_id, "type": "function", "function": {"name": "look", "arguments": arguments}, **fields}


def answered(call_id: str = "call_1", content: Any = "18", **fields: Any) -> dict[str, Any]:
    return {"role": "tool", "tool_call_id": call_id, "content": content, **fields}


# ---- a stream of a host


def chunk(delta: dict[str, Any], finish: str | None = None, **fields: Any) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    return {"id": "c1", "model": "m", "created": 1, "choices": [choice], **fields}


def fragment(
    index: int | str | None = None, call_id: str | None = None, name: str | None = None, text: Any = None, **fields: Any
) -> dict[str, Any]:
    """A chunk with one fragment of a call, with the fields that are given."""
    function = {key: value for key, value in (("name", name), ("arguments", text)) if value is not None}
    told = {"index": index, "id": call_id, "function": function or None}
    return chunk({"tool_calls": [{**{key: value for key, value in told.items() if value is not None}, **fields}]})


def stream_of(*chunks: dict[str, Any] | bytes, done: bool = True) -> bytes:
    events = [one if isinstance(one, bytes) else json.dumps(one).encode() for one in chunks]
    return b"".join(b"data: " + one + b"\n\n" for one in [*events, *([b"[DONE]"] if done else [])])


def read(*chunks: dict[str, Any] | bytes, done: bool = True) -> Response:
    """What a host's chunks amount to."""
    return fold(decoded([stream_of(*chunks, done=done)]))


def error_of(*chunks: dict[str, Any] | bytes, done: bool = True) -> StreamError:
    last = decoded([stream_of(*chunks, done=done)])[-1]
    assert isinstance(last, StreamError)
    return last


ENDS = chunk({}, "tool_calls")
