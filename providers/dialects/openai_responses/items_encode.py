"""Parts to items: the shapes, without any policy of what a target takes."""

from typing import Final

from providers.dialects.openai_responses.carrier import written_state
from providers.dialects.openai_responses.grammar import NAME, SEGMENT, is_minted, is_native, was_written
from providers.spec.parts import Part, ReasoningPart, ToolCallPart
from providers.spec.values import Form, Json, JsonObject, extended
from providers.wire.json import loads
from providers.wire.reader import arranged, variant

_OWN: Final = frozenset({"item", "segments"})
"""Carried fields that are notes of ours and no fields of the item."""


def identity(form: Form | None, prefix: str = "") -> JsonObject:
    """The ``id`` and ``status`` that a request spelled. An id of our own making is left out: no provider knows it."""
    fields: JsonObject = {}
    for key in ("id", "status"):
        value = variant(form, NAME, f"{prefix}{key}")
        if value is not None and not (key == "id" and is_minted(value)):
            fields[key] = value
    return fields


def begins_message(part: Part) -> bool:
    """Whether a text says that it begins a message item of its own; others go on in that of the text before them."""
    return variant(part.form, NAME, "item") is not None or "item" in extended(part.ext, NAME)


def message_item(first: Part, content: list[Json], defaults: JsonObject) -> JsonObject:
    """A message item around its content; ``defaults`` are the fields it has where it was not written here."""
    form = first.form
    keys = variant(form, NAME, "item")
    carried = extended(first.ext, NAME).get("item")
    extra: JsonObject = carried if isinstance(carried, dict) else {}
    written: Json = content
    if variant(form, NAME, "item.content") == "text" and len(content) == 1 and isinstance(content[0], dict):
        written = content[0].get("text")
    if keys is None:
        return {**defaults, **extra, "content": written}
    order = _strings(loads(keys))
    spelled = variant(form, NAME, "item.nulls")
    nulls = _strings(loads(spelled)) if spelled is not None else []
    fields: JsonObject = {
        "type": "message" if "type" in order and "type" not in nulls else None,
        "role": "assistant" if "role" in order else None,
        "content": written,
        **identity(form, "item."),
    }
    own = Form(dialect=NAME, keys=tuple(order), nulls=tuple(nulls))
    return arranged(fields, {NAME: extra}, own, NAME)


def _strings(value: Json) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def reasoning_item(part: ReasoningPart) -> JsonObject:
    """A reasoning item with its segments, and its state as this dialect writes it."""
    carried = _fields(part)
    texts = _segments(part)
    fields: JsonObject = {"type": "reasoning", **identity(part.form), "summary": None, "content": None}
    if part.kind == "text":
        fields["content"] = _written(part, "content", "reasoning_text", texts) or None
        fields["summary"] = None if "summary" in carried or not _has_summary(part) else []
    elif "summary" not in carried and (texts or _has_summary(part)):
        fields["summary"] = _written(part, "summary", "summary_text", texts)
    if variant(part.form, NAME, "content") == "empty":
        fields["content"] = []
    if part.state is not None:
        fields["encrypted_content"] = written_state(part.state, "reasoning")
    elif variant(part.form, NAME, "encrypted_content") == "empty":
        fields["encrypted_content"] = ""
    return arranged(fields, {NAME: carried}, part.form, NAME)


def _has_summary(part: ReasoningPart) -> bool:
    return not is_native(part.form) or was_written(part.form, "summary")


def _written(part: ReasoningPart, key: str, kind: str, texts: list[str]) -> list[Json]:
    if variant(part.form, NAME, key) == "text first":
        return [{"text": text, "type": kind} for text in texts]
    return [{"type": kind, "text": text} for text in texts]


def _segments(part: ReasoningPart) -> list[str]:
    """The text cut where its segments ended; one segment where that is not known, none where there is no text."""
    spelled = variant(part.form, NAME, "segments")
    lengths = loads(spelled) if spelled is not None else extended(part.ext, NAME).get("segments")
    numbers = [length for length in lengths if isinstance(length, int)] if isinstance(lengths, list) else []
    if numbers and sum(numbers) + len(SEGMENT) * (len(numbers) - 1) == len(part.text):
        texts, start = [], 0
        for length in numbers:
            texts.append(part.text[start : start + length])
            start += length + len(SEGMENT)
        return texts
    return [part.text] if part.text else []


def call_item(part: ToolCallPart, call_id: str) -> JsonObject:
    """A call of a function or of a free-text tool."""
    text = "" if variant(part.form, NAME, "arguments") == "empty" and part.arguments == "{}" else part.arguments
    fields: JsonObject = {"type": "function_call", **identity(part.form), "call_id": call_id, "name": part.name}
    if part.kind == "custom":
        fields["type"] = "custom_tool_call"
        fields["input"] = text
    else:
        fields["arguments"] = text
    if is_native(part.form):
        # What was not written stays away; what was, stays as it was.
        for key in ("call_id", "arguments", "input"):
            if not fields.get(key) and not was_written(part.form, key):
                fields[key] = None
    return arranged(fields, {NAME: _fields(part)}, part.form, NAME)


def _fields(part: Part) -> JsonObject:
    return {key: value for key, value in extended(part.ext, NAME).items() if key not in _OWN}
