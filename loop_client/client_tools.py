"""Sorts what a caller gives as tools: functions, tools, and sources of tools."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias, cast

from loop_client.errors import ConfigurationError, ToolDefinitionError
from loop_client.function_tool import tool
from loop_client.tool_source import ToolSource
from loop_client.toolbox import OpenSources, Toolbox
from loop_client.tools import Tool

AnyTool: TypeAlias = Tool | ToolSource | Callable[..., object]
"""A tool, a source of tools, or a function that becomes a tool."""


def split_tools(given: Iterable[AnyTool]) -> tuple[tuple[Tool, ...], tuple[ToolSource, ...]]:
    """The tools, functions made into such, and the sources.

    Raises:
        ToolDefinitionError: a function cannot be a tool, or something is none of these.
    """
    tools: list[Tool] = []
    sources: list[ToolSource] = []
    for item in given:
        if isinstance(item, Tool):
            tools.append(item)
        elif isinstance(item, ToolSource):
            sources.append(item)
        else:
            tools.append(tool(_callable(item)))
    return tuple(tools), tuple(sources)


def _callable(item: Any) -> Callable[..., object]:
    if callable(item):
        return cast("Callable[..., object]", item)
    kind = type(item).__name__
    hint = f"; give what its tools() returns: [*{kind}(…).tools()]" if hasattr(item, "tools") else ""
    raise ToolDefinitionError(f"a function, a tool or a source of tools is expected, not a {kind}{hint}")


def toolbox_of(
    fixed: tuple[Tool, ...], own: tuple[Tool, ...], sources: OpenSources, max_tools: int, *, can_suspend: bool
) -> Toolbox:
    """The toolbox of a run.

    Args:
        fixed: The client's tools.
        own: Those of the run alone.
        sources: The client's.
        max_tools: Offered in one round at most.
        can_suspend: Whether there is a secret to sign with.

    Raises:
        ConfigurationError: two have one name, there are too many, or one may suspend the run and none can be.
    """
    waiting = [item.name for item in (*fixed, *own) if item.may_suspend]
    if waiting and not can_suspend:
        raise ConfigurationError(
            f"tool {waiting[0]} may have to wait for somebody outside, so a secret is needed to sign with: set `secret`"
        )
    run_here = tuple(item for item in own if not item.is_deferred)
    outside = tuple(item for item in own if item.is_deferred)
    return Toolbox((*fixed, *run_here), outside, sources, max_tools)
