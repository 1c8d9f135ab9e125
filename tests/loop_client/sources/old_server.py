"""A server as they were before the protocol of 2026, written by hand over stdio: pages, news unasked, odd tools.

Its only argument says how the list goes: ``pages``, ``endless``, ``never``, or ``odd`` for entries that are not as the
protocol has them.
"""

from __future__ import annotations

import json
import sys
from typing import Any

OBJECT = {"type": "object", "properties": {}}
extra: list[dict[str, Any]] = []
NUMBER = {"type": "object", "properties": {"number": {"type": "integer"}}, "required": ["number"]}
ODD: list[Any] = [
    {"name": "plain", "inputSchema": OBJECT},
    {"name": "untyped", "inputSchema": {"properties": {"number": {"type": "integer"}}, "required": ["number"]}},
    {"name": "referring", "inputSchema": {"$ref": "#/$defs/Number", "$defs": {"Number": NUMBER}}},
    {"name": "either", "inputSchema": {"anyOf": [NUMBER, {"type": "object", "required": ["word"]}]}},
    {"name": "nullable", "inputSchema": {**NUMBER, "type": ["object", "null"]}},
    {"name": "bare"},
    {"name": "decorated", "inputSchema": OBJECT, "description": 7, "annotations": "x", "icons": "x"},
    {"name": "silent", "inputSchema": OBJECT, "outputSchema": NUMBER},
    {"name": "texts", "inputSchema": {"type": "string"}},
    {"name": "nothing", "inputSchema": "none"},
    {"inputSchema": OBJECT},
    "word",
    {"name": "lasting", "inputSchema": OBJECT, "execution": {"taskSupport": "required"}},
]


def send(body: dict[str, Any]) -> None:
    """One message on a line."""
    print(json.dumps({"jsonrpc": "2.0", **body}), flush=True)


def page(cursor: str | None) -> dict[str, Any]:
    """A page of the list."""
    if sys.argv[1] == "endless":
        number = int(cursor or 0)
        return {"tools": [{"name": f"t{number}", "inputSchema": OBJECT}], "nextCursor": str(number + 1)}
    if sys.argv[1] == "odd":
        return {"tools": ODD}
    pages: dict[str | None, dict[str, Any]] = {
        None: {"tools": [{"name": "first", "inputSchema": OBJECT}], "nextCursor": "2"},
        "2": {
            "tools": [
                {"name": "second", "description": "old", "inputSchema": OBJECT},
                {"name": "second", "description": "new", "inputSchema": OBJECT},
                {"name": "too_large", "inputSchema": {**OBJECT, "description": "x" * 100_000}},
            ],
            "nextCursor": "3",
        },
        "3": {"tools": [{"name": "grow", "inputSchema": OBJECT}, {"name": "refuse", "inputSchema": OBJECT}, *extra]},
    }
    return pages[cursor]


def call(name: str, request_id: object) -> None:
    """Answer a call."""
    if name == "refuse":
        send({"id": request_id, "error": {"code": -32603, "message": "the password is hunter2"}})
        return
    if name == "silent":
        send({"id": request_id, "result": {"content": [{"type": "text", "text": "four"}]}})
        return
    if name == "grow":
        extra.append({"name": "grown", "inputSchema": OBJECT})
        send({"method": "notifications/tools/list_changed"})
    send({"id": request_id, "result": {"content": [], "structuredContent": {"called": name}}})


for line in sys.stdin:
    message = json.loads(line)
    match message.get("method"):
        case "initialize":
            capabilities = {"tools": {"listChanged": True}}
            about = {"name": "old", "version": "1"}
            result = {"protocolVersion": "2025-06-18", "capabilities": capabilities, "serverInfo": about}
            send({"id": message["id"], "result": result})
        case "tools/list" if sys.argv[1] == "never":
            pass
        case "tools/list":
            send({"id": message["id"], "result": page((message.get("params") or {}).get("cursor"))})
        case "tools/call":
            call(message["params"]["name"], message["id"])
        case _ if "id" in message:
            send({"id": message["id"], "error": {"code": -32601, "message": "unknown"}})
        case _:
            pass
