"""Results that came without the id of their call, joined to it.

Clients of Google's leave ids out: it pairs by name and order then. Other dialects pair by id alone.
"""

from collections.abc import Sequence

import msgspec

from providers.spec.parts import Part, ToolCallPart, ToolResultPart
from providers.spec.request import Message
from providers.wire.waiting import Waiting


def paired(messages: Sequence[Message]) -> list[Message]:
    """The messages with the ids of calls on the results that answer them, by name and in order.

    Where the call has none either, both stay without. The form of a result remembers that it had no id.
    """
    waiting: Waiting[ToolCallPart] = Waiting()
    joined: list[Message] = []
    for message in messages:
        if message.role == "assistant":
            # Calls of neighbouring contents of the model are one turn.
            if joined and joined[-1].role != "assistant":
                waiting.clear()
            for part in message.parts:
                if isinstance(part, ToolCallPart):
                    waiting.add(part, part.id, part.name, nameable=True)
            joined.append(message)
        else:
            parts = tuple(_joined(part, waiting) for part in message.parts)
            joined.append(message if parts == message.parts else msgspec.structs.replace(message, parts=parts))
    return joined


def _joined(part: Part, waiting: Waiting[ToolCallPart]) -> Part:
    if not isinstance(part, ToolResultPart):
        return part
    answered = waiting.take(part.call_id, part.name)
    if answered is None:
        return part
    return part if part.call_id else msgspec.structs.replace(part, call_id=answered.id)
