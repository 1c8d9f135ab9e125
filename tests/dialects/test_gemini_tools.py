"""Tools, tool choice, reasoning and output formats of any dialect in Gemini's words."""

from __future__ import annotations

from typing import Any

import pytest

from providers.dialects.gemini import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.parts import TextPart
from providers.spec.request import FunctionTool, Message, OutputFormat, ProviderTool, Reasoning, Request, ToolChoice
from providers.wire.json import dumps_text
from tests.dialects.gemini_support import MODEL, NAME, target

ASK = (Message(role="user", parts=(TextPart(text="go"),)),)
SCHEMA: Any = {"type": "object", "properties": {"x": {"type": "string"}}}
TOOLS = (FunctionTool(name="a", schema=SCHEMA), FunctionTool(name="b", schema=SCHEMA))


def encoded(model: str = MODEL, **fields: Any) -> tuple[Any, list[tuple[str, str]]]:
    """The body of a request with these fields, and path and action of what was reported."""
    report = Report()
    body = DIALECT.encode_request(Request(messages=ASK, **fields), target(model), report).body
    return body, [(one.path, one.action) for one in report.adjustments]


# ---- choice


@pytest.mark.parametrize(
    ("choice", "config", "reported"),
    [
        (ToolChoice(mode="auto"), {"mode": "AUTO"}, []),
        (ToolChoice(mode="none"), {"mode": "NONE"}, []),
        (ToolChoice(mode="none", names=("a",)), {"mode": "NONE"}, []),
        (ToolChoice(mode="required"), {"mode": "ANY"}, []),
        (ToolChoice(mode="required", names=("a",)), {"mode": "ANY", "allowedFunctionNames": ["a"]}, []),
        (ToolChoice(mode="required", names=("b", "a")), {"mode": "ANY", "allowedFunctionNames": ["b", "a"]}, []),
        (
            ToolChoice(mode="auto", names=("a",)),
            {"mode": "VALIDATED", "allowedFunctionNames": ["a"]},
            [("tool_choice", "mapped")],
        ),
        (ToolChoice(mode="auto", parallel=True), {"mode": "AUTO"}, []),
        (ToolChoice(mode="auto", parallel=False), {"mode": "AUTO"}, [("parallel_tool_calls", "dropped")]),
        (ToolChoice(parallel=False), None, [("parallel_tool_calls", "dropped")]),
    ],
)
def test_every_choice_has_its_mode(choice: ToolChoice, config: Any, reported: list[tuple[str, str]]) -> None:
    """CHOICE-01, CHOICE-10."""
    body, said = encoded(tools=TOOLS, tool_choice=choice)
    assert body.get("toolConfig") == (None if config is None else {"functionCallingConfig": config})
    assert said == reported
    assert [tool["name"] for tool in body["tools"][0]["functionDeclarations"]] == ["a", "b"]


@pytest.mark.parametrize(
    ("choice", "tools"),
    [
        (ToolChoice(mode="required"), None),
        (ToolChoice(mode="required"), ()),
        (ToolChoice(mode="required", names=("zzz",)), TOOLS),
        (ToolChoice(mode="auto", names=("a", "zzz")), TOOLS),
    ],
)
def test_a_choice_that_cannot_be_had_is_refused(choice: ToolChoice, tools: Any) -> None:
    """CHOICE-07."""
    with pytest.raises(InvalidRequestError) as caught:
        encoded(tools=tools, tool_choice=choice)
    assert caught.value.path == "tool_choice"


def test_a_choice_without_tools_is_left_out() -> None:
    """CHOICE-07, CHOICE-08."""
    body, reported = encoded(tool_choice=ToolChoice(mode="auto", parallel=False))
    assert "toolConfig" not in body
    assert reported == [("tool_choice", "dropped"), ("parallel_tool_calls", "dropped")]


