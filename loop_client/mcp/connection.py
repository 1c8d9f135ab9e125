"""Holds the connection to one MCP server, and makes a new one when it was lost."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final, TypeVar

import httpx2
from mcp import Client, MCPError
from mcp.client.subscriptions import ListenNotSupportedError, SubscriptionLost
from mcp.types import CONNECTION_CLOSED, INVALID_REQUEST, Implementation, ToolListChangedNotification

from loop_client.errors import LoopClientError
from loop_client.mcp.listed import Warn, listed_singly
from loop_client.mcp.servers import Server

_FIRST_WAIT: Final = 1.0
_LONGEST_WAIT: Final = 60.0
"""Seconds between two attempts to connect, or to listen for news."""
_CLOSING_SECONDS: Final = 10.0
"""For a goodbye that the server does not answer, and for a program that does not end."""
_SESSION_GONE: Final = "Session terminated"
"""What the SDK makes of HTTP 404 within a session (streamable HTTP, "Session Management")."""

_log = logging.getLogger("loop_client")

Returned = TypeVar("Returned")


class ServerLost(LoopClientError):
    """The server ended, or cannot be reached: nobody knows what became of a call under way."""


@dataclass(eq=False)
class _Live:
    """A connection that stands."""

    client: Client
    stop: asyncio.Event = field(default_factory=asyncio.Event)


class Connection:
    """One server. Connected when it is first needed, and again when it was lost, but not again and again.

    The SDK wants a connection to be opened and closed by one task, so each has a task that does nothing else.

    Args:
        name: For messages to the operator.
        server: Where it is.
        connect_seconds: How long connecting may take, the start of a program included.
        on_news: Called when the server's tools may have changed.
        warn: Told of tools in the server's list that cannot be used.
    """

    def __init__(
        self, name: str, server: Server, connect_seconds: float, on_news: Callable[[], None], warn: Warn
    ) -> None:
        self._name = name
        self._server = server
        self._connect_seconds = connect_seconds
        self._on_news = on_news
        self._warn = warn
        self._connecting = asyncio.Lock()
        self._live: _Live | None = None
        self._keepers: set[asyncio.Task[None]] = set()
        self._failures = 0
        self._not_before = 0.0

    async def client(self) -> Client:
        """The SDK's client, connected.

        Raises:
            ServerLost: it cannot be connected, or could not a moment ago.
        """
        async with self._connecting:
            if self._live is None:
                self._live = await self._connected()
            return self._live.client

    def lose(self, client: Client) -> None:
        """Give up a connection that turned out to be lost; the next use makes a new one."""
        if self._live is not None and self._live.client is client:
            self._live.stop.set()
            self._live = None
            self._on_news()

    async def aclose(self) -> None:
        """End the connection, and the program if it is one. Another use would connect again."""
        if self._live is not None:
            self._live.stop.set()
            self._live = None
        self._failures, self._not_before = 0, 0.0
        if self._connecting.locked():
            for keeper in self._keepers:
                keeper.cancel()
        if self._keepers:
            await asyncio.wait(self._keepers, timeout=_CLOSING_SECONDS)
        if unwilling := set(self._keepers):
            for keeper in unwilling:
                keeper.cancel()
            await asyncio.wait(unwilling, timeout=_CLOSING_SECONDS)

    async def _connected(self) -> _Live:
        if time.monotonic() < self._not_before:
            raise ServerLost(f"the MCP server {self._name} could not be reached a moment ago")
        ready: asyncio.Future[_Live] = asyncio.get_running_loop().create_future()
        keeper = asyncio.create_task(self._keep(ready), name=f"MCP server {self._name}")
        self._keepers.add(keeper)
        keeper.add_done_callback(self._keepers.discard)
        try:
            async with asyncio.timeout(self._connect_seconds):
                live = await ready
        except Exception as error:
            raise self._failure(error) from error
        finally:
            if not ready.done() or ready.cancelled() or ready.exception() is not None:
                keeper.cancel()
        self._failures = 0
        return live

    def _failure(self, error: Exception) -> ServerLost:
        self._failures += 1
        wait = min(_FIRST_WAIT * 2.0 ** (self._failures - 1), _LONGEST_WAIT)
        self._not_before = time.monotonic() + wait
        _log.warning("MCP server %s cannot be connected: %s", self._name, _kinds(error))
        return ServerLost(f"the MCP server {self._name} cannot be connected: {_kinds(error)}")

    async def _keep(self, ready: asyncio.Future[_Live]) -> None:
        """Open a connection, hold it until it is not wanted any more, and close it."""
        live: _Live | None = None
        try:
            async with self._new_client() as client:
                live = _Live(client)
                if not ready.done():
                    ready.set_result(live)
                    await self._hold(live)
        except Exception as error:  # noqa: BLE001  # the SDK raises of many kinds, also when it closes
            if not ready.done():
                ready.set_exception(error)
            else:
                _log.warning("the connection to MCP server %s ended with %s", self._name, _kinds(error))
        finally:
            if live is not None:
                self.lose(live.client)
            if not ready.done():
                ready.set_exception(ServerLost(f"connecting to the MCP server {self._name} was given up"))

    def _new_client(self) -> Client:
        async def take(message: object) -> None:
            if isinstance(message, ToolListChangedNotification):
                self._on_news()

        info = Implementation(name="ai-router-loop-client", version="0.1.0")
        # The SDK's own cache would answer a question that is asked because something has changed.
        transport = listed_singly(self._server.transport(self._name), self._warn)
        return Client(transport, message_handler=take, client_info=info, cache=None)

    async def _hold(self, live: _Live) -> None:
        tools = live.client.server_capabilities.tools
        if tools is None or not tools.list_changed:
            await live.stop.wait()
            return
        listening = asyncio.create_task(self._listen(live.client), name=f"news of MCP server {self._name}")
        try:
            await live.stop.wait()
        finally:
            listening.cancel()
            await asyncio.wait({listening})

    async def _listen(self, client: Client) -> None:
        """Hear of changes the way of protocol 2026-07-28; older servers tell them unasked."""
        wait = _FIRST_WAIT
        while True:
            try:
                async with client.listen(tools_list_changed=True) as news:
                    self._on_news()  # something may have changed while nobody listened
                    wait = _FIRST_WAIT
                    async for _ in news:
                        self._on_news()
            except ListenNotSupportedError:
                return
            except (SubscriptionLost, MCPError, TimeoutError) as error:
                _log.debug("news of MCP server %s broke off: %s", self._name, type(error).__name__)
            await asyncio.sleep(wait)
            wait = min(wait * 2.0, _LONGEST_WAIT)


def is_loss(error: MCPError) -> bool:
    """Whether the error says that there is no connection any more."""
    return error.code == CONNECTION_CLOSED or (error.code == INVALID_REQUEST and error.message == _SESSION_GONE)


LOSSES: Final[tuple[type[Exception], ...]] = (httpx2.TransportError, ConnectionError)
"""What else is raised where there is none."""


def _kinds(error: BaseException) -> str:
    """What went wrong, as names of classes: texts may hold addresses and keys."""
    if isinstance(error, BaseExceptionGroup):
        return ", ".join(sorted({_kinds(inner) for inner in error.exceptions}))
    code: Any = error.code if isinstance(error, MCPError) else None
    return type(error).__name__ if code is None else f"{type(error).__name__} {code}"
