"""JSON Schema as a check of arguments: what is admitted, what is named as wrong, and that nothing brings it down."""

from __future__ import annotations

import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loop_client.jsontext import loads
from loop_client.schema_check import schema_problems

OBJECT = {
    "type": "object",
    "properties": {
        "name": {"type": "string", "minLength": 1, "pattern": "^[a-z]+$"},
        "size": {"type": ["integer", "null"], "minimum": 1, "exclusiveMaximum": 10},
        "kind": {"enum": ["a", 1, None]},
        "tags": {"type": "array", "items": {"type": "string"}, "maxItems": 2, "uniqueItems": True},
    },
    "required": ["name"],
    "additionalProperties": False,
}
TREE = {
    "$defs": {"node": {"type": "object", "properties": {"next": {"$ref": "#/$defs/node"}, "n": {"type": "integer"}}}},
    "$ref": "#/$defs/node",
}


@pytest.mark.parametrize(
    ("schema", "text"),
    [
        (OBJECT, '{"name": "a", "size": 9, "kind": null, "tags": ["x", "y"]}'),
        (OBJECT, '{"name": "a", "size": null, "kind": 1.0}'),
        (TREE, '{"next": {"next": {"n": 1}}}'),
        ({"type": "integer"}, "3.0"),
        ({"type": "integer"}, "12345678901234567890123"),
        ({"const": {"a": [1, 2]}}, '{"a": [1.0, 2]}'),
        ({"multipleOf": 0.1}, "0.3"),
        ({"prefixItems": [{"type": "string"}], "items": {"type": "number"}}, '["a", 1, 2.5]'),
        ({"items": [{"type": "string"}], "additionalItems": False}, '["a"]'),
        ({"anyOf": [{"type": "string"}, {"type": "integer"}]}, "1"),
        ({"oneOf": [{"const": 1}, {"const": 2}]}, "2"),
        ({"not": {"type": "string"}}, "1"),
        ({"if": {"properties": {"a": {"const": 1}}}, "then": {"required": ["b"]}}, '{"a": 1, "b": 2}'),
        ({"patternProperties": {"^x": {"type": "integer"}}, "additionalProperties": False}, '{"x1": 1}'),
        ({"contains": {"const": 1}}, "[0, 1]"),
        ({}, '{"any": "thing"}'),
        (True, "1"),
        # what makes no sense, or is not known, admits everything (LOOP-05)
        ({"type": "strnig"}, "1"),
        ({"type": 7, "enum": "x", "required": "name", "properties": []}, "{}"),
        ({"pattern": "("}, '"x"'),
        ({"$ref": "https://elsewhere.example/schema"}, "1"),
        ({"$ref": "#/nowhere"}, "1"),
        ({"minimum": "1", "multipleOf": 0}, "0"),
        ({"format": "email", "x-own": 1}, '"no"'),
    ],
)
def test_what_a_schema_admits(schema: Any, text: str) -> None:
    assert schema_problems(schema, loads(text)) == []


@pytest.mark.parametrize(
    ("schema", "text", "problems"),
    [
        (OBJECT, "[]", ["$: should be of type object"]),
        (OBJECT, "{}", ["$.name: is required"]),
        (
            OBJECT,
            '{"name": ""}',
            ["$.name: must have at least 1 characters", "$.name: does not match the pattern ^[a-z]+$"],
        ),
        (OBJECT, '{"name": "a", "size": 0}', ["$.size: must be at least 1"]),
        (OBJECT, '{"name": "a", "size": 10}', ["$.size: must be below 10"]),
        (OBJECT, '{"name": "a", "size": "1"}', ["$.size: should be of type integer or null"]),
        (OBJECT, '{"name": "a", "kind": true}', ['$.kind: must be one of "a", 1, null']),
        (OBJECT, '{"name": "a", "tags": ["x", 1]}', ["$.tags[1]: should be of type string"]),
        (OBJECT, '{"name": "a", "tags": ["x", "x"]}', ["$.tags: has an item twice"]),
        (OBJECT, '{"name": "a", "od d": 1}', ['$["od d"]: is not a parameter of this tool']),
        (TREE, '{"next": {"next": {"n": "x"}}}', ["$.next.next.n: should be of type integer"]),
        ({"type": "integer"}, "true", ["$: should be of type integer"]),
        ({"type": "integer"}, "3.5", ["$: should be of type integer"]),
        ({"multipleOf": 3}, "7", ["$: must be a multiple of 3"]),
        ({"anyOf": [{"type": "string"}, {"type": "integer", "minimum": 5}]}, "1", ["$: must be at least 5"]),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, "1", ["$: fits none of the alternatives"]),
        ({"oneOf": [{"minimum": 1}, {"minimum": 2}]}, "3", ["$: fits more than one of the alternatives"]),
        ({"not": {"const": 1}}, "1", ["$: has a form that is excluded"]),
        ({"allOf": [{"minimum": 2}, {"maximum": 0}]}, "1", ["$: must be at least 2", "$: must be at most 0"]),
        ({"if": {"const": 1}, "then": False, "else": True}, "1", ["$: is not allowed"]),
        ({"propertyNames": {"maxLength": 1}}, '{"ab": 1}', ["$.ab: is not a name that is allowed here"]),
        ({"dependentRequired": {"a": ["b"]}}, '{"a": 1}', ["$.b: is required"]),
        ({"additionalProperties": {"type": "integer"}}, '{"a": "x"}', ["$.a: should be of type integer"]),
        ({"contains": {"const": 1}}, "[2]", ["$: lacks an item that is required"]),
    ],
)
def test_what_a_schema_refuses_is_named_by_path(schema: Any, text: str, problems: list[str]) -> None:
    """LOOP-05: the path is named, the value is not."""
    assert schema_problems(schema, loads(text)) == problems


def test_only_so_many_problems_are_listed() -> None:
    schema = {"type": "array", "items": {"type": "string"}}
    assert schema_problems(schema, list(range(100)), most=2) == [
        "$[0]: should be of type string",
        "$[1]: should be of type string",
        "and more",
    ]


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#"},
        {"anyOf": [{"$ref": "#"}, {"$ref": "#"}]},
        {"allOf": [{"$ref": "#"}, {"$ref": "#"}], "not": {"$ref": "#"}},
    ],
)
def test_a_schema_that_refers_to_itself_ends(schema: Any) -> None:
    started = time.monotonic()
    schema_problems(schema, 1)
    assert time.monotonic() - started < 5


names = st.sampled_from(
    (
        "type",
        "properties",
        "items",
        "anyOf",
        "oneOf",
        "not",
        "enum",
        "const",
        "required",
        "$ref",
        "minimum",
        "pattern",
        "if",
    )
)
any_json = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names | st.text(max_size=3), inner, max_size=3),
    max_leaves=15,
)


@given(any_json, any_json)
def test_any_schema_and_any_value_give_an_outcome(schema: Any, value: Any) -> None:
    """LOOP-05: whatever a server of tools sends for a schema, the tool is not brought down by it."""
    assert all(problem.startswith(("$", "and more")) for problem in schema_problems(schema, value))
