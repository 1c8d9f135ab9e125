"""Each strict rule of the Gemini fake: a request that breaks just it is refused, in the provider's error shape."""

from __future__ import annotations

import json

import pytest

from tests.fakes.changes import GONE, SCHEMA, Body, Change, broken_everywhere, changed
from tests.fakes.gemini import Gemini
from tests.fakes.gemini_rules import check_generate
from tests.fakes.gemini_turns import DUMMY_SIGNATURES, SECRET
from tests.fakes.refusal import Refusal
from tests.fakes.signatures import sign

SIGNATURE = sign(SECRET, 'get_weather({"city":"Rome"})')
GENERATE: Body = {
    "systemInstruction": {"parts": [{"text": "Be brief."}]},
    "contents": [
        {"role": "user", "parts": [{"text": "Weather?"}]},
        {
            "role": "model",
            "parts": [
                {
                    "functionCall": {"id": "a1", "name": "get_weather", "args": {"city": "Rome"}},
                    "thoughtSignature": SIGNATURE,
                },
                {"functionCall": {"id": "a2", "name": "convert", "args": {}}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"id": "a1", "name": "get_weather", "response": {"output": "18"}}},
                {"functionResponse": {"id": "a2", "name": "convert", "response": {"output": "64"}}},
            ],
        },
    ],
    "tools": [
        {
            "functionDeclarations": [
                {"name": "get_weather", "parameters": SCHEMA},
                {"name": "convert", "parametersJsonSchema": {"type": "object", "$defs": {}}},
            ]
        }
    ],
}
PART = "contents.1.parts.0"
ANSWER = "contents.2.parts.0.functionResponse"
DECLARED = "tools.0.functionDeclarations.0"
CITY = f"{DECLARED}.parameters.properties.city"
IMAGE = {"inlineData": {"mimeType": "image/png", "data": "AAAA"}}

