"""The AI SDK's UI message stream, both directions: what a chat front end sends, and what it reads."""

from __future__ import annotations

from loop_client.ui.chunks import DONE, HEADERS, Chunk, encode_chunk
from loop_client.ui.content import DataPart
from loop_client.ui.fields import InvalidUIMessages
from loop_client.ui.messages import Conversation, LeftOut, read_ui_messages
from loop_client.ui.stream import StreamOptions, UIMessageStream
from loop_client.ui.tool_part import BroughtAnswer

__all__ = [
    "DONE",
    "HEADERS",
    "BroughtAnswer",
    "Chunk",
    "Conversation",
    "DataPart",
    "InvalidUIMessages",
    "LeftOut",
    "StreamOptions",
    "UIMessageStream",
    "encode_chunk",
    "read_ui_messages",
]
