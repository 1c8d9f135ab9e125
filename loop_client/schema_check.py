"""Checks a JSON value against a JSON Schema, for tools whose arguments no Python type describes.

Knows the keywords that say what a value must be like (draft 2020-12, and ``definitions`` of older drafts). A keyword it
does not know, or one whose own value makes no sense, admits everything: a schema that does not compile must not block a
tool (LOOP-05). Messages name the path, never the value.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias, TypeGuard

from loop_client.jsontext import JsonObject, dumps

_DEEPEST: Final = 64
"""Levels of ``$ref`` and nesting followed; what lies deeper is admitted."""
_PLAIN_NAME: Final = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

_MOST_STEPS: Final = 100_000
"""Schemas looked at for one value; a schema that refers to itself twice would take for ever."""

Problems: TypeAlias = Iterator[str]


def schema_problems(schema: JsonObject, value: object, *, most: int = 8) -> list[str]:
    """What is wrong with a value, as ``path: what``; empty if the schema admits it. At most so many are listed."""
    found: list[str] = []
    for problem in _Check(schema).of(schema, value, "$", 0):
        if len(found) == most:
            return [*found, "and more"]
        found.append(problem)
    return found


class _Check:
    def __init__(self, root: JsonObject) -> None:
        self._root = root
        self._steps = 0

    def of(self, schema: Any, value: Any, path: str, depth: int) -> Problems:
        self._steps += 1
        if schema is False:
            yield f"{path}: is not allowed"
        if not isinstance(schema, Mapping) or depth > _DEEPEST or self._steps > _MOST_STEPS:
            return
        if isinstance(schema.get("$ref"), str):
            yield from self.of(self._resolved(schema["$ref"]), value, path, depth + 1)
        if (wrong := _wrong_type(schema.get("type"), value)) is not None:
            yield f"{path}: {wrong}"
            return  # what else is wrong with a value of the wrong type helps nobody
        yield from _wrong_constant(schema, value, path)
        match value:
            case str():
                yield from _wrong_text(schema, value, path)
            case bool():  # which Python takes for an integer
                pass
            case int() | float():
                yield from _wrong_number(schema, value, path)
            case list():
                yield from self._wrong_items(schema, value, path, depth)
            case dict():
                yield from self._wrong_members(schema, value, path, depth)
            case _:
                pass
        yield from self._wrong_combination(schema, value, path, depth)

    def _admits(self, schema: Any, value: Any, depth: int) -> bool:
        return next(self.of(schema, value, "$", depth + 1), None) is None

    def _resolved(self, reference: str) -> Any:
        """What a local reference points to; an admitting schema for any other."""
        if not reference.startswith("#"):
            return True
        found: Any = self._root
        for step in reference[1:].split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(found, Mapping) and name in found:
                found = found[name]
            elif isinstance(found, list) and name.isdecimal() and int(name) < len(found):
                found = found[int(name)]
            else:
                return True
        return found

    def _wrong_members(self, schema: Mapping[str, Any], value: JsonObject, path: str, depth: int) -> Problems:
        properties = _mapping(schema.get("properties"))
        patterns = _patterns(schema.get("patternProperties"))
        for name in _names(schema.get("required")):
            if name not in value:
                yield f"{_member(path, name)}: is required"
        for name, item in value.items():
            matching = [inner for matches, inner in patterns if matches(name)]
            if name in properties:
                matching.append(properties[name])
            for inner in matching:
                yield from self.of(inner, item, _member(path, name), depth + 1)
            if not matching and "additionalProperties" in schema:
                if schema["additionalProperties"] is False:
                    yield f"{_member(path, name)}: is not a parameter of this tool"
                else:
                    yield from self.of(schema["additionalProperties"], item, _member(path, name), depth + 1)
            if "propertyNames" in schema and not self._admits(schema["propertyNames"], name, depth):
                yield f"{_member(path, name)}: is not a name that is allowed here"
        yield from _wrong_count(schema, len(value), path, "minProperties", "maxProperties", "members")
        for name, needed in _mapping(schema.get("dependentRequired")).items():
            if name in value:
                yield from (f"{_member(path, other)}: is required" for other in _names(needed) if other not in value)

    def _wrong_items(self, schema: Mapping[str, Any], value: list[Any], path: str, depth: int) -> Problems:
        prefix, rest = schema.get("prefixItems"), schema.get("items")
        if isinstance(rest, list):  # how drafts before 2020-12 spell it
            prefix, rest = rest, schema.get("additionalItems")
        first = prefix if isinstance(prefix, list) else []
        for place, item in enumerate(value):
            inner = first[place] if place < len(first) else rest
            yield from self.of(inner, item, f"{path}[{place}]", depth + 1)
        yield from _wrong_count(schema, len(value), path, "minItems", "maxItems", "items")
        if schema.get("uniqueItems") is True and len({_identity(item) for item in value}) < len(value):
            yield f"{path}: has an item twice"
        if "contains" in schema and not any(self._admits(schema["contains"], item, depth) for item in value):
            yield f"{path}: lacks an item that is required"

    def _wrong_combination(self, schema: Mapping[str, Any], value: Any, path: str, depth: int) -> Problems:
        for inner in _list(schema.get("allOf")):
            yield from self.of(inner, value, path, depth + 1)
        alternatives = _list(schema.get("anyOf"))
        if alternatives and not any(self._admits(inner, value, depth) for inner in alternatives):
            yield from self._closest(alternatives, value, path, depth)
        alternatives = _list(schema.get("oneOf"))
        fitting = sum(self._admits(inner, value, depth) for inner in alternatives)
        if alternatives and fitting == 0:
            yield from self._closest(alternatives, value, path, depth)
        elif fitting > 1:
            yield f"{path}: fits more than one of the alternatives"
        if "not" in schema and isinstance(schema["not"], (Mapping, bool)) and self._admits(schema["not"], value, depth):
            yield f"{path}: has a form that is excluded"
        if "if" in schema:
            branch = "then" if self._admits(schema["if"], value, depth) else "else"
            yield from self.of(schema.get(branch), value, path, depth + 1)

    def _closest(self, alternatives: list[Any], value: Any, path: str, depth: int) -> Problems:
        """What is wrong by the only alternative of the value's type; where there are several, that none fits."""
        same = [inner for inner in alternatives if _is_of_type(inner, value)]
        if len(same) == 1:
            yield from self.of(same[0], value, path, depth + 1)
        else:
            yield f"{path}: fits none of the alternatives"


