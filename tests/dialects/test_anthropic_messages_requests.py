"""What Anthropic is sent for the settings, tools, choices and reasoning of other dialects."""

from __future__ import annotations

from typing import Any

import pytest

from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.parts import ReasoningPart
from providers.spec.request import FunctionTool, OutputFormat, ProviderTool, Reasoning, ToolChoice
from providers.spec.values import Json, JsonObject
from tests.dialects.anthropic_messages_building import (
    ADAPTIVE,
    MODEL,
    NEWEST,
    SCHEMA,
    TOOL,
    USER,
    call,
    paths,
    result,
    sent,
    signature,
    turn,
)

# ---- settings


def test_a_limit_is_sent_where_the_caller_gave_none() -> None:
    """PARAM-02: Anthropic requires one, and that there is one now is reported."""
    body, report = sent(max_output_tokens=None)
    assert body["max_tokens"] == 16384
    assert paths(report) == [("max_tokens", "mapped")]
    assert sent(max_output_tokens=7)[0]["max_tokens"] == 7


def test_what_was_not_said_is_not_sent() -> None:
    body, report = sent(tools=None)
    assert body == {
        "model": MODEL,
        "max_tokens": 20_000,
        "messages": [{"role": "user", "content": [{"type": "text", "text": "hi"}]}],
    }
    assert report.adjustments == []


def test_sampling_is_sent_where_it_is_taken() -> None:
    body, report = sent(temperature=0.5, top_k=5, stop=("END",), stream=True)
    assert (body["temperature"], body["top_k"], body["stop_sequences"], body["stream"]) == (0.5, 5, ["END"], True)
    assert report.adjustments == []


def test_a_temperature_beyond_anthropics_scale_is_lowered() -> None:
    """PARAM-03."""
    body, report = sent(temperature=1.7)
    assert body["temperature"] == 1
    assert paths(report) == [("temperature", "downgraded")]


def test_sampling_is_dropped_while_the_model_thinks() -> None:
    """PARAM-03."""
    thinking = Reasoning(budget_tokens=2000)
    body, report = sent(temperature=0.2, top_p=0.5, top_k=5, reasoning=thinking)
    assert not {"temperature", "top_p", "top_k"} & set(body)
    assert paths(report) == [("temperature", "dropped"), ("top_p", "dropped"), ("top_k", "dropped")]
    body, report = sent(temperature=1, top_p=0.97, reasoning=thinking)
    assert (body["temperature"], body["top_p"], report.adjustments) == (1, 0.97, [])


def test_sampling_is_dropped_for_models_that_refuse_it_at_any_value() -> None:
    """PARAM-03."""
    body, report = sent(temperature=1, top_p=1, top_k=1, model=NEWEST)
    assert not {"temperature", "top_p", "top_k"} & set(body)
    assert paths(report) == [("temperature", "dropped"), ("top_p", "dropped"), ("top_k", "dropped")]


def test_parameters_without_a_word_here_are_reported() -> None:
    ext: dict[str, JsonObject] = {"openai-chat": {"logit_bias": {}, "user": "u"}}
    body, report = sent(seed=1, presence_penalty=0.5, frequency_penalty=0.1, ext=ext)
    assert set(body) == {"model", "max_tokens", "messages", "tools"}
    assert paths(report) == [
        *(("logit_bias", "dropped"), ("user", "dropped")),
        *(("seed", "dropped"), ("presence_penalty", "dropped"), ("frequency_penalty", "dropped")),
    ]


def test_several_answers_are_refused() -> None:
    with pytest.raises(UnsupportedError) as caught:
        sent(candidates=2)
    assert caught.value.path == "n"
    sent(candidates=1)


# ---- output


def test_an_output_schema_is_closed() -> None:
    body, report = sent(output=OutputFormat(kind="json_schema", name="out", schema=SCHEMA))
    closed = {**SCHEMA, "additionalProperties": False}
    assert body["output_config"] == {"format": {"type": "json_schema", "schema": closed}}
    assert paths(report) == [("output.schema", "mapped")]


def test_bounds_of_an_output_schema_are_described() -> None:
    """SCHEMA-05: "For 'integer' type, property 'minimum' is not supported"."""
    number: JsonObject = {"type": "integer", "minimum": 1, "maximum": 9, "description": "A digit."}
    texts: JsonObject = {"type": "array", "minItems": 2, "items": {"type": "string", "maxLength": 3}}
    schema: JsonObject = {
        "type": "object",
        "properties": {"n": number, "minimum": {"type": "string"}, "t": texts},
        "additionalProperties": False,
    }
    body, report = sent(output=OutputFormat(kind="json_schema", schema=schema))
    assert body["output_config"]["format"]["schema"]["properties"] == {
        "n": {"type": "integer", "description": 'A digit. ({"minimum":1,"maximum":9})'},
        "minimum": {"type": "string"},
        "t": {
            "type": "array",
            "items": {"type": "string", "description": '({"maxLength":3})'},
            "description": '({"minItems":2})',
        },
    }
    assert paths(report) == [("output.schema", "downgraded")]


