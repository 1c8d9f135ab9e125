"""A Responses event stream to the canonical events.

Deltas tell texts and arguments as they grow; the end of each item tells it whole, and what it has beyond the deltas is
told then, its sealed reasoning above all (REASON-14).
"""

from collections.abc import Iterator, Sequence

import msgspec

from providers.dialects.openai_responses.content import decode_part
from providers.dialects.openai_responses.errors import error_event, error_in_answer
from providers.dialects.openai_responses.finish import decode_finish
from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.items_decode import decode_item, with_item
from providers.dialects.openai_responses.stream_items import Announced, OpenItem, emptied
from providers.dialects.openai_responses.usage import decode_usage
from providers.spec.errors import ProviderProtocolError, RouterError
from providers.spec.events import (
    CandidateEnd,
    PartEnd,
    PartStart,
    PartUpdate,
    ResponseStart,
    ResponseUpdate,
    StreamEnd,
    StreamError,
    StreamEvent,
    UsageUpdate,
)
from providers.spec.parts import OpaquePart, Origin, Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.values import Form, Json, JsonObject
from providers.wire.failures import upstream_error
from providers.wire.json import JsonError, loads_object
from providers.wire.reader import LenientReader
from providers.wire.sse import ServerSentEvent, SseParser

_IN_ANSWER = ("output", "usage", "id", "model")


