"""Tools that a tool brings: what `get_tools` and its like return becomes tools of the run, from its next round on."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeAlias

from typing_extensions import Unpack

from loop_client.context import ToolContext
from loop_client.definitions import ToolDefinition, read_definitions
from loop_client.function_tool import ToolFlags, schema_tool
from loop_client.tool_names import checked_prefix, offered_name
from loop_client.tools import Handler, Tool

Execute: TypeAlias = Callable[[str, dict[str, Any], ToolContext], Awaitable[object]]
"""Runs a tool that was brought: its own name, its arguments, the context of the call."""


def provided_by(execute: Execute, *, prefix: str = "", **flags: Unpack[ToolFlags]) -> Callable[[Any], Iterable[Tool]]:
    """For ``Tool.provides``: makes tools of the definitions that a tool returned, each run by ``execute``.

    The value may be ``{"tools": [...]}`` or a bare list, each tool in MCP's shape (``name``, ``description``,
    ``inputSchema``) or in OpenAI's (``{"type": "function", "function": {...}}``). A name that no provider takes is
    rewritten for the model, and ``execute`` gets the original. A tool never takes the place of one that is there.

    Args:
        execute: As ``Execute`` describes it. What it returns or raises is treated like a tool function's.
        prefix: Put before every name, with ``__`` between.
        flags: The rules of all these tools, as ``Tool`` describes them.

    Raises:
        ConfigurationError: the prefix is not legal.
    """
    checked_prefix(prefix)
    rules: ToolFlags = {"dynamic": True, **flags}

    def provide(value: Any) -> Iterable[Tool]:
        return [foreign_tool(item, prefix, _handler(execute, item.name), **rules) for item in read_definitions(value)]

    return provide


def foreign_tool(definition: ToolDefinition, prefix: str, handler: Handler, **flags: Unpack[ToolFlags]) -> Tool:
    """A tool of a definition that was written elsewhere.

    Raises:
        ToolDefinitionError: the flags contradict each other.
    """
    given: ToolFlags = {"title": definition.title, "annotations": definition.annotations, "dynamic": True, **flags}
    name = offered_name(prefix, definition.name)
    return schema_tool(name, definition.description, definition.parameters, handler, **given)


def restrictions(flags: ToolFlags) -> ToolFlags:
    """The rules of a tool that hold for tools it brings, too, where nothing else is said."""
    inherited: ToolFlags = {}
    if "needs_approval" in flags:
        inherited["needs_approval"] = flags["needs_approval"]
    if "timeout" in flags:
        inherited["timeout"] = flags["timeout"]
    if "parallel" in flags:
        inherited["parallel"] = flags["parallel"]
    if "max_result_bytes" in flags:
        inherited["max_result_bytes"] = flags["max_result_bytes"]
    return inherited


def _handler(execute: Execute, name: str) -> Handler:
    async def handle(arguments: dict[str, Any], context: ToolContext) -> object:
        return await execute(name, arguments, context)

    return handle
