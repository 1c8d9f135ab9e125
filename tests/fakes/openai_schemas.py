"""Judges a JSON Schema that an OpenAI chat request carries."""

from __future__ import annotations

from typing import Any

from tests.fakes.refusal import Refusal

_ROOT_COMBINATORS = ("oneOf", "anyOf", "allOf", "enum", "not")


def check_schema(schema: dict[str, Any], owner: str, param: str, *, strict: bool) -> None:
    """Refuse what OpenAI refuses in a schema.

    Args:
        schema: the schema's root.
        owner: how the error text calls it, as ``function 'get_weather'``.
        param: where it stands in the request.
        strict: whether it has to be shaped for strict mode.

    Raises:
        Refusal: the schema is not acceptable.
    """
    if schema and schema.get("type") != "object":
        found = schema.get("type")
        raise _bad(owner, param, f"schema must be a JSON Schema of 'type: \"object\"', got 'type: \"{found}\"'.")
    if any(word in schema for word in _ROOT_COMBINATORS):
        text = "schema must have type 'object' and not have 'oneOf'/'anyOf'/'allOf'/'enum'/'not' at the top level."
        raise _bad(owner, param, text)
    for context, part in _subschemas(schema, ()):
        _check_part(part, context, owner, param, strict=strict)


def _check_part(schema: dict[str, Any], context: tuple[str, ...], owner: str, param: str, *, strict: bool) -> None:
    where = f"In context={context!r}"
    for word, kind in (("properties", dict), ("required", list), ("enum", list)):
        if word in schema and not isinstance(schema[word], kind):
            raise _bad(owner, param, f"{where}, {schema[word]!r} is not of type '{word}'.")
    if schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
        raise _bad(owner, param, f"{where}, array schema missing items.")
    if not strict or schema.get("type") != "object":
        return
    if schema.get("additionalProperties") is not False:
        raise _bad(owner, param, f"{where}, 'additionalProperties' is required to be supplied and to be false.")
    for name in schema.get("properties") or {}:
        if name not in (schema.get("required") or []):
            text = "'required' is required to be supplied and to be an array including every key in properties."
            raise _bad(owner, param, f"{where}, {text} Missing '{name}'.")


def _subschemas(schema: object, context: tuple[str, ...]) -> list[tuple[tuple[str, ...], dict[str, Any]]]:
    if not isinstance(schema, dict):
        return []
    found = [(context, schema)]
    for word in ("properties", "$defs", "definitions"):
        members = schema.get(word)
        for name, part in members.items() if isinstance(members, dict) else ():
            found += _subschemas(part, (*context, word, name))
    for word in ("anyOf", "oneOf", "allOf", "prefixItems"):
        options = schema.get(word)
        for index, part in enumerate(options if isinstance(options, list) else ()):
            found += _subschemas(part, (*context, word, str(index)))
    for word in ("items", "additionalProperties"):
        found += _subschemas(schema.get(word), (*context, word))
    return found


def _bad(owner: str, param: str, text: str) -> Refusal:
    return Refusal(f"Invalid schema for {owner}: {text}", param=param, code="invalid_function_parameters")
