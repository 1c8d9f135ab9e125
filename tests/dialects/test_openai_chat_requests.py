"""What a chat client's request keeps on its way to a host of the same dialect, and what is refused."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.dialects import DIALECTS
from providers.dialects.openai_chat import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import ToolResultPart
from providers.spec.profile import Profile, Target
from providers.spec.request import Message
from providers.wire.json import loads_object
from tests.dialects.openai_chat_building import FUNCTION, answered, body_of, called, passed_on, paths
from tests.dialects.openai_chat_support import NAME, REQUESTS, request_body, target
from tests.exact import assert_exact
from tests.traffic import needs_traffic

# ---- whatever a caller adds


def objects_in(value: Any) -> Iterator[dict[str, Any]]:
    """Every object of a body, schemas included."""
    if isinstance(value, dict):
        yield value
    for member in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from objects_in(member)


ADDED: list[tuple[str, Any]] = [("x_new", {"a": [1]}), ("x_null", None), ("x_list", []), ("name", None), ("x", "s")]


@needs_traffic
@settings(max_examples=300, deadline=None)
@given(data=st.data())
def test_a_field_added_anywhere_to_a_recorded_request_is_carried_in_its_place(data: st.DataObject) -> None:
    body: Any = request_body(data.draw(st.sampled_from(REQUESTS)))
    places = list(objects_in(body))
    place = places[data.draw(st.integers(0, len(places) - 1))]
    key, value = data.draw(st.sampled_from([added for added in ADDED if added[0] not in place] or [("x_more", 1)]))
    items = list(place.items())
    items.insert(data.draw(st.integers(0, len(items))), (key, value))
    place.clear()
    place.update(items)
    expected, report = copy.deepcopy(body), Report()
    request = DIALECT.decode_request(body)
    assert_exact(DIALECT.encode_request(request, target(request.model), report).body, expected)
    assert report.adjustments == []


# ---- what only looks as if it said something

DUMPED: dict[str, Any] = {
    "content": None,
    "refusal": None,
    "role": "assistant",
    "annotations": [],
    "audio": None,
    "function_call": None,
    "tool_calls": [{**called(), "index": 0}],
}
"""An answer as the official client dumps it, with every field it knows."""

NOTHING: dict[str, Any] = {
    "store": False,
    "logprobs": False,
    "top_logprobs": None,
    "presence_penalty": 0,
    "frequency_penalty": 0.0,
    "logit_bias": {},
    "metadata": {},
    "modalities": ["text"],
    "service_tier": "auto",
    "user": None,
    "stream_options": None,
}


def dumped_conversation(**fields: Any) -> dict[str, Any]:
    messages = [{"role": "user", "content": "hi"}, DUMPED, answered(name="look")]
    return body_of(messages=messages, tools=[FUNCTION], **fields)


def test_an_unknown_host_gets_what_the_caller_wrote_to_the_letter() -> None:
    body = dumped_conversation(**NOTHING)
    out, report = passed_on(body)
    assert_exact(out, loads_object(json.dumps(body)))
    assert report.adjustments == []


def test_a_known_host_gets_no_field_that_says_nothing() -> None:
    """Strict hosts refuse unknown fields of a message even where they are null."""
    out: Any = passed_on(dumped_conversation(), Profile(carriers=()))[0]
    assert out["messages"][1] == {"content": None, "role": "assistant", "tool_calls": [called()]}


@pytest.mark.parametrize("dialect", [name for name in DIALECTS if name != NAME])
def test_defaults_and_nulls_are_no_loss_in_another_dialect(dialect: str) -> None:
    report = Report()
    request = DIALECT.decode_request(loads_object(json.dumps(dumped_conversation(max_tokens=9999, **NOTHING))))
    where = Target(provider="p", model="gemini-2.5-pro", dialect=dialect, scope="s")
    DIALECTS[dialect].encode_request(request, where, report)
    assert report.adjustments == []


def test_other_values_of_the_same_fields_are_a_loss() -> None:
    report = Report()
    request = DIALECT.decode_request(loads_object(json.dumps(body_of(max_tokens=99, store=True, logprobs=True))))
    where = Target(provider="p", model="c", dialect="anthropic-messages", scope="s")
    DIALECTS["anthropic-messages"].encode_request(request, where, report)
    assert paths(report) == [("store", "dropped"), ("logprobs", "dropped")]


# ---- limits


@pytest.mark.parametrize("spelled", ["max_tokens", "max_completion_tokens"])
@pytest.mark.parametrize("wanted", ["max_tokens", "max_completion_tokens", None])
def test_the_limit_is_sent_under_the_hosts_own_name(spelled: str, wanted: Any) -> None:
    """PARAM-02: and as the caller wrote it where the host's is not known."""
    out, report = passed_on(body_of(**{spelled: 5}), Profile(max_tokens_field=wanted))
    assert {key: out[key] for key in out if key.startswith("max_")} == {wanted or spelled: 5}
    assert paths(report) == ([] if wanted in {None, spelled} else [(spelled, "mapped")])