def test_a_json_mode_without_a_schema_is_reported() -> None:
    body, report = sent(output=OutputFormat(kind="json"))
    assert "output_config" not in body
    assert paths(report) == [("output", "dropped")]


# ---- tools


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}, True])
def test_a_tool_without_parameters_gets_an_object(schema: Any) -> None:
    """SCHEMA-09."""
    body, _ = sent(tools=(FunctionTool(name="look", schema=schema),))
    assert body["tools"][0]["input_schema"]["type"] == "object"


@pytest.mark.parametrize("word", ["anyOf", "oneOf", "allOf"])
def test_a_union_at_the_root_is_folded_into_one_object(word: str) -> None:
    """SCHEMA-12: the tool stays, its alternatives are described."""
    options: list[Json] = [
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]},
        {"type": "object", "properties": {"b": {"anyOf": [{"type": "string"}, {"type": "null"}]}}, "required": ["b"]},
    ]
    body, report = sent(tools=(FunctionTool(name="look", schema={word: options}),))
    schema = body["tools"][0]["input_schema"]
    assert list(schema["properties"]) == ["a", "b"]
    assert schema["properties"]["b"] == {"anyOf": [{"type": "string"}, {"type": "null"}]}
    assert sorted(schema.get("required", [])) == (["a", "b"] if word == "allOf" else [])
    assert paths(report) == [("tools[0].parameters", "downgraded")]


def test_a_tool_whose_parameters_are_no_object_is_refused_by_name() -> None:
    """SCHEMA-11, SCHEMA-22."""
    with pytest.raises(InvalidRequestError, match=r"tools\[1\]: the parameters of tool 'bad'") as caught:
        sent(tools=(TOOL, FunctionTool(name="bad", schema={"type": "array"})))
    assert caught.value.path == "tools[1]"


