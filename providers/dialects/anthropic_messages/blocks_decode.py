"""Content blocks to parts, for requests and for answers."""

from collections.abc import Callable

from providers.dialects.anthropic_messages.carrier import read_redacted, read_state
from providers.dialects.anthropic_messages.grammar import NAME
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import (
    ContentPart,
    MediaKind,
    MediaPart,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps_text, type_name
from providers.wire.reader import LenientReader, Reader

_SOURCE_KEYS = {
    "base64": ("type", "media_type", "data"),
    "text": ("type", "media_type", "data"),
    "url": ("type", "url"),
    "file": ("type", "file_id"),
}


def decode_block(value: Json, path: str, origin: Origin, reader_kind: type[Reader] = Reader) -> Part:
    """One content block. What is not modelled is an OpaquePart that holds the block as it came.

    Raises InvalidRequestError for wrong types, with the JSON path.
    """
    reader = reader_kind(value, path, NAME)
    kind = reader.required_text("type")
    decode = _DECODERS.get(kind)
    part = decode(reader, origin) if decode is not None else None
    return part if part is not None else opaque(value, kind)


def opaque(value: Json, kind: str) -> OpaquePart:
    """A block that only this dialect understands."""
    return OpaquePart(dialect=NAME, type=kind, value=value)


def decode_content(value: list[Json], path: str, origin: Origin, reader_kind: type[Reader] = Reader) -> list[Part]:
    """Every block of a ``content`` array."""
    return [decode_block(block, f"{path}[{index}]", origin, reader_kind) for index, block in enumerate(value)]


def _text(reader: Reader, _origin: Origin) -> Part:
    text = reader.required_text("text")
    citations = reader.array("citations")
    return TextPart(text=text, annotations=tuple(citations or ()), ext=reader.rest(), form=reader.form())


def _thinking(reader: Reader, origin: Origin) -> Part:
    text = reader.required_text("thinking")
    signature = reader.text("signature")
    state = read_state(signature, "signature", origin) if signature else None
    return ReasoningPart(text=text, state=state, ext=reader.rest(), form=reader.form())


def _redacted(reader: Reader, origin: Origin) -> Part:
    part = read_redacted(reader.required_text("data"), origin)
    if isinstance(part, OpaquePart):
        return part
    return ReasoningPart(redacted=True, state=part.state, ext=reader.rest(), form=reader.form())


def _tool_use(reader: Reader, _origin: Origin) -> Part:
    return _call(reader, provider=False)


def _server_tool_use(reader: Reader, _origin: Origin) -> Part:
    return _call(reader, provider=True)


def _call(reader: Reader, *, provider: bool) -> ToolCallPart:
    call_id = reader.required_text("id")
    name = reader.required_text("name")
    arguments = _arguments(reader)
    return ToolCallPart(
        id=call_id,
        name=name,
        arguments=arguments,
        executed_by="provider" if provider else "client",
        ext=reader.rest(),
        form=reader.form(),
    )


def _arguments(reader: Reader) -> str:
    if isinstance(reader, LenientReader):
        value = reader.take("input")
        # Some hosts that imitate this dialect put JSON text where the object belongs (ARGS-05).
        return value if isinstance(value, str) else dumps_text({} if value is None else value)
    value = reader.object("input")
    if value is None:
        raise InvalidRequestError(f"{reader.at('input')}: required", path=reader.at("input"))
    return dumps_text(value)


def _tool_result(reader: Reader, origin: Origin) -> Part:
    call_id = reader.required_text("tool_use_id")
    failed = reader.boolean("is_error")
    content = _result_content(reader, origin)
    return ToolResultPart(
        call_id=call_id,
        outcome="error" if failed else "ok",
        content=content,
        ext=reader.rest(),
        form=reader.form(),
    )


def _result_content(reader: Reader, origin: Origin) -> tuple[ContentPart, ...]:
    value = reader.take("content")
    path = reader.at("content")
    if value is None:
        return ()
    if isinstance(value, str):
        reader.variants["content"] = "text"
        return (TextPart(text=value),)
    if not isinstance(value, list):
        raise InvalidRequestError(f"{path}: expected a string or an array, got {type_name(value)}", path=path)
    return tuple(_content_part(block, f"{path}[{index}]", origin, type(reader)) for index, block in enumerate(value))


def _content_part(value: Json, path: str, origin: Origin, reader_kind: type[Reader]) -> ContentPart:
    part = decode_block(value, path, origin, reader_kind)
    if isinstance(part, TextPart | MediaPart | OpaquePart):
        return part
    # Not legal there; the provider is to say so, in its own words.
    return opaque(value, str(value.get("type")) if isinstance(value, dict) else "")


def _image(reader: Reader, _origin: Origin) -> Part | None:
    return _media(reader, "image")


def _document(reader: Reader, _origin: Origin) -> Part | None:
    title = reader.text("title")
    return _media(reader, "document", title)


def _media(reader: Reader, kind: MediaKind, title: str | None = None) -> Part | None:
    """``None`` for a source that has no canonical word (``content``, and what may come)."""
    source = reader.nested("source")
    if source is None:
        raise InvalidRequestError(f"{reader.at('source')}: required", path=reader.at("source"))
    place = source.required_text("type")
    if place not in _SOURCE_KEYS:
        return None
    media_type = data = url = file_id = text = None
    match place:
        case "base64":
            media_type, data = source.text("media_type"), source.required_text("data")
        case "text":
            media_type, text = source.text("media_type"), source.required_text("data")
        case "url":
            url = source.required_text("url")
        case _:
            file_id = source.required_text("file_id")
    ext = _spelled_source(reader, source, _SOURCE_KEYS[place])
    return MediaPart(
        kind=kind,
        media_type=media_type,
        data=data,
        url=url,
        file_id=file_id,
        text=text,
        filename=title,
        ext=_merged(reader.rest(), ext),
        form=reader.form(),
    )


def _spelled_source(reader: Reader, source: Reader, keys: tuple[str, ...]) -> JsonObject:
    """Remember the order of the source's keys; what a source has beside the modelled keys is carried."""
    form = source.form()
    if form.keys != keys:
        reader.variants["source"] = dumps_text(list(form.keys))
    extras: JsonObject = {**source.rest().get(NAME, {}), **dict.fromkeys(form.nulls)}
    return {"source": extras} if extras else {}


def _merged(ext: dict[str, JsonObject], fields: JsonObject) -> dict[str, JsonObject]:
    return {NAME: {**ext.get(NAME, {}), **fields}} if fields else ext


_DECODERS: dict[str, Callable[[Reader, Origin], Part | None]] = {
    "text": _text,
    "thinking": _thinking,
    "redacted_thinking": _redacted,
    "tool_use": _tool_use,
    "server_tool_use": _server_tool_use,
    "tool_result": _tool_result,
    "image": _image,
    "document": _document,
}
