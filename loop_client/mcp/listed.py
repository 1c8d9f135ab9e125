"""Reads a server's list of tools entry by entry, before the SDK, which refuses a whole list for one entry."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Final, Self

from mcp.shared.message import SessionMessage
from mcp.types import JSONRPCResponse
from mcp_types.methods import validate_server_result
from pydantic import ValidationError

from loop_client.mcp.servers import Transport

Warn = Callable[[str], None]

_NEWEST_VERSION: Final = "2026-07-28"
"""That of servers that say none at the start: older ones name theirs in the answer to ``initialize``."""
_REQUIRED: Final = frozenset({"name", "inputSchema"})
_PLACE: Final = 3
"""An error within an entry is at ``("tools", 0, member, …)``."""


@asynccontextmanager
async def listed_singly(transport: Transport, warn: Warn) -> AsyncGenerator[Any, None]:
    """The transport, with lists of tools that the SDK takes: one that is written wrongly does not take the others away.

    The SDK checks a list as a whole against the schema of the protocol. A schema of arguments without ``type`` at its
    root gets the ``object`` that MCP demands and authors forget, an optional member that is wrong is left out, and so
    is a tool that cannot be used even then; ``warn`` is told which.

    Schemas of results are left out as well: the SDK would hold results against them, and make of a call that did its
    work, with its text, a failure that says nothing. The model reads what came, be it what was announced or not.
    """
    async with transport as (reading, writing):
        yield _Reading(reading, warn), writing


class _Reading:
    """A stream of the SDK's to read from, as its ``ReadStream`` describes it."""

    def __init__(self, inner: Any, warn: Warn) -> None:
        self._inner = inner
        self._warn = warn
        self._version = _NEWEST_VERSION

    @property
    def last_context(self) -> Any:
        """The sender's context, where the stream has one."""
        return getattr(self._inner, "last_context", None)

    async def receive(self) -> Any:
        """The next message."""
        return self._read(await self._inner.receive())

    async def aclose(self) -> None:
        """Close the stream."""
        await self._inner.aclose()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Any:
        return self._read(await anext(self._inner))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    def _read(self, item: Any) -> Any:
        if isinstance(item, SessionMessage) and isinstance(item.message, JSONRPCResponse):
            result = item.message.result
            if isinstance(version := result.get("protocolVersion"), str):
                self._version = version
            if isinstance(tools := result.get("tools"), list) and "content" not in result:
                read = (_usable(entry, self._version, self._warn) for entry in tools)
                result["tools"] = [entry for entry in read if entry is not None]
        return item


def _usable(entry: Any, version: str, warn: Warn) -> Any:
    """The entry as the SDK takes it; None where nothing helps."""
    if isinstance(entry, Mapping):
        entry = {name: value for name, value in entry.items() if name != "outputSchema"}
    wrong = _wrong_members(entry, version)
    if not wrong:
        return entry
    if isinstance(entry, Mapping):
        mended = {name: value for name, value in entry.items() if name not in wrong or name in _REQUIRED}
        mended["inputSchema"] = _schema(entry.get("inputSchema"))
        wrong = _wrong_members(mended, version)
        if not wrong:
            return mended
        warn(f"tool {entry.get('name')!r} cannot be used: {', '.join(sorted(wrong))} is not what the protocol says")
    else:
        warn("an entry of its list of tools is no object")
    return None


def _schema(given: Any) -> Any:
    """The schema of arguments, with an object at its root where it says nothing against that."""
    if given is None:
        return {"type": "object", "properties": {}}
    if not isinstance(given, Mapping):
        return given
    kind = given.get("type")
    if kind is None or (isinstance(kind, list) and "object" in kind):
        return {**given, "type": "object"}
    return given


def _wrong_members(entry: Any, version: str) -> set[str]:
    """The members of a tool that are not as the protocol has them; the tool itself where it is no object."""
    try:
        validate_server_result("tools/list", version, {"tools": [entry]})
    except ValidationError as error:
        places = (problem["loc"] for problem in error.errors(include_url=False, include_input=False))
        return {str(place[2]) if len(place) >= _PLACE else "tool" for place in places if place[:1] == ("tools",)}
    except (KeyError, ValueError):  # a version that the SDK does not check, or does not know
        return set()
    return set()
