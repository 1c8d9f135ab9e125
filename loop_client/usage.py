"""Token counts of a round and of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens; ``None`` where the server did not say. Nothing is estimated."""

    input_tokens: int | None = None
    """Prompt, cached tokens included."""
    output_tokens: int | None = None
    """Answer, reasoning included."""
    total_tokens: int | None = None
    cached_input_tokens: int | None = None
    """The part of the input that came from a cache."""
    reasoning_tokens: int | None = None
    """The part of the output that was reasoning."""

    def __add__(self, other: Usage) -> Usage:
        """Sum what is known of both."""
        return Usage(*(_sum(getattr(self, field.name), getattr(other, field.name)) for field in fields(self)))


def read_usage(raw: Mapping[str, Any]) -> Usage:
    """Read the ``usage`` object of a chat completion; unknown members are left to the raw object."""
    return Usage(
        input_tokens=_count(raw, "prompt_tokens"),
        output_tokens=_count(raw, "completion_tokens"),
        total_tokens=_count(raw, "total_tokens"),
        cached_input_tokens=_count(raw.get("prompt_tokens_details"), "cached_tokens"),
        reasoning_tokens=_count(raw.get("completion_tokens_details"), "reasoning_tokens"),
    )


def _count(container: object, name: str) -> int | None:
    value = container.get(name) if isinstance(container, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _sum(left: int | None, right: int | None) -> int | None:
    if left is None or right is None:
        return right if left is None else left
    return left + right
