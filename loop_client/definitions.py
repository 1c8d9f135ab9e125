"""Reads definitions of tools that were written elsewhere, in MCP's shape or in OpenAI's."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from loop_client.jsontext import JsonObject, dumps

MOST_DEFINITIONS: Final = 128
"""Tools taken from one list at most."""
LARGEST_SCHEMA: Final = 64 * 1024
"""Bytes of a tool's parameters at most: every round sends them."""
LONGEST_DESCRIPTION: Final = 8192
"""Characters of a description that are kept."""

_NO_ARGUMENTS: Final[JsonObject] = {"type": "object", "properties": {}}


@dataclass(frozen=True, slots=True)
class ToolDefinition:
    """A tool as its author describes it."""

    name: str
    """The author's own, whatever characters it has."""
    description: str
    parameters: JsonObject
    title: str | None = None
    annotations: Mapping[str, Any] = field(default_factory=dict)
    """As MCP has them; hints."""


def read_definitions(value: Any) -> list[ToolDefinition]:
    """The tools of ``{"tools": [...]}`` or of a bare list, each in MCP's shape (``name``, ``inputSchema``) or OpenAI's.

    Of two with the same name, the later one counts.

    Raises:
        ValueError: this is no such list, it is too long, or one of its tools cannot be used; the text says which.
    """
    listed = value.get("tools") if isinstance(value, Mapping) else value
    if not isinstance(listed, list):
        raise ValueError("a list of tools is expected, or an object with one under 'tools'")
    if len(listed) > MOST_DEFINITIONS:
        raise ValueError(f"there are more than {MOST_DEFINITIONS} tools in the list")
    return list({item.name: item for item in _read_each(listed)}.values())


def _read_each(listed: Iterable[Any]) -> Iterable[ToolDefinition]:
    for place, item in enumerate(listed):
        try:
            yield read_definition(item)
        except ValueError as error:
            raise ValueError(f"tools[{place}]: {error}") from None


def read_definition(item: Any) -> ToolDefinition:
    """One tool in either shape.

    Raises:
        ValueError: it cannot be used.
    """
    if not isinstance(item, Mapping):
        raise ValueError("an object is expected")
    inner = item.get("function") if item.get("type") == "function" else None
    body = inner if isinstance(inner, Mapping) else item
    name = body.get("name")
    if not isinstance(name, str) or not name:
        raise ValueError("a name is expected")
    annotations = _object(body.get("annotations"))
    title = _text(body.get("title")) or _text(annotations.get("title"))
    return ToolDefinition(
        name=name,
        description=(_text(body.get("description")) or title or name)[:LONGEST_DESCRIPTION],
        parameters=_parameters(name, body),
        title=title,
        annotations=annotations,
    )


def _parameters(name: str, body: Mapping[str, Any]) -> JsonObject:
    given = next(
        (body[key] for key in ("inputSchema", "input_schema", "parameters") if body.get(key) is not None), None
    )
    if given is None:
        return dict(_NO_ARGUMENTS)
    if not isinstance(given, Mapping):
        raise ValueError(f"the schema of {name} is no object")
    try:
        size = len(dumps(given))
    except (TypeError, ValueError):
        raise ValueError(f"the schema of {name} is no JSON") from None
    if size > LARGEST_SCHEMA:
        raise ValueError(f"the schema of {name} is larger than {LARGEST_SCHEMA} bytes")
    # Providers want an object at the root, which MCP demands and authors forget (SCHEMA-12 is the router's to mend).
    return dict(given) if "type" in given or "$ref" in given else {"type": "object", **given}


def _object(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) and value.strip() else None