def test_of_two_limits_a_host_with_one_gets_one() -> None:
    both = body_of(max_tokens=7, max_completion_tokens=5)
    assert passed_on(both)[0] == both
    out, report = passed_on(both, Profile(max_tokens_field="max_completion_tokens"))
    assert {key: out[key] for key in out if key.startswith("max_")} == {"max_completion_tokens": 5}
    assert paths(report) == [("max_tokens", "dropped")]


# ---- roles


def test_every_role_is_read() -> None:
    """HIST-10, HIST-11, HIST-23."""
    body = body_of(
        messages=[
            {"role": "system", "content": "a", "name": "boss"},
            {"role": "developer", "content": [{"type": "text", "text": "b"}]},
            {"role": "user", "content": "c"},
            {"role": "assistant", "content": None, "tool_calls": [called()]},
            answered(content=[{"type": "text", "text": "d"}], name="look"),
            {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
            {"role": "function", "name": "look", "content": "e"},
        ],
        tools=[FUNCTION],
    )
    messages: tuple[Message, ...] = DIALECT.decode_request(loads_object(json.dumps(body))).messages
    assert [message.role for message in messages] == [
        "system", "developer", "user", "assistant", "tool", "assistant", "tool",
    ]  # fmt: skip
    results = [part for message in messages for part in message.parts if isinstance(part, ToolResultPart)]
    assert [(part.call_id, part.name) for part in results] == [("call_1", "look"), ("", "look")]
    out, report = passed_on(body)
    assert (out, report.adjustments) == (body, [])


@pytest.mark.parametrize(
    ("fields", "path"),
    [
        ({"messages": 1}, "messages"),
        ({"messages": [{"content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "king", "content": "x"}]}, "messages[0].role"),
        ({"messages": [{"role": "user", "content": 1}]}, "messages[0].content"),
        ({"messages": [{"role": "user", "content": [1]}]}, "messages[0].content[0]"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url"}]}]}, "messages[0].content[0].image_url"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"messages": [{"role": "function", "content": "x"}]}, "messages[0].name"),
        ({"messages": [{"role": "assistant", "tool_calls": {}}]}, "messages[0].tool_calls"),
        ({"messages": [{"role": "assistant", "tool_calls": [{}]}]}, "messages[0].tool_calls[0].function"),
        (
            {"messages": [{"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": 1}}]}]},
            "messages[0].tool_calls[0].function.arguments",
        ),
        ({"stop": 1}, "stop"),
        ({"stop": ["a", 1]}, "stop[1]"),
        ({"stream": 1}, "stream"),
        ({"n": "two"}, "n"),
        ({"max_tokens": 1.5}, "max_tokens"),
        ({"stream_options": []}, "stream_options"),
        ({"stream_options": {"include_usage": "yes"}}, "stream_options.include_usage"),
        ({"response_format": {"type": "xml"}}, "response_format.type"),
        ({"response_format": {"type": "json_schema"}}, "response_format.json_schema"),
        ({"reasoning_effort": 3}, "reasoning_effort"),
        ({"tools": [{"type": "function"}]}, "tools[0].function"),
        ({"tools": [{"type": "function", "function": {"name": 1}}]}, "tools[0].function.name"),
        ({"tools": [{"type": "function", "function": {"name": "f", "parameters": 1}}]}, "tools[0].function.parameters"),
        ({"tools": [{"type": "custom"}]}, "tools[0].custom"),
        ({"tools": [FUNCTION], "tool_choice": "maybe"}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": 1}, "tool_choice"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "function"}}, "tool_choice.name"),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "allowed_tools": {"mode": "none"}}},
            "tool_choice.allowed_tools.mode",
        ),
        (
            {"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": []}},
            "tool_choice.tools",
        ),
        ({"parallel_tool_calls": "no"}, "parallel_tool_calls"),
    ],
)  # fmt: skip
def test_a_wrong_type_is_refused_with_its_path(fields: dict[str, Any], path: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        DIALECT.decode_request(loads_object(json.dumps(body_of(**fields))))
    assert caught.value.path == path
    assert path in caught.value.message


# ---- options


@pytest.mark.parametrize(
    "fields",
    [
        {"stop": "END"},
        {"stop": ["a", "b"]},
        {"stream": True, "stream_options": {"include_usage": True, "include_obfuscation": False}},
        {"response_format": {"type": "text"}},
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_schema", "json_schema": {"strict": True, "name": "n", "schema": {}}}},
        {"reasoning_effort": "none"},
        {"reasoning_effort": "minimal"},
        {"reasoning": {"max_tokens": 5, "exclude": True}},
        {"reasoning": {"enabled": False}},
        {"thinking": {"type": "disabled"}},
        {"n": 2, "seed": 7, "top_k": 3, "verbosity": "low", "prediction": {"type": "content", "content": "x"}},
        {"tools": [], "store": True},
    ],
)
def test_options_of_every_spelling_go_on_as_they_were(fields: dict[str, Any]) -> None:
    out, report = passed_on(body_of(**fields))
    assert (out, report.adjustments) == (body_of(**fields), [])


def test_nothing_is_sent_that_was_not_asked_for() -> None:
    assert passed_on(body_of())[0] == body_of()
