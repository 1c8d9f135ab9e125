"""Each strict rule of the OpenAI fake: a request that breaks just it is refused, in the provider's error shape."""

from __future__ import annotations

import json

import pytest

from tests.fakes.changes import GONE, SCHEMA, Body, Change, broken_everywhere, changed
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_profiles import PROFILES
from tests.fakes.openai_rules import check_chat
from tests.fakes.refusal import Refusal

CHAT: Body = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Weather?"},
        {
            "role": "assistant",
            "tool_calls": [
                {
                    "id": "call_1",
                    "type": "function",
                    "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
                }
            ],
        },
        {"role": "tool", "tool_call_id": "call_1", "content": "18"},
    ],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": SCHEMA}}],
}
CALL = "messages.2.tool_calls.0"
FUNCTION = "tools.0.function"
NO_TOOLS: Change = ("tools", GONE)

CHAT_CASES: dict[str, tuple[list[Change], str]] = {
    "unknown top-level field": ([("foo", 1)], "Unknown parameter: 'foo'."),
    "unknown field of a message": ([("messages.2.reasoning_content", "")], "'messages[2].reasoning_content'"),
    "unknown field of a call": ([(f"{CALL}.extra_content", {})], "'messages[2].tool_calls[0].extra_content'"),
    "no model": ([("model", GONE)], "Missing required parameter: 'model'."),
    "no messages": ([("messages", [])], "Invalid 'messages': empty array."),
    "unknown model": ([("model", "gpd-4o")], "The model `gpd-4o` does not exist"),
    "wrong type": ([("temperature", "hot")], "Invalid type for 'temperature'"),
    "whole number as true": ([("max_tokens", True)], "Invalid type for 'max_tokens'"),
    "temperature too high": ([("temperature", 2.5)], "Expected a value <= 2, but got 2.5 instead."),
    "unknown role": ([("messages.1.role", "human")], "Invalid value: 'human'."),
    "user says null": ([("messages.1.content", None)], "Invalid type for 'messages[1].content'"),
    "image in a tool result": (
        [("messages.3.content", [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])],
        "Invalid value: 'image_url'.",
    ),
    "empty tools": ([("tools", [])], "Invalid 'tools': empty array."),
    "empty tool_calls": ([("messages.2.tool_calls", []), ("messages.3", GONE)], "Invalid 'messages[2].tool_calls'"),
    "too many tools": ([("tools", CHAT["tools"] * 129)], "Invalid 'tools': array too long."),
    "tool_choice without tools": ([NO_TOOLS, ("tool_choice", "auto")], "only allowed when 'tools' are specified"),
    "parallel_tool_calls without tools": ([NO_TOOLS, ("parallel_tool_calls", False)], "'parallel_tool_calls' is only"),
    "choice of a tool that is not there": (
        [("tool_choice", {"type": "function", "function": {"name": "other"}})],
        "Tool choice 'other' not found in 'tools' parameter.",
    ),
    "choice any": ([("tool_choice", "any")], "Invalid value: 'any'."),
    "tool name with a dot": ([(f"{FUNCTION}.name", "get.weather")], "string does not match pattern"),
    "tool name too long": (
        [(f"{FUNCTION}.name", "a" * 65)],
        "string too long. Expected a string with maximum length 64",
    ),
    "call name with a dot": ([(f"{CALL}.function.name", "get.weather")], "'messages[2].tool_calls[0].function.name'"),
    "call id too long": (
        [(f"{CALL}.id", "c" * 41), ("messages.3.tool_call_id", "c" * 41)],
        "Expected a string with maximum length 40, but got a string with length 41",
    ),
    "arguments as an object": ([(f"{CALL}.function.arguments", {})], "'messages[2].tool_calls[0].function.arguments'"),
    "schema root is no object": ([(f"{FUNCTION}.parameters", {"type": "string"})], "got 'type: \"string\"'"),
    "schema root with anyOf": ([(f"{FUNCTION}.parameters.anyOf", [{}])], "at the top level"),
    "array without items": ([(f"{FUNCTION}.parameters.properties.city", {"type": "array"})], "missing items"),
    "strict without closing": ([(f"{FUNCTION}.strict", True)], "'additionalProperties' is required"),
    "strict with an optional property": (
        [
            (f"{FUNCTION}.strict", True),
            (f"{FUNCTION}.parameters.additionalProperties", False),
            (f"{FUNCTION}.parameters.required", []),
        ],
        "Missing 'city'.",
    ),
    "call without result at the end": ([("messages.3", GONE)], "did not have response messages: call_1"),
    "call without result before a user": (
        [("messages.3", {"role": "user", "content": "and?"})],
        "did not have response messages: call_1",
    ),
    "orphan result": ([("messages.2", GONE)], "must be a response to a preceeding message with 'tool_calls'"),
    "result of an unknown call": ([("messages.3.tool_call_id", "call_2")], "'tool_call_id' of 'call_2' not found"),
    "result given twice": ([("messages.4", CHAT["messages"][3])], "'tool_call_id' of 'call_1' not found"),
    "assistant says nothing": ([("messages.4", {"role": "assistant"})], "expected a string, got null"),
    "stream_options without stream": ([("stream_options", {"include_usage": True})], "only allowed when 'stream'"),
    "max_tokens on a reasoning model": (
        [("model", "gpt-5"), ("max_tokens", 9)],
        "Use 'max_completion_tokens' instead.",
    ),
    "temperature on a reasoning model": (
        [("model", "o3"), ("temperature", 0)],
        "Only the default (1) value is supported.",
    ),
    "stop on a reasoning model": ([("model", "o3"), ("stop", "x")], "'stop' is not supported with this model."),
    "effort on another model": (
        [("reasoning_effort", "low")],
        "Unrecognized request argument supplied: reasoning_effort",
    ),
    "effort with tools": ([("model", "gpt-5.4"), ("reasoning_effort", "low")], "Please use /v1/responses instead."),
}


