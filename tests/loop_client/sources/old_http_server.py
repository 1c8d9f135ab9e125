"""A server over HTTP as they were before the protocol of 2026, with sessions: it forgets them and ignores goodbyes."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


@dataclass
class OldHttpServer:
    """Keeps its sessions and what was done in them."""

    sessions: set[str] = field(default_factory=set)
    opened: int = 0
    calls: int = 0
    goodbyes: int = 0
    mute: asyncio.Event | None = None
    """Where given, a goodbye is answered only when it is set."""

    def app(self) -> Starlette:
        """The one endpoint."""
        return Starlette(routes=[Route("/mcp", self._answer, methods=["GET", "POST", "DELETE"])])

    async def _answer(self, request: Request) -> Response:
        if request.method == "DELETE":
            self.goodbyes += 1
            if self.mute is not None:
                await self.mute.wait()
            return Response(status_code=204)
        if request.method == "GET":
            return Response(status_code=405)
        return self._post(await request.json(), request.headers.get("mcp-session-id"))

    def _post(self, message: dict[str, Any], session: str | None) -> Response:
        match message["method"]:
            case "initialize":
                self.opened += 1
                self.sessions.add(f"session-{self.opened}")
                about = {"name": "old", "version": "1"}
                result = {"protocolVersion": "2025-06-18", "capabilities": {"tools": {}}, "serverInfo": about}
                return self._result(message, result, {"mcp-session-id": f"session-{self.opened}"})
            case "server/discover":
                return JSONResponse({"detail": "unknown"}, 400)
            case _ if session not in self.sessions:
                return Response(status_code=404)
            case "tools/list":
                return self._result(message, {"tools": [{"name": "count", "inputSchema": {"type": "object"}}]})
            case "tools/call":
                self.calls += 1
                return self._result(message, {"content": [{"type": "text", "text": str(self.calls)}]})
            case _:
                return Response(status_code=202)

    def _result(self, message: dict[str, Any], result: Any, headers: dict[str, str] | None = None) -> Response:
        return JSONResponse({"jsonrpc": "2.0", "id": message["id"], "result": result}, headers=headers)
