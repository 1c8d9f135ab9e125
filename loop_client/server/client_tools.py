"""Tools that the browser answers: it sends their schemas, and their calls wait for it."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any, Final

from loop_client.errors import ToolDefinitionError
from loop_client.function_tool import schema_tool
from loop_client.jsontext import JsonObject, dumps
from loop_client.server.problems import InvalidRequest
from loop_client.tools import Tool

MOST_TOOLS: Final = 64
_LARGEST_SCHEMA: Final = 64 * 1024
"""Characters of one tool's schema."""
_SCHEMA_MEMBERS: Final = ("parameters", "inputSchema", "input_schema")
"""What chat front ends, MCP and others call the schema of the arguments."""


def read_client_tools(raw: object, server_names: Collection[str]) -> tuple[Tool, ...]:
    """Read the ``tools`` of a chat request: a list of definitions (OpenAI's or MCP's shape), or an object by name.

    They have no handler here. The browser's word on a tool counts for nothing but the model's request, and a name that
    the server has is the server's.

    Raises:
        InvalidRequest: a definition is malformed, a name is taken or comes twice, or there are too many.
    """
    if raw is None:
        return ()
    found: dict[str, Tool] = {}
    for path, name, definition in _definitions(raw):
        if name in server_names:
            raise InvalidRequest(f"{path}: the server has a tool named {name!r}", "TOOL_NAME_TAKEN")
        if name in found:
            raise InvalidRequest(f"{path}: two tools are named {name!r}")
        if len(found) == MOST_TOOLS:
            raise InvalidRequest(f"tools: at most {MOST_TOOLS} are accepted")
        found[name] = _tool(path, name, definition)
    return tuple(found.values())


def _definitions(raw: object) -> Iterator[tuple[str, str, JsonObject]]:
    if isinstance(raw, list):
        for index, item in enumerate(raw):
            path = f"tools[{index}]"
            definition = _object(path, item)
            if definition.get("type") == "function" and "function" in definition:
                path, definition = f"{path}.function", _object(f"{path}.function", definition["function"])
            name = definition.get("name")
            if not isinstance(name, str):
                raise InvalidRequest(f"{path}.name: a string is expected")
            yield path, name, definition
    elif isinstance(raw, dict):
        yield from ((f"tools.{name}", name, _object(f"tools.{name}", item)) for name, item in raw.items())
    else:
        raise InvalidRequest("tools: a list, or an object by name, is expected")


def _object(path: str, value: object) -> JsonObject:
    if not isinstance(value, dict):
        raise InvalidRequest(f"{path}: an object is expected")
    return value


def _tool(path: str, name: str, definition: JsonObject) -> Tool:
    description = definition.get("description") or ""
    if not isinstance(description, str):
        raise InvalidRequest(f"{path}.description: a string is expected")
    try:
        return schema_tool(name, description, _schema(path, definition))
    except ToolDefinitionError as error:
        raise InvalidRequest(f"{path}: {error}") from None


def _schema(path: str, definition: JsonObject) -> JsonObject:
    given: Any = next((definition[member] for member in _SCHEMA_MEMBERS if definition.get(member) is not None), {})
    schema = _object(f"{path}.parameters", given)
    if schema.get("type", "object") != "object":
        raise InvalidRequest(f"{path}.parameters.type: the arguments of a tool are an object")
    if len(dumps(schema)) > _LARGEST_SCHEMA:
        raise InvalidRequest(f"{path}.parameters: at most {_LARGEST_SCHEMA} characters are accepted")
    return {"type": "object", "properties": {}} | schema
