"""Short words for conversations, shared by the tests of what Gemini is sent."""

from __future__ import annotations

from typing import Any

from providers.dialects.gemini import DIALECT
from providers.spec.adjustments import Report
from providers.spec.parts import Origin, Part, State, TextPart, ToolCallPart, ToolResultPart
from providers.spec.request import Message, Request, Role
from tests.dialects.gemini_support import MODEL, ORIGIN, target

PNG = "iVBORw0KGgo="
CANARY = "c2VjcmV0IGNhbmFyeQ=="


def message(role: Role, *parts: Part) -> Message:
    """One message."""
    return Message(role=role, parts=parts)


def said(text: str) -> TextPart:
    """One text."""
    return TextPart(text=text)


def call(call_id: str = "c1", name: str = "f", arguments: str = "{}", state: State | None = None) -> ToolCallPart:
    """A call."""
    return ToolCallPart(id=call_id, name=name, arguments=arguments, state=state)


def result(call_id: str = "c1", *content: Any, **fields: Any) -> ToolResultPart:
    """What a call came to."""
    return ToolResultPart(call_id=call_id, content=content or (said("done"),), **fields)


def signature(value: str = "c2ln", origin: Origin = ORIGIN) -> State:
    """State of the target's own, unless said otherwise."""
    return State(kind="thought_signature", value=value, origin=origin)


def encoded(*messages: Message, model: str = MODEL, **fields: Any) -> tuple[Any, list[tuple[str, str]]]:
    """The body for these messages, and path and action of what was reported."""
    report = Report()
    request = Request(messages=messages, **fields)
    body = DIALECT.encode_request(request, target(model), report).body
    return body, [(one.path, one.action) for one in report.adjustments]


ASK = message("user", said("go"))
