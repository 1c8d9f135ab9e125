"""Items to parts, for requests and for answers.

An item's ``id`` and ``status`` mean nothing outside this dialect. In a request they are spelling and stand in the form;
in an answer they come bit by bit in a stream, so there they are carried fields. A message item becomes one part for
each of its content parts; the first of them holds what the item has beside its content.
"""

from collections.abc import Callable
from typing import Final

import msgspec

from providers.dialects.openai_responses.carrier import carried_part, read_state
from providers.dialects.openai_responses.content import decode_content
from providers.dialects.openai_responses.grammar import NAME, SEGMENT
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import (
    ContentPart,
    MediaPart,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.json import dumps_text, type_name
from providers.wire.reader import LenientReader, Reader

UNFINISHED: Final = frozenset({"in_progress", "incomplete"})
"""Statuses of items that were cut, or are still growing."""

_IDENTITY: Final = ("id", "status")

_SEGMENT_KEYS: Final = (["type", "text"], ["text", "type"])


def decode_item(value: Json, path: str, origin: Origin, reader_kind: type[Reader]) -> list[Part]:
    """The parts of one item that the model said or that answers a call. What is not modelled is an OpaquePart.

    Raises InvalidRequestError for wrong types, with the JSON path.
    """
    reader = reader_kind(value, path, NAME)
    kind = reader.text("type")
    kind = "message" if kind is None else kind
    if kind == "message":
        return _message(reader, value)
    decode = _DECODERS.get(kind)
    part = decode(reader, origin) if decode is not None else None
    return [part if part is not None else OpaquePart(dialect=NAME, type=kind, value=value)]


def _remember_identity(reader: Reader) -> None:
    """In a request, id and status are spelling. In an answer they stay with the carried fields."""
    if isinstance(reader, LenientReader):
        return
    for key in _IDENTITY:
        if isinstance(value := reader.peek(key), str):
            reader.take(key)
            reader.variants[key] = value


# ---- messages of the model


def _message(reader: Reader, value: Json) -> list[Part]:
    reader.take("role")
    content = reader.take("content")
    path = reader.at("content")
    if isinstance(content, str):
        reader.variants["content"] = "text"
        parts: list[Part] = [TextPart(text=content)]
    elif isinstance(content, list):
        parts = decode_content(content, path, type(reader))
    elif isinstance(reader, LenientReader):
        # A host that said nothing: carried as it is.
        parts = []
    else:
        raise InvalidRequestError(f"{path}: expected a string or an array, got {type_name(content)}", path=path)
    if not parts or not isinstance(parts[0], TextPart | RefusalPart):
        return [OpaquePart(dialect=NAME, type="message", value=value)]
    _remember_identity(reader)
    parts[0] = with_item(parts[0], reader.rest().get(NAME, {}), reader.form())
    return parts


def with_item(part: Part, fields: JsonObject, form: Form) -> Part:
    """The first part of a message with what its item has beside the content."""
    variants = {**(part.form.variants if part.form is not None else {}), "item": dumps_text(list(form.keys))}
    for name, spelling in form.variants.items():
        variants[f"item.{name}"] = spelling
    if form.nulls:
        variants["item.nulls"] = dumps_text(list(form.nulls))
    own = part.form or Form(dialect=NAME)
    ext = {NAME: {**part.ext.get(NAME, {}), "item": fields}} if fields else part.ext
    return msgspec.structs.replace(part, ext=ext, form=msgspec.structs.replace(own, variants=variants))


# ---- reasoning


def _reasoning(reader: Reader, origin: Origin) -> Part:
    encrypted = reader.text("encrypted_content")
    carried = carried_part(encrypted, origin)
    if carried is not None:
        return carried
    if encrypted == "":
        reader.variants["encrypted_content"] = "empty"
    _remember_identity(reader)
    summary, content = _segments(reader, "summary", "summary_text"), _segments(reader, "content", "reasoning_text")
    texts, carry = (content, reader.rest()) if content else (summary or [], reader.rest())
    if content and summary:
        # Both are there: the content is the reasoning, and its summary is carried.
        carry = _carrying(carry, "summary", reader.variants.pop("summary", ""), summary)
    return ReasoningPart(
        text=SEGMENT.join(texts),
        kind="text" if content else "summary",
        state=read_state(encrypted, origin) if encrypted else None,
        ext=_with_lengths(reader, carry, texts),
        form=reader.form(),
    )


def _segments(reader: Reader, key: str, kind: str) -> list[str] | None:
    """The texts of a list of segments, taken where each is just its type and text; ``None`` where they are not."""
    values = reader.peek(key)
    if values is None:
        reader.take(key)
    if not isinstance(values, list) or not values:
        if values == [] and key == "summary":
            reader.take(key)
        elif values == [] and not isinstance(reader, LenientReader):
            reader.take(key)
            reader.variants[key] = "empty"
        return None
    texts: list[str] = []
    for value in values:
        if not isinstance(value, dict) or list(value) != list(values[0] if isinstance(values[0], dict) else ()):
            return None
        text = value.get("text")
        if list(value) not in _SEGMENT_KEYS or value.get("type") != kind or not isinstance(text, str):
            return None
        texts.append(text)
    reader.take(key)
    if isinstance(values[0], dict) and list(values[0]) == _SEGMENT_KEYS[1]:
        reader.variants[key] = "text first"
    return texts


def _carrying(ext: Ext, key: str, spelling: str, texts: list[str]) -> Ext:
    order = _SEGMENT_KEYS[1] if spelling else _SEGMENT_KEYS[0]
    segments: list[Json] = [{name: text if name == "text" else "summary_text" for name in order} for text in texts]
    return {NAME: {**ext.get(NAME, {}), key: segments}}


def _with_lengths(reader: Reader, ext: Ext, texts: list[str]) -> Ext:
    """Where one segment ends and the next begins: spelling in a request, carried in an answer."""
    if len(texts) < 2 and texts != [""]:
        return ext
    lengths: list[Json] = [len(text) for text in texts]
    if isinstance(reader, LenientReader):
        return {NAME: {**ext.get(NAME, {}), "segments": lengths}}
    reader.variants["segments"] = dumps_text(lengths)
    return ext


# ---- calls and results


def _function_call(reader: Reader, _origin: Origin) -> Part:
    status = reader.peek("status")
    _remember_identity(reader)
    name = reader.required_text("name")
    arguments = _arguments(reader)
    if not arguments and not (isinstance(status, str) and status in UNFINISHED):
        # A finished call without arguments is one of `{}` (ARGS-01).
        reader.variants["arguments"] = "empty"
        arguments = "{}"
    return ToolCallPart(
        id=reader.text("call_id") or "", name=name, arguments=arguments, ext=reader.rest(), form=reader.form()
    )


def _arguments(reader: Reader) -> str:
    value = reader.peek("arguments")
    if isinstance(reader, LenientReader) and isinstance(value, dict):
        # Some hosts put an object where the text belongs (ARGS-04).
        reader.take("arguments")
        return dumps_text(value)
    return reader.text("arguments") or ""


def _custom_call(reader: Reader, _origin: Origin) -> Part:
    _remember_identity(reader)
    name = reader.required_text("name")
    call_id, text = reader.text("call_id") or "", reader.text("input") or ""
    return ToolCallPart(id=call_id, name=name, arguments=text, kind="custom", ext=reader.rest(), form=reader.form())


def _function_output(reader: Reader, _origin: Origin) -> Part:
    return _output(reader, "function_call_output")


def _custom_output(reader: Reader, _origin: Origin) -> Part:
    return _output(reader, "custom_tool_call_output")


def _output(reader: Reader, kind: str) -> Part:
    _remember_identity(reader)
    reader.variants["type"] = kind
    call_id = reader.text("call_id") or ""
    value, path = reader.take("output"), reader.at("output")
    content: tuple[ContentPart, ...] = ()
    if isinstance(value, str):
        reader.variants["output"] = "text"
        content = (TextPart(text=value),)
    elif isinstance(value, list):
        content = tuple(map(_content_part, decode_content(value, path, type(reader)), value))
    else:
        raise InvalidRequestError(f"{path}: expected a string or an array, got {type_name(value)}", path=path)
    return ToolResultPart(call_id=call_id, content=content, ext=reader.rest(), form=reader.form())


def _content_part(part: Part, value: Json) -> ContentPart:
    if isinstance(part, TextPart | MediaPart | OpaquePart):
        return part
    # Not legal there; the provider is to say so, in its own words.
    return OpaquePart(dialect=NAME, type="refusal", value=value)


_DECODERS: Final[dict[str, Callable[[Reader, Origin], Part | None]]] = {
    "reasoning": _reasoning,
    "function_call": _function_call,
    "custom_tool_call": _custom_call,
    "function_call_output": _function_output,
    "custom_tool_call_output": _custom_output,
}