def test_validated_is_read_as_auto_and_its_word_is_carried() -> None:
    body: Any = {
        "contents": [{"parts": [{"text": "x"}]}],
        "tools": [{"functionDeclarations": [{"name": "a"}]}],
        "toolConfig": {"functionCallingConfig": {"mode": "VALIDATED"}, "includeServerSideToolInvocations": True},
    }
    request = DIALECT.decode_request(body)
    assert request.tool_choice is not None
    assert (request.tool_choice.mode, request.tool_choice.ext) == ("auto", {NAME: {"mode": "VALIDATED"}})
    assert dumps_text(DIALECT.encode_request(request, target(), Report()).body) == dumps_text(body)


# ---- declarations


def declaration(schema: Any, **fields: Any) -> Any:
    body, _ = encoded(tools=(FunctionTool(name="f", schema=schema, **fields),))
    return body["tools"][0]["functionDeclarations"][0]


@pytest.mark.parametrize("schema", [None, True, {}, {"type": "object"}, {"type": "object", "properties": {}}])
def test_a_tool_without_parameters_has_none(schema: Any) -> None:
    """SCHEMA-09."""
    assert declaration(schema) == {"name": "f"}


@pytest.mark.parametrize(
    "schema",
    [
        {
            "type": "object",
            "properties": {"n": {"$ref": "#/$defs/N"}},
            "$defs": {"N": {"type": "object", "properties": {"n": {"$ref": "#/$defs/N"}}}},
        },
        {"type": "object", "properties": {"x": {"type": "integer", "enum": [60, 90]}}},
        {"type": "object", "properties": {"x": {"type": "integer", "exclusiveMinimum": 0, "multipleOf": 2}}},
        {"type": "object", "properties": {"x": {"type": "string", "format": "uri"}}},
        {"type": "object", "additionalProperties": {"type": "string"}},
        {"type": "object", "additionalProperties": True},
        {"type": "object", "properties": {"x": {"type": ["string", "null"]}}},
    ],
)
def test_json_schema_goes_whole_into_the_field_that_takes_it(schema: Any) -> None:
    """SCHEMA-01, SCHEMA-04, SCHEMA-07."""
    assert dumps_text(declaration(schema)["parametersJsonSchema"]) == dumps_text(schema)


def test_enumerations_have_a_type_and_arrays_their_items() -> None:
    """SCHEMA-03, SCHEMA-10."""
    schema: Any = {
        "type": "object",
        "properties": {"a": {"const": "x"}, "b": {"enum": [1, 2]}, "c": {"enum": [1, "x"]}, "d": {"type": "array"}},
    }
    assert declaration(schema)["parametersJsonSchema"]["properties"] == {
        "a": {"type": "string", "const": "x"},
        "b": {"type": "integer", "enum": [1, 2]},
        "c": {"enum": [1, "x"]},
        "d": {"type": "array", "items": {}},
    }


def test_a_root_is_made_an_object() -> None:
    """SCHEMA-11, SCHEMA-12."""
    assert declaration({"properties": {"x": {}}})["parametersJsonSchema"] == {"type": "object", "properties": {"x": {}}}
    union: Any = {"anyOf": [{"type": "object", "properties": {"x": {}}}, {"type": "object", "properties": {"y": {}}}]}
    body, reported = encoded(tools=(FunctionTool(name="f", schema=union),))
    folded = body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"]
    assert folded["type"] == "object"
    assert set(folded["properties"]) == {"x", "y"}
    assert "anyOf" not in folded
    assert reported == [("tools[0].parameters", "downgraded")]


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        (FunctionTool(name="f", schema={"type": "string"}), "tools[0]"),
        (FunctionTool(name="1f"), "tools[0].name"),
        (FunctionTool(name="f" * 65), "tools[0].name"),
    ],
)
def test_a_bad_tool_is_refused_by_name(tool: FunctionTool, path: str) -> None:
    """SCHEMA-17, SCHEMA-22."""
    with pytest.raises(InvalidRequestError) as caught:
        encoded(tools=(tool,))
    assert caught.value.path == path
    assert tool.name in caught.value.message


def test_a_tool_of_another_provider_is_refused_by_name() -> None:
    """SERVER-04."""
    tool = ProviderTool(dialect="anthropic-messages", type="web_search_20250305", value={})
    with pytest.raises(UnsupportedError, match="web_search_20250305"):
        encoded(tools=(*TOOLS, tool))


