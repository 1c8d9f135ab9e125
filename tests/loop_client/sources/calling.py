"""Calls the tools of a source as the loop does, without a loop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from loop_client import Tool, ToolContext, ToolSource
from loop_client.context import Progress


@asynccontextmanager
async def opened(source: ToolSource) -> AsyncIterator[dict[str, Tool]]:
    """The tools of a source by name, while it is open."""
    try:
        await source.open()
        yield by_name(await source.list_tools())
    finally:
        await source.aclose()


def by_name(tools: Sequence[Tool]) -> dict[str, Tool]:
    """The tools by the names under which they are offered."""
    return {item.name: item for item in tools}


async def call(tool: Tool, reports: list[Progress] | None = None, **arguments: Any) -> Any:
    """What a call gives."""
    assert tool.handler is not None
    kept: list[Progress] = [] if reports is None else reports
    return await tool.handler(arguments, ToolContext("run_1", "call_1", tool.name, 1, report=kept.append))
