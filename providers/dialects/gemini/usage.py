"""Token counts between Google's words and ours."""

from typing import Final

from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.reader import LenientGeminiReader, is_native, snake_case
from providers.spec.response import Usage
from providers.spec.values import Form, Json, JsonObject

_FIELDS: Final = (
    "promptTokenCount",
    "toolUsePromptTokenCount",
    "candidatesTokenCount",
    "thoughtsTokenCount",
    "totalTokenCount",
    "cachedContentTokenCount",
)
_IN_SNAKE_CASE: Final = frozenset(map(snake_case, _FIELDS))
_PLAIN: Final = frozenset({int, type(None)})

_FORM: Final = Form(dialect=NAME)
"""Says that ``raw`` is in this dialect's words."""


def decode_usage(value: Json) -> Usage | None:
    """Usage of one answer; ``None`` where there is none.

    Google counts tool prompts apart from the prompt and thoughts apart from candidates; the totals here include them
    (USAGE-05). Cached tokens are part of its prompt count already. It leaves zeros out.
    """
    if not isinstance(value, dict):
        return None
    prompt, tools, answer, thoughts, total, cached = _counts(value)
    given = None if prompt is None else prompt + (tools or 0)
    made = None if answer is None and thoughts is None else (answer or 0) + (thoughts or 0)
    if made is None and given is not None and total is not None and total >= given:
        made = total - given
    return Usage(
        input_tokens=given,
        output_tokens=made,
        total_tokens=total,
        cached_tokens=cached,
        reasoning_tokens=thoughts,
        tool_prompt_tokens=tools,
        raw=value,
        form=_FORM,
    )


def _counts(value: JsonObject) -> list[int | None]:
    """The counts in the order of ``_FIELDS``."""
    counts = [value.get(field) for field in _FIELDS]
    if _IN_SNAKE_CASE.isdisjoint(value) and _PLAIN.issuperset(map(type, counts)):
        return counts  # type: ignore[return-value]  # it was just looked at
    reader = LenientGeminiReader(value, "usageMetadata", NAME)
    return [reader.whole(field) for field in _FIELDS]


def merged_usage(earlier: JsonObject, later: Json) -> JsonObject:
    """Snapshots of one stream, field by field, the last one that is not null: they are cumulative (USAGE-01)."""
    if not isinstance(later, dict):
        return earlier
    return {**earlier, **{key: value for key, value in later.items() if value is not None or key not in earlier}}


def encode_usage(usage: Usage) -> JsonObject:
    """Usage in Google's words: its own object where it came from there."""
    if is_native(usage.form):
        return usage.raw
    counts = {
        "promptTokenCount": _without(usage.input_tokens, usage.tool_prompt_tokens),
        "cachedContentTokenCount": usage.cached_tokens,
        "toolUsePromptTokenCount": usage.tool_prompt_tokens,
        "candidatesTokenCount": _without(usage.output_tokens, usage.reasoning_tokens),
        "thoughtsTokenCount": usage.reasoning_tokens,
        "totalTokenCount": _total(usage),
    }
    return {name: count for name, count in counts.items() if count is not None}


def _without(total: int | None, part: int | None) -> int | None:
    return None if total is None else max(0, total - (part or 0))


def _total(usage: Usage) -> int | None:
    if usage.total_tokens is not None or usage.input_tokens is None or usage.output_tokens is None:
        return usage.total_tokens
    return usage.input_tokens + usage.output_tokens
