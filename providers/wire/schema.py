"""Passes over tool and output schemas: between grammars, and into the shapes that targets insist on. Pure."""

from collections.abc import Callable
from typing import Final

import msgspec

from providers.spec.values import Json, JsonObject
from providers.wire.json import JsonError, loads, type_name

_COMBINATORS: Final = ("anyOf", "oneOf", "allOf")

_INTEGER_BOUNDS: Final = frozenset({"minItems", "maxItems", "minLength", "maxLength", "minProperties", "maxProperties"})
"""Bounds that Gemini writes as strings (int64 in its JSON)."""


class RootObject(msgspec.Struct, frozen=True):
    """A schema whose root is an object."""

    schema: JsonObject
    loosened: str | None = None
    """How it says less than the given schema did; ``None`` where it says the same."""


# ---- an object at the root


def object_root(schema: JsonObject | bool | None) -> RootObject | None:
    """The schema with ``"type": "object"`` and no combinators at its root (SCHEMA-09, SCHEMA-11, SCHEMA-12).

    No schema and an empty one become an object without properties. Combinators are folded into one object: the union
    of their properties, and of what they require only what all alternatives do. ``None`` where the root can be no
    object (a scalar, an array, ``false``).
    """
    if schema is None or schema is True or schema == {}:
        return RootObject({"type": "object", "properties": {}})
    if schema is False or not isinstance(schema, dict):
        return None
    resolved = _resolved(schema, schema)
    if any(key in resolved for key in _COMBINATORS):
        return _folded(resolved)
    kind = resolved.get("type")
    if kind == "object":
        return RootObject(resolved)
    if kind is None:
        typed: JsonObject = {"type": "object", **resolved}
        return RootObject(typed if "properties" in typed else {**typed, "properties": {}})
    if isinstance(kind, list) and "object" in kind:
        return RootObject({**resolved, "type": "object"})
    return None


def _resolved(schema: JsonObject, root: JsonObject) -> JsonObject:
    """The schema with a local ``$ref`` at its own root replaced by what it points to; its siblings win."""
    seen: set[str] = set()
    while isinstance(reference := schema.get("$ref"), str) and reference not in seen:
        seen.add(reference)
        target = _pointed(root, reference)
        if target is None:
            break
        siblings = {key: value for key, value in schema.items() if key != "$ref"}
        schema = {**target, **siblings}
    return schema


def _pointed(root: JsonObject, reference: str) -> JsonObject | None:
    if not reference.startswith("#/"):
        return None
    node: Json = root
    for step in reference[2:].split("/"):
        key = step.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node if isinstance(node, dict) else None


def _folded(schema: JsonObject) -> RootObject | None:
    """One object for a root with combinators."""
    base = {key: value for key, value in schema.items() if key not in _COMBINATORS}
    properties: JsonObject = dict(_properties(base))
    required = _required(base)
    closed = True
    described: list[str] = []
    for combinator in _COMBINATORS:
        members = schema.get(combinator)
        if not isinstance(members, list):
            continue
        objects = [_resolved(member, schema) for member in members if isinstance(member, dict)]
        alternatives = [member for member in objects if member.get("type", "object") == "object"]
        if not alternatives:
            return None
        for member in alternatives:
            _add_properties(properties, _properties(member))
            closed = closed and member.get("additionalProperties") is False
        required += _shared(combinator, [_required(member) for member in alternatives])
        described.append(_description(combinator, alternatives))
    folded: JsonObject = {**base, "type": "object", "properties": properties}
    if required:
        folded["required"] = list(dict.fromkeys(required))
    if not closed:
        folded.pop("additionalProperties", None)
    elif "additionalProperties" not in folded:
        folded["additionalProperties"] = False
    text = " ".join(part for part in (base.get("description"), *described) if isinstance(part, str) and part)
    if text:
        folded["description"] = text
    return RootObject(folded, "alternatives at the root were folded into one object")


def _properties(schema: JsonObject) -> JsonObject:
    value = schema.get("properties")
    return value if isinstance(value, dict) else {}


def _required(schema: JsonObject) -> list[Json]:
    value = schema.get("required")
    return [name for name in value if isinstance(name, str)] if isinstance(value, list) else []


