"""Judges a JSON Schema that an Anthropic Messages request carries."""

from __future__ import annotations

from typing import Any

from tests.fakes.refusal import Refusal

_ROOT_COMBINATORS = ("oneOf", "allOf", "anyOf")
_BOUNDS = {
    "integer": ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"),
    "number": ("maximum", "minimum", "exclusiveMaximum", "exclusiveMinimum", "multipleOf"),
    "string": ("maxLength", "minLength"),
}
_TYPES = {"object", "array", "string", "number", "integer", "boolean", "null"}
_OPTIONAL_LIMIT = 24
_UNION_LIMIT = 16


def check_input_schema(schema: dict[str, Any], path: str) -> None:
    """Refuse what Anthropic refuses in any tool's schema.

    Raises:
        Refusal: it is no JSON Schema, or combines schemas at its root.
    """
    if any(word in schema for word in _ROOT_COMBINATORS):
        text = "input_schema does not support oneOf, allOf, or anyOf at the top level"
        raise Refusal(f"{path}.input_schema: {text}")
    if not all(map(_is_2020_12, _subschemas(schema))):
        text = (
            "JSON schema is invalid. It must match JSON Schema draft 2020-12 (https://json-schema.org/draft/2020-12)."
        )
        raise Refusal(
            f"{path}.input_schema: {text} Learn more about tool use at https://docs.claude.com/en/docs/tool-use."
        )


def _is_2020_12(part: dict[str, Any]) -> bool:
    """Whether the keywords that changed between drafts, or are often wrong, have the types of draft 2020-12."""
    kinds = part.get("type", [])
    named = kinds if isinstance(kinds, list) else [kinds]
    bounds = [part.get(word, 0) for word in ("exclusiveMinimum", "exclusiveMaximum", "minimum", "maximum")]
    return (
        all(isinstance(kind, str) and kind in _TYPES for kind in named)
        and isinstance(part.get("properties", {}), dict)
        and isinstance(part.get("required", []), list)
        and isinstance(part.get("enum", []), list)
        and isinstance(part.get("items", {}), dict | bool)
        and isinstance(part.get("$ref", ""), str)
        and all(isinstance(bound, int | float) and not isinstance(bound, bool) for bound in bounds)
        and all(isinstance(part.get(word, [{}]), list) for word in ("anyOf", "oneOf", "allOf"))
    )


def check_strict_schemas(schemas: list[tuple[str, dict[str, Any]]]) -> None:
    """Refuse strict schemas outside the subset that Anthropic compiles; pairs of path and schema.

    Raises:
        Refusal: a keyword outside the subset, or too many optional or union-typed parameters over all of them.
    """
    parts = [(path, part) for path, schema in schemas for part in _subschemas(schema)]
    for path, part in parts:
        _check_subset(path, part)
    optional = sum(len(set(part.get("properties") or ()) - set(part.get("required") or ())) for _, part in parts)
    if optional > _OPTIONAL_LIMIT:
        raise Refusal(
            f"Schemas contains too many optional parameters ({optional}), which would make grammar compilation "
            f"inefficient. Reduce the number of optional parameters in your tool schemas (limit: {_OPTIONAL_LIMIT})."
        )
    unions = sum(isinstance(part.get("type"), list) or "anyOf" in part for _, part in parts)
    if unions > _UNION_LIMIT:
        raise Refusal(
            f"Schemas contains too many parameters with union types ({unions} parameters with type arrays or anyOf). "
            "This causes exponential compilation cost. Reduce the number of nullable or union-typed parameters "
            f"(limit: {_UNION_LIMIT} parameters with unions)."
        )


def _check_subset(path: str, part: dict[str, Any]) -> None:
    kind = part.get("type")
    if kind == "object":
        if any(isinstance(member, bool) for member in (part.get("properties") or {}).values()):
            raise Refusal(f"{path}: For 'object' type, property 'properties' is not supported")
        if part.get("additionalProperties") is not False:
            text = "For 'object' type, 'additionalProperties' must be explicitly set to false"
            raise Refusal(f"{path}: {text}")
    bounds = [word for word in _BOUNDS.get(kind, ()) if word in part] if isinstance(kind, str) else []
    if bounds:
        raise Refusal(f"{path}: For '{kind}' type, properties {', '.join(bounds)} are not supported")


def _subschemas(schema: object) -> list[dict[str, Any]]:
    if not isinstance(schema, dict):
        return []
    found = [schema]
    for word in ("properties", "$defs", "definitions"):
        members = schema.get(word)
        for part in members.values() if isinstance(members, dict) else ():
            found += _subschemas(part)
    for word in ("anyOf", "oneOf", "allOf"):
        options = schema.get(word)
        for part in options if isinstance(options, list) else ():
            found += _subschemas(part)
    return found + _subschemas(schema.get("items"))
