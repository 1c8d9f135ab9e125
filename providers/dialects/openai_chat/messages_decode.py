"""Messages of a chat request to the canonical form."""

from typing import Final

import msgspec

from providers.dialects.openai_chat.caller import CallerReader, rest_with
from providers.dialects.openai_chat.content import decode_part
from providers.dialects.openai_chat.grammar import NAME, SPECIFIC_FIELDS, THOUGHT_SIGNATURE, note_inner
from providers.dialects.openai_chat.other_carriers import (
    GOOGLE_ORIGIN,
    details_only,
    take_call_signature,
    take_text_signature,
    with_thinking_blocks,
    without_signature,
)
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import (
    ContentPart,
    Part,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.request import Message
from providers.spec.values import Form, Json, JsonObject
from providers.wire.envelope_decode import (
    Section,
    call_state,
    envelope_entries,
    late_call_states,
    restore,
)
from providers.wire.json import dumps_text, type_name
from providers.wire.reader import Reader

REASONING_FIELDS: Final = ("reasoning_content", "reasoning")
"""Fields of an assistant message that hold readable reasoning (REASON-19)."""


def decode_messages(values: list[Json]) -> tuple[Message, ...]:
    """Every message. Raises InvalidRequestError with the JSON path."""
    return tuple(_message(value, f"messages[{index}]") for index, value in enumerate(values))


def _message(value: Json, path: str) -> Message:
    reader = CallerReader(value, path, NAME)
    role = reader.required_text("role")
    match role:
        case "system" | "developer" | "user":
            parts = _content(reader)
            name = reader.text("name")
            return Message(role=role, parts=parts, name=name, ext=reader.rest(), form=reader.form())
        case "assistant":
            return _assistant(reader)
        case "tool":
            call_id, _ = without_signature(reader.required_text("tool_call_id"))
            return _result(reader, call_id, name=reader.text("name"))
        case "function":
            # HIST-10: the legacy role, joined to its call by name.
            reader.variants["role"] = "function"
            return _result(reader, "", name=reader.required_text("name"))
        case _:
            at = reader.at("role")
            raise InvalidRequestError(f"{at}: unknown role {role!r}", path=at)


def _content(reader: Reader) -> tuple[Part, ...]:
    value = reader.take("content")
    match value:
        case None:
            return ()
        case str():
            reader.variants["content"] = "text"
            return (TextPart(text=value),)
        case list():
            at = reader.at("content")
            return tuple(decode_part(item, f"{at}[{index}]") for index, item in enumerate(value))
        case _:
            at = reader.at("content")
            raise InvalidRequestError(f"{at}: expected a string or an array, got {type_name(value)}", path=at)


def _result(reader: Reader, call_id: str, name: str | None) -> Message:
    content: list[ContentPart] = []
    for index, part in enumerate(_content(reader)):
        if isinstance(part, ToolCallPart | ToolResultPart | ReasoningPart | RefusalPart):
            at = f"{reader.at('content')}[{index}]"
            raise InvalidRequestError(f"{at}: not a part of a tool result", path=at)
        content.append(part)
    result = ToolResultPart(call_id=call_id, name=name, content=tuple(content))
    return Message(role="tool", parts=(result,), ext=reader.rest(), form=reader.form())


# ---- assistant turns


def _assistant(reader: CallerReader) -> Message:
    content = _content(reader)
    reasoning = _reasoning(reader)
    refusal = reader.text("refusal")
    reader.take_empty("annotations")
    envelope, signature = _extra_content(reader)
    if not envelope and signature is None:
        signature = take_text_signature(reader)
    sections = _calls(reader)
    late = late_call_states(envelope)
    sections = [_with_late_state(section, late) for section in sections]
    legacy = _legacy_call(reader)
    if legacy is not None:
        sections.append(_with_late_state(Section([], legacy), late))
    is_text = reader.variants.get("content") == "text"
    text = content[0].text if is_text and isinstance(content[0], TextPart) else list(content)
    parts = restore(reasoning, text, [*sections, Section(envelope)])
    if is_text and text == "":
        # An empty content is a spelling: restore has no text to place.
        reader.variants["content"] = "empty"
    if signature is not None:
        parts = _signed(parts, signature)
    if refusal is not None:
        parts.append(RefusalPart(text=refusal, form=Form(dialect=NAME, variants={"field": "refusal"})))
    name = reader.text("name")
    return Message(role="assistant", parts=tuple(parts), name=name, ext=reader.rest(), form=reader.form())


def _reasoning(reader: Reader) -> list[Part]:
    """The readable reasoning, one part for each field that holds any."""
    found: list[Part] = []
    for field in REASONING_FIELDS:
        if isinstance(reader.peek(field), str):
            text = reader.required_text(field)
            found.append(ReasoningPart(text=text, form=Form(dialect=NAME, variants={"field": field})))
    return details_only(reader, with_thinking_blocks(reader, found))


def _extra_content(reader: Reader) -> tuple[list[JsonObject], str | None]:
    """The router's envelope on the message, and Google's signature of its text; the rest is carried."""
    extra = reader.peek("extra_content")
    if not isinstance(extra, dict):
        return [], None
    reader.take("extra_content")
    rest = dict(extra)
    entries = envelope_entries(rest.pop("router", None))
    signature = _take_google_signature(rest)
    if rest:
        reader.give_back("extra_content", rest)
    return entries, signature if not entries else None


def _take_google_signature(extra: JsonObject) -> str | None:
    """Google's signature; what stands beside it stays there."""
    google = extra.get("google")
    if not isinstance(google, dict) or not isinstance(signature := google.get(THOUGHT_SIGNATURE), str):
        return None
    if len(google) == 1:
        del extra["google"]
    return signature


def _signed(parts: list[Part], signature: str) -> list[Part]:
    """A signature that stands on the message belongs to its last text (REASON-04)."""
    state = State(kind=THOUGHT_SIGNATURE, value=signature, origin=GOOGLE_ORIGIN)
    for index in range(len(parts) - 1, -1, -1):
        part = parts[index]
        if isinstance(part, TextPart) and part.state is None:
            return [*parts[:index], msgspec.structs.replace(part, state=state), *parts[index + 1 :]]
    return parts


def _calls(reader: Reader) -> list[Section]:
    values = reader.array("tool_calls")
    if values is None:
        return []
    at = reader.at("tool_calls")
    return [_call(value, f"{at}[{index}]") for index, value in enumerate(values)]


def _call(value: Json, path: str) -> Section:
    reader = CallerReader(value, path, NAME)
    kind = reader.text("type")
    _take_index(reader)
    entries, state = _call_extra(reader)
    call_id, signature = without_signature(reader.text("id") or "")
    state = state or signature
    if kind == "custom":
        inner = _required(reader, "custom")
        call = ToolCallPart(
            id=call_id,
            name=inner.required_text("name"),
            arguments=inner.text("input") or "",
            kind="custom",
            state=state,
        )
        return Section(entries, _with_inner(call, reader, "custom", inner))
    inner = _required(reader, "function")
    name = inner.required_text("name")
    call = ToolCallPart(id=call_id, name=name, arguments=_arguments(inner, reader), state=state)
    return Section(entries, _with_inner(call, reader, "function", inner))


def _take_index(reader: Reader) -> None:
    """The place of a streamed call, which clients leave in what they replay: the order says it anyway."""
    index = reader.peek("index")
    if isinstance(index, int) and not isinstance(index, bool):
        reader.variants["index"] = str(reader.take("index"))


def _required(reader: Reader, key: str) -> Reader:
    inner = reader.nested(key)
    if inner is None:
        raise InvalidRequestError(f"{reader.at(key)}: required", path=reader.at(key))
    return inner


def _arguments(inner: Reader, outer: Reader) -> str:
    """The argument text as it is; an object (ARGS-05) becomes its JSON text."""
    value = inner.take("arguments")
    match value:
        case None:
            return ""
        case str():
            return value
        case dict():
            outer.variants["arguments"] = "object"
            return dumps_text(value)
        case _:
            at = inner.at("arguments")
            raise InvalidRequestError(f"{at}: expected a string, got {type_name(value)}", path=at)


def _with_inner(call: ToolCallPart, reader: Reader, field: str, inner: Reader) -> ToolCallPart:
    ext = rest_with(reader, field, inner)
    return msgspec.structs.replace(call, ext=ext, form=reader.form())


def _call_extra(reader: Reader) -> tuple[list[JsonObject], State | None]:
    """The envelope on a call, and the call's own state: stamped by us, else Google's convention (REASON-02)."""
    extra = reader.peek("extra_content")
    if not isinstance(extra, dict):
        return [], take_call_signature(reader)
    reader.take("extra_content")
    rest = dict(extra)
    entries = envelope_entries(rest.pop("router", None))
    state = call_state(entries)
    signature = _take_google_signature(rest)
    if state is None and signature is not None:
        state = State(kind=THOUGHT_SIGNATURE, value=signature, origin=GOOGLE_ORIGIN)
    if rest:
        reader.give_back("extra_content", rest)
    if state is not None and reader.peek(SPECIFIC_FIELDS) == {THOUGHT_SIGNATURE: state.value}:
        # Google's ADK says it in LiteLLM's field, too.
        reader.take(SPECIFIC_FIELDS)
    return entries, state


def _with_late_state(section: Section, late: dict[str, State]) -> Section:
    call = section.call
    if call is None or call.state is not None or call.id not in late:
        return section
    return Section(section.entries, msgspec.structs.replace(call, state=late[call.id]))


def _legacy_call(reader: Reader) -> ToolCallPart | None:
    """``function_call`` of the time before ``tool_calls``: a call without an id."""
    inner = reader.nested("function_call")
    if inner is None:
        return None
    form = inner.form()
    call = ToolCallPart(id="", name=inner.required_text("name"), arguments=inner.text("arguments") or "")
    variants = {"field": "function_call"}
    note_inner(variants, "function", dict.fromkeys(form.keys))
    rest = inner.rest().get(NAME)
    return msgspec.structs.replace(
        call, ext={NAME: {"function": rest}} if rest else {}, form=Form(dialect=NAME, variants=variants)
    )
