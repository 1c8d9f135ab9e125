"""The events of one output item: how it is added, grows and is done."""

from providers.dialects.openai_responses.carrier import carrier_item
from providers.dialects.openai_responses.content import is_annotation, is_content
from providers.dialects.openai_responses.grammar import is_native, minted_id
from providers.dialects.openai_responses.items_encode import message_item
from providers.dialects.openai_responses.response_encode import (
    before_item,
    call_named,
    content_part,
    message_defaults,
    part_item,
)
from providers.dialects.openai_responses.stream_items import emptied, grown_text
from providers.spec.events import PartUpdate
from providers.spec.parts import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps
from providers.wire.sse import encode_event


class EventWriter:
    """Numbers the events of one stream, and its output items."""

    def __init__(self) -> None:
        self._sequence = 0
        self.items = 0
        self.done: dict[int, JsonObject] = {}
        """The items that are done, by output index."""

    def event(self, kind: str, fields: JsonObject) -> bytes:
        """One event."""
        value: JsonObject = {"type": kind, "sequence_number": self._sequence, **fields}
        self._sequence += 1
        return encode_event(dumps(value), kind)

    def next_item(self) -> int:
        """The index of a new output item."""
        self.items += 1
        return self.items - 1

    def whole_item(self, item: JsonObject) -> bytes:
        """An item that is told at once."""
        number = self.next_item()
        self.done[number] = item
        added = self.event("response.output_item.added", {"output_index": number, "item": item})
        return added + self.event("response.output_item.done", {"output_index": number, "item": item})


