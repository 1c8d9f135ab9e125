"""Short ways to write JSON Schema, so that the schemas read like the bodies they describe."""

from typing import Any, TypeAlias

Schema: TypeAlias = dict[str, Any]
"""JSON Schema 2020-12, as OpenAPI 3.1 has it."""


def ref(name: str) -> Schema:
    """A schema of the document's components."""
    return {"$ref": f"#/components/schemas/{name}"}


def record(description: str, /, required: str = "", **fields: Schema) -> Schema:
    """An object; ``required`` names fields, separated by spaces.

    None is closed: other fields than these are not refused for their name.
    """
    schema: Schema = {"type": "object", "properties": fields}
    if required:
        schema["required"] = required.split()
    return _described(schema, description)


def closed(schema: Schema) -> Schema:
    """The same object, without any other field."""
    return {**schema, "additionalProperties": False}


def typed(kind: str, description: str, /, inner: Schema) -> Schema:
    """OpenAI's way to tell shapes apart: ``{"type": kind, kind: inner}``."""
    return record(description, f"type {kind}", **{"type": word(kind), kind: inner})


def other(known: str, description: str) -> Schema:
    """An object with another ``type`` than these."""
    return record(description, "type", type={"type": "string", "not": {"enum": known.split()}})


def text(description: str = "", **more: Any) -> Schema:
    """A string."""
    return _described({"type": "string", **more}, description)


def word(value: str) -> Schema:
    """Exactly this string."""
    return {"type": "string", "const": value}


def words(choices: str, description: str = "") -> Schema:
    """One of these strings, separated by spaces."""
    return _described({"type": "string", "enum": choices.split()}, description)


def integer(description: str = "", **more: Any) -> Schema:
    """An integer."""
    return _described({"type": "integer", **more}, description)


def number(description: str = "") -> Schema:
    """A number."""
    return _described({"type": "number"}, description)


def switch(description: str = "") -> Schema:
    """A boolean."""
    return _described({"type": "boolean"}, description)


def array(items: Schema, description: str = "", **more: Any) -> Schema:
    """A list."""
    return _described({"type": "array", "items": items, **more}, description)


def free(description: str = "") -> Schema:
    """An object whose fields are not described here."""
    return _described({"type": "object"}, description)


def any_of(description: str, /, *schemas: Schema) -> Schema:
    """Whatever fits one of these."""
    return _described({"anyOf": list(schemas)}, description)


def or_null(schema: Schema) -> Schema:
    """The same, or null, which reads as absent."""
    if isinstance(schema.get("type"), str) and not {"enum", "const"} & schema.keys():
        return {**schema, "type": [schema["type"], "null"]}
    inner = {key: value for key, value in schema.items() if key != "description"}
    return any_of(schema.get("description", ""), inner, {"type": "null"})


def _described(schema: Schema, description: str) -> Schema:
    return {**schema, "description": description} if description else schema
