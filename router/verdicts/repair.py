"""Mends arguments that do not fit, led by the schema: deterministic, and only where the schema leaves one reading.

Each mend is tried where the schema names another type than the value has, and kept only where the whole then fits.
Nothing is invented: no bracket is closed, no member added, no string shortened.
"""

import json
import re
from decimal import Decimal
from typing import Any, TypeAlias

import msgspec

from providers.spec.values import JsonObject
from providers.wire.json import FloatLiteral, JsonError, dumps_text, loads
from router.verdicts.schemas import KnownTool

_FENCED = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)
_TRAILING_COMMA = re.compile(r'("(?:[^"\\]|\\.)*")|,(\s*[}\]])')
_INTEGER = re.compile(r"-?(?:0|[1-9]\d*)")
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?")
_FRACTION = re.compile(r"\d[.eE]")
_DEEPEST = 50
_EXACT_DIGITS = 15
"""A double keeps so many for certain: an id of more has been rounded on its way."""
_MOST_DIGITS = 30
"""``1e999999999`` is an integer too, and nobody's."""
_AS_INTEGER = "written as an integer"

Schema: TypeAlias = dict[str, Any]


class Repair(msgspec.Struct, frozen=True):
    """One thing that was mended."""

    path: str
    """JSON path within the arguments; empty for their root."""
    what: str

    def as_json(self) -> JsonObject:
        """The entry as it stands in ``router.calls[].repairs``."""
        return {"path": self.path, "what": self.what}


class Repaired(msgspec.Struct, frozen=True):
    """Arguments that now fit."""

    text: str
    repairs: tuple[Repair, ...]


def repaired(text: str, tool: KnownTool) -> Repaired | None:
    """The arguments mended so that they fit the tool's schema; ``None`` where that cannot be done."""
    repairs: list[Repair] = []
    value = _read(text, repairs)
    if value is _UNREADABLE:
        return None
    schema = tool.schema if isinstance(tool.schema, dict) else {}
    if value is None:
        value = {}
        repairs.append(Repair("", "null read as no arguments"))
    value = _Mender(schema, repairs).mended(value, schema, "", 0)
    if not isinstance(value, dict) or not repairs:
        return None
    mended = dumps_text(value)
    return Repaired(mended, tuple(repairs)) if not tool.misfits(plain(mended)) else None


def with_integers(text: str, tool: KnownTool) -> Repaired | None:
    """Arguments that fit, with integers written as such where they came as ``4475.0`` (ARGS-11); ``None`` for none.

    JSON Schema takes both for an integer, parsers of integers do not.
    """
    if not _FRACTION.search(text):
        return None
    mended = repaired(text, tool)
    if mended is None or not all(repair.what.endswith(_AS_INTEGER) for repair in mended.repairs):
        return None
    return mended


def _integer_in(literal: str) -> int | None:
    """The integer that a number literal is, where it has no more digits than a double keeps; else ``None``."""
    number = Decimal(literal)
    if number.adjusted() > _MOST_DIGITS or number != number.to_integral_value():
        return None
    if abs(number) > 2**53 and len(number.normalize().as_tuple().digits) > _EXACT_DIGITS:
        return None
    return int(number)