def test_a_free_text_tool_is_a_function_with_one_string() -> None:
    """SCHEMA-20."""
    body, reported = encoded(tools=(FunctionTool(name="f", kind="custom", grammar={"type": "regex"}, strict=True),))
    assert body["tools"] == [
        {
            "functionDeclarations": [
                {
                    "name": "f",
                    "description": 'The input must follow this grammar: {"type":"regex"}',
                    "parametersJsonSchema": {
                        "type": "object",
                        "properties": {"input": {"type": "string"}},
                        "required": ["input"],
                    },
                }
            ]
        }
    ]
    assert reported == [("tools[0].strict", "dropped"), ("tools[0].format", "downgraded"), ("tools[0]", "mapped")]


def test_tool_objects_come_back_as_they_were_grouped() -> None:
    """SERVER-01: server tools stay beside functions."""
    body: Any = {
        "contents": [{"parts": [{"text": "x"}]}],
        "tools": [
            {
                "google_search": {},
                "functionDeclarations": [{"name": "a", "behavior": "BLOCKING"}],
                "codeExecution": None,
            },
            {"functionDeclarations": []},
            {},
            {"urlContext": {}, "functionDeclarations": [{"name": "b", "parameters": {"type": "OBJECT"}}]},
        ],
    }
    request = DIALECT.decode_request(body)
    kinds = [tool.type if isinstance(tool, ProviderTool) else tool.name for tool in request.tools or ()]
    assert kinds == ["googleSearch", "a", "urlContext", "b"]
    assert dumps_text(DIALECT.encode_request(request, target(), Report()).body) == dumps_text(body)


# ---- reasoning


@pytest.mark.parametrize(
    ("model", "reasoning", "config", "reported"),
    [
        ("gemini-3-flash-preview", Reasoning(effort="minimal"), {"thinkingLevel": "MINIMAL"}, []),
        ("gemini-3-flash-preview", Reasoning(effort="high"), {"thinkingLevel": "HIGH"}, []),
        (
            "gemini-3-flash-preview",
            Reasoning(effort="max"),
            {"thinkingLevel": "HIGH"},
            [("reasoning.effort", "mapped")],
        ),
        (
            "gemini-3-flash-preview",
            Reasoning(effort="none"),
            {"thinkingLevel": "MINIMAL"},
            [("reasoning", "downgraded")],
        ),
        (
            "gemini-3-pro-preview",
            Reasoning(effort="minimal"),
            {"thinkingLevel": "LOW"},
            [("reasoning.effort", "mapped")],
        ),
        ("gemini-3-pro-preview", Reasoning(enabled=False), {"thinkingLevel": "LOW"}, [("reasoning", "downgraded")]),
        ("gemini-2.5-flash", Reasoning(effort="medium"), {"thinkingBudget": 8192}, [("reasoning.effort", "mapped")]),
        ("gemini-2.5-flash", Reasoning(effort="none"), {"thinkingBudget": 0}, []),
        ("gemini-2.5-pro", Reasoning(enabled=False), {"thinkingBudget": 128}, [("reasoning", "downgraded")]),
        (
            "gemini-2.5-pro",
            Reasoning(enabled=True, budget_tokens=2000),
            {"includeThoughts": True, "thinkingBudget": 2000},
            [],
        ),
        ("gemini-2.5-pro", Reasoning(enabled=True, adaptive=True), {"includeThoughts": True, "thinkingBudget": -1}, []),
        ("gemini-3-pro-preview", Reasoning(enabled=True, adaptive=True), {"includeThoughts": True}, []),
        (
            "gemini-3-pro-preview",
            Reasoning(effort="low", show="omitted"),
            {"includeThoughts": False, "thinkingLevel": "LOW"},
            [],
        ),
        ("gemini-3-pro-preview", Reasoning(show="detailed"), {"includeThoughts": True}, [("reasoning.show", "mapped")]),
        ("gemini-3-pro-preview", Reasoning(effort="huge"), None, [("reasoning.effort", "dropped")]),
    ],
)
def test_reasoning_is_a_level_or_a_budget_by_model(
    model: str, reasoning: Reasoning, config: Any, reported: Any
) -> None:
    """REASON-20."""
    body, said = encoded(model, reasoning=reasoning)
    assert body.get("generationConfig", {}).get("thinkingConfig") == config
    assert said == reported


