"""Content parts of a message, from and to their chat shapes."""

import re
from typing import Final

from providers.dialects.openai_chat.caller import CallerReader, rest_with
from providers.dialects.openai_chat.grammar import NAME, carried, inner_form, variant_of
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import (
    MediaKind,
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.values import Form, Json, JsonObject
from providers.wire.reader import Reader, arranged

_DATA_URL: Final = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)

_AUDIO_FORMATS: Final = {"audio/mpeg": "mp3", "audio/x-wav": "wav", "audio/wave": "wav"}
"""Names of sound that OpenAI spells otherwise than after the slash."""


def data_url(media_type: str | None, data: str) -> str:
    """A data URL; a type that nobody named is a stream of bytes."""
    return f"data:{media_type or 'application/octet-stream'};base64,{data}"


# ---- from the wire


def decode_part(value: Json, path: str) -> Part:
    """One item of a content list. Types we do not know are carried whole.

    Raises InvalidRequestError for an item that is no object, and for a known type whose fields have the wrong types.
    """
    reader = CallerReader(value, path, NAME)
    kind = reader.text("type")
    match kind:
        case "text" if isinstance(reader.peek("text"), str):
            text = reader.required_text("text")
            return TextPart(text=text, ext=reader.rest(), form=reader.form())
        case "refusal":
            refusal = reader.required_text("refusal")
            return RefusalPart(text=refusal, ext=reader.rest(), form=reader.form())
        case "image_url":
            return _url_media(reader, "image_url", "image")
        case "video_url":
            return _url_media(reader, "video_url", "video")
        case "document_url" if isinstance(reader.peek("document_url"), str):
            return _document_url(reader)
        case "input_audio":
            return _audio(reader)
        case "file":
            return _file(reader, value)
        case "thinking" if (thinking := _thinking_text(reader.peek("thinking"))) is not None:
            inner = reader.take("thinking")
            reader.variants["thinking"] = "text" if isinstance(inner, str) else "parts"
            return ReasoningPart(text=thinking, ext=reader.rest(), form=reader.form())
        case "text":
            raise InvalidRequestError(f"{path}.text: expected a string", path=f"{path}.text")
        case _:
            return OpaquePart(dialect=NAME, type=kind or "", value=value)


def _thinking_text(value: Json) -> str | None:
    """The text of a Mistral thinking chunk, where it is plain enough to be written back alike."""
    if isinstance(value, str):
        return value
    match value:
        case [{"type": "text", "text": str() as text}] if isinstance(value[0], dict) and list(value[0]) == [
            "type",
            "text",
        ]:
            return text
        case _:
            return None


def _located(url: str) -> tuple[str | None, str | None, str | None]:
    """Media type and data of a data URL, or the URL itself."""
    match = _DATA_URL.fullmatch(url)
    return (match[1], match[2], None) if match else (None, None, url)


def _url_media(reader: Reader, field: str, kind: MediaKind) -> MediaPart:
    if isinstance(reader.peek(field), str):
        media_type, data, url = _located(reader.required_text(field))
        reader.variants["shape"] = "string"
        return MediaPart(
            kind=kind, media_type=media_type, data=data, url=url, ext=reader.rest(), form=_typed(reader, field)
        )
    inner = reader.nested(field)
    if inner is None:
        raise InvalidRequestError(f"{reader.at(field)}: required", path=reader.at(field))
    media_type, data, url = _located(inner.required_text("url"))
    return MediaPart(
        kind=kind,
        media_type=media_type,
        data=data,
        url=url,
        detail=inner.text("detail"),
        ext=rest_with(reader, field, inner),
        form=_typed(reader, field),
    )


def _typed(reader: Reader, kind: str) -> Form:
    reader.variants["type"] = kind
    return reader.form()


def _document_url(reader: Reader) -> MediaPart:
    """Mistral's document chunk."""
    media_type, data, url = _located(reader.required_text("document_url"))
    name = reader.text("document_name")
    return MediaPart(
        kind="document",
        media_type=media_type,
        data=data,
        url=url,
        filename=name,
        ext=reader.rest(),
        form=_typed(reader, "document_url"),
    )


def _audio(reader: Reader) -> MediaPart:
    inner = reader.nested("input_audio")
    if inner is None:
        raise InvalidRequestError(f"{reader.at('input_audio')}: required", path=reader.at("input_audio"))
    data = inner.required_text("data")
    sound = inner.text("format")
    ext = rest_with(reader, "input_audio", inner)
    media_type = f"audio/{sound}" if sound is not None else None
    return MediaPart(kind="audio", media_type=media_type, data=data, ext=ext, form=_typed(reader, "input_audio"))


