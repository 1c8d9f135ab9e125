"""Tools and tool choice: every spelling read, and what hosts are sent for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects.openai_chat import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, UnsupportedError
from providers.spec.profile import Profile
from providers.spec.request import FunctionTool, OutputFormat, ProviderTool, Request, ToolChoice
from providers.spec.values import JsonObject
from providers.wire.json import loads_object
from tests.dialects.openai_chat_building import FUNCTION, OTHER, SCHEMA, TOOL, USER, body_of, passed_on, paths, sent
from tests.dialects.openai_chat_support import target

NAMED = {"type": "function", "function": {"name": "look"}}
CUSTOM: dict[str, Any] = {"type": "custom", "custom": {"name": "write", "format": {"type": "text"}}}
KNOWN = Profile(carriers=(), takes_any=False, allowed_tools=True, custom_tools=True)
PLAIN = Profile(carriers=(), takes_any=False)


def allowed(mode: str, *tools: dict[str, Any]) -> dict[str, Any]:
    return {"type": "allowed_tools", "allowed_tools": {"mode": mode, "tools": list(tools)}}


# ---- choice

SPELLED: list[tuple[Any, str, tuple[str, ...], Any]] = [
    ("auto", "auto", (), "auto"),
    ("none", "none", (), "none"),
    ("required", "required", (), "required"),
    ("any", "required", (), "required"),
    ({"type": "auto"}, "auto", (), "auto"),
    ({"type": "any"}, "required", (), "required"),
    (NAMED, "required", ("look",), NAMED),
    ({"function": {"name": "look"}}, "required", ("look",), NAMED),
    ({"type": "function", "name": "look"}, "required", ("look",), NAMED),
    ({"type": "tool", "name": "look"}, "required", ("look",), NAMED),
    (allowed("auto", NAMED), "auto", ("look",), allowed("auto", NAMED)),
    (allowed("required", NAMED), "required", ("look",), allowed("required", NAMED)),
    (
        {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "look"}]},
        "required",
        ("look",),
        allowed("required", NAMED),
    ),
]


@pytest.mark.parametrize(("spelled", "mode", "names", "written"), SPELLED)
def test_every_spelling_of_a_choice_is_read_and_written_in_the_hosts_words(
    spelled: Any, mode: str, names: tuple[str, ...], written: Any
) -> None:
    """CHOICE-01, CHOICE-02."""
    body = body_of(tools=[FUNCTION, OTHER], tool_choice=spelled)
    choice = DIALECT.decode_request(loads_object(json.dumps(body))).tool_choice
    assert choice is not None
    assert (choice.mode, choice.names) == (mode, names)
    out, report = passed_on(body, KNOWN)
    assert (out["tool_choice"], out["tools"]) == (written, [FUNCTION, OTHER])
    assert report.adjustments == []


@pytest.mark.parametrize("spelled", ["any", {"type": "any"}, {"function": {"name": "look"}}])
def test_an_unknown_host_gets_the_callers_own_spelling(spelled: Any) -> None:
    """CHOICE-02: Mistral says any, Hugging Face leaves the type out."""
    body = body_of(tools=[FUNCTION], tool_choice=spelled)
    out, report = passed_on(body)
    assert (out, report.adjustments) == (body, [])


@pytest.mark.parametrize("mode", ["auto", "required"])
def test_an_allowed_subset_is_made_by_leaving_tools_out_where_the_host_has_none(mode: str) -> None:
    """CHOICE-01: never a silent auto over all tools."""
    out, report = passed_on(body_of(tools=[FUNCTION, OTHER], tool_choice=allowed(mode, NAMED)), PLAIN)
    assert (out["tools"], out["tool_choice"]) == ([FUNCTION], mode)
    assert paths(report) == [("tool_choice", "mapped")]


@pytest.mark.parametrize("fields", [{}, {"tools": []}])
def test_a_choice_without_tools_is_left_out_and_said(fields: dict[str, Any]) -> None:
    """CHOICE-07, CHOICE-08."""
    out, report = passed_on(body_of(**fields, tool_choice="auto", parallel_tool_calls=False))
    assert out == body_of(**fields)
    assert paths(report) == [("tool_choice", "dropped"), ("parallel_tool_calls", "dropped")]


@pytest.mark.parametrize("choice", ["required", "any", NAMED, allowed("required", NAMED)])
def test_a_forced_call_without_tools_is_refused(choice: Any) -> None:
    """CHOICE-07."""
    with pytest.raises(InvalidRequestError) as caught:
        passed_on(body_of(tool_choice=choice))
    assert caught.value.path == "tool_choice"


def test_a_choice_of_another_dialect_has_to_name_tools_that_are_there() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        sent(tool_choice=ToolChoice(mode="required", names=("nothing",)))
    assert "nothing" in caught.value.message


def test_the_parallel_switch_is_sent_alone_too() -> None:
    """CHOICE-09."""
    body, report = sent(tool_choice=ToolChoice(parallel=False))
    assert (body["parallel_tool_calls"], "tool_choice" in body, report.adjustments) == (False, False, [])


# ---- tools


def test_a_flat_tool_is_nested_and_keeps_what_it_carries() -> None:
    """The form of Responses, which clients mix up with this one."""
    out: Any = passed_on(body_of(tools=[{"type": "function", "name": "look", "parameters": SCHEMA, "x": 1}]))[0]
    assert out["tools"] == [{**FUNCTION, "x": 1}]


def test_free_text_tools_stay_what_they_are_for_a_chat_caller() -> None:
    """SCHEMA-20."""
    body = body_of(tools=[CUSTOM], tool_choice={"type": "custom", "custom": {"name": "write"}})
    tool = DIALECT.decode_request(loads_object(json.dumps(body))).tools
    assert tool is not None
    assert isinstance(tool[0], FunctionTool)
    assert (tool[0].kind, tool[0].grammar) == ("custom", {"type": "text"})
    assert passed_on(body)[0] == body


def test_a_free_text_tool_of_another_dialect_is_a_function_where_the_host_has_none() -> None:
    """SCHEMA-20: and its grammar is told to the model."""
    tool = FunctionTool(name="write", kind="custom", grammar={"type": "grammar", "syntax": "lark"})
    body, report = sent(host="groq", tools=(tool,))
    function = body["tools"][0]["function"]
    assert function["parameters"]["required"] == ["input"]
    assert '"lark"' in function["description"]
    assert paths(report) == [("tools[0]", "mapped"), ("tools[0].format", "downgraded")]
    assert sent(tools=(tool,))[0]["tools"][0]["type"] == "custom"


@pytest.mark.parametrize("schema", [None, {}, {"type": "object"}, {"type": "object", "properties": {}}])
def test_tools_without_parameters_are_objects(schema: JsonObject | None) -> None:
    """SCHEMA-09, SCHEMA-11."""
    body, report = sent(tools=(FunctionTool(name="now", schema=schema),))
    assert body["tools"][0]["function"]["parameters"]["type"] == "object"
    assert report.adjustments == []


def test_alternatives_at_the_root_become_one_object_and_arrays_get_items() -> None:
    """SCHEMA-10, SCHEMA-12."""
    schema: JsonObject = {
        "anyOf": [
            {"type": "object", "properties": {"a": {"type": "array"}}, "required": ["a"]},
            {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]},
        ]
    }
    body, report = sent(tools=(FunctionTool(name="pick", schema=schema),))
    parameters = body["tools"][0]["function"]["parameters"]
    assert parameters["properties"] == {"a": {"type": "array", "items": {}}, "b": {"type": "string"}}
    assert paths(report) == [("tools[0].parameters", "downgraded")]


def test_a_schema_in_geminis_words_is_json_schema_here() -> None:
    """SCHEMA-08."""
    schema: JsonObject = {"type": "OBJECT", "properties": {"n": {"type": "INTEGER", "nullable": True}}}
    body, _ = sent(tools=(FunctionTool(name="count", schema=schema, schema_grammar="gemini_schema"),))
    assert body["tools"][0]["function"]["parameters"]["properties"] == {"n": {"type": ["integer", "null"]}}


@pytest.mark.parametrize(
    ("asked", "given"),
    [
        ({"type": ["STRING", "null"]}, {"type": ["string", "null"]}),
        ({"type": ["INTEGER"], "nullable": True, "enum": ["1"]}, {"type": ["integer", "null"], "enum": ["1", None]}),
        ({"type": {}}, {"type": {}}),
    ],
)
def test_a_list_of_types_in_a_schema_of_geminis_is_one_of_json_schemas(asked: Any, given: Any) -> None:
    """SCHEMA-08: not Google's own, but what callers write there; not a fault of ours in any case."""
    schema: JsonObject = {"type": "OBJECT", "properties": {"n": asked}}
    body, _ = sent(tools=(FunctionTool(name="count", schema=schema, schema_grammar="gemini_schema"),))
    assert body["tools"][0]["function"]["parameters"]["properties"] == {"n": given}


