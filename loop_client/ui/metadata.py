"""The metadata of a streamed message: which model, when, how many tokens, and why it ended."""

from __future__ import annotations

from datetime import UTC, datetime

from loop_client.jsontext import JsonObject
from loop_client.usage import Usage


def time_text(moment: datetime) -> str:
    """A point in time as JavaScript's ``Date`` reads and writes it: UTC, milliseconds."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


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
