"""User parts of a UI message as content of a chat message: text, pictures, sound and files."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Any, Final, TypeAlias
from urllib.parse import unquote_to_bytes

from loop_client.jsontext import JsonObject
from loop_client.ui.fields import Fields

DataPart: TypeAlias = Callable[[str, Any], JsonObject | None]
"""Turns a ``data-<name>`` part (name, data) into a content part of the chat wire, or into nothing."""

_AUDIO_FORMATS: Final = {
    "audio/wav": "wav",
    "audio/wave": "wav",
    "audio/x-wav": "wav",
    "audio/mp3": "mp3",
    "audio/mpeg": "mp3",
}
_TEXT_TYPES: Final = frozenset({"application/json", "application/xml", "application/yaml"})


def user_content(
    parts: list[Fields], data_part: DataPart | None, leave_out: Callable[[Fields], None]
) -> str | list[JsonObject]:
    """The content of a user message; a plain string where it is a single text.

    Args:
        parts: Of the UI message.
        data_part: What a data part becomes.
        leave_out: Told of every part that has no place in the content.

    Raises:
        InvalidUIMessages: a part is malformed, or a file is of a kind that the chat wire cannot take.
    """
    content: list[JsonObject] = []
    for part in parts:
        item = _content_part(part, data_part)
        if item is None:
            leave_out(part)
        else:
            content.append(item)
    if len(content) == 1 and content[0]["type"] == "text":
        return str(content[0]["text"])
    return content


def _content_part(part: Fields, data_part: DataPart | None) -> JsonObject | None:
    kind = part.text("type")
    if kind == "text":
        return {"type": "text", "text": part.text("text")}
    if kind == "file":
        return file_part(part)
    if kind.startswith("data-") and data_part is not None:
        return data_part(kind.removeprefix("data-"), part.raw.get("data"))
    return None


def file_part(part: Fields) -> JsonObject:
    """A file as the chat wire has it.

    Pictures go by address or as data, sound and other files as data only, and files of text as their text, because few
    servers read text files.

    Raises:
        InvalidUIMessages: the file is given in a way or is of a kind that the chat wire cannot take.
    """
    url, media_type = part.text("url"), part.text("mediaType").strip().lower()
    name = part.optional_text("filename")
    if not url.startswith(("data:", "https://", "http://")):
        raise part.problem("url", "a data: or https: address is expected")
    if media_type.partition("/")[0] == "image":
        return {"type": "image_url", "image_url": {"url": url}}
    if not url.startswith("data:"):
        raise part.problem("url", "only pictures can be given by address; send the file as a data: address")
    if media_type in _AUDIO_FORMATS:
        encoded = base64.b64encode(_data_of(part, url)).decode()
        return {"type": "input_audio", "input_audio": {"data": encoded, "format": _AUDIO_FORMATS[media_type]}}
    if media_type.startswith("text/") or media_type in _TEXT_TYPES:
        return {"type": "text", "text": _as_text(part, url, name)}
    return {"type": "file", "file": {"filename": name or "file", "file_data": url}}


def _as_text(part: Fields, url: str, name: str | None) -> str:
    try:
        text = _data_of(part, url).decode("utf-8-sig")
    except UnicodeDecodeError:
        raise part.problem("url", "the file is not UTF-8 text") from None
    return text if name is None else f"{name}:\n\n{text}"


def _data_of(part: Fields, url: str) -> bytes:
    head, comma, payload = url.partition(",")
    if not comma:
        raise part.problem("url", "the data: address has no data")
    data = unquote_to_bytes(payload)
    if not head.lower().endswith(";base64"):
        return data
    try:
        return base64.b64decode(data, validate=True)
    except binascii.Error:
        raise part.problem("url", "the data: address is not base64") from None
