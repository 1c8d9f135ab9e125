"""Token counts between Anthropic's words and ours."""

from typing import Final

from providers.dialects.anthropic_messages.grammar import NAME, is_native
from providers.spec.response import Usage
from providers.spec.values import Form, Json, JsonObject

_FORM: Final = Form(dialect=NAME)
"""Says that ``raw`` is in this dialect's words."""


def decode_usage(value: Json) -> Usage | None:
    """Usage of one answer; ``None`` where there is none.

    Anthropic counts cached and cache-written tokens apart from ``input_tokens``; here the total includes them.
    """
    if not isinstance(value, dict):
        return None
    details = value.get("output_tokens_details")
    given, cached = _count(value.get("input_tokens")), _count(value.get("cache_read_input_tokens"))
    written = _count(value.get("cache_creation_input_tokens"))
    return Usage(
        input_tokens=None if given is None else given + (cached or 0) + (written or 0),
        output_tokens=_count(value.get("output_tokens")),
        cached_tokens=cached,
        cache_write_tokens=written,
        reasoning_tokens=_count(details.get("thinking_tokens")) if isinstance(details, dict) else None,
        raw=value,
        form=_FORM,
    )


def merged_usage(earlier: JsonObject, later: Json) -> JsonObject:
    """Snapshots of one stream, field by field, the last one that is not null (USAGE-01: they are cumulative)."""
    if not isinstance(later, dict):
        return earlier
    return {**earlier, **{key: value for key, value in later.items() if value is not None or key not in earlier}}


def encode_usage(usage: Usage | None) -> JsonObject:
    """Usage in Anthropic's words: its own object where it came from there.

    The dialect requires numbers for input and output: what is not known, or not known yet, is 0.
    """
    if usage is None:
        return {"input_tokens": 0, "output_tokens": 0}
    if is_native(usage.form):
        return usage.raw
    cached, written = usage.cached_tokens or 0, usage.cache_write_tokens or 0
    fields: JsonObject = {"input_tokens": max(0, (usage.input_tokens or 0) - cached - written)}
    if usage.cache_write_tokens is not None:
        fields["cache_creation_input_tokens"] = written
    if usage.cached_tokens is not None:
        fields["cache_read_input_tokens"] = cached
    fields["output_tokens"] = usage.output_tokens or 0
    if usage.reasoning_tokens is not None:
        fields["output_tokens_details"] = {"thinking_tokens": usage.reasoning_tokens}
    return fields


def _count(value: Json) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None
