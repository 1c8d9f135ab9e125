"""The subset of JSON Schema that Anthropic compiles for strict tools and for output formats.

Objects are closed; bounds of numbers, texts and lists and recursion are outside of it
(https://platform.claude.com/docs/en/build-with-claude/structured-outputs, JSON Schema limitations). A request beyond it
is refused: "For 'integer' type, property 'minimum' is not supported".
"""

from collections.abc import Iterator
from typing import Final

from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps_text

_BOUNDS: Final = frozenset(
    {
        *("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"),
        *("minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"),
    }
)
_BEYOND: Final = frozenset(
    {
        *("patternProperties", "propertyNames", "unevaluatedProperties", "dependentSchemas", "dependentRequired"),
        *("dependencies", "prefixItems", "contains", "not", "if", "then", "else"),
    }
)
_MAPS: Final = ("properties", "$defs", "definitions")
_VALUES: Final = frozenset({"enum", "const", "default", "examples"})
"""Keywords whose values are no schemas, however much they look like it."""


def is_strict(schema: Json) -> bool:
    """Whether Anthropic compiles this schema as it is. Its limits on size it alone can tell."""
    return _has_no_recursion(schema) and all(map(_is_within, _parts(schema)))


def described(schema: Json) -> Json:
    """The schema with the bounds that are not compiled said in its descriptions instead (SCHEMA-05)."""
    if isinstance(schema, list):
        return [described(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    bounds = {key: value for key, value in schema.items() if _is_bound(key, value)}
    kept: JsonObject = {key: _described_below(key, value) for key, value in schema.items() if key not in bounds}
    if bounds:
        said = kept.get("description")
        text = f"({dumps_text(bounds)})"
        kept["description"] = f"{said} {text}" if isinstance(said, str) and said else text
    return kept


def _described_below(key: str, value: Json) -> Json:
    if key in _MAPS and isinstance(value, dict):
        return {name: described(item) for name, item in value.items()}
    return value if key in _VALUES else described(value)


def _is_bound(key: str, value: Json) -> bool:
    # Of the bounds of lists, "at least none" and "at least one" are compiled.
    return key in _BOUNDS or (key == "minItems" and value not in (0, 1))


def _is_within(part: Json) -> bool:
    if not isinstance(part, dict):
        # `true` and `false` are schemas that are not compiled.
        return False
    if any(key in _BEYOND or _is_bound(key, value) for key, value in part.items()):
        return False
    is_object = part.get("type") == "object" or "properties" in part
    return not is_object or part.get("additionalProperties") is False


def _parts(schema: Json) -> Iterator[Json]:
    """The schema and every schema below it."""
    yield schema
    if not isinstance(schema, dict):
        return
    for key in _MAPS:
        members = schema.get(key)
        for member in members.values() if isinstance(members, dict) else ():
            yield from _parts(member)
    for key in ("anyOf", "oneOf", "allOf"):
        options = schema.get(key)
        for option in options if isinstance(options, list) else ():
            yield from _parts(option)
    if "items" in schema:
        yield from _parts(schema["items"])


def _has_no_recursion(schema: Json) -> bool:
    """Whether following references of the document from the root comes to an end."""
    definitions: JsonObject = {}
    for key in ("$defs", "definitions"):
        members = schema.get(key) if isinstance(schema, dict) else None
        for name, member in members.items() if isinstance(members, dict) else ():
            definitions[f"#/{key}/{name}"] = member
    return all(_ends(reference, definitions, ()) for reference in _references(schema))


def _ends(reference: str, definitions: JsonObject, followed: tuple[str, ...]) -> bool:
    if reference in followed or reference not in definitions:
        # A reference to anything but a definition is not followed, and not promised to compile.
        return False
    inner = _references(definitions[reference])
    return all(_ends(each, definitions, (*followed, reference)) for each in inner)


def _references(schema: Json) -> set[str]:
    found = (part.get("$ref") for part in _parts(schema) if isinstance(part, dict))
    return {reference for reference in found if isinstance(reference, str)}
