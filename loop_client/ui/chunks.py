"""The frame of a UI message stream: how a chunk becomes a server-sent event, and the headers around it."""

from __future__ import annotations

from typing import Final, TypeAlias

from loop_client.jsontext import JsonObject, dump_bytes

Chunk: TypeAlias = JsonObject
"""One part of the stream, as ``uiMessageChunkSchema`` of the npm package ``ai`` describes it."""

DONE: Final = b"data: [DONE]\n\n"
"""The last event of every stream."""

KEEP_ALIVE: Final = b": keep-alive\n\n"
"""A comment, which readers skip, so that no proxy takes a silent tool for a dead connection."""

HEADERS: Final = {
    "content-type": "text/event-stream",
    "cache-control": "no-cache, no-transform",
    "x-vercel-ai-ui-message-stream": "v1",
    "x-accel-buffering": "no",
}
"""Mark the protocol and its version, and keep proxies from storing, compressing or holding back the stream."""


def encode_chunk(chunk: Chunk) -> bytes:
    """A chunk as a server-sent event."""
    return b"data: " + dump_bytes(chunk) + b"\n\n"