def plain(text: str) -> Any:
    """JSON text as plain values for the validator: without literals, integers exact. Raises JsonError."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        # A number beyond a double, a lone surrogate: the standard decoder takes them.
        try:
            return json.loads(text)
        except (ValueError, RecursionError) as error:
            raise JsonError(str(error)) from None


_UNREADABLE: Any = object()


def _read(text: str, repairs: list[Repair]) -> Any:
    """The text as a JSON value, freed of what models put around it or leave in it."""
    fence = _FENCED.fullmatch(text)
    if fence:
        text = fence[1]
        repairs.append(Repair("", "taken out of a code fence"))
    try:
        return loads(text)
    except JsonError:
        pass
    without = _TRAILING_COMMA.sub(lambda found: found[1] or found[2], text)
    try:
        value = loads(without)
    except JsonError:
        return _UNREADABLE
    repairs.append(Repair("", "trailing commas removed"))
    return value


class _Mender:
    """Walks a value beside its schema."""

    def __init__(self, root: Schema, repairs: list[Repair]) -> None:
        self._root = root
        self._repairs = repairs

    def mended(self, value: Any, schema: Any, path: str, depth: int) -> Any:
        schema = self._resolved(schema)
        if schema is None or depth > _DEEPEST:
            return value
        value = self._retyped(value, schema, path)
        if isinstance(value, dict):
            return self._members(value, schema, path, depth)
        if isinstance(value, list) and isinstance(schema.get("items"), dict):
            items = schema["items"]
            return [self.mended(item, items, f"{path}[{index}]", depth + 1) for index, item in enumerate(value)]
        return value

    def _members(self, value: dict[str, Any], schema: Schema, path: str, depth: int) -> dict[str, Any]:
        properties = schema.get("properties")
        if not isinstance(properties, dict):
            return value
        required = schema.get("required")
        kept = {}
        for name, member in value.items():
            at = f"{path}.{name}" if path else name
            below = properties.get(name)
            if member is None and below is not None and self._is_left_out(name, below, required):
                # SCHEMA-14: strict modes write null for what was optional.
                self._repairs.append(Repair(at, "null left out of an optional member"))
                continue
            kept[name] = member if below is None else self.mended(member, below, at, depth + 1)
        return kept

    def _is_left_out(self, name: str, schema: Any, required: Any) -> bool:
        if isinstance(required, list) and name in required:
            return False
        kinds = _kinds(self._resolved(schema))
        return bool(kinds) and "null" not in kinds

    def _retyped(self, value: Any, schema: Schema, path: str) -> Any:
        kinds = _kinds(schema)
        if not kinds or _kind(value) in kinds or (_kind(value) == "integer" and "number" in kinds):
            return value
        if isinstance(value, str) and "string" not in kinds:
            return self._from_text(value, kinds, path)
        if isinstance(value, float) and "integer" in kinds and "number" not in kinds:
            return self._whole(value, path)
        if "array" in kinds and "object" not in kinds and isinstance(schema.get("items"), dict):
            if _kind(value) in _kinds(self._resolved(schema["items"])):
                self._repairs.append(Repair(path, "a single item put into an array"))
                return [value]
            return value
        if kinds == {"string"} and isinstance(value, int | float) and not isinstance(value, bool):
            # SCHEMA-04: a number where the schema wants its text.
            self._repairs.append(Repair(path, "a number written as a string"))
            return dumps_text(value)
        return value

    def _from_text(self, text: str, kinds: set[str], path: str) -> Any:
        """ARGS-07: a value that the model encoded twice."""
        stripped = text.strip()
        lowered = stripped.lower()
        if "boolean" in kinds and lowered in {"true", "false"}:
            return self._read_from(path, "boolean", lowered == "true")
        if "integer" in kinds and _INTEGER.fullmatch(stripped):
            return self._read_from(path, "integer", int(stripped))
        if "number" in kinds and _NUMBER.fullmatch(stripped):
            return self._read_from(path, "number", loads(stripped))
        if kinds & {"array", "object"} and stripped[:1] in {"[", "{"}:
            try:
                value = loads(stripped)
            except JsonError:
                return text
            if _kind(value) in kinds:
                return self._read_from(path, _kind(value), value)
        if "null" in kinds and lowered == "null":
            return self._read_from(path, "null", None)
        return text

    def _read_from(self, path: str, kind: str, value: Any) -> Any:
        self._repairs.append(Repair(path, f"{kind} read from a string"))
        return value

    def _whole(self, value: float, path: str) -> Any:
        """ARGS-11: an integer that came as ``4475.0`` or ``1e16``, where it is exactly that."""
        literal = value.literal if isinstance(value, FloatLiteral) else repr(value)
        number = _integer_in(literal)
        if number is None:
            return value
        self._repairs.append(Repair(path, f"{literal} {_AS_INTEGER}"))
        return number

    def _resolved(self, schema: Any) -> Schema | None:
        """The schema behind local references, or ``None``."""
        for _ in range(_DEEPEST):
            if not isinstance(schema, dict):
                return None
            reference = schema.get("$ref")
            if not isinstance(reference, str):
                return schema
            if not reference.startswith("#"):
                return None
            schema = _pointed(self._root, reference)
        return None


def _pointed(root: Schema, reference: str) -> Any:
    node: Any = root
    for step in filter(None, reference[1:].split("/")):
        key = step.replace("~1", "/").replace("~0", "~")
        node = node.get(key) if isinstance(node, dict) else None
    return node


def _kinds(schema: Schema | None) -> set[str]:
    """The types a schema names at this place, alternatives included; empty where it names none."""
    if schema is None:
        return set()
    named = schema.get("type")
    if isinstance(named, str):
        return {named}
    if isinstance(named, list):
        return {kind for kind in named if isinstance(kind, str)}
    kinds: set[str] = set()
    for combinator in ("anyOf", "oneOf"):
        for branch in schema.get(combinator) or ():
            found = _kinds(branch if isinstance(branch, dict) else None)
            if not found:
                return set()
            kinds |= found
    return kinds


def _kind(value: Any) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "boolean"
        case int():
            return "integer"
        case float():
            return "number"
        case str():
            return "string"
        case list():
            return "array"
        case _:
            return "object"
