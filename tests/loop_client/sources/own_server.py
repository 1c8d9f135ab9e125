"""An MCP server of our own on the official SDK, for what the servers of others do not do; as a script, over stdio."""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path
from typing import Any

import anyio
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    EmbeddedResource,
    ResourceLink,
    TextContent,
    TextResourceContents,
    ToolAnnotations,
)

PIXEL = b"\x89PNG not really"


def make_server() -> MCPServer:
    """A server with a tool for everything that can happen."""
    server = MCPServer("own")
    _add_results(server)
    _add_trouble(server)
    _add_changes(server)
    return server


def _add_results(server: MCPServer) -> None:
    @server.tool(annotations=ToolAnnotations(title="Sum", idempotent_hint=True))
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool(structured_output=False)
    def picture() -> list[Any]:
        """Give a picture with words."""
        return ["a pixel", Image(data=PIXEL, format="png")]

    @server.tool(structured_output=False)
    def everything() -> list[Any]:
        """Give every kind of content."""
        return [
            TextContent(type="text", text="words"),
            AudioContent(type="audio", data="UklGRg==", mime_type="audio/wav"),
            EmbeddedResource(
                type="resource", resource=TextResourceContents(uri="file:///notes.txt", text="notes in full")
            ),
            EmbeddedResource(
                type="resource",
                resource=BlobResourceContents(uri="file:///a/paper.pdf", mime_type="application/pdf", blob="JVBERg=="),
            ),
            ResourceLink(type="resource_link", uri="file:///far.txt", name="far", description="Far away"),
        ]

    @server.tool()
    def say(text: str, structured: dict[str, Any]) -> CallToolResult:
        """Give a text and structured content."""
        return CallToolResult(content=[TextContent(type="text", text=text)], structured_content=structured)

    @server.tool()
    def environment() -> list[str]:
        """Name the variables of the environment."""
        return sorted(os.environ)

    @server.tool(name="get.weather/now")
    def illegal_name() -> str:
        """Have a name that no provider takes."""
        return "sunny"

    for letter in "ab":
        name = "long_" + "x" * 80 + letter
        server.add_tool(lambda answer=letter: answer, name=name, description=f"Have a long name that ends in {letter}.")


def _add_trouble(server: MCPServer) -> None:
    @server.tool()
    def fail() -> str:
        """Fail in a way that is meant for the model."""
        raise ToolError("the shelf is empty")

    @server.tool()
    def die() -> str:
        """End the server."""
        os._exit(3)

    @server.tool(annotations=ToolAnnotations(read_only_hint=True))
    def die_once(marker: str) -> str:
        """End the server the first time."""
        if not Path(marker).exists():
            Path(marker).touch()
            os._exit(3)
        return "alive again"

    @server.tool()
    async def hang(marker: str) -> str:
        """Never end, and leave a marker when cancelled."""
        try:
            await anyio.sleep_forever()
        finally:
            Path(marker).write_text("cancelled", encoding="utf-8")  # noqa: ASYNC240  # a few bytes
        return "never"

    @server.tool()
    async def steps(ctx: Context) -> str:
        """Report progress."""
        for step in range(1, 4):
            await ctx.report_progress(step, 3, f"step {step}")
            await anyio.sleep(0.01)
        return "done"

    @server.tool()
    def complain() -> str:
        """Write to standard error."""
        print("a complaint of the server", file=sys.stderr, flush=True)
        return "complained"


def _add_changes(server: MCPServer) -> None:
    @server.tool()
    async def grow(ctx: Context) -> str:
        """Bring a further tool into the list."""
        server.add_tool(lambda: "grown", name="grown", description="Be new.")
        await ctx.notify_tools_changed()
        return "there is a new tool"

    @server.tool()
    async def shrink(ctx: Context) -> str:
        """Take the further tool away."""
        server.remove_tool("grown")
        await ctx.notify_tools_changed()
        return "it is gone"

    @server.tool(structured_output=False)
    def get_tools() -> dict[str, Any]:
        """Tell of tools that are not in the list."""
        server.add_tool(lambda city: f"rain in {city}", name="city.rain", description="Tell of rain in a city.")
        schema = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
        return {"tools": [{"name": "city.rain", "description": "Tell of rain.", "inputSchema": schema}]}


if __name__ == "__main__":
    asyncio.run(make_server().run_stdio_async())