@pytest.mark.parametrize(
    ("config", "reasoning"),
    [
        ({"thinkingBudget": -1}, Reasoning(enabled=True, adaptive=True)),
        ({"thinkingBudget": 0}, Reasoning(enabled=False, budget_tokens=0)),
        ({"thinkingLevel": "HIGH", "includeThoughts": True}, Reasoning(effort="high", show="summarized")),
        ({"includeThoughts": False}, Reasoning(show="omitted")),
    ],
)
def test_a_thinking_config_is_read_and_written_back(config: Any, reasoning: Reasoning) -> None:
    body: Any = {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"thinkingConfig": config}}
    request = DIALECT.decode_request(body)
    read = request.reasoning
    assert read is not None
    fields = ("enabled", "effort", "budget_tokens", "adaptive", "show")
    assert [getattr(read, name) for name in fields] == [getattr(reasoning, name) for name in fields]
    assert dumps_text(DIALECT.encode_request(request, target(), Report()).body) == dumps_text(body)


# ---- output and sampling


def test_output_formats_are_a_type_and_a_schema() -> None:
    schema: Any = {"type": "object", "properties": {}}
    body, reported = encoded(output=OutputFormat(kind="json_schema", name="n", schema=schema, strict=False))
    assert body["generationConfig"] == {"responseMimeType": "application/json", "responseJsonSchema": schema}
    assert reported == [("output.strict", "mapped")]
    assert encoded(output=OutputFormat(kind="json"))[0]["generationConfig"] == {"responseMimeType": "application/json"}
    assert "generationConfig" not in encoded(output=OutputFormat(kind="text"))[0]


@pytest.mark.parametrize("config", ["generationConfig", "generation_config"])
@pytest.mark.parametrize("schema", ["responseSchema", "responseJsonSchema"])
def test_one_word_of_an_enum_stays_what_is_asked_for(config: str, schema: str) -> None:
    """``text/x.enum`` beside a schema: no JSON comes of it (https://ai.google.dev/gemini-api/docs/structured-output)."""
    asked: Any = {"responseMimeType": "text/x.enum", schema: {"type": "STRING", "enum": ["Percussion", "String"]}}
    if config == "generation_config":
        asked = {"response_mime_type": asked.pop("responseMimeType"), **asked}
    body: Any = {"contents": [{"parts": [{"text": "x"}]}], config: asked}
    report = Report()
    written = DIALECT.encode_request(DIALECT.decode_request(body), target(), report).body
    assert dumps_text(written) == dumps_text(body)
    assert report.adjustments == []


@pytest.mark.parametrize("odd", [[], {}, ["application/json"], 1])
def test_a_type_that_is_no_text_is_carried(odd: Any) -> None:
    for beside in ({}, {"responseSchema": {"type": "STRING"}}):
        body: Any = {"contents": [{"parts": [{"text": "x"}]}], "generationConfig": {"responseMimeType": odd, **beside}}
        assert DIALECT.encode_request(DIALECT.decode_request(body), target(), Report()).body == body


def test_every_parameter_has_its_field() -> None:
    """PARAM-02."""
    body, reported = encoded(
        max_output_tokens=5,
        temperature=0.5,
        top_p=0.9,
        top_k=3,
        stop=("x",),
        seed=7,
        presence_penalty=0.1,
        frequency_penalty=0.2,
        candidates=2,
    )
    assert body["generationConfig"] == {
        "temperature": 0.5,
        "topP": 0.9,
        "topK": 3,
        "candidateCount": 2,
        "maxOutputTokens": 5,
        "stopSequences": ["x"],
        "seed": 7,
        "presencePenalty": 0.1,
        "frequencyPenalty": 0.2,
    }
    assert reported == []
