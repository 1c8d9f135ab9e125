"""Events of a Messages stream that hold no more than the next piece of a block, a beginning or an end.

Nearly all do. A compiled reader knows them from all others; what it reads does what ``stream_decode`` would do,
spelling left aside.
"""

from typing import Any, Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from providers.wire.json import FloatLiteral


class _Message(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    content: tuple[()]
    id: str = ""
    type: Literal["message"] | UnsetType = UNSET
    role: Literal["assistant"] | UnsetType = UNSET
    model: str = ""
    stop_reason: None = None
    stop_sequence: None = None
    usage: Raw | UnsetType = UNSET


class MessageStart(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="message_start"):
    """The message begins, without content."""

    message: _Message


class TextBlock(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="text"):
    """A text."""

    text: str


class ToolUse(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="tool_use"):
    """A call."""

    id: str
    name: str
    input: dict[str, Any]


class BlockStart(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="content_block_start"):
    """A block begins."""

    index: int
    content_block: TextBlock | ToolUse


class TextDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="text_delta"):
    """More of a text."""

    text: str


class ThinkingDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="thinking_delta"):
    """More of a reasoning."""

    text: str = field(name="thinking")


class InputDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="input_json_delta"):
    """More of the arguments of a call."""

    text: str = field(name="partial_json")


class BlockDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="content_block_delta"):
    """What the block with this index says next."""

    index: int
    delta: TextDelta | InputDelta | ThinkingDelta


class BlockStop(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="content_block_stop"):
    """The block with this index has ended."""

    index: int


class Ping(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="ping"):
    """Nothing."""


class _Ending(msgspec.Struct, forbid_unknown_fields=True, gc=False):
    stop_reason: str | None = None
    stop_sequence: str | None = None


class MessageDelta(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="message_delta"):
    """Why the message ends."""

    delta: _Ending
    usage: Raw | UnsetType = UNSET


class MessageStop(msgspec.Struct, forbid_unknown_fields=True, gc=False, tag="message_stop"):
    """The message has ended."""


PlainEvent = BlockDelta | BlockStart | BlockStop | Ping | MessageStart | MessageDelta | MessageStop

read_event = msgspec.json.Decoder(PlainEvent, float_hook=FloatLiteral).decode
"""Raises DecodeError for every other event, and for what is none. Reads ``-0`` as 0, which no index is."""