def test_strict_is_kept_where_the_schema_is_strict_and_given_up_where_it_is_not() -> None:
    """SCHEMA-14: other providers let properties be left out in strict mode; OpenAI answers 400."""
    closed: JsonObject = {**SCHEMA, "required": ["city"]}
    body, report = sent(tools=(FunctionTool(name="look", schema=closed, strict=True),))
    function = body["tools"][0]["function"]
    assert (function["strict"], function["parameters"]["additionalProperties"]) == (True, False)
    assert paths(report) == [("tools[0].parameters", "mapped")]
    open_map: JsonObject = {"type": "object", "properties": {"tags": {"type": "object"}}}
    body, report = sent(tools=(FunctionTool(name="look", schema=open_map, strict=True),))
    function = body["tools"][0]["function"]
    assert (function["strict"], function["parameters"]) == (False, open_map)
    assert paths(report) == [("tools[0].strict", "downgraded")]
    body, report = sent(output=OutputFormat(kind="json_schema", schema=SCHEMA, strict=True))
    assert body["response_format"]["json_schema"] == {"name": "output", "schema": SCHEMA, "strict": False}
    assert paths(report) == [("output.strict", "downgraded")]


def test_a_tool_that_only_another_provider_runs_is_refused_by_name() -> None:
    """SERVER-04."""
    tool = ProviderTool(dialect="anthropic-messages", type="web_search_20250305", value={})
    with pytest.raises(UnsupportedError) as caught:
        sent(tools=(tool,))
    assert "web_search_20250305" in caught.value.message


