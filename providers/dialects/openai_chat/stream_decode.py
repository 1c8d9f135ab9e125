"""A chat stream to the canonical events."""

from collections.abc import Iterator, Sequence

from msgspec import UNSET, Raw

from providers.dialects.openai_chat.grammar import NAME, Fields
from providers.dialects.openai_chat.response_decode import decode_response, failure_in
from providers.dialects.openai_chat.stream_candidate import ChoiceStream
from providers.dialects.openai_chat.stream_plain import PlainChunk, read_chunk
from providers.dialects.openai_chat.usage import decode_usage
from providers.spec.errors import ProviderProtocolError, RouterError
from providers.spec.events import ResponseStart, ResponseUpdate, StreamEnd, StreamError, StreamEvent, UsageUpdate
from providers.spec.fold import unfold
from providers.spec.parts import Origin
from providers.spec.response import Usage
from providers.spec.values import Ext, Json, JsonObject
from providers.wire.failures import text_of, upstream_error
from providers.wire.json import JsonError, loads, loads_object, type_name
from providers.wire.openai_errors import error_in, error_of
from providers.wire.plain import negative_zero, object_in
from providers.wire.sse import Piece, ServerSentEvent, SseParser, event_of

_PADDING = frozenset({"obfuscation", "p", "object"})
"""Fields that say nothing of the answer."""

_NULL = Raw(b"null")

_MOST_UNFRAMED = 1 << 22
"""How many bytes are kept of a body that is no stream, in case it is one answer."""

_MOST_CHOICES = 128
"""OpenAI takes no larger ``n``: more is a hostile host."""


