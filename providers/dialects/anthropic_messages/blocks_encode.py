"""Parts to content blocks: the shapes, without any policy of what a target takes."""

import base64
import binascii

from providers.dialects.anthropic_messages.carrier import written_state
from providers.dialects.anthropic_messages.grammar import NAME, is_native, was_written
from providers.spec.parts import MediaPart, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject, extended
from providers.wire.json import loads
from providers.wire.object_arguments import object_arguments
from providers.wire.reader import arranged, variant

_IMAGE_SIGNATURES = {
    "/9j/": "image/jpeg",
    "iVBOR": "image/png",
    "R0lGOD": "image/gif",
    "UklGR": "image/webp",
}
"""How base64 text begins, by the kind of image (the files' own magic numbers)."""


def text_block(part: TextPart | RefusalPart) -> JsonObject:
    """A text, with the citations that this dialect knows. A refusal is the text it was said in."""
    annotations = part.annotations if isinstance(part, TextPart) else ()
    citations = [item for item in annotations if is_native(part.form) or is_citation(item)]
    written = citations or was_written(part.form, "citations")
    fields: JsonObject = {"type": "text", "text": part.text, "citations": citations if written else None}
    return arranged(fields, part.ext, part.form, NAME)


def is_citation(annotation: Json) -> bool:
    """Whether an annotation is of this dialect's kinds (``char_location``, ``page_location``, …)."""
    kind = annotation.get("type") if isinstance(annotation, dict) else None
    return isinstance(kind, str) and kind.endswith("_location")


def reasoning_block(part: ReasoningPart) -> JsonObject:
    """A thinking block, or a redacted one where all there is, is state."""
    state = part.state
    written = None if state is None else written_state(state, "reasoning")
    # State of this dialect says which kind of block it came from.
    sealed = part.redacted or (state is not None and state.origin.dialect == NAME and state.kind == "redacted")
    if sealed:
        return arranged({"type": "redacted_thinking", "data": written or ""}, part.ext, part.form, NAME)
    fields: JsonObject = {"type": "thinking", "thinking": part.text, "signature": written}
    if written is None and (part.form is None or not is_native(part.form) or was_written(part.form, "signature")):
        fields["signature"] = ""
    return arranged(fields, part.ext, part.form, NAME)


def tool_use_block(part: ToolCallPart, call_id: str) -> JsonObject:
    """A call of the client's or of the provider's."""
    kind = "server_tool_use" if part.executed_by == "provider" else "tool_use"
    fields: JsonObject = {"type": kind, "id": call_id, "name": part.name, "input": object_arguments(part)}
    return arranged(fields, part.ext, part.form, NAME)


def media_block(part: MediaPart) -> JsonObject | None:
    """An image or a document; ``None`` where this dialect has no words for it."""
    if part.kind not in {"image", "document"}:
        return None
    source = _source(part)
    if source is None:
        return None
    order = variant(part.form, NAME, "source")
    if order is not None:
        source = _ordered_source(source, part, loads(order))
    title = part.filename if part.kind == "document" else None
    ext = {NAME: {key: value for key, value in extended(part.ext, NAME).items() if key != "source"}}
    return arranged({"type": part.kind, "source": source, "title": title}, ext, part.form, NAME)


def _source(part: MediaPart) -> JsonObject | None:
    if part.data is not None:
        return _data_source(part, part.data)
    if part.url is not None:
        native = is_native(part.form)
        return {"type": "url", "url": part.url} if native or part.url.startswith(("https://", "http://")) else None
    if part.file_id is not None:
        # A file stored elsewhere means nothing here.
        return {"type": "file", "file_id": part.file_id} if is_native(part.form) else None
    if part.text is not None and part.kind == "document":
        return _text_source(part, part.text)
    return None


def _data_source(part: MediaPart, data: str) -> JsonObject | None:
    media_type = part.media_type
    if is_native(part.form):
        return {"type": "base64", **({"media_type": media_type} if media_type is not None else {}), "data": data}
    if part.kind == "image":
        media_type = media_type or _image_type(data)
        return {"type": "base64", "media_type": media_type, "data": data} if media_type else None
    if media_type is not None and media_type.startswith("text/"):
        # Documents in base64 are PDF only; text goes as text.
        text = _decoded_text(data)
        return None if text is None else {"type": "text", "media_type": "text/plain", "data": text}
    return {"type": "base64", "media_type": media_type or "application/pdf", "data": data}


def _text_source(part: MediaPart, text: str) -> JsonObject:
    media_type = part.media_type if is_native(part.form) else "text/plain"
    return {"type": "text", **({"media_type": media_type} if media_type is not None else {}), "data": text}


def _ordered_source(source: JsonObject, part: MediaPart, order: Json) -> JsonObject:
    extras = extended(part.ext, NAME).get("source")
    known: JsonObject = {**(extras if isinstance(extras, dict) else {}), **source}
    keys = [key for key in order if isinstance(key, str) and key in known] if isinstance(order, list) else []
    return {**{key: known[key] for key in keys}, **known}


def _image_type(data: str) -> str | None:
    return next((kind for start, kind in _IMAGE_SIGNATURES.items() if data.startswith(start)), None)


def _decoded_text(data: str) -> str | None:
    try:
        return base64.b64decode(data, validate=True).decode()
    except (binascii.Error, ValueError):
        return None
