"""Canonical events to the event stream an Anthropic client reads.

Content blocks have contiguous indexes and follow one another: while one is open, what arrives for later parts is held
and told whole when its turn comes (STREAM-03, STREAM-04).
"""

from typing import Final

import msgspec

from providers.dialects.anthropic_messages.blocks_encode import is_citation
from providers.dialects.anthropic_messages.carrier import carrier_block, written_state
from providers.dialects.anthropic_messages.errors import encode_error
from providers.dialects.anthropic_messages.finish import encode_finish
from providers.dialects.anthropic_messages.grammar import NAME, is_native
from providers.dialects.anthropic_messages.response_encode import call_named, minted_id, part_block
from providers.dialects.anthropic_messages.usage import encode_usage
from providers.spec.dialect import FaceContext
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
from providers.spec.parts import Part, ReasoningPart, RefusalPart, State, TextPart, ToolCallPart
from providers.spec.response import Finish, Usage
from providers.spec.values import JsonObject, extended
from providers.wire.json import dumps, dumps_text
from providers.wire.object_arguments import object_arguments
from providers.wire.sse import encode_event

_CUMULATIVE: Final = frozenset(
    {
        "input_tokens",
        "cache_creation_input_tokens",
        "cache_read_input_tokens",
        "output_tokens",
        "output_tokens_details",
        "server_tool_use",
    }
)
"""What Anthropic tells again in ``message_delta``; the rest is told at the start alone, unless it changed."""

_IN_DELTA: Final = frozenset({"container"})
"""Fields of the whole answer that come inside ``delta`` and not beside it."""


class _Part:
    """A part that has begun, and what arrived for it while another block was open."""

    def __init__(self, start: PartStart) -> None:
        self.index = start.index
        self.part = start.part
        self.held: list[StreamEvent] = []
        self.ended = False
        self.signed = start.part.state is not None
        self.custom: list[str] = []
        self.call_id: str | None = None


