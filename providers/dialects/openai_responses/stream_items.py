"""One output item of a stream while it is open: what was announced of it, and what its end adds to that."""

from collections.abc import Iterator
from typing import Final

import msgspec

from providers.dialects.openai_responses.grammar import NAME, SEGMENT
from providers.spec.errors import ProviderProtocolError
from providers.spec.events import PartDelta, PartEnd, PartUpdate, StreamEvent
from providers.spec.parts import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.values import Form, JsonObject

_MOST_MISSING: Final = 1000
"""How many segments may be without a text: a number that a host made up must not fill the memory."""


class Announced:
    """A part that has begun."""

    def __init__(self, index: int, part: Part) -> None:
        self.index = index
        self.part = part
        self.pieces: list[str] = []
        self.annotations = 0

    def grow(self, text: str) -> Iterator[StreamEvent]:
        """More of its text, where there is any."""
        if text:
            self.pieces.append(text)
            yield PartDelta(index=self.index, text=text)

    def complete(self, final: Part) -> Iterator[StreamEvent]:
        """What the whole part has beyond what came bit by bit, and its end (ARGS-14, STREAM-23)."""
        grown, whole = "".join(self.pieces), grown_text(final)
        if whole.startswith(grown):
            yield from self.grow(whole[len(grown) :])
        annotations = final.annotations[self.annotations :] if isinstance(final, TextPart) else ()
        state = getattr(final, "state", None)
        ext = final.ext if final.ext != self.part.ext else {}
        if annotations or state is not None or ext:
            form = Form(dialect=NAME)
            yield PartUpdate(index=self.index, state=state, annotations=annotations, ext=ext, form=form)
        yield PartEnd(index=self.index)


class OpenItem:
    """An item between ``output_item.added`` and ``output_item.done``."""

    def __init__(self, value: JsonObject) -> None:
        self.value = value
        self.kind = value.get("type")
        self.parts: dict[int, Announced] = {}
        """By content index; calls and reasoning have one part, at 0."""
        self.segment = 0

    def segment_break(self, number: int) -> str:
        """What stands before a text of this segment, if it is the first of it."""
        if number <= self.segment:
            return ""
        missing, self.segment = number - self.segment, number
        if missing > _MOST_MISSING:
            raise ProviderProtocolError(f"segment {number} of a reasoning item came out of order")
        return SEGMENT * missing


def grown_text(part: Part) -> str:
    """The text of a part that deltas tell."""
    match part:
        case TextPart(text=text) | ReasoningPart(text=text) | RefusalPart(text=text) | ToolCallPart(arguments=text):
            return text
        case _:
            return ""


def emptied(part: Part) -> Part:
    """A part as it starts: without what deltas, and the end of its item, tell."""
    match part:
        case TextPart():
            return msgspec.structs.replace(part, text="", annotations=())
        case ReasoningPart():
            return msgspec.structs.replace(part, text="", state=None)
        case RefusalPart():
            return msgspec.structs.replace(part, text="")
        case ToolCallPart():
            return msgspec.structs.replace(part, arguments="")
        case _:
            return part
