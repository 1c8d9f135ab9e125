"""Canonical parts to parts of a content: the shapes, without any policy of what a target takes."""

import base64
from typing import Final

from providers.dialects.gemini.grammar import NAME, SIGNATURE
from providers.dialects.gemini.reader import inner_ext, is_native, kept_form, outer_ext, was_written, written
from providers.dialects.gemini.results import plain_output, shaped_output
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.values import Form, Json, JsonObject
from providers.wire.object_arguments import object_arguments

_SIGNATURES: Final = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
    "JVBERi": "application/pdf",
}
"""How base64 text begins, by the kind of file (the files' own magic numbers)."""

_EXTENSIONS: Final = {
    "jpg": "image/jpeg",
    "jpeg": "image/jpeg",
    "png": "image/png",
    "gif": "image/gif",
    "webp": "image/webp",
    "pdf": "application/pdf",
}


def text_body(part: TextPart | RefusalPart, signature: str | None) -> JsonObject:
    """A text. A refusal is the text it was said in."""
    fields: JsonObject = {"text": part.text, **_marks(part.form, signature)}
    return written(fields, part.ext, part.form)


def reasoning_body(part: ReasoningPart, signature: str | None) -> JsonObject:
    """A thought; one without text where all there is, is state."""
    fields: JsonObject = {"text": part.text, "thought": True, "thoughtSignature": signature or _placeholder(part.form)}
    return written(fields, part.ext, part.form)


def call_body(part: ToolCallPart, call_id: str | None, signature: str | None) -> JsonObject:
    """A call. One that came without arguments has none again."""
    form = kept_form(part.form, "functionCall")
    args: Json = object_arguments(part)
    if form is not None and not args and not was_written(form, "args"):
        args = None
    written_id = call_id if call_id or was_written(form, "id") else None
    call = written({"id": written_id, "name": part.name, "args": args}, inner_ext(part.ext, "functionCall"), form)
    fields: JsonObject = {"functionCall": call, **_marks(part.form, signature)}
    return written(fields, outer_ext(part.ext, "functionCall"), part.form)


def result_body(part: ToolResultPart, call_id: str | None, name: str | None, media: list[Json]) -> JsonObject:
    """A result, with the ``parts`` of its media. Several texts are lines of one."""
    form = kept_form(part.form, "functionResponse")
    # One that came without its call's id goes without it.
    written_id = call_id if was_written(form, "id") or (form is None and call_id) else None
    fields: JsonObject = {
        "id": written_id,
        "name": name,
        "response": _response(part, form),
        "parts": media if media or was_written(form, "parts") else None,
    }
    response = written(fields, inner_ext(part.ext, "functionResponse"), form)
    outer: JsonObject = {"functionResponse": response, **_marks(part.form, None)}
    return written(outer, outer_ext(part.ext, "functionResponse"), part.form)


def _response(part: ToolResultPart, form: Form | None) -> JsonObject | None:
    texts = [item.text for item in part.content if isinstance(item, TextPart)]
    shape = form.variants.get("response") if form is not None else None
    if form is not None and shape is None and not texts:
        return None
    text = "\n".join(texts)
    shaped = shaped_output(text, shape) if shape is not None and len(texts) == 1 else None
    return plain_output(text, part.outcome) if shaped is None else shaped


def opaque_body(part: OpaquePart, signature: str | None) -> JsonObject | None:
    """What only this dialect understands, as it came."""
    if not isinstance(part.value, dict):
        return None
    signed: JsonObject = {"thoughtSignature": signature or _placeholder(part.form)}
    return written(signed, {NAME: part.value}, part.form)


def media_body(part: MediaPart, signature: str | None) -> JsonObject | None:
    """Media by its bytes or by its address; ``None`` where this dialect has no words for it."""
    key = "inlineData" if part.data is not None or part.text is not None else "fileData"
    form = kept_form(part.form, key)
    inner = _inline(part) if key == "inlineData" else _file(part)
    if inner is None:
        return None
    if is_native(part.form):
        inner["displayName"] = part.filename
    body = written(inner, inner_ext(part.ext, key), form)
    return written({key: body, **_marks(part.form, signature)}, outer_ext(part.ext, key), part.form)


def _inline(part: MediaPart) -> JsonObject | None:
    if part.data is None:
        text = base64.b64encode((part.text or "").encode("utf-8", "replace")).decode()
        return {"mimeType": part.media_type or "text/plain", "data": text}
    media_type = part.media_type
    if media_type is None and not is_native(part.form):
        media_type = next((kind for start, kind in _SIGNATURES.items() if part.data.startswith(start)), None)
        if media_type is None:
            return None
    return {"mimeType": media_type, "data": part.data}


def _file(part: MediaPart) -> JsonObject | None:
    if is_native(part.form):
        return {"mimeType": part.media_type, "fileUri": part.file_id if part.url is None else part.url}
    # A file stored at another provider means nothing here.
    if part.url is None or not part.url.startswith(("https://", "http://")):
        return None
    ending = part.url.partition("?")[0].rpartition(".")[2].lower()
    return {"mimeType": part.media_type or _EXTENSIONS.get(ending), "fileUri": part.url}


def _marks(form: Form | None, signature: str | None) -> JsonObject:
    """What any part may say beside its content."""
    said = was_written(form, "thought") and form is not None and form.variants.get("thought") == "false"
    return {**({"thought": False} if said else {}), "thoughtSignature": signature or _placeholder(form)}


def _placeholder(form: Form | None) -> str | None:
    """What a caller of this dialect wrote in a signature's place."""
    return None if form is None or not is_native(form) else form.variants.get(SIGNATURE)
