"""The tools of a run, put together anew for every round from what is fixed, what sources offer, and what tools add."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from loop_client.errors import ConfigurationError, ToolSourceError
from loop_client.jsontext import JsonObject
from loop_client.tool_source import ToolSource
from loop_client.tools import Tool, ToolRegistry

_log = logging.getLogger("loop_client")

DEFAULT_MAX_TOOLS = 128
"""More than that OpenAI refuses, and no model chooses well among."""


class OpenSources:
    """The sources of a client: opened together before its first run, listed before each round."""

    def __init__(self, sources: Iterable[ToolSource]) -> None:
        self._sources = tuple(sources)
        self._known: dict[int, Sequence[Tool]] = {}
        self._opening = asyncio.Lock()
        self._is_open = False

    async def open(self) -> None:
        """Open what is not open yet.

        Raises:
            ToolSourceError: one cannot be opened; those that could are closed again.
        """
        async with self._opening:
            if self._is_open:  # by another run, meanwhile
                return
            try:
                for source in self._sources:
                    await _open(source)
                self._is_open = True
            finally:
                if not self._is_open:
                    await self.aclose()

    async def list(self) -> tuple[list[tuple[str, Tool]], list[str]]:
        """Every tool with its source's name, and what to tell the operator about sources that failed."""
        tools: list[tuple[str, Tool]] = []
        problems: list[str] = []
        for place, source in enumerate(self._sources):
            try:
                self._known[place] = await source.list_tools()
            except Exception as error:  # noqa: BLE001  # a source is foreign code; the run can go on without news of it
                _log.warning("tool source %s cannot be listed", source.name, exc_info=error)
                problems.append(f"the tool source {source.name} cannot be listed: {type(error).__name__}")
            tools += [(source.name, tool) for tool in self._known.get(place, ())]
        return tools, problems

    async def aclose(self) -> None:
        """Close all, whatever goes wrong with some."""
        self._is_open = False
        for source in reversed(self._sources):
            try:
                await source.aclose()
            except Exception as error:  # noqa: BLE001  # the others have to be closed, too
                _log.warning("tool source %s cannot be closed", source.name, exc_info=error)


async def _open(source: ToolSource) -> None:
    try:
        await source.open()
    except Exception as error:
        _log.warning("tool source %s cannot be opened", source.name, exc_info=error)
        text = f"the tool source {source.name} cannot be opened: {type(error).__name__}"
        raise ToolSourceError(text, retryable=True) from error


@dataclass(frozen=True, slots=True)
class Toolbox:
    """Where the tools of one run come from.

    Raises:
        ConfigurationError: two fixed tools have one name, or there are more of them than allowed.
    """

    fixed: tuple[Tool, ...] = ()
    """The client's, and those of this run alone that are run here."""
    outside: tuple[Tool, ...] = ()
    """Those of this run alone that are answered from outside: they are kept with a run that is suspended."""
    sources: OpenSources | None = None
    max_tools: int = DEFAULT_MAX_TOOLS

    def __post_init__(self) -> None:
        """Refuse what cannot work in any round."""
        ToolRegistry((*self.fixed, *self.outside))
        if len(self.fixed) + len(self.outside) > self.max_tools:
            raise ConfigurationError(f"there are more than {self.max_tools} tools")

    def without(self, names: Collection[str]) -> Toolbox:
        """The toolbox without the fixed tools of these names."""
        return replace(self, fixed=tuple(tool for tool in self.fixed if tool.name not in names))


@dataclass(slots=True)
class AddedTools:
    """What the tools of one run have brought of further tools."""

    brought: list[JsonObject] = field(default_factory=list)
    """``{"by": the name of the tool that brought it, "value": what it returned}``, in order."""
    _made: list[tuple[str, tuple[Tool, ...]]] = field(default_factory=list)

    def add(self, by: Tool, value: Any) -> None:
        """Take what a tool returned.

        Raises:
            ValueError: it holds no tools that could be offered.
        """
        if by.provides is None:
            return
        self._made.append((by.name, tuple(by.provides(value))))
        self.brought.append({"by": by.name, "value": value})

    def tools(self) -> list[tuple[str, Tool]]:
        """Every tool with the name of the one that brought it; of one bringer, a later tool replaces an earlier."""
        latest: dict[tuple[str, str], Tool] = {}
        for by, tools in self._made:
            latest |= {(by, tool.name): tool for tool in tools}
        return [(by, tool) for (by, _), tool in latest.items()]


@dataclass(frozen=True, slots=True)
class Gathered:
    """The tools of one round."""

    registry: ToolRegistry
    left_out: tuple[str, ...]
    """What to tell the operator about tools that were not taken."""
    failed: tuple[str, ...]
    """What to tell the operator about sources that failed."""


async def gather_tools(toolbox: Toolbox, added: AddedTools) -> Gathered:
    """The tools for the next round.

    A tool that comes later never takes the place of one that is there: it is left out, and so is what is beyond the
    number allowed. Those that are answered from outside come last: who gives them, such as a browser, must not stand in
    for a tool of a source or for one that was added.

    Raises:
        ToolSourceError: a source cannot be opened.
    """
    failed: list[str] = []
    offered = [("", tool) for tool in toolbox.fixed]
    if toolbox.sources is not None:
        await toolbox.sources.open()
        listed, failed = await toolbox.sources.list()
        offered += listed
    offered += added.tools()
    # Last, because a browser may have asked for them: they take no place of what is the service's own.
    offered += [("this run", tool) for tool in toolbox.outside]
    taken: dict[str, Tool] = {}
    left_out: list[str] = []
    for origin, tool in offered:
        if tool.name in taken:
            left_out.append(f"tool {tool.name} of {origin} has the name of a tool that is there, and is left out")
        elif len(taken) >= toolbox.max_tools:
            left_out.append(f"tool {tool.name} of {origin} is beyond {toolbox.max_tools} tools, and is left out")
        else:
            taken[tool.name] = tool
    return Gathered(ToolRegistry(tuple(taken.values())), tuple(left_out), tuple(failed))
