"""What an MCP tool returned, as what a tool of ours returns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
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
_MOST_LEAVES: Final = 1000
_ANY_TYPE: Final = "application/octet-stream"
_NOT_SHOWN_AS_IMAGES: Final = frozenset({"image/svg+xml"})


def returned(result: CallToolResult) -> ToolContent:
    """The content for the model: text where that is all, else parts.

    Structured content is for programs, and by the protocol the content says the same for the model. Where it does not,
    the structured content is added as JSON text.

    Raises:
        ToolError: the server says that the tool failed; the text is the server's.
    """
    parts = [_part(block) for block in result.content]
    if result.is_error:
        raise ToolError(readable(parts)[:_LONGEST_ERROR] or "the tool failed and did not say why")
    structured = result.structured_content
    if structured is not None and not _is_told(structured, parts):
        parts.append(TextPart(dumps(structured)))
    return readable(parts) if all(isinstance(part, TextPart) for part in parts) else parts


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


def _is_told(structured: Any, parts: Sequence[ContentPart]) -> bool:
    """Whether the content says what the structured content does: images and files are taken to, and text does if it is
    the same as JSON, or holds every string, number and truth value of it."""
    texts = [part.text for part in parts if isinstance(part, TextPart)]
    if len(texts) < len(parts) or any(_value(text) == structured for text in texts):
        return True
    whole = "\n".join(texts)
    leaves = list(islice(_leaves(structured), _MOST_LEAVES + 1))
    return bool(leaves) and len(leaves) <= _MOST_LEAVES and all(_holds(whole, leaf) for leaf in leaves)


def _leaves(value: Any) -> Iterator[str | float]:
    match value:
        case dict():
            for item in value.values():
                yield from _leaves(item)
        case list():
            for item in value:
                yield from _leaves(item)
        case str() | int() | float():  # true and false among them
            yield value
        case _:
            pass


def _holds(text: str, leaf: str | float) -> bool:
    written = dumps(leaf)
    return (leaf in text or written[1:-1] in text) if isinstance(leaf, str) else written in text


def _value(text: str) -> Any:
    try:
        return loads(text)
    except ValueError:
        return None


def _filename(uri: str) -> str:
    try:
        return PurePosixPath(urlsplit(uri).path).name or "file"
    except ValueError:
        return "file"


def _subtype(media_type: str) -> str:
    return media_type.partition("/")[2].partition(";")[0] or "bin"
