"""What the tests of compiled readers of streams share: a stream cut up, and events that can be compared."""

from __future__ import annotations

from typing import Any

import msgspec

from providers.spec.dialect import StreamDecoder
from providers.spec.events import PartStart, StreamError, StreamEvent
from providers.spec.parts import OpaquePart


def decoded_by(decoder: StreamDecoder, data: bytes, sizes: list[int]) -> list[StreamEvent]:
    """The events of these bytes, in pieces of these sizes and a last one; also of what stands behind an error."""
    events: list[StreamEvent] = []
    at = 0
    for size in sizes:
        events += decoder.feed(data[at : at + size])
        at += size
    return [*events, *decoder.feed(data[at:]), *decoder.close()]


def told(events: list[StreamEvent]) -> list[Any]:
    """The events, errors by what they say."""
    return [repr(event.error) if isinstance(event, StreamError) else event for event in events]


def unspelled(events: list[StreamEvent]) -> list[StreamEvent]:
    """The events without how parts were spelled."""
    return [
        msgspec.structs.replace(event, part=msgspec.structs.replace(event.part, form=None))
        if isinstance(event, PartStart) and not isinstance(event.part, OpaquePart)
        else event
        for event in events
    ]
