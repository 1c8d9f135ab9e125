"""Events of a Messages stream that hold no more than the next piece of a block, its end or that of the message.

Nearly all do. A compiled reader knows them from all others; what it reads does what ``stream_decode`` would do.
"""

import msgspec
from msgspec import UNSET, Raw, UnsetType, field


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


PlainEvent = BlockDelta | BlockStop | Ping | MessageDelta | MessageStop

read_event = msgspec.json.Decoder(PlainEvent).decode
"""Raises DecodeError for every other event, and for what is none. Reads ``-0`` as 0, which no index is."""
