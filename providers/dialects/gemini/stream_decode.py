"""A generateContent stream to the canonical events.

The protocol has no terminator: an answer is whole when each of its candidates has said why it ended and the body then
ends. What comes after a reason still counts, so the ends are told when the body closes (STREAM-11).
"""

from collections.abc import Sequence

from msgspec import UNSET, Raw, UnsetType

from providers.dialects.gemini.chunks import ChunkParser
from providers.dialects.gemini.errors import error_in_answer
from providers.dialects.gemini.finish import blocked_finish
from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.reader import LenientGeminiReader
from providers.dialects.gemini.response_decode import answer_key, key_of, unix_time
from providers.dialects.gemini.stream_candidate import StreamedCandidate
from providers.dialects.gemini.stream_plain import PlainChunk, read_chunk
from providers.dialects.gemini.usage import decode_usage, merged_usage
from providers.spec.errors import InvalidRequestError, ProviderProtocolError, RouterError
from providers.spec.events import (
    CandidateEnd,
    ResponseStart,
    ResponseUpdate,
    StreamEnd,
    StreamError,
    StreamEvent,
    UsageUpdate,
)
from providers.spec.parts import Origin
from providers.spec.values import Json, JsonObject, extended
from providers.wire.json import JsonError, loads
from providers.wire.plain import negative_zero, object_in
from providers.wire.sse import Piece, event_of


class GeminiStreamDecoder:
    """Feed it bytes cut anywhere. It never raises: what breaks the grammar is a StreamError, and the last event."""

    def __init__(self, origin: Origin, *, spelling: bool = True) -> None:
        self._origin = origin
        self._spelling = spelling
        """Whether what begins has to keep how it was spelled."""
        self._parser = ChunkParser()
        self._candidates: dict[int, StreamedCandidate] = {}
        self._answer: str | None = None
        self._done = False
        self._ext: JsonObject = {}
        self._usage: JsonObject = {}
        self._usage_text: Raw | UnsetType = UNSET
        """The last that was read of it, where it was read as it stood."""
        self._feedback: Json = None

    def feed(self, chunk: bytes) -> Sequence[StreamEvent]:
        """Events completed by these bytes."""
        return self._take(self._parser.feed(chunk))

    def close(self) -> Sequence[StreamEvent]:
        """The upstream body ended: without a finish reason before, it was cut (STREAM-15)."""
        events = self._take(self._parser.close())
        if self._done:
            return events
        self._done = True
        try:
            self._end(events)
        except RouterError as error:
            events.append(StreamError(error=error))
        return events

    def _take(self, texts: Sequence[str | Piece]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for text in texts:
            if self._done:
                break
            if type(text) is bytes and self._is_more(text, events):
                continue
            try:
                self._chunk(text if isinstance(text, str) else event_of(text).data, events)
            except InvalidRequestError as error:
                # Readers blame the caller; here it is the provider that wrote a wrong type.
                self._fail(ProviderProtocolError(f"a chunk of the stream is malformed: {error.message}"), events)
            except RouterError as error:
                self._fail(error, events)
            except RecursionError:
                self._fail(ProviderProtocolError("a chunk of the stream is nested too deeply"), events)
        return events

    def _is_more(self, data: bytes, events: list[StreamEvent]) -> bool:
        """Whether it is a chunk that only goes on with an open text, or that begins something whose spelling nobody
        asks for; then what it adds is among the events.
        """
        chunk = read_chunk(data)
        if chunk is None:
            return False
        told, usage = chunk.usageMetadata, None
        if told is not UNSET and told != self._usage_text:
            usage = object_in(told)
            if usage is None:
                return False
        (piece,) = chunk.candidates
        if piece.content.parts[0].functionCall is not UNSET and negative_zero(data):
            return False
        number = 0 if piece.index is UNSET else piece.index
        candidate = self._candidates.get(number)
        if candidate is None:
            if self._spelling:
                return False
            if self._answer is None:
                self._begin(chunk, events)
            candidate = self._candidate_of(number)
        if not candidate.more(piece, events, spelling=self._spelling):
            return False
        if usage is not None:
            self._usage_text = told
            self._add_usage(usage, events)
        return True

    def _begin(self, chunk: PlainChunk, events: list[StreamEvent]) -> None:
        response_id = None if chunk.responseId is UNSET else chunk.responseId
        model = None if chunk.modelVersion is UNSET else chunk.modelVersion
        self._answer = key_of(response_id, model, None)
        events.append(ResponseStart(id=response_id or "", model=model or ""))

    def _fail(self, error: RouterError, events: list[StreamEvent]) -> None:
        self._done = True
        events.append(StreamError(error=error))

    def _chunk(self, text: str, events: list[StreamEvent]) -> None:
        if text.strip() == "[DONE]":
            # Hosts that imitate this dialect append it; it says nothing here.
            return
        try:
            value = loads(text)
        except JsonError as error:
            raise ProviderProtocolError(f"a chunk of the stream is not JSON: {error}") from None
        failure = error_in_answer(value)
        if failure is not None:
            raise failure
        self._usage_text = UNSET
        reader = LenientGeminiReader(value, "", NAME)
        candidates, usage = reader.array("candidates") or [], reader.take("usageMetadata")
        self._head(reader, events)
        for position, candidate in enumerate(candidates):
            self._candidate(candidate, position, events)
        self._add_usage(usage, events)

    def _head(self, reader: LenientGeminiReader, events: list[StreamEvent]) -> None:
        """What every chunk says of the whole answer; told once, and again where it changed."""
        key = answer_key(reader)
        created, feedback = unix_time(reader.peek("createTime")), reader.peek("promptFeedback")
        identity = reader.text("responseId") or "", reader.text("modelVersion") or ""
        self._feedback = self._feedback if feedback is None else feedback
        fields = extended(reader.rest(), NAME)
        news: JsonObject = {name: value for name, value in fields.items() if self._ext.get(name) != value}
        self._ext.update(news)
        ext = {NAME: news} if news else {}
        if self._answer is None:
            self._answer = key
            events.append(ResponseStart(id=identity[0], model=identity[1], created=created, ext=ext))
        elif news:
            events.append(ResponseUpdate(ext=ext))

    def _candidate(self, value: Json, position: int, events: list[StreamEvent]) -> None:
        reader = LenientGeminiReader(value, f"candidates[{position}]", NAME)
        given = reader.whole("index")
        number = position if given is None else given
        candidate = self._candidates.get(number) or self._candidate_of(number)
        candidate.take(reader, events)

    def _candidate_of(self, number: int) -> StreamedCandidate:
        candidate = self._candidates[number] = StreamedCandidate(number, self._origin, self._answer or "")
        return candidate

    def _add_usage(self, usage: Json, events: list[StreamEvent]) -> None:
        if not isinstance(usage, dict):
            return
        merged = merged_usage(self._usage, usage)
        decoded = None if merged == self._usage else decode_usage(merged)
        self._usage = merged
        if decoded is not None:
            events.append(UsageUpdate(usage=decoded))

    def _end(self, events: list[StreamEvent]) -> None:
        blocked = None if self._candidates else blocked_finish(self._feedback)
        if blocked is None and not self._candidates:
            raise ProviderProtocolError("the stream ended without a candidate and without a reason for it")
        for candidate in self._candidates.values():
            candidate.end(events)
        if blocked is not None:
            events.append(CandidateEnd(finish=blocked))
        events.append(StreamEnd())
