"""SCHEMA: what becomes of tool definitions on their way to each provider."""

from __future__ import annotations

from typing import Any

import pytest

from providers.spec.errors import InvalidRequestError
from tests.catalogue.support import CHAT, RESPONSES, chat, sent, tool
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat

RECURSIVE: dict[str, Any] = {
    "type": "object",
    "properties": {"tree": {"$ref": "#/$defs/node"}},
    "required": ["tree"],
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "value": {"type": "integer"},
                "children": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
        }
    },
}


def to_gemini(parameters: Any) -> Any:
    """The declaration that Gemini is sent for a schema, in a request that it takes."""
    body, _ = sent(chat(tools=[tool(parameters=parameters)]), "google")
    check_generate(body, "gemini-3-pro-preview")
    return body["tools"][0]["functionDeclarations"][0]


def test_a_recursive_schema_reaches_every_provider_as_it_is() -> None:
    """SCHEMA-02: no provider's field that we use has to have it expanded, so it can neither loop nor lose depth."""
    asked = chat(tools=[tool(parameters=RECURSIVE)])
    assert to_gemini(RECURSIVE)["parametersJsonSchema"] == RECURSIVE
    messages, _ = sent(asked, "anthropic")
    assert check_messages(messages)["tools"][0]["input_schema"] == RECURSIVE
    completions, _ = sent(asked, "openai")
    assert check_chat(completions)["tools"][0]["function"]["parameters"] == RECURSIVE
    items, _ = sent(asked, "openai", wire=RESPONSES)
    assert check_responses(items)["tools"][0]["parameters"] == RECURSIVE


def test_a_root_that_refers_to_itself_is_no_endless_loop() -> None:
    """SCHEMA-02: a reference at the root is followed once, and what stands below keeps its own."""
    looped = {"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}
    body, _ = sent(chat(tools=[tool(parameters=looped)]), "anthropic")
    assert body["tools"][0]["input_schema"]["type"] == "object"


@pytest.mark.parametrize(
    "keywords",
    [
        {"type": "integer", "exclusiveMinimum": 0},
        {"type": "number", "multipleOf": 0.5},
        {"type": "string", "examples": ["a"]},
        {"type": "string", "x-order": 3},
        {"type": "string", "format": "uri"},
        {"type": "string", "format": "uuid"},
    ],
    ids=["exclusiveMinimum", "multipleOf", "examples", "vendor", "uri", "uuid"],
)
def test_bounds_formats_and_annotations_reach_gemini(keywords: dict[str, Any]) -> None:
    """SCHEMA-05, SCHEMA-06: they stay, in the field that takes JSON Schema; ``parameters`` would refuse them."""
    schema: dict[str, Any] = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": "urn:x",
        "type": "object",
    }
    schema["properties"] = {"value": keywords}
    declaration = to_gemini(schema)
    assert declaration["parametersJsonSchema"] == schema
    assert "parameters" not in declaration


@pytest.mark.parametrize(
    "nullable",
    [{"type": ["string", "null"]}, {"anyOf": [{"type": "string"}, {"type": "null"}]}],
    ids=["type-array", "anyOf"],
)
@pytest.mark.parametrize("provider", ["google", "openai", "openrouter", "anthropic"])
def test_what_may_be_null_may_be_null_on_every_route(provider: str, nullable: dict[str, Any]) -> None:
    """SCHEMA-08: the native route to a model and one over a host that resells it say the same."""
    schema = {"type": "object", "properties": {"city": nullable}, "required": ["city"]}
    body, reported = sent(chat(tools=[tool(parameters=schema)]), provider)
    declared = body["tools"][0]
    if provider == "google":
        check_generate(body, "gemini-3-pro-preview")
        declared = declared["functionDeclarations"][0]
    written = declared.get("parametersJsonSchema") or declared.get("input_schema") or declared["function"]["parameters"]
    assert written["properties"]["city"] == nullable
    assert not any(path.startswith("tools") for path in reported)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "mistral", "together", "ollama"])
def test_an_unknown_model_gets_its_tools(provider: str) -> None:
    """SCHEMA-18: no table says what a model can; a model nobody has heard of is sent the tools as any other."""
    body, _ = sent(chat(tools=[tool()]), provider, model="nobody-has-heard-of-it-1")
    assert body["tools"]
    assert "look" in str(body["tools"])


def test_the_tools_of_a_face_are_those_of_another() -> None:
    """SCHEMA-19: one path builds the request; streamed or not, the tools stand in the same place."""
    for provider in ("openai", "anthropic", "google", "ollama"):
        plain, _ = sent(chat(tools=[tool()]), provider, face=CHAT, model="m")
        streamed, _ = sent(chat(tools=[tool()], stream=True), provider, face=CHAT, model="m")
        assert plain["tools"] == streamed["tools"]


ROOTS: dict[str, dict[str, Any]] = {
    "anyOf": {"anyOf": [{"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}]},
    "oneOf": {
        "type": "object",
        "oneOf": [
            {"properties": {"id": {"type": "string"}, "to": {"type": "string"}}, "required": ["id", "to"]},
            {"properties": {"name": {"type": "string"}, "to": {"type": "string"}}, "required": ["name", "to"]},
        ],
    },
    "allOf": {
        "allOf": [{"$ref": "#/$defs/a"}, {"type": "object", "properties": {"to": {"type": "string"}}}],
        "$defs": {"a": {"type": "object", "properties": {"id": {"type": "string"}}, "required": ["id"]}},
    },
    "nested": {"type": "object", "properties": {"id": {"anyOf": [{"type": "string"}, {"type": "integer"}]}}},
}


@pytest.mark.parametrize("name", ROOTS)
def test_alternatives_at_the_root_are_one_object_for_anthropic(name: str) -> None:
    """SCHEMA-12, SCHEMA-11: the tool is not dropped; what all alternatives require is required, nested ones stay."""
    body, reported = sent(chat(tools=[tool(parameters=ROOTS[name])]), "anthropic")
    schema = check_messages(body)["tools"][0]["input_schema"]
    assert schema["type"] == "object"
    assert not {"anyOf", "oneOf", "allOf"} & set(schema)
    assert set(schema["properties"]) >= {"id"}
    required = {"anyOf": ["id"], "oneOf": ["to"], "allOf": ["id"], "nested": None}
    assert schema.get("required") == required[name]
    if name == "nested":
        assert schema == ROOTS["nested"]
    assert ("tools[0].parameters" in reported) is (name != "nested")


@pytest.mark.parametrize("provider", ["anthropic", "google"])
def test_a_root_that_can_be_no_object_is_refused_by_its_name(provider: str) -> None:
    """SCHEMA-22, SCHEMA-11: not by an index among hundreds of tools."""
    tools = [tool(f"t{number}") for number in range(3)] + [tool("the_bad_one", {"type": "string"})]
    with pytest.raises(InvalidRequestError, match="the_bad_one") as refused:
        sent(chat(tools=tools), provider)
    assert refused.value.path == "tools[3]"
