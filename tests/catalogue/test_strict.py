"""SCHEMA-14 whole: strict tools of other dialects, shaped for OpenAI and turned back in its answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from providers.wire.json import dumps, loads
from providers.wire.strict_shape import strict_shape, without_nulls
from tests.catalogue.support import MESSAGES, RESPONSES, Canned, chunk, completion, data_of, sent, sse
from tests.e2e.service import client, router_before
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat

PLACE: dict[str, Any] = {
    "type": "object",
    "properties": {
        "city": {"type": "string"},
        "days": {"type": "integer"},
        "unit": {"type": "string", "enum": ["C", "F"]},
        "note": {"type": ["string", "null"]},
        "near": {"$ref": "#/$defs/spot"},
        "stops": {"type": "array", "items": {"$ref": "#/$defs/spot"}},
        "when": {"anyOf": [{"type": "string"}, {"type": "integer"}]},
        "kind": {"const": "trip"},
    },
    "required": ["city"],
    "$defs": {
        "spot": {
            "type": "object",
            "properties": {"x": {"type": "integer"}, "y": {"type": "integer"}},
            "required": ["x"],
        }
    },
}
GIVEN = (
    '{"city": "Rome", "days": null, "unit": null, "note": null, "near": {"x": 1, "y": null}, '
    '"stops": [{"x": 12345678901234567890, "y": null}, {"x": 2, "y": 3}], "when": null, "kind": null}'
)
MEANT = '{"city":"Rome","note":null,"near":{"x":1},"stops":[{"x":12345678901234567890},{"x":2,"y":3}]}'
OPEN = {
    "a map": {"type": "object", "properties": {"tags": {"type": "object", "additionalProperties": {"type": "string"}}}},
    "an open object": {"type": "object", "properties": {"any": {"type": "object"}}},
    "a value of any type": {"type": "object", "properties": {"any": {}}},
    "allOf": {"type": "object", "properties": {"a": {"allOf": [{"type": "string"}]}}},
}


def asked(schema: Any, **more: Any) -> dict[str, Any]:
    """A strict tool as a caller of Messages declares it: members may be left out there."""
    tool = {"name": "look", "input_schema": schema, "strict": True}
    return {"model": "m", "max_tokens": 99, "messages": [{"role": "user", "content": "go"}], "tools": [tool], **more}


@pytest.mark.parametrize("wire", ["openai-chat", RESPONSES])
def test_what_may_be_left_out_may_be_null_all_the_way_down(wire: str) -> None:
    """SCHEMA-14: as OpenAI's strict mode takes it, told, and strict stays on."""
    body, reported = sent(asked(PLACE), "openai", face=MESSAGES, wire=wire)
    (check_responses if wire == RESPONSES else check_chat)(body)
    tool = body["tools"][0] if wire == RESPONSES else body["tools"][0]["function"]
    schema = tool["parameters"]
    assert tool["strict"] is True
    assert schema["required"] == list(PLACE["properties"])
    assert schema["properties"]["days"] == {"type": ["integer", "null"]}
    assert schema["properties"]["unit"] == {"type": ["string", "null"], "enum": ["C", "F", None]}
    assert schema["properties"]["near"] == {"anyOf": [{"$ref": "#/$defs/spot"}, {"type": "null"}]}
    assert schema["$defs"]["spot"]["required"] == ["x", "y"]
    assert schema["$defs"]["spot"]["additionalProperties"] is False
    assert reported["tools[0].parameters"] == "mapped"


@pytest.mark.parametrize("schema", OPEN.values(), ids=OPEN)
@pytest.mark.parametrize("wire", ["openai-chat", RESPONSES])
def test_strict_is_given_up_where_it_cannot_be_said(wire: str, schema: Any) -> None:
    """SCHEMA-14, SCHEMA-07: the schema stays as it was, and that is told."""
    body, reported = sent(asked(schema), "openai", face=MESSAGES, wire=wire)
    tool = body["tools"][0] if wire == RESPONSES else body["tools"][0]["function"]
    assert (tool["strict"], tool["parameters"]) == (False, schema)
    assert reported["tools[0].strict"] == "downgraded"


def test_tools_that_did_not_ask_for_strict_keep_their_schema() -> None:
    """SCHEMA-14."""
    body, _ = sent(asked(PLACE, tools=[{"name": "look", "input_schema": PLACE}]), "openai", face=MESSAGES)
    assert body["tools"][0]["function"]["parameters"] == PLACE


