"""Each strict rule of the Anthropic fake: a request that breaks just it is refused, in the provider's error shape."""

from __future__ import annotations

import json

import pytest

from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.anthropic_rules import NEWEST_VERSION, check_messages
from tests.fakes.anthropic_turns import SECRET
from tests.fakes.changes import GONE, SCHEMA, Body, Change, broken_everywhere, changed
from tests.fakes.refusal import Refusal
from tests.fakes.signatures import sign

THOUGHT = {"type": "thinking", "thinking": "Rome.", "signature": sign(SECRET, "Rome.")}
MESSAGES: Body = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 2000,
    "thinking": {"type": "enabled", "budget_tokens": 1024},
    "system": [{"type": "text", "text": "Be brief.", "cache_control": {"type": "ephemeral"}}],
    "tools": [{"name": "get_weather", "input_schema": SCHEMA}],
    "messages": [
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "content": [
                THOUGHT,
                {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_1", "content": "18"},
                {"type": "text", "text": "And?"},
            ],
        },
    ],
}
USE = "messages.1.content.1"
RESULT = "messages.2.content.0"
TOOL_SCHEMA = "tools.0.input_schema"
NO_THINKING: Change = ("thinking", GONE)
MARKED = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}] * 5

MESSAGES_CASES: dict[str, tuple[list[Change], str]] = {
    "unknown top-level field": ([("foo", 1)], "foo: Extra inputs are not permitted"),
    "unknown field of a block": ([(f"{USE}.index", 1)], "messages.1.content.1.tool_use.index: Extra inputs are not"),
    "unknown field of a tool": ([("tools.0.function", {})], "tools.0.custom.function: Extra inputs are not permitted"),
    "no max_tokens": ([("max_tokens", GONE)], "max_tokens: Field required"),
    "unknown model": ([("model", "claude-sonet-4-5")], "model: claude-sonet-4-5"),
    "wrong type": ([("stream", "yes")], "stream: Input should be a valid boolean"),
    "no message": ([("messages", [])], "messages: at least one message is required"),
    "assistant first": ([("messages.0", GONE)], 'first message must use the "user" role'),
    "role tool": ([("messages.0.role", "tool")], "messages.0.role: Input should be 'user'"),
    "empty content": ([("messages.0.content", "")], "all messages must have non-empty content"),
    "empty text block": ([("messages.2.content.1.text", "")], "text content blocks must be non-empty"),
    "blank text block": ([("messages.2.content.1.text", " ")], "must contain non-whitespace text"),
    "call id pattern (ID-01)": (
        [(f"{USE}.id", "functions.Bash:0"), (f"{RESULT}.tool_use_id", "functions.Bash:0")],
        "String should match pattern '^[a-zA-Z0-9_-]+$'",
    ),
    "input as text": ([(f"{USE}.input", "{}")], "messages.1.content.1.tool_use.input: Input should be a valid dict"),
    "tool name pattern": ([("tools.0.name", "get.weather")], "tools.0.custom.name: String should match pattern"),
    "tool name twice": ([("tools.1", MESSAGES["tools"][0])], "Tool names must be unique."),
    "call id twice (ID-02)": (
        [("messages.1.content.2", MESSAGES["messages"][1]["content"][1])],
        "messages.1.content.2: `tool_use` ids must be unique",
    ),
    "call without result": ([(RESULT, GONE)], "without `tool_result` blocks immediately after: toolu_1."),
    "result after text": (
        [("messages.2.content", MESSAGES["messages"][2]["content"][::-1])],
        "without `tool_result` blocks immediately after: toolu_1.",
    ),
    "orphan result": ([(USE, GONE)], "unexpected `tool_use_id` found in `tool_result` blocks: toolu_1."),
    "result twice": (
        [("messages.2.content.1", MESSAGES["messages"][2]["content"][0])],
        "each tool_use must have a single result",
    ),
    "call in a user message": ([("messages.0.content", [MESSAGES["messages"][1]["content"][1]])], "can only be in"),
    "choice without tools": ([("tools", GONE), ("tool_choice", {"type": "auto"})], "while providing tools"),
    "choice of a tool that is not there": (
        [NO_THINKING, ("tool_choice", {"type": "tool", "name": "other"})],
        "Tool 'other' not found in provided tools",
    ),
    "choice as text": ([("tool_choice", "auto")], "tool_choice: Input"),
    "forced choice while thinking (CHOICE-04)": (
        [("tool_choice", {"type": "any"})],
        "Thinking may not be enabled when",
    ),
    "small budget": ([("thinking.budget_tokens", 1023)], "greater than or equal to 1024"),
    "budget not below max_tokens": ([("max_tokens", 1024)], "must be greater than `thinking.budget_tokens`"),
    "temperature while thinking": ([("temperature", 0.5)], "may only be set to 1 when thinking is enabled"),
    "no thinking before the call (REASON-06)": (
        [("messages.1.content.0", GONE)],
        "Expected `thinking` or `redacted_thinking`, but found `tool_use`",
    ),
    "thinking altered": ([("messages.1.content.0.thinking", "Paris.")], "Invalid `signature` in `thinking` block"),
    "signature damaged": ([("messages.1.content.0.signature", "EoQD")], "Invalid `signature` in `thinking` block"),
    "signature blank (REASON-07)": (
        [("messages.1.content.0.signature", "")],
        "messages.1.content.0: Invalid `signature`",
    ),
    "redacted thinking damaged": (
        [("messages.1.content.0", {"type": "redacted_thinking", "data": "EoQD"})],
        "Invalid `data` in `redacted_thinking` block",
    ),
    "five cache marks": ([("system", MARKED)], "A maximum of 4 blocks with cache_control may be provided. Found 5."),
    "schema root with oneOf (SCHEMA-12)": ([(f"{TOOL_SCHEMA}.oneOf", [{}])], "does not support oneOf, allOf, or anyOf"),
    "schema without type": ([(f"{TOOL_SCHEMA}.type", GONE)], "tools.0.custom.input_schema.type: Field required"),
    "schema root is no object": ([(f"{TOOL_SCHEMA}.type", "array")], "Input should be 'object'"),
    "schema of an older draft": (
        [(f"{TOOL_SCHEMA}.properties.city", {"type": "integer", "exclusiveMinimum": True})],
        "must match JSON Schema draft 2020-12",
    ),
    "strict with open objects": ([("tools.0.strict", True)], "must be explicitly set to false"),
    "final text ends in a space": (
        [NO_THINKING, ("messages.3", {"role": "assistant", "content": "It is "})],
        "final assistant content cannot end with trailing whitespace",
    ),
    "prefill on a model without": (
        [NO_THINKING, ("model", "claude-opus-4-6"), ("messages.3", {"role": "assistant", "content": "It"})],
        "does not support assistant message prefill",
    ),
    "budget on a model that adapts": ([("model", "claude-opus-4-8")], 'Use "thinking.type.adaptive" instead.'),
    "temperature on a model that adapts": (
        [("model", "claude-opus-4-8"), NO_THINKING, ("temperature", 1)],
        "`temperature` is deprecated for this model.",
    ),
}


