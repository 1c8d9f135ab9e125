"""Content parts of messages and tool results, both ways: texts, refusals, images, files and sound."""

import re
from collections.abc import Callable
from typing import Final

from providers.dialects.openai_responses.caller import CallerReader
from providers.dialects.openai_responses.grammar import NAME, is_native, was_written
from providers.spec.parts import MediaPart, OpaquePart, Part, RefusalPart, TextPart
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.reader import Reader, arranged, variant

_DATA_URL: Final = re.compile(r"data:([^;,]+);base64,(.*)", re.DOTALL)

_IMAGE_SIGNATURES: Final = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
"""How base64 text begins, by the kind of image (the files' own magic numbers)."""

_ANNOTATIONS: Final = frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"})


_WITHIN: Final = Form(dialect=NAME, variants={"within": "message"})
"""Tells a content part that is not modelled from an item that is not."""


# ---- reading


def decode_part(value: Json, path: str, reader_kind: type[Reader]) -> Part:
    """One content part. What is not modelled is an OpaquePart that holds it as it came.

    Raises InvalidRequestError for wrong types, with the JSON path.
    """
    reader = reader_kind(value, path, NAME)
    kind = reader.required_text("type")
    decode = _DECODERS.get(kind)
    part = decode(reader, kind) if decode is not None else None
    return part if part is not None else OpaquePart(dialect=NAME, type=kind, value=value, form=_WITHIN)


def is_content(part: Part) -> bool:
    """Whether a part of the model's stood inside a message item, or belongs there."""
    if isinstance(part, TextPart | RefusalPart):
        return True
    return variant(part.form, NAME, "within") == "message" or (isinstance(part, MediaPart) and is_native(part.form))


def decode_content(values: list[Json], path: str, reader_kind: type[Reader]) -> list[Part]:
    """Every part of a ``content`` or ``output`` array."""
    return [decode_part(value, f"{path}[{index}]", reader_kind) for index, value in enumerate(values)]


def _text(reader: Reader, kind: str) -> Part:
    reader.variants["type"] = kind
    text = reader.required_text("text")
    annotations = reader.array("annotations")
    if isinstance(reader, CallerReader):
        reader.take_empty("logprobs")
    return TextPart(text=text, annotations=tuple(annotations or ()), ext=reader.rest(), form=reader.form())


def _refusal(reader: Reader, _kind: str) -> Part:
    return RefusalPart(text=reader.required_text("refusal"), ext=reader.rest(), form=reader.form())


def _image(reader: Reader, _kind: str) -> Part | None:
    url, file_id = reader.text("image_url"), reader.text("file_id")
    if (url is None) == (file_id is None):
        return None
    media_type, data = _split_data_url(url)
    return MediaPart(
        kind="image",
        media_type=media_type,
        data=data,
        url=None if data is not None else url,
        file_id=file_id,
        detail=reader.text("detail"),
        ext=reader.rest(),
        form=reader.form(),
    )


def _file(reader: Reader, _kind: str) -> Part | None:
    given, url, file_id = reader.text("file_data"), reader.text("file_url"), reader.text("file_id")
    if sum(place is not None for place in (given, url, file_id)) != 1:
        return None
    media_type, data = _split_data_url(given)
    return MediaPart(
        kind="document",
        media_type=media_type,
        data=given if data is None else data,
        url=url,
        file_id=file_id,
        filename=reader.text("filename"),
        ext=reader.rest(),
        form=reader.form(),
    )


def _audio(reader: Reader, _kind: str) -> Part | None:
    inner = reader.peek("input_audio")
    if not isinstance(inner, dict) or list(inner) != ["data", "format"]:
        return None
    data, sound = inner["data"], inner["format"]
    if not isinstance(data, str) or not isinstance(sound, str):
        return None
    reader.take("input_audio")
    return MediaPart(kind="audio", media_type=f"audio/{sound}", data=data, ext=reader.rest(), form=reader.form())


def _split_data_url(url: str | None) -> tuple[str | None, str | None]:
    match = _DATA_URL.fullmatch(url) if url is not None else None
    return (match[1], match[2]) if match else (None, None)


