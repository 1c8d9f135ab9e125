"""What the tests of the OpenAI Responses codec build requests from, and what OpenAI is sent for them."""

from __future__ import annotations

from typing import Any

from providers.dialects.openai_responses import DIALECT
from providers.spec.adjustments import Report
from providers.spec.parts import (
    ContentPart,
    Origin,
    Part,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.request import (
    FunctionTool,
    Message,
    Request,
)
from providers.spec.values import JsonObject
from tests.dialects.openai_responses_support import target
from tests.fakes.openai_responses_rules import check_responses

MODEL = "gpt-5.4"
SCHEMA: JsonObject = {"type": "object", "properties": {"city": {"type": "string"}}}
TOOL = FunctionTool(name="look", schema=SCHEMA)
USER = Message(role="user", parts=(TextPart(text="hi"),))
GEMINI = Origin(dialect="google-generate-content", provider="google", model="g", scope="s")


def call(call_id: str = "call_1", **fields: Any) -> ToolCallPart:
    return ToolCallPart(id=call_id, name="look", arguments="{}", **fields)


def turn(*parts: Part) -> Message:
    return Message(role="assistant", parts=parts)


def result(call_id: str = "call_1", *content: ContentPart, **fields: Any) -> Message:
    part = ToolResultPart(call_id=call_id, content=content or (TextPart(text="18"),), **fields)
    return Message(role="tool", parts=(part,))


def sent(*messages: Message, model: str = MODEL, verify: bool = False, **fields: Any) -> tuple[dict[str, Any], Report]:
    """The body as the strict fake takes it, and what was reported. ``verify``: reasoning must be the fake's own."""
    report = Report()
    request = Request(messages=messages or (USER,), **{"tools": (TOOL,), **fields})
    body = DIALECT.encode_request(request, target(model), report).body
    return check_responses(body, verify=verify), report


def paths(report: Report) -> list[tuple[str, str]]:
    return [(one.path, one.action) for one in report.adjustments]
