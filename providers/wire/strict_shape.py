"""Strict tools of other dialects for OpenAI, which wants every member of every object: what may be left out may be null
there, and is left out again of answers (SCHEMA-14).
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.events import PartDelta, PartEnd, PartStart, StreamEvent
from providers.spec.parts import Part, ToolCallPart
from providers.spec.request import FunctionTool, Request
from providers.spec.response import Candidate, Response
from providers.spec.values import Json, JsonObject
from providers.wire.json import JsonError, dumps_text, loads
from providers.wire.schema import closed_objects, fits_strict, gemini_to_json_schema, itemised_arrays, object_root

WIDENED: Final = "strict wants every member here: those that may be left out may be null, and are left out of answers"

_OPENAI: Final = frozenset({"openai-chat", "openai-responses"})
_NAMED: Final = frozenset({"properties", "$defs", "definitions"})
_VALUES: Final = frozenset({"enum", "const", "default", "examples", "required", "description", "title", "type", "$ref"})
_REFUSED: Final = frozenset(
    {
        "allOf",
        "dependentRequired",
        "dependentSchemas",
        "else",
        "if",
        "not",
        "oneOf",
        "patternProperties",
        "propertyNames",
        "then",
        "unevaluatedProperties",
    }
)
"""What strict mode does not take (https://platform.openai.com/docs/guides/structured-outputs#supported-schemas)."""
_DEEPEST: Final = 50


class _NotStrictError(Exception):
    pass


def strict_shape(schema: Json) -> JsonObject | None:
    """The parameters as strict mode takes them; ``None`` where it has no words for them: open objects, any values."""
    try:
        shaped = _shaped(schema, is_root=True)
    except (_NotStrictError, RecursionError):
        return None
    return shaped if isinstance(shaped, dict) else None


def widened_tools(request: Request, dialect: str) -> Mapping[str, JsonObject]:
    """The schemas of the tools whose optional members may be null in what is sent to this dialect, by name."""
    if dialect not in _OPENAI:
        return {}
    found = {}
    for tool in request.tools or ():
        if isinstance(tool, FunctionTool) and tool.strict and (schema := _widened(tool)) is not None:
            found[tool.name] = schema
    return found


def _widened(tool: FunctionTool) -> JsonObject | None:
    if tool.kind == "custom" or (tool.form is not None and tool.form.dialect in _OPENAI):
        return None
    schema: Json = tool.schema
    if tool.schema_grammar == "gemini_schema" and isinstance(schema, dict):
        schema = gemini_to_json_schema(schema)
    root = object_root(schema if isinstance(schema, dict | bool) else None)
    written = None if root is None else itemised_arrays(root.schema)
    if not isinstance(written, dict) or fits_strict(closed_objects(written)) or strict_shape(written) is None:
        return None
    return written


# ---- outward


def _shaped(schema: Json, *, is_root: bool = False) -> Json:
    if not isinstance(schema, dict):
        raise _NotStrictError
    if not _REFUSED.isdisjoint(schema):
        raise _NotStrictError
    shaped = {key: _below(key, value) for key, value in schema.items()}
    properties = schema.get("properties")
    if schema.get("type") != "object" and not isinstance(properties, dict):
        if not {"type", "$ref", "anyOf", "enum", "const"} & schema.keys():
            raise _NotStrictError
        return shaped
    if schema.get("additionalProperties", False) is not False or (not properties and not is_root):
        # A map closed would be an object that is always empty (SCHEMA-07).
        raise _NotStrictError
    members = shaped.get("properties")
    required = schema.get("required")
    listed = required if isinstance(required, list) else []
    if isinstance(members, dict):
        shaped["properties"] = {
            name: member if name in listed else _nullable(member) for name, member in members.items()
        }
        shaped["required"] = list(members)
    return {**shaped, "additionalProperties": False}


def _below(key: str, value: Json) -> Json:
    if key in _VALUES or key == "additionalProperties":
        return value
    if key in _NAMED and isinstance(value, dict):
        return {name: _shaped(item) for name, item in value.items()}
    if key in {"anyOf", "prefixItems"} and isinstance(value, list):
        return [_shaped(item) for item in value]
    return _shaped(value) if key == "items" else value


def _nullable(member: Json) -> Json:
    if not isinstance(member, dict) or _takes_null(member):
        return member
    kind, options = member.get("type"), member.get("anyOf")
    if isinstance(options, list):
        return {**member, "anyOf": [*options, {"type": "null"}]}
    if "const" in member or "$ref" in member or kind is None:
        said: JsonObject = {key: member[key] for key in ("description", "title") if key in member}
        rest: JsonObject = {key: value for key, value in member.items() if key not in said}
        return {**said, "anyOf": [rest, {"type": "null"}]}
    kinds: list[Json] = list(kind) if isinstance(kind, list) else [kind]
    wider: JsonObject = {**member, "type": [*kinds, "null"]}
    if isinstance(values := member.get("enum"), list):
        wider["enum"] = [*values, None]
    return wider


def _takes_null(schema: JsonObject) -> bool:
    kind = schema.get("type")
    options = schema.get("anyOf")
    if kind == "null" or (isinstance(kind, list) and "null" in kind):
        values = schema.get("enum")
        return not isinstance(values, list) or None in values
    return isinstance(options, list) and any(isinstance(one, dict) and _takes_null(one) for one in options)


# ---- and back


def without_nulls(text: str, schema: JsonObject) -> str:
    """Arguments without the nulls that stand for members which were left out; verbatim where there are none."""
    if "null" not in text:
        return text
    try:
        value = loads(text)
    except JsonError:
        return text
    stripped = _stripped(value, [schema], schema, 0)
    return text if stripped == value else dumps_text(stripped)


def _stripped(value: Json, schemas: list[Any], root: JsonObject, depth: int) -> Json:
    """``schemas``: those that the value may be of."""
    if depth > _DEEPEST:
        return value
    schemas = [one for schema in schemas for one in _alternatives(schema, root, 0)]
    if isinstance(value, list):
        items = [schema["items"] for schema in schemas if "items" in schema]
        return [_stripped(item, items, root, depth + 1) for item in value] if items else value
    if not isinstance(value, dict):
        return value
    kept: JsonObject = {}
    for name, member in value.items():
        knowing = [schema for schema in schemas if name in (schema.get("properties") or {})]
        if member is None and knowing and all(_stands_for_absent(name, schema, root) for schema in knowing):
            continue
        below = [schema["properties"][name] for schema in knowing]
        kept[name] = _stripped(member, below, root, depth + 1) if below else member
    return kept


def _stands_for_absent(name: str, schema: JsonObject, root: JsonObject) -> bool:
    required = schema.get("required")
    if isinstance(required, list) and name in required:
        return False
    properties = schema.get("properties")
    member = properties.get(name) if isinstance(properties, dict) else None
    return not any(_takes_null(one) for one in _alternatives(member, root, 0))


def _alternatives(schema: Any, root: JsonObject, depth: int) -> Iterator[dict[str, Any]]:
    """The schema behind references, and each of its ``anyOf``."""
    if not isinstance(schema, dict) or depth > _DEEPEST:
        return
    yield schema
    reference = schema.get("$ref")
    if isinstance(reference, str) and reference.startswith("#"):
        node: Any = root
        for step in filter(None, reference[1:].split("/")):
            node = node.get(step.replace("~1", "/").replace("~0", "~")) if isinstance(node, dict) else None
        yield from _alternatives(node, root, depth + 1)
    for option in schema.get("anyOf") or ():
        yield from _alternatives(option, root, depth + 1)


class StrictNulls:
    """Takes such nulls out of the calls of one answer; in a stream the arguments of these calls wait for their end."""

    def __init__(self, schemas: Mapping[str, JsonObject]) -> None:
        self._schemas = schemas
        self._held: dict[tuple[int, int], tuple[JsonObject, list[str]]] = {}

    def answer(self, response: Response) -> Response:
        """A whole answer."""
        return msgspec.structs.replace(response, candidates=tuple(map(self._candidate, response.candidates)))

    def feed(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """Events of a stream."""
        return [passed for event in events for passed in self._passed(event)]

    def report(self, report: Report) -> None:
        """Nothing: what is done was said of the request."""

    def _candidate(self, candidate: Candidate) -> Candidate:
        return msgspec.structs.replace(candidate, parts=tuple(map(self._part, candidate.parts)))

    def _part(self, part: Part) -> Part:
        schema = self._schema(part)
        if schema is None or not isinstance(part, ToolCallPart):
            return part
        return msgspec.structs.replace(part, arguments=without_nulls(part.arguments, schema))

    def _schema(self, part: Part) -> JsonObject | None:
        is_call = isinstance(part, ToolCallPart) and part.executed_by == "client" and part.kind == "function"
        return self._schemas.get(part.name) if is_call and isinstance(part, ToolCallPart) else None

    def _passed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case PartStart(part=ToolCallPart() as part) if (schema := self._schema(part)) is not None:
                self._held[event.candidate, event.index] = schema, [part.arguments]
                yield msgspec.structs.replace(event, part=msgspec.structs.replace(part, arguments=""))
            case PartDelta() if (held := self._held.get((event.candidate, event.index))) is not None:
                held[1].append(event.text)
            case PartEnd() if (held := self._held.pop((event.candidate, event.index), None)) is not None:
                text = without_nulls("".join(held[1]), held[0])
                if text:
                    yield PartDelta(index=event.index, candidate=event.candidate, text=text)
                yield event
            case _:
                yield event
