"""What a tool may return beyond text and JSON: a list of content parts, some of them images or files."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, TypeAlias

from loop_client.jsontext import JsonObject


@dataclass(frozen=True, slots=True)
class TextPart:
    """Words."""

    text: str


@dataclass(frozen=True, slots=True)
class ImagePart:
    """An image."""

    data: str
    """Base64, without a ``data:`` prefix."""
    media_type: str
    """Such as ``image/png``."""


@dataclass(frozen=True, slots=True)
class FilePart:
    """A file, such as a PDF."""

    data: str
    """Base64, without a ``data:`` prefix."""
    media_type: str
    """Such as ``application/pdf``."""
    filename: str = "file"


ContentPart: TypeAlias = TextPart | ImagePart | FilePart

_PARTS: Final = (TextPart, ImagePart, FilePart)

ToolContent: TypeAlias = str | Sequence[ContentPart]
"""What a handler returns when it is to be taken as it is; anything else it returns becomes JSON text."""


def content_parts(returned: object) -> tuple[ContentPart, ...] | None:
    """The parts, if a handler returned a part or a list of parts, with texts among them; else None."""
    if isinstance(returned, _PARTS):
        return (returned,)
    if not isinstance(returned, (list, tuple)) or not any(isinstance(item, _PARTS) for item in returned):
        return None
    # An image beside a plain text would go to the model as JSON, with every character of its base64.
    parts = [TextPart(item) if isinstance(item, str) else item for item in returned]
    return tuple(parts) if all(isinstance(item, _PARTS) for item in parts) else None


def wire_part(part: ContentPart) -> JsonObject:
    """The part as it stands in a message of the chat wire."""
    match part:
        case TextPart():
            return {"type": "text", "text": part.text}
        case ImagePart():
            return {"type": "image_url", "image_url": {"url": f"data:{part.media_type};base64,{part.data}"}}
        case FilePart():
            data = f"data:{part.media_type};base64,{part.data}"
            return {"type": "file", "file": {"filename": part.filename, "file_data": data}}


def readable(parts: Sequence[ContentPart]) -> str:
    """The parts as text: for logs, terminals, and servers that take nothing else."""
    return "\n".join(_readable(part) for part in parts)


def _readable(part: ContentPart) -> str:
    match part:
        case TextPart():
            return part.text
        case ImagePart():
            return f"[image, {part.media_type}]"
        case FilePart():
            return f"[file {part.filename}, {part.media_type}]"