_DECODERS: Final[dict[str, Callable[[Reader, str], Part | None]]] = {
    "input_text": _text,
    "output_text": _text,
    "text": _text,
    "refusal": _refusal,
    "input_image": _image,
    "input_file": _file,
    "input_audio": _audio,
}


# ---- writing


def text_part(part: TextPart | RefusalPart, *, said: bool, answer: bool = False) -> JsonObject:
    """A text or a refusal. ``said`` by the model, else given to it; in an answer annotations are always listed."""
    if isinstance(part, RefusalPart):
        if said:
            return arranged({"type": "refusal", "refusal": part.text}, _without_item(part), part.form, NAME)
        return {"type": "input_text", "text": part.text}
    kind = variant(part.form, NAME, "type") or ("output_text" if said else "input_text")
    native = is_native(part.form)
    annotations = [item for item in part.annotations if native or is_annotation(item)]
    written = annotations or was_written(part.form, "annotations") or (answer and not native)
    fields: JsonObject = {"type": kind, "text": part.text, "annotations": annotations if written and said else None}
    if variant(part.form, NAME, "logprobs") == "empty":
        fields["logprobs"] = []
    return arranged(fields, _without_item(part), part.form, NAME)


def _without_item(part: TextPart | RefusalPart) -> Ext:
    """Carried fields of the content part alone, not of the item around it."""
    return {NAME: {key: value for key, value in part.ext.get(NAME, {}).items() if key != "item"}}


def is_annotation(annotation: Json) -> bool:
    """Whether an annotation is of this dialect's kinds."""
    kind = annotation.get("type") if isinstance(annotation, dict) else None
    return isinstance(kind, str) and kind in _ANNOTATIONS


def media_part(part: MediaPart) -> JsonObject | None:
    """An image, a file or sound; ``None`` where this dialect has no words for it."""
    match part.kind:
        case "image":
            return _image_part(part)
        case "document":
            return _file_part(part)
        case "audio":
            return _audio_part(part)
        case "video":
            return None


def _image_part(part: MediaPart) -> JsonObject | None:
    url = part.url
    if part.data is not None:
        media_type = part.media_type or _image_type(part.data)
        url = f"data:{media_type};base64,{part.data}" if media_type is not None else None
    native = is_native(part.form)
    file_id = part.file_id if native else None
    if url is None and file_id is None:
        return None
    if url is not None and not native and not url.startswith(("https://", "http://", "data:")):
        return None
    detail = part.detail if native or part.detail != "auto" else None
    fields: JsonObject = {"type": "input_image", "image_url": url, "file_id": file_id, "detail": detail}
    return arranged(fields, part.ext, part.form, NAME)


def _file_part(part: MediaPart) -> JsonObject | None:
    native = is_native(part.form)
    fields: JsonObject = {"type": "input_file", "filename": part.filename}
    if part.data is not None:
        media_type = part.media_type if native else part.media_type or "application/pdf"
        fields["file_data"] = part.data if media_type is None else f"data:{media_type};base64,{part.data}"
        if not native:
            # OpenAI refuses inline files without a name.
            fields["filename"] = part.filename or "file"
    elif part.url is not None and (native or part.url.startswith(("https://", "http://"))):
        fields["file_url"] = part.url
        if not native:
            fields["filename"] = None
    elif part.file_id is not None and native:
        fields["file_id"] = part.file_id
    elif part.text is not None:
        return {"type": "input_text", "text": part.text}
    else:
        return None
    return arranged(fields, part.ext, part.form, NAME)


def _audio_part(part: MediaPart) -> JsonObject | None:
    # Messages of this dialect take texts, images and files; what a host of it takes beyond that goes back to it.
    if part.data is None or part.media_type is None or not is_native(part.form):
        return None
    inner: JsonObject = {"data": part.data, "format": part.media_type.removeprefix("audio/")}
    return arranged({"type": "input_audio", "input_audio": inner}, part.ext, part.form, NAME)


def _image_type(data: str) -> str | None:
    return next((kind for start, kind in _IMAGE_SIGNATURES.items() if data.startswith(start)), None)
