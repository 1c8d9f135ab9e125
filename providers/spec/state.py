"""A request without the opaque state it holds."""

import msgspec

from providers.spec.parts import Part, ReasoningPart
from providers.spec.request import Message, Request


def without_state(request: Request) -> Request:
    """The same request with no opaque state in any part; reasoning that was nothing else is left out."""
    messages = tuple(
        msgspec.structs.replace(message, parts=tuple(_stripped(message))) if _has_state(message) else message
        for message in request.messages
    )
    return msgspec.structs.replace(request, messages=messages)


def _has_state(message: Message) -> bool:
    return any(_state_of(part) is not None for part in message.parts)


def _state_of(part: Part) -> object:
    return getattr(part, "state", None)


def _stripped(message: Message) -> list[Part]:
    kept: list[Part] = []
    for part in message.parts:
        if isinstance(part, ReasoningPart) and not part.text:
            continue
        kept.append(part if part.state is None else msgspec.structs.replace(part, state=None))
    return kept