@pytest.mark.parametrize(
    "change",
    [
        ("max_tokens", 2000),
        ("messages.1.content.0", {"type": "redacted_thinking", "data": sign(SECRET, "hidden")}),
        ("messages.1.content.0.thinking", ""),
    ],
    ids=["as it is", "redacted thinking", "withheld thinking (REASON-08)"],
)
def test_anthropic_takes_the_request_that_breaks_no_rule(change: Change) -> None:
    body = changed(MESSAGES, change)
    assert check_messages(body) is body


@pytest.mark.parametrize(("changes", "text"), MESSAGES_CASES.values(), ids=MESSAGES_CASES)
def test_anthropic_refuses(changes: list[Change], text: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_messages(changed(MESSAGES, *changes))
    assert text in caught.value.message
    answer = AnthropicMessages().error(caught.value)
    body = json.loads(answer.body)
    assert answer.status == (404 if text.startswith("model: ") else 400)
    assert (body["type"], set(body["error"])) == ("error", {"type", "message"})
    assert body["error"]["type"] == ("not_found_error" if answer.status == 404 else "invalid_request_error")


def test_anthropic_of_the_newest_version_has_no_sampling_parameters() -> None:
    body = changed(MESSAGES, ("temperature", 1))
    assert check_messages(body) is body
    with pytest.raises(Refusal, match="temperature: Extra inputs are not permitted"):
        check_messages(body, version=NEWEST_VERSION)


def test_anthropic_meets_any_broken_request_with_a_refusal_or_takes_it() -> None:
    refused = 0
    for body in broken_everywhere(MESSAGES):
        try:
            check_messages(body)
        except Refusal:
            refused += 1
    assert refused > 100
