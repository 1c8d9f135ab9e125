"""Events of a Messages stream that hold no more than the next piece of a block or its end, which nearly all of them do.

A compiled reader knows them from all others; what it reads does to an open block what ``stream_decode`` would do.
"""

import msgspec
from msgspec import field


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


PlainEvent = BlockDelta | BlockStop | Ping

read_event = msgspec.json.Decoder(PlainEvent).decode
"""Raises DecodeError for every other event, and for what is none. Reads ``-0`` as 0, which no index is."""
