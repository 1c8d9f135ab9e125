"""A source of tools that is an MCP server."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any, Final

from mcp import Client, MCPError
from mcp import Tool as ListedTool
from mcp.types import INVALID_PARAMS, METHOD_NOT_FOUND, CallToolResult, PaginatedRequestParams

from loop_client.context import ToolContext
from loop_client.definitions import ToolDefinition, read_definition
from loop_client.errors import ConfigurationError, LoopClientError, ToolDefinitionError, ToolError
from loop_client.function_tool import ToolFlags
from loop_client.mcp.connection import LOSSES, Connection, ServerLost, is_loss
from loop_client.mcp.results import returned
from loop_client.mcp.servers import Server
from loop_client.provided_tools import foreign_tool, provided_by, restrictions
from loop_client.tool_names import checked_prefix
from loop_client.tools import Tool

DEFAULT_CONNECT_SECONDS: Final = 30.0
MOST_TOOLS: Final = 512
"""Tools read from one server at most."""
LONGEST_FRESH: Final = 60.0
"""Seconds after which the list is asked for again although the server has told of no change: not all servers do."""

_MOST_PAGES: Final = 50
_LONGEST_ERROR: Final = 2000

_log = logging.getLogger("loop_client")


class ServerFailed(LoopClientError):
    """The server could not answer a call, or its answer is not what the protocol says."""


class MCPTools:
    """The tools of one MCP server.

    A tool is offered as ``NAME__tool``, the server's own name after the prefix; a name that no provider takes is
    rewritten for the model and restored for the server. The list is asked for again when the server tells of a change.
    If the server is lost, calls under way become errors for the model, and the next use connects again.

    Args:
        name: For messages to the operator, and the prefix unless there is another.
        server: Where it is.
        prefix: Put before every tool's name, with ``__`` between; empty for none.
        only: The server's names of the tools to offer; None for all.
        without: The server's names of tools not to offer.
        needs_approval: True for all tools, or the server's names of those that need one.
        flags: The rules of all its tools, as ``Tool`` describes them. ``retries`` holds for idempotent ones only.
        tool_flags: The rules of single tools, by the server's name.
        trust_annotations: Whether a tool that the server calls read-only or idempotent may be repeated. It is the
            server's word, so this is for servers you trust.
        brings_tools: The server's names of tools whose result defines further tools; these are called there, too.
        required: Whether a run fails if the server cannot be connected at first; else its tools come when it does.
        connect_seconds: How long connecting may take, the start of a program included, and then reading the list.

    Raises:
        ConfigurationError: something of this cannot work; the text says what.
    """

    def __init__(  # noqa: PLR0913  # settings, all by keyword
        self,
        name: str,
        server: Server,
        *,
        prefix: str | None = None,
        only: Collection[str] | None = None,
        without: Collection[str] = (),
        needs_approval: bool | Collection[str] = False,
        flags: ToolFlags | None = None,
        tool_flags: Mapping[str, ToolFlags] | None = None,
        trust_annotations: bool = False,
        brings_tools: Collection[str] = (),
        required: bool = True,
        connect_seconds: float = DEFAULT_CONNECT_SECONDS,
    ) -> None:
        server.check(name)
        if not connect_seconds > 0:
            raise ConfigurationError(f"MCP server {name}: connect_seconds must be above 0")
        self._name = name
        self._prefix = checked_prefix(name if prefix is None else prefix)
        self._only = None if only is None else frozenset(only)
        self._without = frozenset(without)
        self._needs_approval = needs_approval if isinstance(needs_approval, bool) else frozenset(needs_approval)
        self._flags: ToolFlags = flags or {}
        self._tool_flags = dict(tool_flags or {})
        self._trust_annotations = trust_annotations
        self._brings_tools = frozenset(brings_tools)
        self._required = required
        self._connect_seconds = connect_seconds
        self._told: set[str] = set()
        self._connection = Connection(name, server, connect_seconds, self._take_news, self._warn)
        self._listing = asyncio.Lock()
        self._tools: tuple[Tool, ...] = ()
        self._news = 0
        self._seen_news = -1
        self._listed_at = 0.0

    @property
    def name(self) -> str:
        """For messages to the operator."""
        return self._name

    async def open(self) -> None:
        """Connect and ask for the tools.

        Raises:
            ServerLost: it cannot be connected, and is required.
            ServerFailed: it cannot say which tools it has, and is required.
        """
        try:
            await self.list_tools()
        except LoopClientError:
            if self._required:
                raise

    async def list_tools(self) -> Sequence[Tool]:
        """The tools as they are now; asked for only if there is news, or none for a minute.

        Raises:
            ServerLost: it cannot be connected.
            ServerFailed: it cannot say which tools it has.
        """
        async with self._listing:
            if self._seen_news != self._news or time.monotonic() - self._listed_at > LONGEST_FRESH:
                await self._list()
        return self._tools

    async def aclose(self) -> None:
        """End the connection, and the program if it is one."""
        await self._connection.aclose()
        self._news += 1

    def _take_news(self) -> None:
        self._news += 1

    async def _list(self) -> None:
        client = await self._connection.client()
        news = self._news  # what comes while the pages are read will be asked for again
        try:
            async with asyncio.timeout(self._connect_seconds):
                listed = await _all_tools(client)
        except Exception as error:
            raise self._problem(client, error) from error
        self._warn_of_unknown({item.name for item in listed})
        self._tools = tuple(self._offered(listed))
        self._seen_news, self._listed_at = news, time.monotonic()

    def _offered(self, listed: Iterable[ListedTool]) -> Iterable[Tool]:
        """Our tools of the server's; one that cannot be used is left out, and the others stay (SCHEMA-22)."""
        for name, item in {item.name: item for item in listed}.items():
            if (self._only is not None and name not in self._only) or name in self._without:
                continue
            if item.execution is not None and item.execution.task_support == "required":
                self._warn(f"tool {name!r} cannot be used: it can be called as a task only")
                continue
            try:
                yield self._tool(read_definition(item.model_dump(mode="json", by_alias=True, exclude_none=True)))
            except (ValueError, ToolDefinitionError) as error:
                self._warn(f"tool {name!r} cannot be used: {error}")

    def _warn_of_unknown(self, names: Collection[str]) -> None:
        """A misspelt name would leave a tool without the rule that was meant for it."""
        approved = () if isinstance(self._needs_approval, bool) else self._needs_approval
        for name in sorted({*(self._only or ()), *self._without, *approved, *self._tool_flags, *self._brings_tools}):
            if name not in names:
                self._warn(f"the settings name a tool {name!r}, which the server does not have")

    def _warn(self, text: str) -> None:
        if text not in self._told:
            self._told.add(text)
            _log.warning("MCP server %s: %s", self._name, text)

    def _tool(self, definition: ToolDefinition) -> Tool:
        flags = self._rules(definition)
        if definition.name in self._brings_tools:
            flags["provides"] = provided_by(self._call, prefix=self._prefix, **restrictions(flags))

        async def call(arguments: dict[str, Any], context: ToolContext) -> object:
            return await self._call(definition.name, arguments, context)

        return foreign_tool(definition, self._prefix, call, **flags)

    def _rules(self, definition: ToolDefinition) -> ToolFlags:
        own = self._tool_flags.get(definition.name, ToolFlags())
        flags: ToolFlags = {**self._flags}
        hints = definition.annotations
        if self._trust_annotations and (hints.get("readOnlyHint") is True or hints.get("idempotentHint") is True):
            flags.setdefault("idempotent", True)
        if not {**flags, **own}.get("idempotent", False):
            flags.pop("retries", None)
        approved = self._needs_approval
        if approved is True or (approved is not False and definition.name in approved):
            flags["needs_approval"] = True
        return {**flags, **own}

    async def _call(self, name: str, arguments: dict[str, Any], context: ToolContext) -> object:
        async def report(progress: float, total: float | None, message: str | None) -> None:
            context.report_progress(progress, total, message)

        client = await self._connection.client()
        try:
            result: CallToolResult = await client.call_tool(name, arguments, progress_callback=report)
        except Exception as error:
            raise self._problem(client, error) from error
        return returned(result)

    def _problem(self, client: Client, error: Exception) -> LoopClientError:
        """What an exception of the SDK becomes: what the model may know, or a failure whose detail is for the log."""
        if isinstance(error, LOSSES) or (isinstance(error, MCPError) and is_loss(error)):
            self._connection.lose(client)
            return ServerLost(f"the MCP server {self._name} was lost")
        if isinstance(error, MCPError) and error.code in {INVALID_PARAMS, METHOD_NOT_FOUND}:
            return ToolError(f"the server refused the call: {error.message[:_LONGEST_ERROR]}")
        return ServerFailed(f"the MCP server {self._name} failed: {type(error).__name__}")


async def _all_tools(client: Client) -> list[ListedTool]:
    """Every page of the list, within bounds."""
    if client.server_capabilities.tools is None:
        return []
    found: list[ListedTool] = []
    cursor: str | None = None
    for _ in range(_MOST_PAGES):
        page = await client.session.list_tools(params=PaginatedRequestParams(cursor=cursor))
        found += page.tools
        if page.next_cursor is None or page.next_cursor == cursor or len(found) >= MOST_TOOLS:
            break
        cursor = page.next_cursor
    return found[:MOST_TOOLS]
