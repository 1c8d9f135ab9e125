"""Token counts between the words of chat completions and ours."""

from typing import Final

from providers.dialects.openai_chat.grammar import NAME, carried
from providers.spec.response import Usage
from providers.spec.values import Form, Json, JsonObject

_FORM: Final = Form(dialect=NAME)
"""Says that ``raw`` is in this dialect's words."""


def decode_usage(value: Json) -> Usage | None:
    """Usage of one answer; ``None`` where there is none. Totals include cached and reasoning tokens here already."""
    if not isinstance(value, dict):
        return None
    given, made = value.get("prompt_tokens_details"), value.get("completion_tokens_details")
    return Usage(
        input_tokens=_count(value.get("prompt_tokens")),
        output_tokens=_count(value.get("completion_tokens")),
        total_tokens=_count(value.get("total_tokens")),
        cached_tokens=_first(_detail(given, "cached_tokens"), _count(value.get("prompt_cache_hit_tokens"))),
        cache_write_tokens=_first(
            _detail(given, "cache_write_tokens"), _count(value.get("cache_creation_input_tokens"))
        ),
        reasoning_tokens=_detail(made, "reasoning_tokens"),
        raw=value,
        form=_FORM,
    )


def encode_usage(usage: Usage | None) -> JsonObject | None:
    """Usage in OpenAI's words: the host's own object where it came in this dialect."""
    if usage is None:
        return None
    if carried(usage.form):
        return usage.raw
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    fields: JsonObject = {
        "prompt_tokens": given,
        "completion_tokens": made,
        "total_tokens": given + made if usage.total_tokens is None else usage.total_tokens,
    }
    details: JsonObject = {}
    if usage.cached_tokens is not None:
        details["cached_tokens"] = usage.cached_tokens
    if usage.cache_write_tokens is not None:
        details["cache_write_tokens"] = usage.cache_write_tokens
    if usage.tool_prompt_tokens is not None:
        details["tool_prompt_tokens"] = usage.tool_prompt_tokens
    if details:
        fields["prompt_tokens_details"] = details
    if usage.reasoning_tokens is not None:
        fields["completion_tokens_details"] = {"reasoning_tokens": usage.reasoning_tokens}
    return fields


def _first(*counts: int | None) -> int | None:
    return next((count for count in counts if count is not None), None)


def _detail(details: Json, name: str) -> int | None:
    return _count(details.get(name)) if isinstance(details, dict) else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
