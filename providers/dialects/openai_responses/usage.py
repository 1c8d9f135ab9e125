"""Token counts between the words of OpenAI Responses and ours."""

from typing import Final

from providers.dialects.openai_responses.grammar import NAME, is_native
from providers.spec.response import Usage
from providers.spec.values import Form, Json, JsonObject

_FORM: Final = Form(dialect=NAME)
"""Says that ``raw`` is in this dialect's words."""


def decode_usage(value: Json) -> Usage | None:
    """Usage of one answer; ``None`` where there is none. Totals include cached, written and reasoning tokens."""
    if not isinstance(value, dict):
        return None
    given, made = value.get("input_tokens_details"), value.get("output_tokens_details")
    return Usage(
        input_tokens=_count(value.get("input_tokens")),
        output_tokens=_count(value.get("output_tokens")),
        total_tokens=_count(value.get("total_tokens")),
        cached_tokens=_detail(given, "cached_tokens"),
        cache_write_tokens=_detail(given, "cache_write_tokens"),
        reasoning_tokens=_detail(made, "reasoning_tokens"),
        raw=value,
        form=_FORM,
    )


def encode_usage(usage: Usage | None) -> JsonObject | None:
    """Usage in OpenAI's words: its own object where it came from there. Details it always has; unknown is 0."""
    if usage is None:
        return None
    if is_native(usage.form):
        return usage.raw
    given, made = usage.input_tokens or 0, usage.output_tokens or 0
    details: JsonObject = {
        "cached_tokens": usage.cached_tokens or 0,
        "cache_write_tokens": usage.cache_write_tokens or 0,
    }
    return {
        "input_tokens": given,
        "input_tokens_details": details,
        "output_tokens": made,
        "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens or 0},
        "total_tokens": given + made if usage.total_tokens is None else usage.total_tokens,
    }


def _detail(details: Json, name: str) -> int | None:
    return _count(details.get(name)) if isinstance(details, dict) else None


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