def _add_properties(properties: JsonObject, more: JsonObject) -> None:
    for name, schema in more.items():
        known = properties.get(name)
        if name in properties and known != schema:
            properties[name] = {"anyOf": [*_alternatives(known), schema]}
        else:
            properties[name] = schema


def _alternatives(schema: Json) -> list[Json]:
    if isinstance(schema, dict) and list(schema) == ["anyOf"] and isinstance(schema["anyOf"], list):
        return schema["anyOf"]
    return [schema]


def _shared(combinator: str, required: list[list[Json]]) -> list[Json]:
    """What is required whichever alternative is taken; all members of ``allOf`` hold at once."""
    if combinator == "allOf":
        return [name for names in required for name in names]
    return [name for name in required[0] if all(name in names for names in required)]


def _description(combinator: str, alternatives: list[JsonObject]) -> str:
    if combinator == "allOf" or len(alternatives) < 2:
        return ""
    word = "exactly one" if combinator == "oneOf" else "at least one"
    groups = [", ".join(str(name) for name in _required(member) or _properties(member)) for member in alternatives]
    return f"Give {word} of these groups of properties: {'; '.join(groups)}."


# ---- closed objects


def closed_objects(schema: Json) -> Json:
    """The schema with ``"additionalProperties": false`` on every object that does not say otherwise."""
    if isinstance(schema, list):
        return [closed_objects(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {key: _below(key, value) for key, value in schema.items()}
    if "additionalProperties" not in closed and (closed.get("type") == "object" or "properties" in closed):
        closed["additionalProperties"] = False
    return closed


def _below(key: str, value: Json) -> Json:
    if key in {"properties", "$defs", "definitions", "patternProperties"} and isinstance(value, dict):
        return {name: closed_objects(item) for name, item in value.items()}
    # Values are not schemas, however much they look like one.
    return value if key in {"enum", "const", "default", "examples"} else closed_objects(value)


# ---- strict schemas


def fits_strict(schema: Json) -> bool:
    """Whether every object of a schema is closed and requires all its properties."""
    if isinstance(schema, list):
        return all(map(fits_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties, required = schema.get("properties"), schema.get("required")
    if schema.get("type") == "object" or isinstance(properties, dict):
        names = set(properties) if isinstance(properties, dict) else set()
        if schema.get("additionalProperties") is not False:
            return False
        listed = {name for name in required if isinstance(name, str)} if isinstance(required, list) else set()
        if not names <= listed:
            return False
    return all(_members_fit(key, value) for key, value in schema.items())


def _members_fit(key: str, value: Json) -> bool:
    if key in {"properties", "$defs", "definitions"} and isinstance(value, dict):
        return all(map(fits_strict, value.values()))
    # Values are not schemas, however much they look like one.
    return key in {"enum", "const", "default", "examples"} or fits_strict(value)


# ---- changes to every object of a schema


def _changed(schema: Json, change: Callable[[JsonObject], JsonObject]) -> Json:
    """The schema with ``change`` made to every object in it, from the inside out; the same one where it makes none."""
    if isinstance(schema, list):
        items = [_changed(item, change) for item in schema]
        return items if any(new is not old for new, old in zip(items, schema, strict=True)) else schema
    if not isinstance(schema, dict):
        return schema
    changed = schema
    for key, value in schema.items():
        # Most are plain values; and values are not schemas, however much they look like one.
        if not isinstance(value, dict | list) or key in _VALUES:
            continue
        below = _named(value, change) if key in _NAMED and isinstance(value, dict) else _changed(value, change)
        if below is not value:
            changed = dict(schema) if changed is schema else changed
            changed[key] = below
    return change(changed)


def _named(schemas: JsonObject, change: Callable[[JsonObject], JsonObject]) -> JsonObject:
    changed = schemas
    for name, schema in schemas.items():
        below = _changed(schema, change)
        if below is not schema:
            changed = dict(schemas) if changed is schemas else changed
            changed[name] = below
    return changed


_NAMED: Final = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_VALUES: Final = frozenset({"enum", "const", "default", "examples"})


def itemised_arrays(schema: Json) -> Json:
    """The schema with a permissive ``items`` on every array that says nothing of its items (SCHEMA-10)."""
    return _changed(schema, _itemised)


def _itemised(schema: JsonObject) -> JsonObject:
    if schema.get("type") == "array" and "items" not in schema and "prefixItems" not in schema:
        return {**schema, "items": {}}
    return schema


def typed_enums(schema: Json) -> Json:
    """The schema with a ``type`` beside every ``enum`` and ``const`` whose values are all of one kind (SCHEMA-03)."""
    return _changed(schema, _typed)


def _typed(schema: JsonObject) -> JsonObject:
    if "type" in schema or ("enum" not in schema and "const" not in schema):
        return schema
    values = _items(schema["enum"]) if "enum" in schema else [schema["const"]]
    kinds = {_json_schema_type(value) for value in values}
    return {"type": kinds.pop(), **schema} if len(kinds) == 1 else schema


def _json_schema_type(value: Json) -> str:
    return "integer" if isinstance(value, int) and not isinstance(value, bool) else type_name(value)


# ---- Gemini's schema


def gemini_to_json_schema(schema: Json) -> Json:
    """A schema in Gemini's OpenAPI-like subset as JSON Schema.

    Types in lower case, ``nullable`` as a ``null`` type, enumerated numbers as numbers, bounds as integers,
    ``defs``/``ref`` and ``example`` by their JSON Schema names. ``propertyOrdering`` is what the order of the keys
    says anyway. Other keywords stay.
    """
    if not isinstance(schema, dict):
        return schema
    converted: JsonObject = {}
    for key, value in schema.items():
        _convert_keyword(converted, key, value)
    kind = converted.get("type")
    if isinstance(kind, str) and kind in {"integer", "number"} and isinstance(converted.get("enum"), list):
        converted["enum"] = [_number(item) for item in _items(converted["enum"])]
    if schema.get("nullable") is True:
        _add_null(converted)
    return converted


def _convert_keyword(converted: JsonObject, key: str, value: Json) -> None:
    match key, value:
        case ("nullable" | "propertyOrdering" | "property_ordering", _):
            pass
        case ("type", str(kind)):
            if kind.upper() != "TYPE_UNSPECIFIED":
                converted["type"] = kind.lower()
        case ("type", list(kinds)):
            # JSON Schema's way to say that there may be nothing, which callers write here as well.
            converted["type"] = [kind.lower() if isinstance(kind, str) else kind for kind in kinds]
        case ("format", "enum"):
            pass
        case ("properties" | "defs" | "$defs", dict(members)):
            name = "properties" if key == "properties" else "$defs"
            converted[name] = {member: gemini_to_json_schema(item) for member, item in members.items()}
        case ("anyOf" | "any_of", list(members)):
            converted["anyOf"] = [gemini_to_json_schema(item) for item in members]
        case ("items" | "additionalProperties", _):
            converted[key] = gemini_to_json_schema(value)
        case ("ref" | "$ref", str(reference)):
            converted["$ref"] = reference.replace("#/defs/", "#/$defs/")
        case ("example", _):
            converted["examples"] = [value]
        case (str(bound), str(digits)) if bound in _INTEGER_BOUNDS and digits.isdecimal():
            converted[bound] = int(digits)
        case _:
            converted[key] = value


def _items(value: Json) -> list[Json]:
    return value if isinstance(value, list) else []


def _number(value: Json) -> Json:
    if not isinstance(value, str):
        return value
    try:
        number = loads(value)
    except JsonError:
        return value
    return number if isinstance(number, int | float) and not isinstance(number, bool) else value


def _add_null(schema: JsonObject) -> None:
    kind = schema.get("type")
    if isinstance(kind, str) and kind != "null":
        schema["type"] = [kind, "null"]
    elif isinstance(kind, list) and "null" not in kind:
        schema["type"] = [*kind, "null"]
    elif isinstance(schema.get("anyOf"), list):
        schema["anyOf"] = [*_items(schema["anyOf"]), {"type": "null"}]
    if isinstance(schema.get("enum"), list) and None not in _items(schema["enum"]):
        schema["enum"] = [*_items(schema["enum"]), None]