def test_nulls_that_stand_for_nothing_are_left_out_and_no_others() -> None:
    """SCHEMA-14, ARGS-10, ARGS-12: values keep their literals; without such nulls not a byte changes."""
    assert without_nulls(GIVEN, PLACE) == MEANT
    for text in ('{ "city":\t"null" }', '{"city": null}', "[null]", "null", '{"city": nul', '{"city":"a","more":null}'):
        assert without_nulls(text, PLACE) == text


def pieces(stream: bool) -> Canned:
    call = {"id": "c1", "type": "function", "function": {"name": "look", "arguments": GIVEN}}
    if not stream:
        return Canned(body=completion({"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"))
    opener = {**call, "index": 0, "function": {"name": "look", "arguments": ""}}
    parts = [GIVEN[at : at + 7] for at in range(0, len(GIVEN), 7)]
    deltas = [{"tool_calls": [{"index": 0, "function": {"arguments": part}}]} for part in parts]
    return Canned(sse(chunk({"tool_calls": [opener]}), *map(chunk, deltas), chunk({}, "tool_calls")))


@pytest.fixture(params=[False, True], ids=["plain", "stream"])
def stream(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_the_caller_reads_the_call_it_meant(tmp_path: Path, stream: bool) -> None:
    """SCHEMA-14: through the router, streamed or not; the call is whole by the caller's own schema."""
    with router_before(tmp_path, {"openai": pieces(stream)}) as url, client(url) as http:
        body = {**asked(PLACE), "model": "openai/gpt-4.1", "stream": stream}
        answer = http.post("/v1/messages", json=body)
    assert answer.status_code == 200, answer.text
    if stream:
        deltas = [event["delta"] for event in data_of(answer.content) if event["type"] == "content_block_delta"]
        text = "".join(delta.get("partial_json", "") for delta in deltas)
    else:
        text = json.dumps(answer.json()["content"][0]["input"])
        (verdict,) = json.loads(answer.headers["x-router"])["calls"]
        assert verdict["status"] == "complete"
    assert json.loads(text) == json.loads(MEANT)


LEAVES = st.sampled_from(
    [
        {"type": "string"},
        {"type": "integer"},
        {"type": ["integer", "null"]},
        {"enum": ["a", 1]},
        {"const": 3},
        {"anyOf": [{"type": "string"}, {"type": "null"}]},
        {"type": "string", "enum": ["a", "b"]},
    ]
)


def objects(below: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    properties = st.dictionaries(st.sampled_from("abcd"), below, min_size=1, max_size=3)
    return properties.flatmap(
        lambda members: st.sets(st.sampled_from(sorted(members))).map(
            lambda required: {"type": "object", "properties": members, "required": sorted(required)}
        )
    )


def arrays(items: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return items.map(lambda one: {"type": "array", "items": one})


SCHEMAS = objects(st.recursive(LEAVES, lambda below: objects(below) | arrays(below)))


def instance(schema: Any, draw: Any, *, strict: bool) -> Any:
    """A value of this schema; ``strict``: with every member, null where the original would leave it out."""
    if "anyOf" in schema:
        return instance(draw(st.sampled_from(schema["anyOf"])), draw, strict=strict)
    if "enum" in schema:
        return draw(st.sampled_from(schema["enum"]))
    if "const" in schema:
        return schema["const"]
    kind = schema["type"] if isinstance(schema["type"], str) else draw(st.sampled_from(schema["type"]))
    match kind:
        case "object":
            return {name: instance(one, draw, strict=strict) for name, one in schema["properties"].items()}
        case "array":
            return [instance(schema["items"], draw, strict=strict) for _ in range(draw(st.integers(0, 2)))]
        case "integer":
            return draw(st.integers())
        case "null":
            return None
        case _:
            return draw(st.text(max_size=3))


@settings(max_examples=200, deadline=None)
@given(SCHEMAS, st.data())
def test_whatever_fits_the_shaped_schema_fits_the_callers_once_turned_back(schema: Any, data: st.DataObject) -> None:
    """SCHEMA-14: for any schema that can be shaped; and strict takes what was shaped."""
    shaped = strict_shape(schema)
    assert shaped is not None
    check_chat(
        {
            "model": "gpt-4.1",
            "messages": [{"role": "user", "content": "go"}],
            "tools": [{"type": "function", "function": {"name": "f", "parameters": shaped, "strict": True}}],
        }
    )
    value = instance(shaped, data.draw, strict=True)
    jsonschema_rs.validator_for(shaped).validate(value)
    meant = loads(without_nulls(dumps(value).decode(), schema))
    jsonschema_rs.validator_for(schema).validate(meant)
