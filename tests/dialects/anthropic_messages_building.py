"""What the tests of the Anthropic Messages codec build requests from, and what Anthropic is sent for them."""

from __future__ import annotations

import json
from typing import Any

from providers.dialects.anthropic_messages import DIALECT
from providers.spec.adjustments import Report
from providers.spec.parts import ContentPart, Origin, Part, State, TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import FunctionTool, Message, Request
from providers.spec.values import JsonObject
from providers.upstreams.catalog import profile
from providers.wire.json import dumps
from tests.dialects.anthropic_messages_support import NAME, target
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.anthropic_turns import SECRET
from tests.fakes.signatures import sign

MODEL = "claude-sonnet-4-5"
"""Thinks within a budget."""
ADAPTIVE = "claude-opus-4-6"
NEWEST = "claude-opus-4-8"

SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = FunctionTool(name="look", schema=SCHEMA)
USER = Message(role="user", parts=(TextPart(text="hi"),))
GEMINI = Origin(dialect="google-generate-content", provider="google", model="g", scope="s")
UNSTAMPED = Origin(dialect=NAME)


def signature(text: str, origin: Origin = UNSTAMPED) -> State:
    """A signature that the strict fake takes for this thinking."""
    return State(kind="signature", value=sign(SECRET, text), origin=origin)


def call(call_id: str = "call_1", arguments: str = "{}", **fields: Any) -> ToolCallPart:
    return ToolCallPart(id=call_id, arguments=arguments, **{"name": "look", **fields})


def turn(*parts: Part, **fields: Any) -> Message:
    return Message(role="assistant", parts=parts, **fields)


def result(call_id: str = "call_1", *content: ContentPart, **fields: Any) -> Message:
    part = ToolResultPart(call_id=call_id, content=content or (TextPart(text="18"),), **fields)
    return Message(role="tool", parts=(part,))


def said(text: str, role: Any = "user") -> Message:
    return Message(role=role, parts=(TextPart(text=text),))


def sent(*messages: Message, model: str = MODEL, **fields: Any) -> tuple[dict[str, Any], Report]:
    """The body as the strict fake takes it, and what was reported beside the limit that Anthropic requires."""
    report = Report()
    request = Request(messages=messages or (USER,), **{"tools": (TOOL,), "max_output_tokens": 20_000, **fields})
    encoded = DIALECT.encode_request(request, target(model, profile("anthropic")), report)
    return check_messages(json.loads(dumps(encoded.body))), report


def turns(*messages: Message, **fields: Any) -> list[tuple[str, Any]]:
    """Role and content of each turn that is sent."""
    return [(message["role"], message["content"]) for message in sent(*messages, **fields)[0]["messages"]]


def kinds(*messages: Message, **fields: Any) -> list[tuple[str, list[str]]]:
    """Role and kinds of blocks of each turn that is sent."""
    return [(role, [block["type"] for block in content]) for role, content in turns(*messages, **fields)]


def paths(report: Report) -> list[tuple[str, str]]:
    return [(one.path, one.action) for one in report.adjustments]
