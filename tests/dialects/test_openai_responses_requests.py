"""What OpenAI is sent for the settings and tools of other dialects."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.openai_responses import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.request import (
    FunctionTool,
    OutputFormat,
    ProviderTool,
    Reasoning,
    Request,
    ToolChoice,
)
from providers.spec.values import Form, Json, JsonObject
from tests.dialects.openai_responses_building import SCHEMA, TOOL, USER, paths, sent
from tests.dialects.openai_responses_support import target

# ---- of our own accord


def test_nothing_is_stored_and_reasoning_comes_back_sealed() -> None:
    """REASON-14."""
    body, report = sent()
    assert (body["store"], body["include"]) == (False, ["reasoning.encrypted_content"])
    assert report.adjustments == []


def test_models_without_reasoning_are_not_asked_for_it() -> None:
    body, _ = sent(model="gpt-4o")
    assert (body["store"], "include" in body) == (False, False)


def test_what_the_caller_says_about_storing_stands() -> None:
    body, _ = sent(ext={"openai-chat": {"store": True}})
    assert (body["store"], "include" in body) == (True, False)


def test_fields_that_chat_has_under_the_same_name_are_kept_and_others_reported() -> None:
    ext: dict[str, JsonObject] = {
        "openai-chat": {"metadata": {"a": "b"}, "verbosity": "low", "logit_bias": {}, "stream_options": {}},
        "anthropic-messages": {"container": "x"},
    }
    body, report = sent(ext=ext)
    assert (body["metadata"], body["text"]) == ({"a": "b"}, {"verbosity": "low"})
    assert paths(report) == [("container", "dropped"), ("logit_bias", "dropped")]


def test_limits_below_openais_are_raised_to_it() -> None:
    """PARAM-02."""
    body, report = sent(max_output_tokens=5)
    assert body["max_output_tokens"] == 16
    assert paths(report) == [("max_output_tokens", "mapped")]


def test_sampling_is_left_out_where_the_model_has_it_fixed() -> None:
    """PARAM-03."""
    body, report = sent(temperature=0.2, top_p=1)
    assert ("temperature" in body, body["top_p"]) == (False, 1)
    assert paths(report) == [("temperature", "dropped")]
    body, report = sent(model="gpt-4.1", temperature=0.2)
    assert (body["temperature"], report.adjustments) == (0.2, [])


def test_parameters_without_a_word_here_are_reported() -> None:
    _, report = sent(stop=("x",), seed=1, top_k=3)
    assert paths(report) == [("top_k", "dropped"), ("seed", "dropped"), ("stop", "dropped")]


def test_several_answers_are_refused() -> None:
    with pytest.raises(UnsupportedError):
        sent(candidates=2)


@pytest.mark.parametrize(
    ("reasoning", "expected"),
    [
        (Reasoning(effort="high", show="summarized"), {"effort": "high", "summary": "auto"}),
        (Reasoning(enabled=False), {"effort": "none"}),
        (Reasoning(enabled=True, budget_tokens=5000), {"effort": "medium"}),
        (Reasoning(enabled=True, budget_tokens=90_000, show="omitted"), {"effort": "xhigh"}),
        (Reasoning(enabled=True, adaptive=True), None),
    ],
)
def test_reasoning_of_other_dialects_becomes_an_effort(reasoning: Reasoning, expected: JsonObject | None) -> None:
    assert sent(reasoning=reasoning)[0].get("reasoning") == expected


def test_output_schemas_get_the_name_openai_wants() -> None:
    body, _ = sent(output=OutputFormat(kind="json_schema", schema=SCHEMA))
    assert body["text"] == {"format": {"type": "json_schema", "name": "output", "schema": SCHEMA}}
    assert sent(output=OutputFormat(kind="json"))[0]["text"] == {"format": {"type": "json_object"}}
    with pytest.raises(InvalidRequestError, match="schema is required"):
        sent(output=OutputFormat(kind="json_schema"))


# ---- tools


def test_tools_that_did_not_ask_for_strict_say_so() -> None:
    """SCHEMA-13."""
    body, report = sent()
    assert body["tools"] == [{"type": "function", "name": "look", "parameters": SCHEMA, "strict": False}]
    assert report.adjustments == []


def test_strict_is_kept_where_the_schema_fits_and_given_up_with_a_report_where_not() -> None:
    """SCHEMA-14."""
    closed: JsonObject = {**SCHEMA, "required": ["city"], "additionalProperties": False}
    body, report = sent(tools=(FunctionTool(name="a", schema=closed, strict=True),))
    assert (body["tools"][0]["strict"], report.adjustments) == (True, [])
    nested: JsonObject = {**closed, "properties": {"city": {"type": "object"}}}
    body, report = sent(tools=(FunctionTool(name="a", schema=nested, strict=True),))
    assert body["tools"][0]["strict"] is False
    assert paths(report) == [("tools[0].strict", "downgraded")]


def test_strict_of_openais_own_chat_is_openais_to_judge() -> None:
    """SCHEMA-13."""
    report = Report()
    tool = FunctionTool(name="a", schema=SCHEMA, strict=True, form=Form(dialect="openai-chat"))
    body = DIALECT.encode_request(Request(messages=(USER,), tools=(tool,)), target(), report).body
    assert isinstance(body["tools"], list)
    assert isinstance(body["tools"][0], dict)
    assert (body["tools"][0]["strict"], report.adjustments) == (True, [])


@pytest.mark.parametrize("schema", [None, {}, True, {"type": "object"}, {"properties": {}}])
def test_tools_without_parameters_get_an_empty_object(schema: Any) -> None:
    """SCHEMA-09."""
    parameters = sent(tools=(FunctionTool(name="a", schema=schema),))[0]["tools"][0]["parameters"]
    assert parameters["type"] == "object"


def test_arrays_without_items_get_permissive_ones() -> None:
    """SCHEMA-10."""
    schema: JsonObject = {"type": "object", "properties": {"x": {"type": "array"}}}
    body, report = sent(tools=(FunctionTool(name="a", schema=schema),))
    assert body["tools"][0]["parameters"]["properties"]["x"] == {"type": "array", "items": {}}
    assert paths(report) == [("tools[0].parameters", "mapped")]


def test_free_text_tools_keep_their_grammar_flat() -> None:
    """SCHEMA-20."""
    inner: JsonObject = {"syntax": "lark", "definition": "start: X"}
    tool = FunctionTool(name="note", kind="custom", grammar={"type": "grammar", "grammar": inner})
    body, _ = sent(tools=(tool,), tool_choice=ToolChoice(mode="required", names=("note",)))
    assert body["tools"] == [{"type": "custom", "name": "note", "format": {"type": "grammar", **inner}}]
    assert body["tool_choice"] == {"type": "custom", "name": "note"}


def test_tools_of_other_providers_are_refused_by_name() -> None:
    """SERVER-04."""
    tool = ProviderTool(dialect="anthropic-messages", type="web_search_20250305", value={})
    with pytest.raises(UnsupportedError, match="web_search_20250305"):
        sent(tools=(tool,))


OTHER = FunctionTool(name="other", schema=SCHEMA)


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(mode="auto"), "auto"),
        (ToolChoice(mode="none"), "none"),
        (ToolChoice(mode="required"), "required"),
        (ToolChoice(mode="required", names=("look",)), {"type": "function", "name": "look"}),
        (
            ToolChoice(mode="required", names=("look", "other")),
            {
                "type": "allowed_tools",
                "mode": "required",
                "tools": [{"type": "function", "name": "look"}, {"type": "function", "name": "other"}],
            },
        ),
        (
            ToolChoice(mode="auto", names=("other",)),
            {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": "other"}]},
        ),
        (ToolChoice(parallel=False), None),
    ],
)
def test_every_choice_has_its_word(choice: ToolChoice, expected: Json) -> None:
    """CHOICE-01, CHOICE-09."""
    body, report = sent(tools=(TOOL, OTHER), tool_choice=choice)
    assert body.get("tool_choice") == expected
    assert body.get("parallel_tool_calls") == choice.parallel
    assert report.adjustments == []


def test_choices_without_tools_are_left_out_and_forced_ones_refused() -> None:
    """CHOICE-07, CHOICE-08."""
    body, report = sent(tools=(), tool_choice=ToolChoice(mode="auto", parallel=True))
    assert not {"tools", "tool_choice", "parallel_tool_calls"} & set(body)
    assert paths(report) == [("tool_choice", "dropped"), ("parallel_tool_calls", "dropped")]
    with pytest.raises(InvalidRequestError):
        sent(tools=(), tool_choice=ToolChoice(mode="required"))
    with pytest.raises(InvalidRequestError, match="no tool 'x'"):
        sent(tool_choice=ToolChoice(mode="required", names=("x",)))