_TYPES: Final[dict[str, Callable[[Any], bool]]] = {
    "null": lambda value: value is None,
    "boolean": lambda value: isinstance(value, bool),
    "string": lambda value: isinstance(value, str),
    "array": lambda value: isinstance(value, list),
    "object": lambda value: isinstance(value, dict),
    "number": lambda value: isinstance(value, (int, float)) and not isinstance(value, bool),
    # 3.0 is an integer to JSON Schema (ARGS-11)
    "integer": lambda value: (
        (isinstance(value, int) and not isinstance(value, bool))
        or (isinstance(value, float) and math.isfinite(value) and float(value).is_integer())
    ),
}


def _wrong_type(wanted: Any, value: Any) -> str | None:
    names = [wanted] if isinstance(wanted, str) else _names(wanted)
    known = [name for name in names if name in _TYPES]
    if not known or len(known) < len(names) or any(_TYPES[name](value) for name in known):
        return None
    return f"should be of type {' or '.join(known)}"


def _is_of_type(schema: Any, value: Any) -> bool:
    return isinstance(schema, Mapping) and "$ref" not in schema and _wrong_type(schema.get("type"), value) is None


def _wrong_constant(schema: Mapping[str, Any], value: Any, path: str) -> Problems:
    identity = _identity(value)
    if "const" in schema and _identity(schema["const"]) != identity:
        yield f"{path}: must be {_shown(schema['const'])}"
    options = schema.get("enum")
    if isinstance(options, list) and all(_identity(option) != identity for option in options):
        yield f"{path}: must be one of {', '.join(_shown(option) for option in options[:20])}"


def _wrong_text(schema: Mapping[str, Any], value: str, path: str) -> Problems:
    yield from _wrong_count(schema, len(value), path, "minLength", "maxLength", "characters")
    pattern = _compiled(schema.get("pattern"))
    if pattern is not None and pattern.search(value) is None:
        yield f"{path}: does not match the pattern {schema['pattern']}"


def _wrong_number(schema: Mapping[str, Any], value: float, path: str) -> Problems:
    rules: tuple[tuple[str, Callable[[float], bool], str], ...] = (
        ("minimum", lambda bound: value >= bound, "at least"),
        ("maximum", lambda bound: value <= bound, "at most"),
        ("exclusiveMinimum", lambda bound: value > bound, "above"),
        ("exclusiveMaximum", lambda bound: value < bound, "below"),
    )
    for name, holds, words in rules:
        bound = schema.get(name)
        if _is_number(bound) and not holds(bound):
            yield f"{path}: must be {words} {_shown(bound)}"
    step = schema.get("multipleOf")
    if _is_number(step) and step > 0 and math.isfinite(value) and not _is_multiple(value, step):
        yield f"{path}: must be a multiple of {_shown(step)}"


def _is_multiple(value: float, step: float) -> bool:
    if isinstance(value, int) and isinstance(step, int):
        return value % step == 0
    ratio = value / step
    return math.isfinite(ratio) and abs(ratio - round(ratio)) < 1e-9


def _wrong_count(schema: Mapping[str, Any], count: int, path: str, least: str, most: str, what: str) -> Problems:
    lower, upper = schema.get(least), schema.get(most)
    if _is_number(lower) and count < lower:
        yield f"{path}: must have at least {_shown(lower)} {what}"
    if _is_number(upper) and count > upper:
        yield f"{path}: must have at most {_shown(upper)} {what}"


def _is_number(value: Any) -> TypeGuard[float]:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _identity(value: Any) -> Any:
    """Equal for what JSON Schema calls equal: 1 and 1.0 are, 1 and true are not."""
    match value:
        case bool():
            return ("boolean", value)
        case int() | float():
            return ("number", value)
        case list():
            return ("array", tuple(_identity(item) for item in value))
        case dict():
            return ("object", frozenset((name, _identity(item)) for name, item in value.items()))
        case _:
            return value


def _shown(value: Any) -> str:
    try:
        return dumps(value)
    except (TypeError, ValueError):
        return "?"


def _compiled(pattern: Any) -> re.Pattern[str] | None:
    try:
        return re.compile(pattern) if isinstance(pattern, str) else None
    except re.error:
        return None  # JavaScript's regular expressions are not all Python's


def _patterns(value: Any) -> list[tuple[Callable[[str], object], Any]]:
    compiled = ((_compiled(pattern), inner) for pattern, inner in _mapping(value).items())
    return [(pattern.search, inner) for pattern, inner in compiled if pattern is not None]


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _names(value: Any) -> list[str]:
    return [name for name in value if isinstance(name, str)] if isinstance(value, (list, tuple)) else []


def _member(path: str, name: str) -> str:
    return f"{path}.{name}" if _PLAIN_NAME.fullmatch(name) else f"{path}[{dumps(name)}]"
