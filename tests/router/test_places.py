"""Every place that an adjustment or a refusal names is one of the caller's own body."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.wire.json import loads_object
from tests.router.pieces import (
    CALL,
    CHAT,
    CHAT_FIELDS,
    CHAT_TOOLS,
    CLAUDE,
    CLAUDE_FIELDS,
    CLAUDE_TOOLS,
    CONFIGURED,
    CONTENTS,
    DECLARED,
    ITEM_FIELDS,
    ITEM_TOOLS,
    ITEMS,
    MADE,
)
from tests.router.placing import TARGETS, Told, wrong
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic


@st.composite
def bodies(draw: st.DrawFn, face: str) -> dict[str, Any]:
    """A request of a face, of any of its pieces in any order."""
    history, turns, tools, fields = MADE[face]
    told = draw(st.lists(st.sampled_from(turns), min_size=1, max_size=5))
    names = draw(st.sets(st.sampled_from(sorted(fields))))
    body: dict[str, Any] = {history: [message for turn in told for message in turn]}
    body |= {name: fields[name] for name in sorted(names)}
    if chosen := draw(st.lists(st.sampled_from(tools), max_size=3)):
        body["tools"] = chosen
    return body


@pytest.mark.parametrize("provider", TARGETS)
@pytest.mark.parametrize("face", MADE)
@settings(max_examples=60, deadline=None)
@given(data=st.data())
def test_every_place_is_one_of_the_body(face: str, provider: str, data: st.DataObject) -> None:
    """Whatever is told of a request: its places can be followed into what was sent."""
    body = data.draw(bodies(face))
    options: dict[str, str] = {}
    if data.draw(st.booleans()):
        options["orphans"] = "repair"
    if data.draw(st.integers(0, 3)) == 0:
        options["on_loss"] = "refuse"
    told = Told(face, body, provider, stripped=data.draw(st.booleans()), **options)
    assert not wrong(told), body


RECORDED = [
    (face, exchange)
    for face, dialect in (
        ("chat", "openai-chat"),
        ("messages", "anthropic-messages"),
        ("responses", "openai-responses"),
        ("gemini", "google-generate-content"),
    )
    for exchange in exchanges(dialect)
    if exchange.request_body_bytes is not None
]


@needs_traffic
@pytest.mark.parametrize(
    ("face", "exchange"), RECORDED, ids=lambda value: value if isinstance(value, str) else exchange_id(value)
)
def test_recorded_requests_have_every_place(face: str, exchange: Exchange) -> None:
    """The same of what real clients sent."""
    assert exchange.request_body_bytes is not None
    body = loads_object(exchange.request_body_bytes)
    options: dict[str, str]
    for provider in TARGETS:
        for options in ({}, {"orphans": "repair"}, {"on_loss": "refuse"}):
            assert not wrong(Told(face, body, provider, stripped=False, **options))


# ---- each feature

CHAT_TURN: list[Any] = [CHAT[1][0], *CHAT[4]]
CLAUDE_TURN: list[Any] = [CLAUDE[0][0], *CLAUDE[4]]
ITEM_TURN: list[Any] = [ITEMS[0][0], *ITEMS[4]]
CONTENT_TURN: list[Any] = [CONTENTS[0][0], *CONTENTS[3]]

PLACES: dict[str, tuple[str, str, dict[str, Any], set[str]]] = {
    "chat's fields": (
        "chat", "responses", {"messages": [CHAT[1][0]], "max_tokens": 5, "stop": "x", "seed": 1},
        {"max_tokens", "stop", "seed"},
    ),
    "the other limit": (
        "chat", "responses", {"messages": [CHAT[1][0]], "max_completion_tokens": 5}, {"max_completion_tokens"},
    ),
    "a chat schema": (
        "chat", "responses", {"messages": [CHAT[1][0]], "response_format": CHAT_FIELDS["response_format"]},
        {"response_format.json_schema.schema"},
    ),
    "a chat caller's budget": (
        "chat", "responses", {"messages": [CHAT[1][0]], "reasoning": {"max_tokens": 2000}}, {"reasoning.max_tokens"},
    ),
    "a chat tool": (
        "chat", "google", {"messages": [CHAT[1][0]], "tools": CHAT_TOOLS[:3]},
        {"tools[0].function.name", "tools[0].function.strict", "tools[1].parameters", "tools[2].custom.format"},
    ),
    "a chat call": (
        "chat", "anthropic", {"messages": CHAT_TURN, "tools": CHAT_TOOLS[:1]},
        {
            "messages[1].tool_calls[0].function.name", "messages[1].tool_calls[0].function.arguments",
            "messages[1].tool_calls[0].id", "messages[1].reasoning_content", "messages[2].content[1]",
        },
    ),
    "a mark on a message": ("chat", "mistral", {"messages": [CHAT[1][0]]}, {"messages[0].cache_control"}),
    "Messages' fields": (
        "messages", "responses",
        {"messages": [CLAUDE[0][0]], "max_tokens": 5, "stop_sequences": ["x"], "top_k": 3, "stop": "unknown"},
        {"max_tokens", "stop_sequences", "top_k", "stop"},
    ),
    "thinking": (
        "messages", "responses", {"messages": [CLAUDE[0][0]], "thinking": CLAUDE_FIELDS["thinking"]},
        {"thinking.budget_tokens"},
    ),
    "a Messages effort": (
        "messages", "google", {"messages": [CLAUDE[0][0]], "output_config": CLAUDE_FIELDS["output_config"]},
        {"output_config.effort"},
    ),
    "a Messages tool": (
        "messages", "google", {"messages": [CLAUDE[0][0]], "tools": CLAUDE_TOOLS[:2]},
        {"tools[0].name", "tools[0].strict", "tools[1].input_schema", "tools[1].cache_control"},
    ),
    "no parallel calls": (
        "messages", "google",
        {"messages": [CLAUDE[0][0]], "tools": [{"name": "a"}], "tool_choice": CLAUDE_FIELDS["tool_choice"]},
        {"tool_choice.disable_parallel_tool_use"},
    ),
    "a Messages turn behind a system text": (
        "messages", "responses", {"system": "Be brief.", "messages": CLAUDE_TURN, "tools": CLAUDE_TOOLS[:1]},
        {
            "messages[1].content[0]", "messages[1].content[2].id", "messages[1].content[2].name",
            "messages[1].content[2].x", "messages[2].content[0].is_error", "messages[2].content[0].content[1]",
            "messages[2].content[1].y",
        },
    ),
    "a block of the system's": (
        "messages", "responses",
        {"system": [{"type": "text", "text": "a"}, {"type": "text", "text": "b", "z": 1}], "messages": [CLAUDE[0][0]]},
        {"system[1].z"},
    ),
    "Responses' fields": (
        "responses", "anthropic",
        {"input": "hi", "max_output_tokens": 5, "temperature": 1.5, "truncation": "auto", "stop": "unknown"},
        {"temperature", "truncation", "stop"},
    ),
    "a Responses schema": (
        "responses", "anthropic", {"input": "hi", "text": ITEM_FIELDS["text"]},
        {"text.format.schema", "text", "max_output_tokens"},
    ),
    "a Responses effort": (
        "responses", "anthropic", {"input": "hi", "max_output_tokens": 9000, "reasoning": {"effort": "high"}},
        {"reasoning.effort"},
    ),
    "items of a Responses turn": (
        "responses", "anthropic", {"instructions": "Be brief.", "input": ITEM_TURN, "tools": ITEM_TOOLS[:1]},
        {"input[1]", "input[3].name", "input[3].arguments", "input[3].call_id", "tools[0].strict"},
    ),
    "a part of a Responses message": (
        "responses", "google", {"input": [*ITEMS[0], *ITEMS[1]]}, {"input[1].content[1]", "input[1].z"},
    ),
    "Gemini's fields": (
        "gemini", "responses", {"contents": CONTENTS[0], "generationConfig": {"topK": 3, "stopSequences": ["x"]}},
        {"generationConfig.topK", "generationConfig.stopSequences"},
    ),
    "Gemini's fields in the other spelling": (
        "gemini", "responses", {"contents": CONTENTS[0], "generation_config": CONFIGURED["generation_config"]},
        {"generation_config.top_k", "generation_config.seed", "generation_config.presence_penalty"},
    ),
    "a Gemini budget": (
        "gemini", "responses",
        {"contents": CONTENTS[0], "generation_config": {"thinkingConfig": {"thinking_budget": 2000}}},
        {"generation_config.thinkingConfig.thinking_budget"},
    ),
    "a limit that Gemini's caller did not give": (
        "gemini", "anthropic", {"contents": CONTENTS[0], "generation_config": {"top_k": 3}},
        {"generation_config.maxOutputTokens"},
    ),
    "a limit that nobody gave": ("chat", "anthropic", {"messages": [CHAT[1][0]]}, {"max_completion_tokens"}),
    "a Gemini tool": (
        "gemini", "openai", {"contents": CONTENTS[0], "tools": DECLARED[:2]},
        {
            "tools[0].functionDeclarations[1].name", "tools[1].function_declarations[0].behavior",
            "tools[1].function_declarations[0].parameters_json_schema",
        },
    ),
    "a Gemini turn behind an instruction": (
        "gemini", "anthropic",
        {
            "system_instruction": {"parts": [{"text": "a"}, {"text": "b", "x": 1}]},
            "contents": CONTENT_TURN, "tools": DECLARED[:1],
        },
        {
            "system_instruction.parts[1].x", "contents[0].parts[1].x", "contents[1].parts[1].functionCall.name",
            "contents[1].parts[1].functionCall.id", "contents[1].parts[1].thought_signature",
            "contents[2].parts[0].functionResponse.name", "generationConfig.maxOutputTokens",
        },
    ),
    "a Gemini result's picture": (
        "gemini", "openai", {"contents": CONTENT_TURN, "tools": DECLARED[:1]},
        {"contents[2].parts[0].functionResponse.parts[0]", "contents[2].parts[0].functionResponse.response"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("face", "provider", "body", "places"), PLACES.values(), ids=PLACES)
def test_places_of_each_feature(face: str, provider: str, body: dict[str, Any], places: set[str]) -> None:
    """Exactly where the caller wrote it."""
    told = Told(face, body, provider)
    assert told.error is None
    assert places <= set(told.places), sorted(set(told.places))


REFUSED: dict[str, tuple[str, str, dict[str, Any], str]] = {
    "a call of a Responses turn": ("responses", "anthropic", {"input": [*ITEMS[0], ITEMS[4][1], CALL]}, "input[2]"),
    "a result without call": ("messages", "openai", {"system": "x", "messages": CLAUDE[7]}, "messages[0].content[0]"),
    "a Gemini file": (
        "gemini", "anthropic", {"contents": [*CONTENTS[0], *CONTENTS[2]]}, "contents[1].parts[0]",
    ),
    "a server tool": ("gemini", "openai", {"contents": CONTENTS[0], "tools": DECLARED[2:]}, "tools[0].googleSearch"),
    "several answers": (
        "gemini", "anthropic", {"contents": CONTENTS[0], "generationConfig": {"candidateCount": 2}},
        "generationConfig.candidateCount",
    ),
    "a choice of nothing": (
        "gemini", "anthropic",
        {
            "contents": CONTENTS[0], "tools": [{"functionDeclarations": [{"name": "b"}]}],
            "tool_config": {"function_calling_config": {"mode": "ANY", "allowed_function_names": ["c"]}},
        },
        "tool_config.function_calling_config",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("face", "provider", "body", "place"), REFUSED.values(), ids=REFUSED)
def test_places_of_refusals(face: str, provider: str, body: dict[str, Any], place: str) -> None:
    """In the error, and first in its message."""
    error = Told(face, body, provider).error
    assert error is not None
    assert (error.path, error.message.startswith(f"{place}: ")) == (place, True), error.message


def test_a_refused_loss_names_the_callers_place() -> None:
    """In path and message."""
    body = {"contents": [{"parts": [{"text": "hi"}]}], "generationConfig": {"topK": 3}}
    error = Told("gemini", body, "openai", on_loss="refuse").error
    assert error is not None
    assert error.path == "generationConfig.topK"
    assert "cannot take generationConfig.topK: " in error.message


def test_places_behind_what_was_mended() -> None:
    """HIST-07: a result that was put in moves none of what stands behind it."""
    call = {**CALL, "call_id": "c9", "name": "b", "arguments": "{}"}
    told = Told(
        "responses", {"input": [*ITEMS[0], call, *ITEMS[0], CALL, *ITEMS[4][3:]]}, "anthropic", orphans="repair"
    )
    assert {"input[1]", "input[3].arguments", "input[3].call_id"} <= set(told.places)


def test_places_behind_state_that_is_not_sent_again() -> None:
    """REASON-10: a thought that was left out moves none of its neighbours."""
    told = Told("messages", {"messages": [CLAUDE[0][0], CLAUDE[5][0], *CLAUDE_TURN]}, "responses", stripped=True)
    assert {"messages[3].content[2].id", "messages[4].content[1].y"} <= set(told.places)


def test_turns_that_became_one_keep_their_places() -> None:
    """HIST-04: towards chat neighbouring turns of the model are one."""
    turn = {"role": "assistant", "content": [{"type": "text", "text": "a"}, {"type": "odd"}]}
    told = Told("messages", {"messages": [CLAUDE[0][0], turn, turn, *CLAUDE[4]], "tools": CLAUDE_TOOLS[:1]}, "openai")
    assert {"messages[1].content[1]", "messages[2].content[1]", "messages[3].content[2].id"} <= set(told.places)


def test_keys_that_look_like_paths_are_keys() -> None:
    """A member's name is followed whole."""
    told = Told("messages", {"messages": [{"role": "user", "content": "hi", "a.b[0]": 1}], "x.y": {"z": 1}}, "openai")
    assert {"messages[0].a.b[0]", "x.y"} <= set(told.places)
