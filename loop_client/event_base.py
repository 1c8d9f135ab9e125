"""What every event has: a name, on tool events the call's state, and a JSON form."""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass
from typing import Any, ClassVar

from loop_client.jsontext import JsonObject


@dataclass(frozen=True, slots=True)
class Event:
    """Base of every event."""

    type: ClassVar[str]
    """Names the kind of event in the JSON form."""
    state: ClassVar[str | None] = None
    """The tool call's state after this event, on tool events."""

    def to_json(self) -> JsonObject:
        """The event as a JSON object: ``type``, ``state`` on tool events, and the fields; absent values left out."""
        body: JsonObject = {"type": self.type}
        if self.state is not None:
            body["state"] = self.state
        return body | json_fields(self)


def json_fields(value: Any) -> JsonObject:
    """The fields of a dataclass value as a JSON object; absent values and those marked as not for JSON are left out."""
    pairs = ((item.name, getattr(value, item.name)) for item in fields(value) if item.metadata.get("json", True))
    return {name: _json_value(item) for name, item in pairs if item is not None}


def _json_value(value: object) -> object:
    if is_dataclass(value) and not isinstance(value, type):
        return value.to_json() if isinstance(value, Event) else json_fields(value)
    if isinstance(value, tuple):
        return [_json_value(item) for item in value]
    if type(value) is float:  # a number literal of a server keeps its spelling
        return round(value, 6)
    return value
