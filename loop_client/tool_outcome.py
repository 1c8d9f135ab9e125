"""What came of a call: text for the model, content parts, or an error."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

from pydantic_core import PydanticSerializationError, to_json

from loop_client.content import ContentPart, content_parts, readable, wire_part
from loop_client.jsontext import JsonObject
from loop_client.tool_events import CallErrorCode

_NO_JSON: Final = "the tool returned a value that has no JSON form"


@dataclass(frozen=True, slots=True)
class ToolOutcome:
    """What goes back to the model for one call."""

    text: str
    """The output, or the masked text of an error."""
    error: CallErrorCode | None = None
    parts: tuple[JsonObject, ...] | None = None
    """Content parts of the chat wire, where the tool returned more than text."""
    error_id: str | None = None
    """Under which the log has the detail."""

    @property
    def content(self) -> str | list[JsonObject]:
        """The content of the tool message. The chat wire has no field for failure, so the text says it (HIST-22)."""
        if self.error is not None:
            return f"Error: {self.text}"
        return self.text if self.parts is None else list(self.parts)

    def to_json(self) -> JsonObject:
        """For a stored state; absent values left out."""
        body: JsonObject = {"text": self.text, "error": self.error, "error_id": self.error_id}
        body["parts"] = None if self.parts is None else list(self.parts)
        return {name: value for name, value in body.items() if value is not None}

    @classmethod
    def from_json(cls, body: JsonObject) -> ToolOutcome:
        """What ``to_json`` wrote."""
        parts = body.get("parts")
        return cls(body["text"], body.get("error"), None if parts is None else tuple(parts), body.get("error_id"))


def written(returned: object, max_bytes: int | None) -> ToolOutcome:
    """The outcome for what a handler returned, of at most so many bytes."""
    parts = content_parts(returned)
    if parts is not None:
        return _written_parts(parts, max_bytes)
    if isinstance(returned, str):
        return ToolOutcome(_cut(returned, max_bytes))
    try:
        text = json_text(returned)
    except ValueError:
        return ToolOutcome(_NO_JSON, "not_serialisable")
    return ToolOutcome(_cut(text, max_bytes))


def json_text(value: Any) -> str:
    """A value as JSON text.

    Raises:
        ValueError: it has none.
    """
    try:
        return to_json(value, inf_nan_mode="strings").decode()
    except PydanticSerializationError as error:
        raise ValueError(str(error)) from None


def _written_parts(parts: tuple[ContentPart, ...], max_bytes: int | None) -> ToolOutcome:
    wire = tuple(wire_part(part) for part in parts)
    size = sum(len(json_text(part)) for part in wire)
    if max_bytes is not None and size > max_bytes:
        text = f"the result is larger ({size} bytes) than this tool may return ({max_bytes} bytes)"
        return ToolOutcome(text, "too_large")
    text = readable(parts)
    return ToolOutcome(text) if all(part["type"] == "text" for part in wire) else ToolOutcome(text, parts=wire)


def _cut(text: str, max_bytes: int | None) -> str:
    """The text, or its beginning with a word about what is missing."""
    if max_bytes is None or len(text) * 4 <= max_bytes:
        return text
    data = text.encode("utf-8", errors="surrogatepass")
    if len(data) <= max_bytes:
        return text
    kept = data[:max_bytes].decode("utf-8", errors="ignore")
    return f"{kept}\n[cut: the first {max_bytes} of {len(data)} bytes]"
