"""Tools of servers that speak the Model Context Protocol, through its official SDK (the extra ``mcp``)."""

from __future__ import annotations

from loop_client.mcp.servers import HttpServer, Server, StdioServer
from loop_client.mcp.source import MCPTools

__all__ = ["HttpServer", "MCPTools", "Server", "StdioServer"]
