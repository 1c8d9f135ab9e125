"""One answer of a model, whole."""

from typing import Literal

import msgspec

from providers.spec.parts import Part, ToolCallPart, is_client_call
from providers.spec.values import Json, JsonObject, Value

FinishReason = Literal[
    "stop",
    "length",
    "tool_calls",
    "content_filter",
    "refusal",
    "pause",
    "malformed_tool_call",
    "error",
    "other",
]
"""Why it ended. ``pause``: resend to go on. ``malformed_tool_call``: the model failed to write a call; retryable.
``other``: a reason we do not know, never to be taken for ``stop``."""


class Finish(Value, frozen=True, kw_only=True):
    """Why a candidate ended, in our words and in the provider's."""

    reason: FinishReason
    raw: str | None = None
    stop_sequence: str | None = None
    message: str | None = None
    """What the provider said about it."""
    inferred: bool = False
    """The provider gave no reason; this one was derived from what came."""


class Usage(Value, frozen=True, kw_only=True):
    """What it cost in tokens. ``None``: not reported. Totals include their parts.

    One definition for all providers: ``input_tokens`` includes cached and cache-written tokens, ``output_tokens``
    includes reasoning. ``raw`` is the provider's own object.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    total_tokens: int | None = None
    cached_tokens: int | None = None
    cache_write_tokens: int | None = None
    reasoning_tokens: int | None = None
    tool_prompt_tokens: int | None = None
    raw: JsonObject = msgspec.field(default_factory=dict)


class Candidate(Value, frozen=True, kw_only=True):
    """One of the alternative answers; nearly always the only one."""

    index: int = 0
    parts: tuple[Part, ...] = ()
    finish: Finish | None = None
    logprobs: Json = None

    @property
    def tool_calls(self) -> tuple[ToolCallPart, ...]:
        """The calls the client is to run, in order."""
        return tuple(filter(is_client_call, self.parts))


class Response(Value, frozen=True, kw_only=True):
    """One answer."""

    id: str = ""
    model: str = ""
    """The model as the provider names it."""
    created: int | None = None
    """Unix time in seconds."""
    candidates: tuple[Candidate, ...] = ()
    usage: Usage | None = None