class ChatStreamDecoder:
    """Feed it bytes cut anywhere. It never raises: what breaks the grammar is a StreamError, and the last event."""

    def __init__(self, origin: Origin, *, spelling: bool = True) -> None:
        self._origin = origin
        self._spelling = spelling
        """Whether what is said of the whole answer has to keep its order."""
        self._parser = SseParser()
        self._unframed: bytearray | None = bytearray()
        self._choices: dict[int, ChoiceStream] = {}
        self._started = False
        self._done = False
        self._known: JsonObject = {}
        self._usage: Usage | None = None
        self._same: tuple[object, object] = (UNSET, UNSET)
        """What the last plain chunk said of the whole answer, which was known."""

    def feed(self, chunk: bytes) -> Sequence[StreamEvent]:
        """Events completed by these bytes."""
        arrived = self._parser.pieces(chunk)
        if arrived:
            self._unframed = None
        elif self._unframed is not None and len(self._unframed) < _MOST_UNFRAMED:
            self._unframed += chunk
        return self._take(arrived)

    def close(self) -> Sequence[StreamEvent]:
        """The upstream body ended. Without ``[DONE]`` the answer is whole only if it gave its reason (STREAM-15)."""
        events = self._take(self._parser.close())
        if not (self._done or self._choices) and self._unframed:
            events += self._guarded(self._whole(bytes(self._unframed)))
        if not self._done:
            events += self._guarded(self._end(terminated=False))
        return events

    def _take(self, arrived: Sequence[Piece]) -> list[StreamEvent]:
        events: list[StreamEvent] = []
        for piece in arrived:
            if self._done:
                break
            if not (type(piece) is bytes and self._is_more(piece, events)):
                events += self._guarded(self._event(event_of(piece)))
        return events

    def _is_more(self, data: bytes, events: list[StreamEvent]) -> bool:
        """Whether it is a chunk that only goes on with what has begun, or begins an answer whose spelling nobody asks
        for; then what it adds is among the events.
        """
        chunk = None if negative_zero(data) else read_chunk(data)
        if chunk is None:
            return False
        if not self._started:
            if self._spelling or not chunk.choices:
                return False
        elif (chunk.service_tier, chunk.system_fingerprint) != self._same and not self._is_known(chunk):
            return False
        usage: JsonObject | None = None
        if chunk.usage is not UNSET and chunk.usage != _NULL:
            usage = object_in(chunk.usage)
            if usage is None:
                return False
        for choice in chunk.choices:
            if choice.index not in self._choices and not self._begins(choice.index):
                return False
        if not self._started:
            self._begin(chunk, events)
        for choice in chunk.choices:
            self._choices[choice.index].more(choice, events)
        if usage:
            events += self._use(usage)
        return True

    def _begins(self, index: int) -> bool:
        """Begin another choice, where there may be another."""
        if len(self._choices) >= _MOST_CHOICES:
            return False
        self._choices[index] = ChoiceStream(self._origin, index)
        return True

    def _begin(self, chunk: PlainChunk, events: list[StreamEvent]) -> None:
        self._started = True
        if isinstance(chunk.service_tier, str):
            self._known["service_tier"] = chunk.service_tier
        if isinstance(chunk.system_fingerprint, str):
            self._known["system_fingerprint"] = chunk.system_fingerprint
        self._same = (chunk.service_tier, chunk.system_fingerprint)
        events.append(
            ResponseStart(
                id="" if chunk.id is UNSET else chunk.id,
                model="" if chunk.model is UNSET else chunk.model,
                created=None if chunk.created is UNSET else chunk.created,
                ext={NAME: dict(self._known)} if self._known else {},
            )
        )

    def _is_known(self, chunk: PlainChunk) -> bool:
        """Whether what a chunk says of the whole answer was said before."""
        tier, fingerprint = chunk.service_tier, chunk.system_fingerprint
        known = (tier is UNSET or tier is None or self._known.get("service_tier") == tier) and (
            fingerprint is UNSET or fingerprint is None or self._known.get("system_fingerprint") == fingerprint
        )
        if known:
            self._same = (tier, fingerprint)
        return known

    def _guarded(self, events: Iterator[StreamEvent]) -> list[StreamEvent]:
        taken: list[StreamEvent] = []
        try:
            taken.extend(events)
        except RouterError as error:
            self._done = True
            taken.append(StreamError(error=upstream_error(error)))
        return taken

    def _whole(self, body: bytes) -> Iterator[StreamEvent]:
        """What came was no stream: an error in a 200 (STREAM-16), or the answer of a host that does not stream."""
        try:
            value = loads_object(body)
        except JsonError:
            return
        response = decode_response(value, self._origin)
        self._done = True
        yield from unfold(response)

    def _event(self, event: ServerSentEvent) -> Iterator[StreamEvent]:
        data = event.data.strip()
        if data == "[DONE]":
            yield from self._end(terminated=True)
            return
        if not data:
            return
        try:
            value = loads(data)
        except JsonError as error:
            raise ProviderProtocolError(f"an event of the stream is not JSON: {error}") from None
        if isinstance(value, list) and len(value) == 1:
            # Google's chat front wraps an error in a list.
            value = value[0]
        if not isinstance(value, dict):
            raise ProviderProtocolError(f"an event of the stream is no JSON object but {type_name(value)}")
        failed = failure_in(value)
        if failed is None and event.event == "error":
            failed = error_of(None, value, text_of(value.get("message")), value)
        if failed is not None:
            raise failed
        yield from self._chunk(value)

    def _chunk(self, value: JsonObject) -> Iterator[StreamEvent]:
        fields = Fields(value)
        choices = fields.array("choices")
        usage = fields.object("usage") or _usage_of_groq(fields)
        yield from self._start(fields, says=bool(choices))
        for choice in choices or ():
            if isinstance(choice, dict):
                yield from self._choice(choice)
        if usage:
            yield from self._use(usage)

    def _start(self, fields: Fields, *, says: bool) -> Iterator[StreamEvent]:
        response_id, model, created = fields.text("id") or "", fields.text("model") or "", fields.integer("created")
        rest: JsonObject = {key: item for key, item in fields.rest.items() if key not in _PADDING and item is not None}
        if not self._started:
            if not (response_id or says):
                # A chunk before the first that says anything: Azure's filter results, with neither id nor model.
                self._known.update(rest)
                return
            self._started = True
            self._known.update(rest)
            ext: Ext = {NAME: dict(self._known)} if self._known else {}
            yield ResponseStart(id=response_id, model=model, created=created, ext=ext)
            return
        new: JsonObject = {key: item for key, item in rest.items() if self._known.get(key) != item}
        if new:
            self._known.update(new)
            self._same = (UNSET, UNSET)
            yield ResponseUpdate(ext={NAME: new})

    def _choice(self, value: JsonObject) -> Iterator[StreamEvent]:
        failed = error_in(value)
        if failed is not None:
            raise failed
        fields = Fields(value)
        index = fields.integer("index") or 0
        usage = fields.object("usage")
        if index not in self._choices and not self._begins(index):
            raise ProviderProtocolError("the stream has too many choices")
        yield from self._choices[index].feed(fields)
        if usage:
            yield from self._use(usage)

    def _use(self, value: JsonObject) -> Iterator[StreamEvent]:
        usage = decode_usage(value)
        if usage is not None and usage != self._usage:
            self._usage = usage
            yield UsageUpdate(usage=usage)

    def _end(self, *, terminated: bool) -> Iterator[StreamEvent]:
        if not self._choices:
            raise ProviderProtocolError("the stream ended without an answer")
        for choice in self._choices.values():
            if not choice.has_reason and choice.is_empty:
                raise ProviderProtocolError("the stream ended with an empty answer and no finish reason")
            if not choice.has_reason and not terminated:
                raise ProviderProtocolError("the stream ended without a finish reason and without [DONE]")
        for choice in self._choices.values():
            yield from choice.close()
        self._done = True
        yield StreamEnd()


def _usage_of_groq(fields: Fields) -> JsonObject | None:
    """Older hosts put usage below a field of their own."""
    below: Json = fields.rest.get("x_groq")
    usage = below.get("usage") if isinstance(below, dict) else None
    return usage if isinstance(usage, dict) else None
