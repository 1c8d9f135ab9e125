"""What an MCP tool returned, as what a tool of ours returns."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import PurePosixPath
from typing import Any, Final
from urllib.parse import urlsplit

from mcp.types import (
    AudioContent,
    BlobResourceContents,
    CallToolResult,
    ContentBlock,
    EmbeddedResource,
    ImageContent,
    ResourceLink,
    TextContent,
    TextResourceContents,
)

from loop_client.content import ContentPart, FilePart, ImagePart, TextPart, ToolContent, readable
from loop_client.errors import ToolError
from loop_client.jsontext import dumps, loads

_LONGEST_ERROR: Final = 8192
_ANY_TYPE: Final = "application/octet-stream"
_NOT_SHOWN_AS_IMAGES: Final = frozenset({"image/svg+xml"})


def returned(result: CallToolResult) -> ToolContent:
    """The content for the model: text where that is all, else parts.

    Structured content is added as JSON text where the content does not say the same, as it should by the protocol.

    Raises:
        ToolError: the server says that the tool failed; the text is the server's.
    """
    parts = [_part(block) for block in result.content]
    if result.is_error:
        raise ToolError(readable(parts)[:_LONGEST_ERROR] or "the tool failed and did not say why")
    structured = result.structured_content
    if structured is not None and not _says_the_same(parts, structured):
        parts.append(TextPart(dumps(structured)))
    if all(isinstance(part, TextPart) for part in parts):
        return readable(parts)
    return parts


def _part(block: ContentBlock) -> ContentPart:
    match block:
        case TextContent():
            return TextPart(block.text)
        case ImageContent():
            return _media(block.data, block.mime_type, "image")
        case AudioContent():
            return FilePart(block.data, block.mime_type, f"audio.{_subtype(block.mime_type)}")
        case EmbeddedResource(resource=TextResourceContents() as resource):
            return TextPart(resource.text)
        case EmbeddedResource(resource=BlobResourceContents() as resource):
            return _media(resource.blob, resource.mime_type or _ANY_TYPE, _filename(resource.uri))
        case ResourceLink():
            told = {"uri": block.uri, "name": block.title or block.name, "description": block.description}
            return TextPart(dumps({name: value for name, value in told.items() if value is not None}))
        case _:
            return TextPart(f"[content of type {block.type}, which is not known here]")


def _media(data: str, media_type: str, filename: str) -> ContentPart:
    if media_type.startswith("image/") and media_type not in _NOT_SHOWN_AS_IMAGES:
        return ImagePart(data, media_type)
    return FilePart(data, media_type, filename)


def _says_the_same(parts: Sequence[ContentPart], structured: Any) -> bool:
    """Whether the text is the structured content as JSON, or its only member ``result``, in which the SDKs wrap what is
    no object."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    said = [_value(text) for text in texts]
    wrapped = structured.get("result") if isinstance(structured, dict) and len(structured) == 1 else None
    forms = [*said, *texts, said, texts]
    return structured in forms or (wrapped is not None and wrapped in forms)


def _value(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return text


def _filename(uri: str) -> str:
    try:
        return PurePosixPath(urlsplit(uri).path).name or "file"
    except ValueError:
        return "file"


def _subtype(media_type: str) -> str:
    return media_type.partition("/")[2].partition(";")[0] or "bin"