class MessagesStreamEncoder:
    """One stream for one caller."""

    def __init__(self, context: FaceContext) -> None:
        self._context = context
        self._start = ResponseStart()
        self._sent_start = False
        self._sent_usage: JsonObject = {}
        self._usage: Usage | None = None
        self._ext: JsonObject = {}
        self._finish: Finish | None = None
        self._current: _Part | None = None
        self._queue: list[_Part] = []
        self._blocks = 0
        self._last_closed = -1
        self._last_call: str | None = None
        self._skipped: set[int] = set()

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes this event gives rise to. Candidates beyond the first have no place in this dialect."""
        match event:
            case ResponseStart():
                self._start = event
                return b""
            case ResponseUpdate():
                self._ext.update(extended(event.ext, NAME))
                return b""
            case UsageUpdate():
                self._usage = event.usage
                return self._begin()
            case PartStart() | PartDelta() | PartUpdate() | PartEnd():
                return self._begin() + self._part_event(event) if event.candidate == 0 else b""
            case CandidateEnd():
                if event.candidate == 0:
                    self._finish = event.finish
                return b""
            case StreamEnd():
                return self._begin() + self._close_all() + self._end()
            case StreamError():
                # No message_stop after it: a broken stream is not an answer (STREAM-14).
                return _event(encode_error(event.error))

    # ---- the message

    def _begin(self) -> bytes:
        if self._sent_start:
            return b""
        self._sent_start = True
        usage = encode_usage(self._usage)
        self._sent_usage = usage
        message: JsonObject = {
            **extended(self._start.ext, NAME),
            "id": self._response_id,
            "type": "message",
            "role": "assistant",
            "model": self._start.model or self._context.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": usage,
        }
        return _event({"type": "message_start", "message": message})

    @property
    def _response_id(self) -> str:
        return self._start.id or self._context.response_id

    def _end(self) -> bytes:
        delta = encode_finish(self._finish)
        delta.update((key, value) for key, value in self._ext.items() if key in _IN_DELTA)
        beside = {key: value for key, value in self._ext.items() if key not in _IN_DELTA}
        changed = {
            key: value
            for key, value in encode_usage(self._usage).items()
            if key in _CUMULATIVE or self._sent_usage.get(key) != value
        }
        last = _event({"type": "message_delta", "delta": delta, "usage": changed, **beside})
        return last + _event({"type": "message_stop"})

    # ---- the blocks

    def _part_event(self, event: PartStart | PartDelta | PartUpdate | PartEnd) -> bytes:
        if isinstance(event, PartStart):
            return self._part_start(event)
        if event.index in self._skipped:
            return b""
        current = self._current
        if current is not None and current.index == event.index:
            return self._current_event(current, event) + self._advance()
        for part in self._queue:
            if part.index == event.index:
                part.held.append(event)
                return b""
        return self._late(event)

    def _part_start(self, event: PartStart) -> bytes:
        if part_block(event.part, "") is None:
            self._skipped.add(event.index)
            return b""
        self._queue.append(_Part(event))
        return self._advance()

    def _advance(self) -> bytes:
        """Open the next parts as far as no open block is in the way."""
        written = b""
        while self._queue and (self._current is None or self._current.ended):
            written += self._close_current()
            part = self._queue.pop(0)
            self._current = part
            written += self._open(part)
            for event in part.held:
                written += self._current_event(part, event)
        return written

    def _current_event(self, part: _Part, event: StreamEvent) -> bytes:
        match event:
            case PartDelta():
                return self._grow(part, event.text)
            case PartUpdate():
                return self._update(part, event)
            case PartEnd():
                part.ended = True
                # A signature may come after the end of its thinking: the block stays open until another begins.
                waits = isinstance(part.part, ReasoningPart) and not part.signed
                return b"" if waits else self._close_current()
            case _:
                return b""

    def _open(self, part: _Part) -> bytes:
        written = b""
        empty, text = _emptied(part.part)
        block = part_block(empty, minted_id(self._response_id, part.index)) or {}
        part.call_id = call_named(block)
        state = part.part.state
        if state is not None and not isinstance(part.part, ReasoningPart):
            written += self._whole_block(carrier_block(state, "next", part.call_id))
        written += _event({"type": "content_block_start", "index": self._blocks, "content_block": block})
        if text:
            written += self._grow(part, text)
        if isinstance(part.part, ReasoningPart) and not part.part.redacted and state is not None:
            written += self._sign(state)
        if isinstance(part.part, TextPart):
            written += self._cite(PartUpdate(index=part.index, annotations=part.part.annotations, form=part.part.form))
        return written

    def _whole_block(self, block: JsonObject) -> bytes:
        start = _event({"type": "content_block_start", "index": self._blocks, "content_block": block})
        stop = _event({"type": "content_block_stop", "index": self._blocks})
        self._blocks += 1
        return start + stop

    def _grow(self, part: _Part, text: str) -> bytes:
        match part.part:
            case ToolCallPart(kind="custom"):
                # Free text has to be wrapped as one JSON string: it is told whole, at its end.
                part.custom.append(text)
                return b""
            case ToolCallPart():
                return self._delta({"type": "input_json_delta", "partial_json": text})
            case ReasoningPart():
                return self._delta({"type": "thinking_delta", "thinking": text})
            case _:
                return self._delta({"type": "text_delta", "text": text})

    def _update(self, part: _Part, event: PartUpdate) -> bytes:
        written = self._cite(event)
        if event.state is None:
            return written
        if isinstance(part.part, ReasoningPart):
            part.signed = True
            written += self._sign(event.state)
            return written + self._close_current() if part.ended else written
        # The block is open: what belongs to it follows behind it.
        part.part = msgspec.structs.replace(part.part, state=event.state)
        part.signed = False
        return written

    def _sign(self, state: State) -> bytes:
        return self._delta({"type": "signature_delta", "signature": written_state(state, "reasoning")})

    def _cite(self, event: PartUpdate) -> bytes:
        written = b""
        for citation in event.annotations:
            if is_native(event.form) or is_citation(citation):
                written += self._delta({"type": "citations_delta", "citation": citation})
        return written

    def _delta(self, delta: JsonObject) -> bytes:
        return _event({"type": "content_block_delta", "index": self._blocks, "delta": delta})

    def _close_current(self) -> bytes:
        part, self._current = self._current, None
        if part is None:
            return b""
        written = b""
        if part.custom:
            whole = ToolCallPart(id="", name="", arguments="".join(part.custom), kind="custom")
            written += self._delta({"type": "input_json_delta", "partial_json": dumps_text(object_arguments(whole))})
        written += _event({"type": "content_block_stop", "index": self._blocks})
        self._blocks += 1
        self._last_closed, self._last_call = part.index, part.call_id
        state = part.part.state
        if not isinstance(part.part, ReasoningPart) and state is not None and not part.signed:
            written += self._whole_block(carrier_block(state, "previous", part.call_id))
        return written

    def _late(self, event: PartDelta | PartUpdate | PartEnd) -> bytes:
        """Late state of a part whose block is closed: sent behind it, as long as it is the last one."""
        if not isinstance(event, PartUpdate) or event.state is None:
            return b""
        if self._current is not None or event.index != self._last_closed:
            return b""
        return self._whole_block(carrier_block(event.state, "previous", self._last_call))

    def _close_all(self) -> bytes:
        written = self._advance()
        while self._current is not None:
            # A part that never ended is closed with its stream.
            self._current.ended = True
            written += self._advance() or self._close_current()
        return written


def _emptied(part: Part) -> tuple[Part, str]:
    """A part as its block starts, and the text that is already known."""
    match part:
        case ToolCallPart(arguments=text):
            return msgspec.structs.replace(part, arguments="", kind="function"), text
        case ReasoningPart(redacted=False, text=text):
            return msgspec.structs.replace(part, text="", state=None), text
        case TextPart(text=text):
            return msgspec.structs.replace(part, text="", annotations=()), text
        case RefusalPart(text=text):
            return msgspec.structs.replace(part, text=""), text
        case _:
            return part, ""


def _event(value: JsonObject) -> bytes:
    kind = value["type"]
    return encode_event(dumps(value), kind if isinstance(kind, str) else "")