def test_a_tool_the_host_runs_goes_to_it_as_it_is() -> None:
    body = body_of(tools=[{"type": "web_search", "web_search": {"depth": 1}}, FUNCTION])
    assert passed_on(body)[0] == body


@pytest.mark.parametrize("name", ["", "a b", "ä", "x" * 65])
def test_a_name_the_host_would_refuse_is_refused_with_its_place(name: str) -> None:
    """SCHEMA-15, SCHEMA-17, SCHEMA-22."""
    with pytest.raises(InvalidRequestError) as caught:
        sent(tools=(FunctionTool(name=name, schema=SCHEMA),))
    assert caught.value.path == "tools[0].name"


def test_no_tools_are_no_field() -> None:
    body, report = sent(tools=None)
    assert ("tools" in body, "tool_choice" in body, report.adjustments) == (False, False, [])


# ---- the time before tools


def test_functions_are_tools_and_go_on_as_functions() -> None:
    """HIST-10."""
    body = body_of(
        messages=[
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": None, "function_call": {"name": "look", "arguments": "{}"}},
            {"role": "function", "name": "look", "content": "18"},
        ],
        functions=[FUNCTION["function"]],
        function_call={"name": "look"},
    )
    request: Request = DIALECT.decode_request(loads_object(json.dumps(body)))
    assert request.tools is not None
    assert [tool.name for tool in request.tools] == ["look"]
    assert request.tool_choice is not None
    assert request.tool_choice.names == ("look",)
    out, report = passed_on(body)
    assert (out, report.adjustments) == (body, [])


def test_tools_of_a_request_without_a_form_are_written_the_same_for_any_caller() -> None:
    report = Report()
    out: Any = DIALECT.encode_request(Request(messages=(USER,), tools=(TOOL,)), target("m"), report).body
    assert out["tools"] == [FUNCTION]
