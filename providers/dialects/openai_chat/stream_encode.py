"""Canonical events to the chunks that a chat client reads.

One id for all of them, dense indexes of calls, id and name of a call and each of its extras once, in its first chunk;
one finish reason after all deltas; ``[DONE]`` only after a whole answer (STREAM-02, STREAM-08, STREAM-11, STREAM-14).
"""

import msgspec

from providers.dialects.openai_chat.answer_encode import (
    call_fields,
    carried_message,
    citations,
    details_of,
    encode_call,
    message_extra,
    minted_id,
    own_details,
    reasoning_field,
    survives_accumulation,
    without_own_details,
)
from providers.dialects.openai_chat.content import encode_media
from providers.dialects.openai_chat.finish import encode_finish
from providers.dialects.openai_chat.grammar import NAME, REASONING_DETAILS, variant_of
from providers.dialects.openai_chat.usage import encode_usage
from providers.spec.dialect import FaceContext
from providers.spec.errors import RouterError
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
from providers.spec.parts import (
    MediaPart,
    Part,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
    is_client_call,
)
from providers.spec.response import Usage
from providers.spec.values import Json, JsonObject, extended
from providers.wire.envelope_encode import StateTrail
from providers.wire.json import dumps
from providers.wire.openai_errors import encode_error
from providers.wire.sse import encode_event

_DONE = encode_event(b"[DONE]")