class ItemWriter:
    """One output item while it is open: a message with one part or more, or the item of one part."""

    def __init__(self, writer: EventWriter, response_id: str, index: int, part: Part) -> None:
        self._writer = writer
        self._response_id = response_id
        self._first = index
        self._part = part
        self._open: list[int] = []
        self._parts: list[int] = []
        self._kinds: list[Part] = []
        self._annotations = 0
        self._told_reasoning = False
        self._number = -1
        self._id = ""
        self.is_message = is_content(part)
        self.closed = False

    @property
    def has_ended(self) -> bool:
        """Whether all its parts have ended."""
        return not self._open

    def ended(self, index: int) -> None:
        """A part has ended."""
        if index in self._open:
            self._open.remove(index)

    # ---- beginning

    def open(self) -> bytes:
        """The item begins, behind the item that carries its foreign state."""
        written = b"".join(map(self._writer.whole_item, before_item(self._part, self._response_id, self._first)))
        self._number = self._writer.next_item()
        item = self._empty_item()
        item_id = item.get("id")
        self._id = item_id if isinstance(item_id, str) else ""
        written += self._event("response.output_item.added", {"item": item}, item_id=False)
        if self.is_message:
            return written + self.add_content(self._first, self._part)
        self._parts, self._open, self._kinds = [self._first], [self._first], [self._part]
        return written + self.grow(self._first, grown_text(self._part))

    def _empty_item(self) -> JsonObject:
        if self.is_message:
            item = message_item(self._part, [], message_defaults(self._response_id, self._first))
            return {**item, "content": [], "status": "in_progress"}
        item = part_item(emptied(self._part), self._response_id, self._first) or {}
        if isinstance(self._part, ReasoningPart):
            return {**item, "summary": []}
        return {**item, "status": "in_progress"} if isinstance(self._part, ToolCallPart) else item

    def _event(self, kind: str, fields: JsonObject, *, item_id: bool = True) -> bytes:
        place: JsonObject = {"item_id": self._id} if item_id else {}
        return self._writer.event(kind, {**place, "output_index": self._number, **fields})

    def add_content(self, index: int, part: Part) -> bytes:
        """A content part of a message begins."""
        place = len(self._parts)
        self._parts.append(index)
        self._open.append(index)
        self._kinds.append(part)
        empty = content_part(emptied(part)) or {}
        if isinstance(part, TextPart):
            empty = {**empty, "annotations": []}
        written = self._event("response.content_part.added", {"content_index": place, "part": empty})
        written += self.grow(index, grown_text(part))
        if isinstance(part, TextPart) and part.annotations:
            written += self.update(index, PartUpdate(index=index, annotations=part.annotations, form=part.form))
        return written

    # ---- growing

    def grow(self, index: int, text: str) -> bytes:
        """More text of one of its parts."""
        if not text or index not in self._parts:
            return b""
        place = self._parts.index(index)
        delta: JsonObject = {"delta": text}
        match self._kinds[place]:
            case TextPart():
                fields: JsonObject = {"content_index": place, **delta, "logprobs": []}
                return self._event("response.output_text.delta", fields)
            case RefusalPart():
                return self._event("response.refusal.delta", {"content_index": place, **delta})
            case ReasoningPart() as part:
                begun = self._begin_segment(part)
                return begun + self._event(f"{_reasoning_event(part)}.delta", {_counter(part): 0, **delta})
            case ToolCallPart() as part:
                return self._event(f"{_call_event(part)}.delta", delta)
            case _:
                return b""

    def _begin_segment(self, part: ReasoningPart) -> bytes:
        """Reasoning is told in one segment; where its own were several, the end of the item says so."""
        if self._told_reasoning:
            return b""
        self._told_reasoning = True
        return self._event(_segment_event(part, "added"), {_counter(part): 0, "part": _segment(part, "")})

    def update(self, index: int, event: PartUpdate) -> bytes:
        """Annotations are told as they come; what else is late is told by the end of the item."""
        written = b""
        if index not in self._parts or not self.is_message:
            return written
        for annotation in event.annotations:
            if is_native(event.form) or is_annotation(annotation):
                fields: JsonObject = {
                    "content_index": self._parts.index(index),
                    "annotation_index": self._annotations,
                    "annotation": annotation,
                }
                self._annotations += 1
                written += self._event("response.output_text.annotation.added", fields)
        return written

    # ---- ending

    def close(self, parts: tuple[Part, ...], *, cut: bool) -> bytes:
        """The item is done: what it grew to, whole. ``cut``: it was not finished."""
        self.closed = True
        self._open = []
        written = b""
        for place, index in enumerate(self._parts):
            written += self._part_done(place, parts[index])
        if self.is_message:
            content: list[Json] = [content_part(parts[index]) for index in self._parts]
            item = message_item(parts[self._first], content, message_defaults(self._response_id, self._first))
        else:
            item = part_item(parts[self._first], self._response_id, self._first) or {}
        if cut and not is_native(parts[self._first].form) and "status" in item:
            item = {**item, "status": "incomplete"}
        self._writer.done[self._number] = item
        return written + self._event("response.output_item.done", {"item": item}, item_id=False)

    def carrier_behind(self, parts: tuple[Part, ...]) -> bytes:
        """The item that carries the foreign state of its last part, where that came when the item had begun."""
        last = self._parts[-1]
        state = parts[last].state
        if state is None or isinstance(parts[last], ReasoningPart) or self._kinds[-1].state is not None:
            return b""
        item_id = minted_id("rs", self._response_id, last, "late")
        call_id = call_named(parts[last], self._response_id, last)
        return self._writer.whole_item(carrier_item(state, "previous", item_id, call_id))

    def _part_done(self, place: int, part: Part) -> bytes:
        match part:
            case TextPart(text=text):
                fields: JsonObject = {"content_index": place, "text": text, "logprobs": []}
                return self._event("response.output_text.done", fields) + self._content_done(place, part)
            case RefusalPart(text=text):
                done = self._event("response.refusal.done", {"content_index": place, "refusal": text})
                return done + self._content_done(place, part)
            case ReasoningPart(text=text) if self._told_reasoning:
                counter: JsonObject = {_counter(part): 0}
                done = self._event(f"{_reasoning_event(part)}.done", {**counter, "text": text})
                return done + self._event(_segment_event(part, "done"), {**counter, "part": _segment(part, text)})
            case ToolCallPart(kind="function"):
                told: JsonObject = {"name": part.name, "arguments": part.arguments}
                return self._event("response.function_call_arguments.done", told)
            case ToolCallPart():
                return self._event("response.custom_tool_call_input.done", {"input": part.arguments})
            case _:
                return self._content_done(place, part) if self.is_message else b""

    def _content_done(self, place: int, part: Part) -> bytes:
        fields: JsonObject = {"content_index": place, "part": content_part(part)}
        return self._event("response.content_part.done", fields)


def _call_event(part: ToolCallPart) -> str:
    return "response.custom_tool_call_input" if part.kind == "custom" else "response.function_call_arguments"


def _reasoning_event(part: ReasoningPart) -> str:
    return "response.reasoning_text" if part.kind == "text" else "response.reasoning_summary_text"


def _segment_event(part: ReasoningPart, moment: str) -> str:
    kind = "content_part" if part.kind == "text" else "reasoning_summary_part"
    return f"response.{kind}.{moment}"


def _counter(part: ReasoningPart) -> str:
    return "content_index" if part.kind == "text" else "summary_index"


def _segment(part: ReasoningPart, text: str) -> JsonObject:
    return {"type": "reasoning_text" if part.kind == "text" else "summary_text", "text": text}
