"""Where an MCP server is: a program that is started here, or an address."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx2
from mcp import StdioServerParameters
from mcp.client.stdio import stdio_client
from mcp.client.streamable_http import streamable_http_client

from loop_client.environment import all_from_environment
from loop_client.errors import ConfigurationError
from loop_client.headers import checked_headers
from loop_client.mcp.stderr import logged_stderr

Transport: TypeAlias = AbstractAsyncContextManager[Any]
"""What the SDK reads and writes messages through."""

_LARGEST_MESSAGE: Final = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class StdioServer:
    """A program that is started here and spoken to over its standard input and output.

    It runs with this process's rights. What it writes to standard error goes to the logger ``loop_client.mcp.NAME``, at
    level DEBUG, and nowhere else.
    """

    command: str
    """Found by PATH unless it is a path."""
    args: Sequence[str] = ()
    env: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Given to it besides PATH, HOME and what else a program needs to start; nothing else of this process's environment
    is. A value may be ``env:NAME``."""
    cwd: str | Path | None = None

    def transport(self, name: str) -> Transport:
        """Start it.

        Raises:
            ConfigurationError: a variable is not set.
        """
        return _process(name, self)

    def check(self, name: str) -> None:
        """Say early what cannot work.

        Raises:
            ConfigurationError: there is no command, or a variable is not set.
        """
        if not self.command:
            raise ConfigurationError(f"MCP server {name}: a command is expected")
        all_from_environment(self.env, f"MCP server {name}: env")


@dataclass(frozen=True, slots=True)
class HttpServer:
    """A server that speaks streamable HTTP. Redirects are followed within its scheme, host and port only."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    """A value may be taken from the environment: ``env:NAME``, or ``Bearer env:NAME``."""
    connect_seconds: float = 10.0
    silence_seconds: float = 300.0
    """How long a stream of the server may stay silent."""

    def transport(self, name: str) -> Transport:
        """Speak to it.

        Raises:
            ConfigurationError: a variable is not set.
        """
        return _http(name, self)

    def check(self, name: str) -> None:
        """Say early what cannot work.

        Raises:
            ConfigurationError: the address is none, holds a name or password, a variable is not set, or a header
                cannot be sent.
        """
        try:
            url = httpx2.URL(self.url)
        except httpx2.InvalidURL:
            raise ConfigurationError(f"MCP server {name}: its address is no URL") from None
        if url.scheme not in {"http", "https"} or not url.host:
            raise ConfigurationError(f"MCP server {name}: an address such as https://example.com/mcp is expected")
        if url.userinfo:
            raise ConfigurationError(f"MCP server {name}: put a name and password into a header, not into the address")
        self.sent_headers(name)

    def sent_headers(self, name: str) -> dict[str, str]:
        """The headers of every request.

        Raises:
            ConfigurationError: a variable is not set, or holds what no header may hold.
        """
        what = f"MCP server {name}: headers"
        return checked_headers(all_from_environment(self.headers, what), what)


Server: TypeAlias = StdioServer | HttpServer


@asynccontextmanager
async def _process(name: str, server: StdioServer) -> AsyncGenerator[Any, None]:
    environment = all_from_environment(server.env, f"MCP server {name}: env")
    # The SDK adds the few variables that a program needs to start, and no others.
    parameters = StdioServerParameters(
        command=server.command,
        args=list(server.args),
        env=environment,
        cwd=server.cwd,
        # A byte that is no UTF-8 must not end the connection.
        encoding_error_handler="replace",
    )
    with logged_stderr(name) as stderr:
        async with stdio_client(parameters, errlog=stderr) as streams:
            yield streams


@asynccontextmanager
async def _http(name: str, server: HttpServer) -> AsyncGenerator[Any, None]:
    headers = server.sent_headers(name)
    timeout = httpx2.Timeout(server.silence_seconds, connect=server.connect_seconds)
    async with httpx2.AsyncClient(headers=headers, timeout=timeout) as client:
        transport = streamable_http_client(server.url, http_client=client, max_sse_event_size=_LARGEST_MESSAGE)
        async with transport as streams:
            yield streams
