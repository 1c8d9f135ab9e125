"""What is told beside the words of a message: times, token counts and sources."""

from __future__ import annotations

from datetime import UTC, datetime

from loop_client.events import SourceFound
from loop_client.jsontext import JsonObject
from loop_client.ui.chunks import Chunk
from loop_client.usage import Usage


def time_text(seconds: float) -> str:
    """Seconds since 1970 as JavaScript's ``Date`` reads and writes a point in time: UTC, milliseconds."""
    moment = datetime.fromtimestamp(seconds, UTC)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def usage_object(usage: Usage) -> JsonObject:
    """Token counts under the names that the AI SDK gives them; those that are not known are left out."""
    counts = {
        "inputTokens": usage.input_tokens,
        "outputTokens": usage.output_tokens,
        "totalTokens": usage.total_tokens,
        "cachedInputTokens": usage.cached_input_tokens,
        "reasoningTokens": usage.reasoning_tokens,
    }
    return {name: count for name, count in counts.items() if count is not None}


def source_chunk(event: SourceFound) -> Chunk:
    """A source; one without an address is a document, whose kind nobody told."""
    if event.kind == "url" and event.url is not None:
        chunk: Chunk = {"type": "source-url", "sourceId": event.source_id, "url": event.url}
        return chunk if event.title is None else chunk | {"title": event.title}
    return {
        "type": "source-document",
        "sourceId": event.source_id,
        "mediaType": "application/octet-stream",
        "title": event.title or event.source_id,
    }