class ResponsesStreamDecoder:
    """Feed it bytes cut anywhere. It never raises: what breaks the grammar is a StreamError, and the last event."""

    def __init__(self, origin: Origin) -> None:
        self._origin = origin
        self._parser = SseParser()
        self._open: dict[int, OpenItem] = {}
        self._seen: set[int] = set()
        self._parts: list[Part] = []
        self._started = False
        self._done = False

    def feed(self, chunk: bytes) -> Sequence[StreamEvent]:
        """Events completed by these bytes."""
        return self._take(self._parser.feed(chunk))

    def close(self) -> Sequence[StreamEvent]:
        """The upstream body ended: without a terminal event before, it was cut (STREAM-15)."""
        events = self._take(self._parser.close())
        if not self._done:
            self._done = True
            message = "the stream ended without response.completed, response.incomplete or response.failed"
            events.append(StreamError(error=ProviderProtocolError(message)))
        return events

    def _take(self, arrived: list[ServerSentEvent]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for event in arrived:
            if self._done:
                break
            try:
                events.extend(self._event(event))
            except RouterError as error:
                self._done = True
                events.append(StreamError(error=upstream_error(error)))
        return events

    def _event(self, event: ServerSentEvent) -> Iterator[StreamEvent]:
        if event.data == "[DONE]":
            # Hosts that imitate this dialect append it; it says nothing here.
            return
        try:
            value = loads_object(event.data)
        except JsonError as error:
            raise ProviderProtocolError(f"an event of the stream is not a JSON object: {error}") from None
        kind = value.get("type")
        if not isinstance(kind, str):
            kind = event.event
        match kind:
            case "response.created" | "response.queued" | "response.in_progress":
                yield from self._begin(value.get("response"))
            case "response.completed" | "response.incomplete":
                yield from self._complete(value.get("response"))
            case "response.failed" | "response.cancelled":
                raise self._failure(value)
            case "error":
                raise error_event(value)
            case _ if isinstance(value.get("error"), dict):
                raise error_event(value)
            case _:
                yield from self._item_event(kind, LenientReader(value, "", NAME))

    def _failure(self, value: JsonObject) -> RouterError:
        whole = value.get("response")
        body: JsonObject = whole if isinstance(whole, dict) else {}
        return error_in_answer(body) or error_in_answer({"status": "failed"}) or ProviderProtocolError("it failed")

    # ---- the answer

    def _begin(self, body: Json = None) -> Iterator[StreamEvent]:
        """The answer begins; content before ``response.created`` begins it as well."""
        if self._started:
            return
        self._started = True
        reader = LenientReader(body if isinstance(body, dict) else {}, "response", NAME)
        created = reader.integer("created_at")
        identity = (reader.text("id") or "", reader.text("model") or "")
        for known in _IN_ANSWER:
            reader.take(known)
        yield ResponseStart(id=identity[0], model=identity[1], created=created, ext=reader.rest())

    def _complete(self, body: Json) -> Iterator[StreamEvent]:
        yield from self._begin(body)
        value: JsonObject = body if isinstance(body, dict) else {}
        output = value.get("output")
        for number, item in enumerate(output if isinstance(output, list) else ()):
            if number not in self._seen:
                yield from self._item_done(number, item)
        for number in list(self._open):
            yield from self._abandon(number)
        rest = {key: field for key, field in value.items() if key not in _IN_ANSWER}
        if isinstance(rest.get("created_at"), int):
            del rest["created_at"]
        if rest:
            yield ResponseUpdate(ext={NAME: rest})
        usage = decode_usage(value.get("usage"))
        if usage is not None:
            yield UsageUpdate(usage=usage)
        status = value.get("status")
        finish = decode_finish(
            status if isinstance(status, str) else None, value.get("incomplete_details"), self._parts
        )
        self._done = True
        yield CandidateEnd(finish=finish)
        yield StreamEnd()

    def _abandon(self, number: int) -> Iterator[StreamEvent]:
        """An item whose end never came ends with the answer."""
        item = self._open.pop(number)
        for announced in item.parts.values():
            yield PartEnd(index=announced.index)

    # ---- the items

    def _item_event(self, kind: str, reader: LenientReader) -> Iterator[StreamEvent]:
        match kind:
            case "response.output_item.added":
                yield from self._item_added(_number(reader), reader.take("item"))
            case "response.output_item.done":
                yield from self._begin()
                yield from self._item_done(_number(reader), reader.take("item"))
            case "response.content_part.added":
                yield from self._content_added(reader)
            case "response.output_text.delta" | "response.refusal.delta":
                yield from self._content_delta(reader, refusal=kind == "response.refusal.delta")
            case "response.output_text.annotation.added":
                yield from self._annotation(reader)
            case "response.reasoning_summary_text.delta":
                yield from self._reasoning_delta(reader, "summary_index")
            case "response.reasoning_text.delta":
                yield from self._reasoning_delta(reader, "content_index")
            case "response.function_call_arguments.delta" | "response.custom_tool_call_input.delta":
                yield from self._call_delta(reader)
            case _:
                # Progress of tools that the provider runs, `…done` snapshots of what deltas told, `keepalive`, and
                # what may come: the end of the item says all of it.
                pass

    def _item_added(self, number: int, value: Json) -> Iterator[StreamEvent]:
        yield from self._begin()
        if not isinstance(value, dict):
            return
        if number in self._open:
            raise ProviderProtocolError(f"output item {number} was added twice")
        item = self._open[number] = OpenItem(value)
        if item.kind == "function_call" or item.kind == "custom_tool_call":
            part = decode_item({**value, "status": "in_progress"}, "item", self._origin, LenientReader)[0]
            yield from self._announce(item, 0, emptied(_with_ext(part, value)))

    def _announce(self, item: OpenItem, place: int, part: Part) -> Iterator[StreamEvent]:
        announced = item.parts[place] = Announced(len(self._parts), part)
        self._parts.append(part)
        yield PartStart(index=announced.index, part=part)

    def _item_done(self, number: int, value: Json) -> Iterator[StreamEvent]:
        if not isinstance(value, dict):
            return
        item = self._open.pop(number, None) or OpenItem(value)
        self._seen.add(number)
        parts = decode_item(value, "item", self._origin, LenientReader)
        for place, part in enumerate(parts):
            if place not in item.parts:
                yield from self._announce(item, place, emptied(part))
            announced = item.parts[place]
            if type(announced.part) is type(part):
                yield from announced.complete(part)
            else:
                yield PartEnd(index=announced.index)
        for place, announced in item.parts.items():
            if place >= len(parts):
                yield PartEnd(index=announced.index)

    def _opened(self, reader: LenientReader) -> OpenItem:
        number = _number(reader)
        item = self._open.get(number)
        if item is None:
            raise ProviderProtocolError(f"a delta for output item {number}, which is not open")
        return item

    # ---- content

    def _content_added(self, reader: LenientReader) -> Iterator[StreamEvent]:
        item = self._opened(reader)
        if item.kind != "message":
            return
        part = decode_part(reader.take("part"), "part", LenientReader)
        if isinstance(part, TextPart | RefusalPart):
            yield from self._content(item, _index(reader, "content_index"), part)

    def _content(self, item: OpenItem, place: int, part: Part) -> Iterator[StreamEvent]:
        """Begin a content part; the first one says what its item has beside its content."""
        if place in item.parts:
            return
        if place != len(item.parts):
            raise ProviderProtocolError(f"content part {place} of a message came out of order")
        part = emptied(part)
        if place == 0:
            wrapper = LenientReader(item.value, "item", NAME)
            wrapper.take("role")
            wrapper.take("content")
            wrapper.take("type")
            part = with_item(part, wrapper.rest().get(NAME, {}), wrapper.form())
        yield from self._announce(item, place, part)

    def _content_delta(self, reader: LenientReader, *, refusal: bool) -> Iterator[StreamEvent]:
        item = self._opened(reader)
        place = _index(reader, "content_index")
        form = Form(dialect=NAME)
        yield from self._content(item, place, RefusalPart(text="", form=form) if refusal else _text_start())
        yield from item.parts[place].grow(reader.text("delta") or "")

    def _annotation(self, reader: LenientReader) -> Iterator[StreamEvent]:
        announced = self._opened(reader).parts.get(_index(reader, "content_index"))
        annotation = reader.take("annotation")
        if announced is not None and annotation is not None:
            announced.annotations += 1
            form = Form(dialect=NAME)
            yield PartUpdate(index=announced.index, annotations=(annotation,), form=form)

    def _reasoning_delta(self, reader: LenientReader, counter: str) -> Iterator[StreamEvent]:
        item = self._opened(reader)
        kind = "text" if counter == "content_index" else "summary"
        if 0 not in item.parts:
            part = decode_item(item.value, "item", self._origin, LenientReader)[0]
            start = _without_segments(part) if isinstance(part, ReasoningPart) else ReasoningPart()
            yield from self._announce(item, 0, msgspec.structs.replace(start, kind=kind))
        announced = item.parts[0]
        if not isinstance(announced.part, ReasoningPart) or announced.part.kind != kind:
            # Both are told: the one that came first is the reasoning.
            return
        delta = reader.text("delta") or ""
        if delta:
            yield from announced.grow(item.segment_break(_index(reader, counter)) + delta)

    def _call_delta(self, reader: LenientReader) -> Iterator[StreamEvent]:
        announced = self._opened(reader).parts.get(0)
        if announced is not None and isinstance(announced.part, ToolCallPart):
            yield from announced.grow(reader.text("delta") or "")


def _text_start() -> TextPart:
    """A text that began without ``content_part.added``."""
    return TextPart(
        text="", form=Form(dialect=NAME, keys=("type", "text", "annotations"), variants={"type": "output_text"})
    )


def _without_segments(part: ReasoningPart) -> Part:
    """Reasoning as it begins: its lists of segments are still empty, and are told by its end."""
    fields = {key: field for key, field in part.ext.get(NAME, {}).items() if key not in {"summary", "content"}}
    return msgspec.structs.replace(emptied(part), ext={NAME: fields} if fields else {})


def _with_ext(part: Part, value: JsonObject) -> Part:
    """The carried fields with the status as it was given."""
    if isinstance(part, OpaquePart) or "status" not in value:
        fields = {key: field for key, field in part.ext.get(NAME, {}).items() if key != "status"}
    else:
        fields = {**part.ext.get(NAME, {}), "status": value["status"]}
    return msgspec.structs.replace(part, ext={NAME: fields} if fields else {})


def _number(reader: LenientReader) -> int:
    number = reader.integer("output_index")
    if number is None:
        raise ProviderProtocolError("an event of an output item has no output_index")
    return number


def _index(reader: LenientReader, name: str) -> int:
    return reader.integer(name) or 0
