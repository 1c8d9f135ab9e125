"""A Messages event stream to the canonical events."""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET

from providers.dialects.anthropic_messages.blocks_decode import decode_block
from providers.dialects.anthropic_messages.errors import error_in_answer
from providers.dialects.anthropic_messages.finish import decode_finish
from providers.dialects.anthropic_messages.grammar import CUT_REASONS, NAME
from providers.dialects.anthropic_messages.stream_plain import (
    BlockDelta,
    BlockStart,
    BlockStop,
    InputDelta,
    MessageDelta,
    MessageStart,
    MessageStop,
    TextBlock,
    TextDelta,
    ThinkingDelta,
    ToolUse,
    read_event,
)
from providers.dialects.anthropic_messages.usage import decode_usage, merged_usage
from providers.spec.errors import ProviderProtocolError, RouterError
from providers.spec.events import (
    CandidateEnd,
    PartDelta,
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
from providers.spec.parts import OpaquePart, Origin, Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject
from providers.wire.failures import upstream_error
from providers.wire.json import JsonError, dumps_text, loads_object
from providers.wire.plain import negative_zero, object_in
from providers.wire.reader import LenientReader
from providers.wire.sse import Piece, ServerSentEvent, SseParser, event_of

_GROWS_BY: Final = {TextPart: TextDelta, ToolCallPart: InputDelta, ReasoningPart: ThinkingDelta}
"""The delta with which a block goes on, by what it is."""


class _Block:
    """One content block while it is open.

    The arguments of a call may be told by the placeholder in its start, or by deltas: the placeholder counts only where
    no delta came (ARGS-02). A part that only this dialect understands is told whole, at its end.
    """

    def __init__(self, part: Part) -> None:
        self.part = part
        self.grows_by = _GROWS_BY.get(type(part))
        self.index = -1
        self.placeholder = ""
        self.grown = False
        self.pieces: list[str] = []

    def opaque_value(self) -> Json:
        """The block with the input that its deltas told."""
        part = self.part
        if not isinstance(part, OpaquePart) or not self.pieces or not isinstance(part.value, dict):
            return part.value if isinstance(part, OpaquePart) else None
        text = "".join(self.pieces)
        try:
            return {**part.value, "input": loads_object(text)} if text.strip() else part.value
        except JsonError:
            return {**part.value, "input": text}


class MessagesStreamDecoder:
    """Feed it bytes cut anywhere. It never raises: what breaks the grammar is a StreamError, and the last event."""

    def __init__(self, origin: Origin, *, spelling: bool = True) -> None:
        self._origin = origin
        self._spelling = spelling
        """Whether what begins has to keep how it was spelled."""
        self._parser = SseParser()
        self._open: dict[int, _Block] = {}
        self._parts: list[Part] = []
        self._started = False
        self._done = False
        self._usage: JsonObject = {}
        self._reason: str | None = None
        self._sequence: str | None = None
        self._details: Json = None
        # A call without arguments, whose end waits until it is known whether the answer was cut there.
        self._waiting: _Block | None = None

    def feed(self, chunk: bytes) -> Sequence[StreamEvent]:
        """Events completed by these bytes."""
        return self._take(self._parser.pieces(chunk))

    def close(self) -> Sequence[StreamEvent]:
        """The upstream body ended: without ``message_stop`` before, it was cut (STREAM-15)."""
        events = self._take(self._parser.close())
        if not self._done:
            self._done = True
            events.append(StreamError(error=ProviderProtocolError("the stream ended without message_stop")))
        return events

    def _take(self, arrived: Sequence[Piece]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for piece in arrived:
            if self._done:
                break
            try:
                if not (type(piece) is tuple and self._is_more(piece[2], events)):
                    self._event(event_of(piece), events)
            except RouterError as error:
                self._done = True
                events.append(StreamError(error=upstream_error(error)))
        return events

    def _is_more(self, data: bytes, events: list[StreamEvent]) -> bool:
        """Whether it is an event that only goes on with an open block, or ends one, or begins something whose spelling
        nobody asks for; then that is among the events.
        """
        if negative_zero(data):
            return False
        try:
            event = read_event(data)
        except (msgspec.DecodeError, UnicodeError, RecursionError):
            return False
        if type(event) is BlockDelta:
            block = self._open.get(event.index)
            if block is None or type(event.delta) is not block.grows_by:
                return False
            self._grow(block, event.delta.text, events)
        elif type(event) is BlockStop:
            if event.index in self._open:
                self._end(event.index, events)
        elif type(event) is BlockStart:
            if self._spelling:
                return False
            self._begin_block(event.index, _part(event.content_block), events)
        elif type(event) is MessageDelta:
            return self._is_ending(event, events)
        elif type(event) is MessageStart:
            return not self._spelling and self._is_beginning(event, events)
        elif type(event) is MessageStop:
            self._message_stop(events)
        return True

    def _is_beginning(self, event: MessageStart, events: list[StreamEvent]) -> bool:
        message = event.message
        usage = None if message.usage is UNSET else object_in(message.usage)
        if usage is None and message.usage is not UNSET:
            return False
        self._started = True
        events.append(ResponseStart(id=message.id, model=message.model))
        self._add_usage(usage, events)
        return True

    def _is_ending(self, event: MessageDelta, events: list[StreamEvent]) -> bool:
        usage = None if event.usage is UNSET else object_in(event.usage)
        if usage is None and event.usage is not UNSET:
            return False
        self._begin(events)
        self._reason = event.delta.stop_reason or self._reason
        self._sequence = event.delta.stop_sequence or self._sequence
        self._add_usage(usage, events)
        return True

    def _event(self, event: ServerSentEvent, events: list[StreamEvent]) -> None:
        if event.data == "[DONE]":
            # Hosts that imitate this dialect append it; it says nothing here.
            return
        try:
            value = loads_object(event.data)
        except JsonError as error:
            raise ProviderProtocolError(f"an event of the stream is not a JSON object: {error}") from None
        failure = error_in_answer(value)
        if failure is not None:
            raise failure
        kind = value.get("type")
        match kind if isinstance(kind, str) else event.event:
            case "message_start":
                self._message_start(value, events)
            case "content_block_start":
                self._block_start(value, events)
            case "content_block_delta":
                self._block_delta(value, events)
            case "content_block_stop":
                self._block_stop(value, events)
            case "message_delta":
                self._message_delta(value, events)
            case "message_stop":
                self._message_stop(events)
            case _:
                # `ping`, and what may come: unknown events are to be ignored, says the provider.
                pass

    # ---- the message

    def _message_start(self, value: JsonObject, events: list[StreamEvent]) -> None:
        reader = LenientReader(value.get("message"), "message", NAME)
        for known in ("type", "role", "stop_reason", "stop_sequence", "stop_details"):
            reader.take(known)
        content = reader.array("content") or []
        usage = reader.take("usage")
        identity = (reader.text("id") or "", reader.text("model") or "")
        self._started = True
        events.append(ResponseStart(id=identity[0], model=identity[1], ext=reader.rest()))
        self._add_usage(usage, events)
        for number, block in enumerate(content):
            self._start(number, block, events)
            self._end(number, events)

    def _begin(self, events: list[StreamEvent]) -> None:
        """Content before ``message_start``: the answer has begun all the same."""
        if not self._started:
            self._started = True
            events.append(ResponseStart())

    def _message_delta(self, value: JsonObject, events: list[StreamEvent]) -> None:
        self._begin(events)
        reader = LenientReader(value, "", NAME)
        reader.take("type")
        delta = reader.nested("delta")
        usage = reader.take("usage")
        extra = reader.rest().get(NAME, {})
        if delta is not None:
            self._reason = delta.text("stop_reason") or self._reason
            self._sequence = delta.text("stop_sequence") or self._sequence
            details = delta.take("stop_details")
            self._details = self._details if details is None else details
            extra = {**delta.rest().get(NAME, {}), **extra}
        if extra:
            events.append(ResponseUpdate(ext={NAME: extra}))
        self._add_usage(usage, events)

    def _add_usage(self, usage: Json, events: list[StreamEvent]) -> None:
        if isinstance(usage, dict):
            self._usage = merged_usage(self._usage, usage)
            decoded = decode_usage(self._usage)
            if decoded is not None:
                events.append(UsageUpdate(usage=decoded))

    def _message_stop(self, events: list[StreamEvent]) -> None:
        self._begin(events)
        for number in list(self._open):
            self._end(number, events)
        self._release(events, cut=self._reason in CUT_REASONS)
        finish = decode_finish(self._reason, self._sequence, self._details, self._parts)
        self._done = True
        events += [CandidateEnd(finish=finish), StreamEnd()]

    # ---- the blocks

    def _block_start(self, value: JsonObject, events: list[StreamEvent]) -> None:
        self._begin(events)
        number = _number(value)
        if number in self._open:
            self._end(number, events)
        self._start(number, value.get("content_block"), events)

    def _begin_block(self, number: int, part: Part, events: list[StreamEvent]) -> None:
        """A block that was read already."""
        self._begin(events)
        if number in self._open:
            self._end(number, events)
        self._release(events, cut=False)
        self._started_with(number, part, events)

    def _start(self, number: int, content: Json, events: list[StreamEvent]) -> None:
        self._release(events, cut=False)
        self._started_with(number, decode_block(content, f"content[{number}]", self._origin, LenientReader), events)

    def _started_with(self, number: int, part: Part, events: list[StreamEvent]) -> None:
        block = _Block(part)
        self._open[number] = block
        if isinstance(part, OpaquePart):
            return
        if isinstance(part, ToolCallPart):
            block.placeholder = part.arguments
            block.part = part = msgspec.structs.replace(part, arguments="")
        self._announce(block, part, events)

    def _announce(self, block: _Block, part: Part, events: list[StreamEvent]) -> None:
        block.index = len(self._parts)
        self._parts.append(part)
        events.append(PartStart(index=block.index, part=part))

    def _block_delta(self, value: JsonObject, events: list[StreamEvent]) -> None:
        number = _number(value)
        block = self._open.get(number)
        if block is None:
            raise ProviderProtocolError(f"a delta for content block {number}, which is not open")
        delta = LenientReader(value.get("delta"), "delta", NAME)
        kind = delta.text("type")
        match kind, block.part:
            case "input_json_delta", ToolCallPart():
                self._grow(block, delta.text("partial_json"), events)
            case "text_delta", TextPart():
                self._grow(block, delta.text("text"), events)
            case "thinking_delta", ReasoningPart():
                self._grow(block, delta.text("thinking"), events)
            case "signature_delta", ReasoningPart():
                self._sign(block, delta.text("signature"), events)
            case "citations_delta", TextPart():
                self._cite(block, delta.take("citation"), events)
            case _, OpaquePart() as part:
                _grow_opaque(block, part, delta)
            case _:
                # A delta of a kind that the block cannot take: unknown events are ignored.
                pass

    def _grow(self, block: _Block, text: str | None, events: list[StreamEvent]) -> None:
        if text:
            block.grown = True
            events.append(PartDelta(index=block.index, text=text))

    def _sign(self, block: _Block, signature: str | None, events: list[StreamEvent]) -> None:
        if signature:
            state = State(kind="signature", value=signature, origin=self._origin)
            events.append(PartUpdate(index=block.index, state=state))

    def _cite(self, block: _Block, citation: Json, events: list[StreamEvent]) -> None:
        if citation is not None:
            events.append(PartUpdate(index=block.index, annotations=(citation,)))

    def _block_stop(self, value: JsonObject, events: list[StreamEvent]) -> None:
        number = _number(value)
        if number in self._open:
            self._end(number, events)

    def _end(self, number: int, events: list[StreamEvent]) -> None:
        block = self._open.pop(number)
        if isinstance(block.part, OpaquePart):
            self._announce(block, msgspec.structs.replace(block.part, value=block.opaque_value()), events)
        elif isinstance(block.part, ToolCallPart) and not block.grown:
            self._release(events, cut=False)
            self._waiting = block
            return
        events.append(PartEnd(index=block.index))

    def _release(self, events: list[StreamEvent], *, cut: bool) -> None:
        """End the call without arguments: one of ``{}``, unless the answer was cut there (ARGS-01, ARGS-16)."""
        block, self._waiting = self._waiting, None
        if block is None:
            return
        arguments = block.placeholder.strip() or "{}"
        if not (cut and arguments == "{}"):
            events.append(PartDelta(index=block.index, text=arguments))
        events.append(PartEnd(index=block.index))


def _part(block: TextBlock | ToolUse) -> Part:
    if isinstance(block, TextBlock):
        return TextPart(text=block.text)
    return ToolCallPart(id=block.id, name=block.name, arguments=dumps_text(block.input))


def _grow_opaque(block: _Block, part: OpaquePart, delta: LenientReader) -> None:
    """A delta of a block that is not modelled: its input grows as text, its other texts are appended, the rest set."""
    piece = delta.text("partial_json")
    if piece is not None:
        block.pieces.append(piece)
    if not isinstance(part.value, dict):
        return
    value = dict(part.value)
    for key, new in delta.rest().get(NAME, {}).items():
        old = value.get(key)
        value[key] = old + new if isinstance(old, str) and isinstance(new, str) else new
    block.part = msgspec.structs.replace(part, value=value)


def _number(value: JsonObject) -> int:
    number = value.get("index")
    if not isinstance(number, int) or isinstance(number, bool):
        raise ProviderProtocolError("an event of a content block has no index")
    return number
