"""A function with type hints and a docstring becomes a tool."""

from __future__ import annotations

import inspect
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Final, overload

import docstring_parser

from loop_client.arguments import FunctionArguments
from loop_client.errors import ConfigurationError, ToolDefinitionError
from loop_client.jsontext import JsonObject
from loop_client.threads import run_in_thread

DEFAULT_TIMEOUT: Final = 60.0
"""Seconds a tool may take unless it says otherwise."""

_LEGAL_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}")


@dataclass(frozen=True, slots=True)
class Tool:
    """Something the model may call."""

    name: str
    """Letters, digits, ``_`` and ``-``, at most 64: what every provider accepts."""
    description: str
    parameters: JsonObject
    """JSON Schema of the arguments object."""
    read_arguments: Callable[[str], dict[str, Any]] = field(repr=False)
    """From the model's argument text to the handler's arguments; raises ``InvalidArguments``."""
    handler: Callable[[dict[str, Any]], Awaitable[object]] = field(repr=False)
    """Does the work. What it returns goes to the model as JSON, a string as it is."""
    timeout: float | None = DEFAULT_TIMEOUT
    """Seconds; None for no bound but the run's. An async handler is cancelled then; a thread cannot be stopped."""

    def __post_init__(self) -> None:
        """Refuse what no provider would take.

        Raises:
            ToolDefinitionError: the name or the timeout is not legal.
        """
        if _LEGAL_NAME.fullmatch(self.name) is None:
            raise ToolDefinitionError(f"tool name {self.name!r}: 1 to 64 letters, digits, '_' or '-' are accepted")
        if self.timeout is not None and not self.timeout > 0:
            raise ToolDefinitionError(f"tool {self.name}: the timeout must be above 0 seconds")

    def definition(self) -> JsonObject:
        """The tool as it stands in a request's ``tools``."""
        function = {"name": self.name, "description": self.description, "parameters": self.parameters}
        return {"type": "function", "function": function}


@overload
def tool(
    function: Callable[..., object],
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Tool: ...


@overload
def tool(
    function: None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Callable[[Callable[..., object]], Tool]: ...


def tool(
    function: Callable[..., object] | None = None,
    *,
    name: str | None = None,
    description: str | None = None,
    timeout: float | None = DEFAULT_TIMEOUT,
) -> Tool | Callable[[Callable[..., object]], Tool]:
    """Make a tool of a function; also a decorator, with or without arguments.

    The type hints give the schema, the docstring (Google, NumPy, reST or Epydoc style) the descriptions. An async
    function is awaited, any other runs in a thread.

    Args:
        function: All its parameters need type hints and must be passable by name.
        name: Instead of the function's own.
        description: Instead of the docstring's text above its sections.
        timeout: Seconds it may take; None for no bound but the run's.

    Raises:
        ToolDefinitionError: the function cannot be a tool; the text says why.
    """
    if function is None:
        return lambda decorated: _from_function(decorated, name, description, timeout)
    return _from_function(function, name, description, timeout)


class ToolRegistry:
    """The tools of a run by name, in the order in which they were given.

    Raises:
        ConfigurationError: two tools have the same name.
    """

    def __init__(self, tools: tuple[Tool, ...]) -> None:
        self._by_name: dict[str, Tool] = {}
        for item in tools:
            if item.name in self._by_name:
                raise ConfigurationError(f"two tools are named {item.name!r}")
            self._by_name[item.name] = item
        self.definitions: tuple[JsonObject, ...] = tuple(item.definition() for item in tools)
        """What goes into every round's request, the same each time."""

    def names(self) -> tuple[str, ...]:
        """Names of all tools."""
        return tuple(self._by_name)

    def get(self, name: str) -> Tool | None:
        """The tool of that exact name."""
        return self._by_name.get(name)


def _from_function(
    function: Callable[..., object], name: str | None, description: str | None, timeout: float | None
) -> Tool:
    chosen_name = str(name or getattr(function, "__name__", ""))
    text = description or _description(function)
    if not text:
        raise ToolDefinitionError(f"tool {chosen_name}: it has no docstring, so the model would not know what it does")
    arguments = FunctionArguments(function, chosen_name)
    return Tool(chosen_name, text, arguments.schema, arguments.read, _handler(function), timeout)


def _description(function: Callable[..., object]) -> str:
    if not inspect.isroutine(function):
        function = type(function).__call__
    return (docstring_parser.parse(inspect.getdoc(function) or "").description or "").strip()


def _handler(function: Callable[..., object]) -> Callable[[dict[str, Any]], Awaitable[object]]:
    call = function if inspect.isroutine(function) else type(function).__call__
    is_async = inspect.iscoroutinefunction(call)

    async def handle(arguments: dict[str, Any]) -> object:
        returned = function(**arguments) if is_async else await run_in_thread(function, arguments)
        return await returned if inspect.isawaitable(returned) else returned

    return handle