def _file(reader: Reader, value: Json) -> Part:
    inner = reader.nested("file")
    if inner is None:
        raise InvalidRequestError(f"{reader.at('file')}: required", path=reader.at("file"))
    content = inner.text("file_data")
    file_id = None if content is not None else inner.text("file_id")
    if content is None and file_id is None:
        return OpaquePart(dialect=NAME, type="file", value=value)
    media_type, data, url = _located(content) if content is not None else (None, None, None)
    name = inner.text("filename")
    ext = rest_with(reader, "file", inner)
    return MediaPart(
        kind="image" if media_type is not None and media_type.startswith("image/") else "document",
        media_type=media_type,
        data=data,
        url=url,
        file_id=file_id,
        filename=name,
        ext=ext,
        form=_typed(reader, "file"),
    )


# ---- to the wire


def encode_text(part: TextPart) -> JsonObject:
    """A text item of a content list."""
    return arranged({"type": "text", "text": part.text}, part.ext, part.form, NAME)


def encode_refusal(part: RefusalPart) -> JsonObject:
    """A refusal item of a content list."""
    return arranged({"type": "refusal", "refusal": part.text}, part.ext, part.form, NAME)


def encode_thinking(part: ReasoningPart) -> JsonObject:
    """A Mistral thinking item, for reasoning that came as one."""
    as_text = carried(part.form) and part.form.variants.get("thinking") == "text"
    inner: Json = part.text if as_text else [{"type": "text", "text": part.text}]
    return arranged({"type": "thinking", "thinking": inner}, part.ext, part.form, NAME)


def is_thinking_item(part: Part) -> bool:
    """Whether the part is reasoning that came as an item of a content list."""
    return isinstance(part, ReasoningPart) and carried(part.form) and "thinking" in part.form.variants


def stands_in_content(part: Part, *, own: bool) -> bool:
    """Whether a part of an assistant turn is an item of its content; ``own``: the turn was written in this dialect."""
    match part:
        case ToolCallPart() | ToolResultPart():
            return False
        case ReasoningPart():
            return is_thinking_item(part)
        case RefusalPart():
            return not own or variant_of(part.form, "field") != "refusal"
        case TextPart() | MediaPart() | OpaquePart():
            return True


def encode_media(part: MediaPart) -> JsonObject | None:
    """An image, sound, film or document as a content item; ``None`` where chat cannot say it."""
    shape = part.form.variants.get("type") if carried(part.form) else _shape(part)
    match shape:
        case "image_url" | "video_url":
            return _encode_url(part, shape)
        case "document_url":
            fields: JsonObject = {"type": shape, "document_url": _url(part), "document_name": part.filename}
            return arranged(fields, part.ext, part.form, NAME)
        case "input_audio":
            sound = part.media_type and _AUDIO_FORMATS.get(part.media_type, part.media_type.removeprefix("audio/"))
            return _nested(part, shape, {"data": part.data, "format": sound})
        case "file":
            content = _url(part)
            return _nested(part, shape, {"filename": part.filename, "file_data": content, "file_id": part.file_id})
        case "text":
            return {"type": "text", "text": part.text}
        case _:
            return None


def _shape(part: MediaPart) -> str | None:
    """How media of another dialect is said here. A stored file means nothing at another provider."""
    if part.text is not None:
        return "text"
    if part.kind == "image" and _url(part) is not None:
        return "image_url"
    if part.kind == "video" and _url(part) is not None:
        return "video_url"
    if part.kind == "audio" and part.data is not None:
        return "input_audio"
    return "file" if part.kind == "document" and part.data is not None else None


def _url(part: MediaPart) -> str | None:
    return data_url(part.media_type, part.data) if part.data is not None else part.url


def _encode_url(part: MediaPart, field: str) -> JsonObject:
    own = carried(part.form)
    if own and variant_of(part.form, "shape") == "string":
        return arranged({"type": field, field: _url(part)}, part.ext, part.form, NAME)
    # Not every host that imitates OpenAI knows the word for what absence means.
    detail = part.detail if own or part.detail != "auto" else None
    return _nested(part, field, {"url": _url(part), "detail": detail})


def _nested(part: MediaPart, field: str, fields: JsonObject) -> JsonObject:
    own = dict(part.ext.get(NAME, {}))
    below = own.pop(field, None)
    inner = arranged(fields, {NAME: below} if isinstance(below, dict) else {}, inner_form(part.form, field), NAME)
    return arranged({"type": field, field: inner}, {NAME: own}, part.form, NAME)