def test_openai_takes_the_request_that_breaks_no_rule() -> None:
    assert check_chat(CHAT) is CHAT


@pytest.mark.parametrize(("changes", "text"), CHAT_CASES.values(), ids=CHAT_CASES)
def test_openai_refuses(changes: list[Change], text: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_chat(changed(CHAT, *changes))
    assert text in caught.value.message
    answer = OpenAIChat().error(caught.value)
    assert answer.status == (404 if "does not exist" in text else 400)
    assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}
    assert json.loads(answer.body)["error"]["type"] == "invalid_request_error"


HOST_CASES: dict[str, tuple[str, str, list[Change], str]] = {
    "groq: reasoning_content (REASON-21)": (
        "groq",
        "llama-3.3-70b-versatile",
        [("messages.2.reasoning_content", "")],
        "property 'messages[2].reasoning_content' is unsupported",
    ),
    "mistral: call id (ID-04)": ("mistral", "mistral-large-latest", [], "with a length of 9"),
    "deepseek: reasoning_content missing (REASON-18)": ("deepseek", "deepseek-v4-flash", [], "must be passed back"),
    "deepseek: forced choice while thinking (CHOICE-04)": (
        "deepseek",
        "deepseek-v4-flash",
        [("messages.2.reasoning_content", ""), ("tool_choice", "required")],
        "Thinking mode does not support this tool_choice",
    ),
    "deepseek: images": (
        "deepseek",
        "deepseek-chat",
        [("messages.1.content", [{"type": "image_url", "image_url": {"url": "https://example.com/a.png"}}])],
        "Invalid value: 'image_url'.",
    ),
}


@pytest.mark.parametrize(("host", "model", "changes", "text"), HOST_CASES.values(), ids=HOST_CASES)
def test_hosts_refuse(host: str, model: str, changes: list[Change], text: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_chat(changed(CHAT, ("model", model), *changes), PROFILES[host])
    assert text in caught.value.message


@pytest.mark.parametrize(
    ("host", "changes"),
    [
        ("groq", [("model", "llama-3.3-70b-versatile")]),
        (
            "mistral",
            [("model", "mistral-large-latest"), (f"{CALL}.id", "abcdefgh1"), ("messages.3.tool_call_id", "abcdefgh1")],
        ),
        ("deepseek", [("model", "deepseek-v4-flash"), ("messages.2.reasoning_content", "")]),
        ("deepseek", [("model", "deepseek-v4-flash"), ("thinking", {"type": "disabled"})]),
    ],
)
def test_hosts_take_what_breaks_none_of_their_rules(host: str, changes: list[Change]) -> None:
    body = changed(CHAT, *changes)
    assert check_chat(body, PROFILES[host]) is body


@pytest.mark.parametrize("host", PROFILES)
def test_openai_meets_any_broken_request_with_a_refusal_or_takes_it(host: str) -> None:
    refused = 0
    for body in broken_everywhere(CHAT):
        try:
            check_chat(body, PROFILES[host])
        except Refusal:
            refused += 1
    assert refused > 100
