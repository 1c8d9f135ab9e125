"""The message of an answer to parts, whatever a host calls its fields."""

import msgspec

from providers.dialects.openai_chat.cited import with_citations
from providers.dialects.openai_chat.content import decode_part
from providers.dialects.openai_chat.grammar import NAME, REASONING_DETAILS, THOUGHT_SIGNATURE, Fields, note_inner
from providers.dialects.openai_chat.other_carriers import details_text
from providers.spec.parts import Origin, Part, ReasoningPart, RefusalPart, State, TextPart, ToolCallPart
from providers.spec.values import Form, Json, JsonObject
from providers.wire.json import dumps_text

REASONING_FIELDS = ("reasoning_content", "reasoning")
"""Fields with readable reasoning (REASON-19). A host that gives both gives the same text in both."""


class DecodedMessage(msgspec.Struct, frozen=True):
    """What a message holds."""

    parts: tuple[Part, ...]
    rest: JsonObject
    """Fields that are not modelled."""
    keys: tuple[str, ...]
    nulls: tuple[str, ...]
    variants: dict[str, str]


def decode_message(value: JsonObject, origin: Origin, *, was_cut: bool) -> DecodedMessage:
    """One whole message. ``was_cut``: the answer ended before it was done, so its last call may be incomplete."""
    fields = Fields(value)
    variants: dict[str, str] = {}
    role = fields.text("role")
    if role is not None and role != "assistant":
        fields.rest["role"] = role
    reasoning = _reasoning(fields, origin, variants)
    content = _content(fields, variants)
    refusal = fields.text("refusal")
    parts: list[Part] = [*reasoning, *_signed(content, fields, origin)]
    if refusal:
        parts.append(RefusalPart(text=refusal, form=Form(dialect=NAME, variants={"field": "refusal"})))
    elif refusal == "":
        variants["refusal"] = "empty"
    calls = _calls(fields, origin, variants)
    parts += _finished(calls, was_cut=was_cut)
    rest = fields.left()
    parts = with_citations(parts, rest.get("annotations"))
    return DecodedMessage(tuple(parts), rest, fields.keys, tuple(fields.nulls), variants)


def reasoning_state(details: list[Json], origin: Origin) -> State:
    """The state in which an aggregator's ``reasoning_details`` travel unchanged (REASON-12)."""
    return State(kind=REASONING_DETAILS, value=dumps_text(details), origin=origin)


def _reasoning(fields: Fields, origin: Origin, variants: dict[str, str]) -> list[Part]:
    found = {field: text for field in REASONING_FIELDS if (text := fields.text(field)) is not None}
    details = fields.array(REASONING_DETAILS)
    state = None if not details else reasoning_state(details, origin)
    if details == []:
        variants[REASONING_DETAILS] = "empty"
    if not found and state is None:
        return []
    texts = [text for text in found.values() if text]
    for field, told in found.items():
        variants[f"reasoning:{field}"] = "text" if told else "empty"
    text = texts[0] if texts else details_text(details or [])
    if not text and state is None:
        return []
    spelled = {"field": next((field for field in found if found[field]), REASONING_DETAILS)}
    part = ReasoningPart(text=text, state=state, form=Form(dialect=NAME, variants=spelled))
    others = [ReasoningPart(text=other, form=Form(dialect=NAME)) for other in texts[1:] if other != text]
    return [part, *others]


def _content(fields: Fields, variants: dict[str, str]) -> list[Part]:
    text = fields.text("content")
    if text is not None:
        variants["content"] = "text" if text else "empty"
        return [TextPart(text=text, form=Form(dialect=NAME))] if text else []
    items = fields.array("content")
    if items is None:
        return []
    variants["content"] = "list"
    return [decode_part(item, f"content[{index}]") for index, item in enumerate(items)]


def _signed(content: list[Part], fields: Fields, origin: Origin) -> list[Part]:
    """Google's front puts the signature of a text on the message (REASON-04)."""
    signature = take_signature(fields)
    if signature is None:
        return content
    state = State(kind=THOUGHT_SIGNATURE, value=signature, origin=origin)
    last = content[-1] if content else None
    if isinstance(last, TextPart):
        return [*content[:-1], msgspec.structs.replace(last, state=state)]
    return [*content, TextPart(text="", state=state)]


def take_signature(fields: Fields) -> str | None:
    """``extra_content.google.thought_signature``, where nothing else stands beside it; taken."""
    extra = fields.rest.get("extra_content")
    google = extra.get("google") if isinstance(extra, dict) and len(extra) == 1 else None
    signature = google.get(THOUGHT_SIGNATURE) if isinstance(google, dict) and len(google) == 1 else None
    if not isinstance(signature, str):
        return None
    del fields.rest["extra_content"]
    return signature


def _calls(fields: Fields, origin: Origin, variants: dict[str, str]) -> list[ToolCallPart]:
    values = fields.array("tool_calls")
    if values == []:
        variants["tool_calls"] = "empty"
    calls = [_call(value, origin) for value in values or () if isinstance(value, dict)]
    legacy = fields.object("function_call")
    if legacy is not None and legacy.get("name"):
        calls.append(_legacy(legacy))
    elif legacy is not None:
        # Hosts that fill in every field they know: no name, no call.
        fields.rest["function_call"] = legacy
    return calls


def _call(value: JsonObject, origin: Origin) -> ToolCallPart:
    fields = Fields(value)
    variants: dict[str, str] = {}
    call_id, kind, index = fields.text("id"), fields.text("type"), fields.integer("index")
    if index is not None:
        # The place says it already; some hosts write it in whole answers too.
        variants["index"] = str(index)
    signature = take_signature(fields)
    is_custom = kind == "custom" and isinstance(fields.rest.get("custom"), dict)
    field = "custom" if is_custom else "function"
    inner = Fields(fields.object(field) or {})
    name, arguments = inner.text("name"), _arguments(inner, "input" if is_custom else "arguments", variants)
    below = inner.left()
    note_inner(variants, field, dict.fromkeys(inner.keys), tuple(inner.nulls))
    if below:
        fields.rest[field] = below
    if kind not in {None, "function", "custom"}:
        fields.rest["type"] = kind
    return ToolCallPart(
        id=call_id or "",
        name=name or "",
        arguments=arguments,
        kind="custom" if is_custom else "function",
        state=None if signature is None else State(kind=THOUGHT_SIGNATURE, value=signature, origin=origin),
        ext=fields.ext(),
        form=fields.form(variants),
    )


def _legacy(value: JsonObject) -> ToolCallPart:
    fields = Fields(value)
    variants: dict[str, str] = {"field": "function_call"}
    name, arguments = fields.text("name"), _arguments(fields, "arguments", variants)
    return ToolCallPart(id="", name=name or "", arguments=arguments, ext=fields.ext(), form=fields.form(variants))


def _arguments(fields: Fields, key: str, variants: dict[str, str]) -> str:
    """The argument text as it is; an object (ARGS-05) as its JSON text."""
    text = fields.text(key)
    if text is not None:
        return text
    value = fields.object(key)
    if value is not None:
        variants["arguments"] = "object"
        return dumps_text(value)
    return ""


def _finished(calls: list[ToolCallPart], *, was_cut: bool) -> list[ToolCallPart]:
    """No arguments of a finished call are ``{}`` (ARGS-01); of one that was cut they are unknown (ARGS-16)."""
    return [
        call
        if call.arguments.strip() or call.kind == "custom" or (was_cut and call is calls[-1])
        else msgspec.structs.replace(call, arguments="{}")
        for call in calls
    ]