class _Choice:
    """One candidate while it is told."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.trail = StateTrail(NAME)
        self.started = False
        self.calls: dict[int, int] = {}
        self.parts: dict[int, Part] = {}
        self.end: CandidateEnd | None = None
        self.citations: list[Json] = []


class ChatStreamEncoder:
    """One stream for one caller."""

    def __init__(self, context: FaceContext) -> None:
        self._context = context
        self._start = ResponseStart()
        self._ext: JsonObject = {}
        self._base: JsonObject | None = None
        self._choices: dict[int, _Choice] = {}
        self._usage: Usage | None = None
        self._frames: dict[tuple[int, int], tuple[bytes, bytes, StateTrail | None]] = {}
        """By part: what stands before and behind each further piece of its text, which is all that differs, and who
        has to know of a text."""

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes this event gives rise to, maybe none."""
        if type(event) is PartDelta:
            frame = self._frames.get((event.candidate, event.index))
            if frame is not None:
                begin, end, trail = frame
                if trail is not None:
                    trail.grow(event.index, event.text)
                return begin + dumps(event.text) + end
        return self._fed(event)

    def _fed(self, event: StreamEvent) -> bytes:
        match event:
            case PartDelta():
                return self._part_delta(self._choice(event.candidate), event)
            case ResponseStart():
                self._start = event
                self._ext.update(extended(event.ext, NAME))
                return b""
            case ResponseUpdate():
                self._ext.update(extended(event.ext, NAME))
                self._base = None
                self._frames.clear()
                return b""
            case UsageUpdate():
                self._usage = event.usage
                return b""
            case PartStart():
                return self._part_start(self._choice(event.candidate), event.index, event.part)
            case PartUpdate():
                return self._part_update(self._choice(event.candidate), event)
            case PartEnd():
                return b""
            case CandidateEnd():
                self._choice(event.candidate).end = event
                return b""
            case StreamEnd():
                return self._close()
            case StreamError():
                return self._error(event.error)

    # ---- chunks

    def _choice(self, index: int) -> _Choice:
        if index not in self._choices:
            self._choices[index] = _Choice(index)
        return self._choices[index]

    def _envelope(self) -> JsonObject:
        if self._base is None:
            context = self._context
            self._base = {
                **self._ext,
                "id": self._start.id or context.response_id,
                "object": "chat.completion.chunk",
                "created": context.created if self._start.created is None else self._start.created,
                "model": self._start.model or context.model,
            }
        return self._base

    def _chunk(self, choices: list[Json], **more: Json) -> bytes:
        return encode_event(dumps({**self._envelope(), "choices": choices, **more}))

    def _delta(self, choice: _Choice, delta: JsonObject) -> bytes:
        if not choice.started:
            choice.started = True
            delta = {"role": "assistant", **delta}
        return self._chunk([{"index": choice.index, "delta": delta, "finish_reason": None}])

    # ---- parts

    def _part_start(self, choice: _Choice, index: int, part: Part) -> bytes:
        choice.parts[index] = part
        if is_client_call(part):
            return self._call(choice, index, part)
        choice.trail.start(index, without_own_details(part))
        choice.citations += citations(part, choice.trail.place(index))
        match part:
            case TextPart(text=text) | RefusalPart(text=text) if text:
                return self._text(choice, part, text)
            case ReasoningPart():
                written = self._text(choice, part, part.text) if part.text else b""
                return written + self._details(choice, own_details(part))
            case MediaPart(kind="image") if (item := encode_media(part)) is not None:
                return self._delta(choice, {"images": [{**item, "index": index}]})
            case _:
                return b""

    def _call(self, choice: _Choice, index: int, call: ToolCallPart) -> bytes:
        if variant_of(call.form, "field") == "function_call":
            choice.trail.legacy_call(call)
            return self._delta(choice, {"function_call": {"name": call.name, "arguments": call.arguments}})
        number = choice.calls[index] = len(choice.calls)
        sent_id = call.id or minted_id(self._start.id or self._context.response_id, index)
        extra = choice.trail.call(index, call, sent_id)
        told: JsonObject = {**encode_call(call, sent_id, extra), "index": number}
        return self._delta(choice, {"tool_calls": [told]})

    def _part_delta(self, choice: _Choice, event: PartDelta) -> bytes:
        """A piece of a part that has no frame, or none yet."""
        frame, index = self._frame(choice, event.index), event.index
        if frame is not None:
            self._frames[choice.index, index] = (*frame, None if index in choice.calls else choice.trail)
            if choice.started:
                return self.feed(event)
        return self._unframed(choice, index, event.text)

    def _frame(self, choice: _Choice, index: int) -> tuple[bytes, bytes] | None:
        """The frame of a text or of a function's arguments; ``None`` for what is told in another way."""
        part, envelope = choice.parts[index], self._envelope()
        if "choices" in envelope:
            return None
        if isinstance(part, TextPart):
            delta = (b'{"content":', b"}")
        elif isinstance(part, ToolCallPart) and part.kind == "function" and index in choice.calls:
            delta = (b'{"tool_calls":[{"index":%d,"function":{"arguments":' % choice.calls[index], b"}}]}")
        else:
            return None
        begin = b'data: %b,"choices":[{"index":%d,"delta":%b' % (dumps(envelope)[:-1], choice.index, delta[0])
        return begin, delta[1] + b',"finish_reason":null}]}\n\n'

    def _unframed(self, choice: _Choice, index: int, text: str) -> bytes:
        part = choice.parts[index]
        if is_client_call(part):
            number = choice.calls.get(index)
            if number is None:
                return self._delta(choice, {"function_call": {"arguments": text}})
            field, key = call_fields(part)
            return self._delta(choice, {"tool_calls": [{"index": number, field: {key: text}}]})
        choice.trail.grow(index, text)
        return self._text(choice, part, text)

    def _text(self, choice: _Choice, part: Part, text: str) -> bytes:
        match part:
            case TextPart():
                return self._delta(choice, {"content": text})
            case ReasoningPart():
                return self._delta(choice, {reasoning_field(part): text})
            case RefusalPart():
                return self._delta(choice, {"refusal": text})
            case _:
                return b""

    def _part_update(self, choice: _Choice, event: PartUpdate) -> bytes:
        part = choice.parts[event.index]
        if isinstance(part, ReasoningPart) and event.state is not None:
            told = self._details(choice, own_details(msgspec.structs.replace(part, state=event.state)))
            if told:
                return told
        choice.trail.gain(event.index, event.state, event.ext)
        if event.annotations and isinstance(part, TextPart):
            cited = msgspec.structs.replace(part, annotations=event.annotations)
            choice.citations += citations(cited, choice.trail.place(event.index))
        number, late = choice.calls.get(event.index), extended(event.ext, NAME)
        if number is None or not late or not isinstance(part, ToolCallPart):
            return b""
        field, text = call_fields(part)
        below = late.get(field)
        # Accumulators of clients want that object in every fragment.
        inner: JsonObject = {**(below if isinstance(below, dict) else {}), text: ""}
        return self._delta(choice, {"tool_calls": [{**late, "index": number, field: inner}]})

    def _details(self, choice: _Choice, state: State | None) -> bytes:
        details = None if state is None else details_of(state)
        return self._delta(choice, {REASONING_DETAILS: details}) if survives_accumulation(details) else b""

    # ---- the end

    def _close(self) -> bytes:
        choices = [choice for choice in self._choices.values() if choice.end is not None]
        written = b""
        for choice in choices:
            is_last = choice is choices[-1] and not self._context.stream_usage
            written += self._finish(choice, self._said() if is_last else {})
        if self._context.stream_usage:
            written += self._chunk([], usage=encode_usage(self._usage), **self._said())
        return written + _DONE

    def _said(self) -> JsonObject:
        return {"router": self._context.router} if self._context.router else {}

    def _finish(self, choice: _Choice, said: JsonObject) -> bytes:
        end = choice.end
        assert end is not None  # noqa: S101  # only candidates that ended are finished
        delta: JsonObject = {} if choice.started else {"role": "assistant", "content": ""}
        message = carried_message(end.ext)
        delta |= message
        if choice.citations:
            # Once and whole: accumulators of clients cannot join lists of objects.
            delta.setdefault("annotations", choice.citations)
        extra = message_extra(choice.trail, message)
        if extra is not None:
            delta["extra_content"] = extra
        rest = {key: value for key, value in end.ext.get(NAME, {}).items() if key != "message"}
        told: JsonObject = {**rest, "index": choice.index, "delta": delta}
        if end.logprobs is not None:
            told["logprobs"] = end.logprobs
        told["finish_reason"] = encode_finish(end.finish)
        return self._chunk([told], **said)

    @staticmethod
    def _error(error: RouterError) -> bytes:
        """No ``[DONE]`` after it: a broken stream is not an answer (STREAM-14)."""
        return encode_event(dumps(encode_error(error)))
