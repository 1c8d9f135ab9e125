"""The AI SDK's UI message stream, both directions: what a chat front end sends, and what it reads."""

from __future__ import annotations

from loop_client.ui.content import DataPart
from loop_client.ui.fields import InvalidUIMessages
from loop_client.ui.messages import Conversation, LeftOut, read_ui_messages
from loop_client.ui.tool_part import BroughtAnswer

__all__ = [
    "BroughtAnswer",
    "Conversation",
    "DataPart",
    "InvalidUIMessages",
    "LeftOut",
    "read_ui_messages",
]