GENERATE_CASES: dict[str, tuple[list[Change], str]] = {
    "unknown top-level field": ([("foo", 1)], 'Unknown name "foo": Cannot find field.'),
    "unknown field of a part": ([(f"{PART}.extra", 1)], "Unknown name \"extra\" at 'contents[1].parts[0]'"),
    "$defs in parameters (SCHEMA-01)": (
        [(f"{DECLARED}.parameters.$defs", {})],
        "Unknown name \"$defs\" at 'tools[0].function_declarations[0].parameters': Cannot find field.",
    ),
    "$ref in parameters (SCHEMA-01)": ([(CITY, {"$ref": "#/$defs/City"})], 'Unknown name "$ref"'),
    "const in parameters (SCHEMA-05)": ([(f"{CITY}.const", "Rome")], 'Unknown name "const"'),
    "oneOf in parameters (SCHEMA-05)": ([(f"{CITY}.oneOf", [])], 'Unknown name "oneOf"'),
    "type list in parameters (SCHEMA-08)": ([(f"{CITY}.type", ["string", "null"])], "properties.city.type'"),
    "enum of numbers (SCHEMA-04)": ([(f"{CITY}.enum", [60])], "properties.city.enum[0]'"),
    "format unknown (SCHEMA-06)": ([(f"{CITY}.format", "uri")], "only 'enum' and 'date-time' are supported for STRING"),
    "inner object without properties (SCHEMA-09)": (
        [(CITY, {"type": "object", "properties": {}})],
        "should be non-empty for OBJECT type",
    ),
    "array without items (SCHEMA-10)": ([(CITY, {"type": "array"})], "properties[city].items: missing field."),
    "root is no object (SCHEMA-11)": ([(f"{DECLARED}.parameters", {"type": "string"})], "should be of type OBJECT"),
    "required property missing": (
        [(f"{DECLARED}.parameters.required", ["town"])],
        "required[0]: property is not defined",
    ),
    "both kinds of parameters": (
        [(f"{DECLARED}.parametersJsonSchema", {"type": "object"})],
        "only one of `parameters`",
    ),
    "tool name pattern": ([(f"{DECLARED}.name", "1st")], "Invalid function name. Must start with a letter"),
    "tool declared twice": ([("tools.0.functionDeclarations.1.name", "get_weather")], "Duplicate function declaration"),
    "no contents": ([("contents", [])], "contents is not specified"),
    "unknown role": ([("contents.0.role", "assistant")], "Please use a valid role: user, model."),
    "model first": ([("contents.0", GONE)], "comes immediately after a user turn"),
    "part without data": ([("contents.0.parts.0", {"thought": True})], "must have one initialized field"),
    "text as a number": ([("contents.0.parts.0.text", 1)], "Invalid value at 'contents[0].parts[0].text'"),
    "args as text": ([(f"{PART}.functionCall.args", "{}")], "'contents[1].parts[0].function_call.args'"),
    "fewer responses than calls (HIST-01)": ([("contents.2.parts.1", GONE)], "is equal to the number of function call"),
    "no responses": ([("contents.2", GONE)], "is equal to the number of function call parts"),
    "orphan responses": ([("contents.1", GONE)], "comes immediately after a function call turn"),
    "image beside responses (HIST-03)": ([("contents.2.parts.2", IMAGE)], "is equal to the number of function call"),
    "response with another name (HIST-09)": (
        [(f"{ANSWER}.name", "other")],
        "does not match the name of the function call",
    ),
    "response with another name and no id (HIST-09)": (
        [(f"{ANSWER}.name", "other"), (f"{ANSWER}.id", GONE)],
        "names of the function responses do not match",
    ),
    "response without a name": ([(f"{ANSWER}.name", "")], "function_response.name: Name cannot be empty."),
    "response as text": ([(f"{ANSWER}.response", "18")], "'contents[2].parts[0].function_response.response'"),
    "response with a reference (HIST-13)": ([(f"{ANSWER}.response", {"a": [{"$ref": "x"}]})], "`$ref` does not name"),
    "signature missing (REASON-01)": (
        [(f"{PART}.thoughtSignature", GONE)],
        "Function call is missing a thought_signature",
    ),
    "signature damaged": ([(f"{PART}.thoughtSignature", "AAAA")], "Corrupted thought signature."),
    "signature no base64": ([(f"{PART}.thoughtSignature", "a")], "Base64 decoding failed"),
    "signature on another call": ([(f"{PART}.functionCall.args.city", "Paris")], "Corrupted thought signature."),
    "forced call without tools": (
        [("tools", GONE), ("toolConfig", {"functionCallingConfig": {"mode": "ANY"}})],
        "Function calling config is set without function_declarations.",
    ),
    "allowed names with auto": (
        [("toolConfig", {"functionCallingConfig": {"mode": "AUTO", "allowedFunctionNames": ["convert"]}})],
        "can only be set when function calling mode is ANY",
    ),
    "allowed name not declared": (
        [("toolConfig", {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": ["other"]}})],
        "functions that are not declared: other",
    ),
    "unknown mode": (
        [("toolConfig", {"functionCallingConfig": {"mode": "required"}})],
        "function_calling_config.mode'",
    ),
}


@pytest.mark.parametrize(
    "changes",
    [
        [],
        *[[(f"{PART}.thoughtSignature", dummy)] for dummy in sorted(DUMMY_SIGNATURES)],
        [
            ("system_instruction", {"parts": [{"text": "Be brief."}]}),
            ("systemInstruction", GONE),
            ("tool_config", {"function_calling_config": {"mode": "any", "allowed_function_names": ["convert"]}}),
        ],
        [("safetySettings", None)],
        [(f"{ANSWER}.id", GONE), ("contents.2.parts.1.functionResponse.id", GONE)],
    ],
)
def test_gemini_takes_the_request_that_breaks_no_rule(changes: list[Change]) -> None:
    assert check_generate(changed(GENERATE, *changes), "gemini-3-pro-preview").contents is not None


def test_gemini_before_3_wants_no_signature() -> None:
    body = changed(GENERATE, (f"{PART}.thoughtSignature", GONE))
    assert check_generate(body, "gemini-2.5-flash").contents is not None


@pytest.mark.parametrize(("changes", "text"), GENERATE_CASES.values(), ids=GENERATE_CASES)
def test_gemini_refuses(changes: list[Change], text: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_generate(changed(GENERATE, *changes), "gemini-3-pro-preview")
    assert text in caught.value.message
    answer = Gemini().error(caught.value)
    error = json.loads(answer.body)["error"]
    assert (answer.status, error["code"], error["status"]) == (400, 400, "INVALID_ARGUMENT")


def test_gemini_does_not_know_a_misspelt_model() -> None:
    with pytest.raises(Refusal, match="models/gemini-3-flahs is not found") as caught:
        check_generate(GENERATE, "gemini-3-flahs")
    assert json.loads(Gemini().error(caught.value).body)["error"]["status"] == "NOT_FOUND"


def test_gemini_meets_any_broken_request_with_a_refusal_or_takes_it() -> None:
    refused = 0
    for body in broken_everywhere(GENERATE):
        try:
            check_generate(body, "gemini-3-pro-preview")
        except Refusal:
            refused += 1
    assert refused > 100