@pytest.mark.parametrize("name", ["", "a b", "a.b", "x" * 65, "größe"])
def test_a_tool_name_that_anthropic_refuses_is_refused_by_name(name: str) -> None:
    """SCHEMA-17, SCHEMA-22."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(tools=(TOOL, FunctionTool(name=name, schema=SCHEMA)))
    assert caught.value.path == "tools[1].name"


def test_strict_is_kept_where_it_compiles_and_objects_are_closed_for_it() -> None:
    """SCHEMA-14."""
    body, report = sent(tools=(FunctionTool(name="look", schema=SCHEMA, strict=True),))
    assert body["tools"][0]["strict"] is True
    assert body["tools"][0]["input_schema"] == {**SCHEMA, "additionalProperties": False}
    assert paths(report) == [("tools[0].parameters", "mapped")]


NODE: JsonObject = {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}}, "additionalProperties": False}


@pytest.mark.parametrize(
    "member",
    [
        {"type": "integer", "minimum": 0},
        {"type": "string", "maxLength": 3},
        {"type": "array", "items": {"type": "number", "multipleOf": 2}},
        {"type": "array", "minItems": 2},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "patternProperties": {"x": {}}},
        {"anyOf": [{"type": "string"}, {"not": {"type": "null"}}]},
        True,
        {"$ref": "#/$defs/node"},
        {"$ref": "https://host/schema"},
    ],
)
def test_strict_is_given_up_with_a_report_where_it_does_not_compile(member: Json) -> None:
    """SCHEMA-02, SCHEMA-07, SCHEMA-14: the schema itself stays as it is."""
    schema: JsonObject = {
        "type": "object",
        "properties": {"a": member},
        "additionalProperties": False,
        "$defs": {"node": NODE},
    }
    body, report = sent(tools=(FunctionTool(name="look", schema=schema, strict=True),))
    assert body["tools"][0] == {"name": "look", "input_schema": schema}
    assert paths(report) == [("tools[0].strict", "downgraded")]


def test_references_without_recursion_compile() -> None:
    """SCHEMA-01."""
    leaf: JsonObject = {"type": "string", "enum": ["a", "b"]}
    pair: JsonObject = {
        "type": "object",
        "properties": {"x": {"$ref": "#/$defs/leaf"}, "y": {"$ref": "#/$defs/leaf"}},
        "additionalProperties": False,
    }
    schema: JsonObject = {
        "type": "object",
        "properties": {"p": {"$ref": "#/$defs/pair"}, "q": {"type": "array", "minItems": 1, "items": {"type": "null"}}},
        "additionalProperties": False,
        "$defs": {"pair": pair, "leaf": leaf},
    }
    body, report = sent(tools=(FunctionTool(name="look", schema=schema, strict=True),))
    assert body["tools"][0] == {"name": "look", "input_schema": schema, "strict": True}
    assert report.adjustments == []


def test_strict_said_to_be_off_is_said_so() -> None:
    """SCHEMA-13."""
    body, report = sent(tools=(FunctionTool(name="look", schema=SCHEMA, strict=False),))
    assert body["tools"][0] == {"name": "look", "input_schema": SCHEMA, "strict": False}
    assert report.adjustments == []


def test_a_free_text_tool_is_a_function_with_one_string() -> None:
    """SCHEMA-20."""
    tool = FunctionTool(name="patch", kind="custom", description="Patches.", grammar={"syntax": "lark"})
    history = (USER, turn(call(name="patch", kind="custom", arguments="*** Begin")), result())
    body, report = sent(*history, tools=(tool,))
    assert body["tools"] == [
        {
            "name": "patch",
            "description": 'Patches.\n\nThe input must follow this grammar: {"syntax":"lark"}',
            "input_schema": {"type": "object", "properties": {"input": {"type": "string"}}, "required": ["input"]},
        }
    ]
    assert body["messages"][1]["content"][0]["input"] == {"input": "*** Begin"}
    assert ("tools[0].format", "downgraded") in paths(report)
    assert ("tools[0]", "mapped") in paths(report)


def test_a_tool_of_another_provider_is_refused_by_name() -> None:
    """SERVER-04, SCHEMA-21."""
    tool = ProviderTool(dialect="openai-responses", type="web_search", value={"type": "web_search"})
    with pytest.raises(UnsupportedError, match="'web_search' of openai-responses") as caught:
        sent(tools=(TOOL, tool))
    assert caught.value.path == "tools[1]"


# ---- choice


OTHER = FunctionTool(name="other", schema=SCHEMA)
CALLER = "tool_choice"


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        (ToolChoice(mode="auto"), {"type": "auto"}),
        (ToolChoice(mode="none"), {"type": "none"}),
        (ToolChoice(mode="required"), {"type": "any"}),
        (ToolChoice(mode="required", names=("look",)), {"type": "tool", "name": "look"}),
        (ToolChoice(parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="auto", parallel=False), {"type": "auto", "disable_parallel_tool_use": True}),
        (ToolChoice(mode="required", parallel=False), {"type": "any", "disable_parallel_tool_use": True}),
        (
            ToolChoice(mode="required", names=("other",), parallel=False),
            {"type": "tool", "name": "other", "disable_parallel_tool_use": True},
        ),
        (ToolChoice(mode="none", parallel=False), {"type": "none"}),
        (ToolChoice(mode="auto", parallel=True), {"type": "auto"}),
        (ToolChoice(parallel=True), None),
    ],
)
def test_every_choice_has_its_word(choice: ToolChoice, expected: JsonObject | None) -> None:
    """CHOICE-01, CHOICE-02, CHOICE-09."""
    body, report = sent(tools=(TOOL, OTHER), tool_choice=choice)
    assert body.get("tool_choice") == expected
    assert [tool["name"] for tool in body["tools"]] == ["look", "other"]
    assert report.adjustments == []


@pytest.mark.parametrize(("mode", "expected"), [("auto", "auto"), ("required", "any")])
def test_an_allowed_subset_leaves_the_other_tools_out(mode: Any, expected: str) -> None:
    """CHOICE-01: reported, as it costs the prompt cache."""
    third = FunctionTool(name="third", schema=SCHEMA)
    names = ("third", "look") if mode == "required" else ("look",)
    body, report = sent(tools=(TOOL, OTHER, third), tool_choice=ToolChoice(mode=mode, names=names))
    assert body["tool_choice"] == {"type": expected}
    assert [tool["name"] for tool in body["tools"]] == [name for name in ("look", "other", "third") if name in names]
    assert paths(report) == [(CALLER, "mapped")]


def test_a_choice_of_a_tool_that_is_not_there_is_refused() -> None:
    for mode in ("auto", "required"):
        with pytest.raises(InvalidRequestError, match="there is no tool 'absent'"):
            sent(tool_choice=ToolChoice(mode=mode, names=("absent",)))


@pytest.mark.parametrize("tools", [None, ()])
def test_a_choice_without_tools_is_dropped_and_a_forced_one_refused(tools: Any) -> None:
    """CHOICE-07, CHOICE-08."""
    body, report = sent(tools=tools, tool_choice=ToolChoice(mode="auto", parallel=False))
    assert "tool_choice" not in body
    assert paths(report) == [("tool_choice", "dropped"), ("parallel_tool_calls", "dropped")]
    with pytest.raises(InvalidRequestError, match="a call is required and there are no tools"):
        sent(tools=tools, tool_choice=ToolChoice(mode="required"))


def test_a_forced_call_with_manual_thinking_is_refused_in_every_round() -> None:
    """CHOICE-04, CHOICE-06: decided on what would be sent."""
    forced: dict[str, Any] = {"tool_choice": ToolChoice(mode="required"), "reasoning": Reasoning(effort="high")}
    thought = ReasoningPart(text="Hm.", state=signature("Hm."))
    for history in ((USER,), (USER, turn(thought, call()), result())):
        with pytest.raises(InvalidRequestError, match="refuses a forced call while manual thinking is on") as caught:
            sent(*history, **forced)
        assert caught.value.path == CALLER
    # Thinking that is off, or adaptive, is no obstacle.
    assert sent(tool_choice=ToolChoice(mode="required"), reasoning=Reasoning(effort="none"))[0]["tool_choice"]
    assert sent(**forced, model=ADAPTIVE)[0]["tool_choice"] == {"type": "any"}
