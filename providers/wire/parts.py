"""A canonical part as JSON and back, for envelopes that carry what a face's dialect cannot say."""

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from providers.spec.parts import ContentPart, MediaPart, OpaquePart, Part, TextPart, ToolCallPart, ToolResultPart
from providers.spec.values import Json, JsonObject
from providers.wire.state import state_from_json, state_to_json

_KINDS: Final[Mapping[str, Any]] = {
    "text": TextPart,
    "media": MediaPart,
    "call": ToolCallPart,
    "result": ToolResultPart,
    "opaque": OpaquePart,
}
_NAMES: Final = {kind: name for name, kind in _KINDS.items()}

_WORDS: Final[Mapping[str, frozenset[str]]] = {
    "executed_by": frozenset({"client", "provider"}),
    "outcome": frozenset({"ok", "error", "denied"}),
}
_CALL_KINDS: Final = frozenset({"function", "custom"})
_MEDIA_KINDS: Final = frozenset({"image", "audio", "video", "document"})
_FREE: Final = frozenset({"value"})
"""Fields of any JSON type."""


def part_to_json(part: Part) -> JsonObject | None:
    """The part without its spelling; ``None`` for reasoning and refusals, which have entries of their own."""
    name = _NAMES.get(type(part))
    if name is None:
        return None
    fields: JsonObject = {"part": name}
    for field in msgspec.structs.fields(part):
        value = getattr(part, field.name)
        if field.name == "form" or value is None or value in ((), {}):
            continue
        fields[field.name] = _to_json(field.name, value)
    return fields


def part_from_json(value: Json) -> Part | None:
    """The part; ``None`` for what is none: it came back from a client, which may have changed it."""
    if not isinstance(value, dict) or not isinstance(name := value.get("part"), str) or name not in _KINDS:
        return None
    kind = _KINDS[name]
    known = {field.name: field.required for field in msgspec.structs.fields(kind)}
    given: dict[str, object] = {}
    for key, item in value.items():
        if key == "part":
            continue
        if key not in known or not _is_valid(name, key, item):
            return None
        given[key] = _from_json(key, item)
    if any(required and key not in given for key, required in known.items()) or None in given.values():
        return None
    part: Part = kind(**given)
    return part


def _to_json(key: str, value: object) -> Json:
    match key:
        case "state":
            return state_to_json(value)  # type: ignore[arg-type]  # the field's own type
        case "content":
            return [part_to_json(item) for item in value]  # type: ignore[attr-defined]  # a tuple of parts
        case "annotations":
            return list(value)  # type: ignore[call-overload, no-any-return]  # a tuple of JSON
        case _:
            return value  # type: ignore[return-value]  # JSON already


def _is_valid(name: str, key: str, value: Json) -> bool:
    match key:
        case "ext":
            return isinstance(value, dict) and all(isinstance(item, dict) for item in value.values())
        case "state":
            return isinstance(value, dict)
        case "content" | "annotations":
            return isinstance(value, list)
        case "kind":
            return value in (_CALL_KINDS if name == "call" else _MEDIA_KINDS)
        case _ if key in _FREE:
            return True
        case _:
            return isinstance(value, str) and value in _WORDS.get(key, {value})


def _from_json(key: str, value: Json) -> object:
    match key:
        case "state":
            return state_from_json(value)
        case "content" if isinstance(value, list):
            return _content(value)
        case "annotations" if isinstance(value, list):
            return tuple(value)
        case _:
            return value


def _content(values: list[Json]) -> tuple[ContentPart, ...] | None:
    parts = [part_from_json(item) for item in values]
    found = tuple(part for part in parts if isinstance(part, TextPart | MediaPart | OpaquePart))
    return found if len(found) == len(values) else None
