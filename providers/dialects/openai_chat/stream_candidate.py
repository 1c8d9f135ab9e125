"""One choice of a chat stream: its parts in the order in which they are told."""

from collections.abc import Iterator

from providers.dialects.openai_chat.answer_decode import (
    REASONING_FIELDS,
    reasoning_state,
    take_signature,
)
from providers.dialects.openai_chat.cited import flat
from providers.dialects.openai_chat.content import decode_part
from providers.dialects.openai_chat.finish import decode_finish
from providers.dialects.openai_chat.grammar import NAME, REASONING_DETAILS, THOUGHT_SIGNATURE, Fields
from providers.dialects.openai_chat.other_carriers import details_text
from providers.dialects.openai_chat.response_decode import CUT
from providers.dialects.openai_chat.stream_calls import CallFragments, CallParts, merged_details
from providers.dialects.openai_chat.stream_plain import PlainChoice
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import Origin, Part, ReasoningPart, RefusalPart, State, TextPart
from providers.spec.values import Form, Json, JsonObject

_PADDING = frozenset({"obfuscation", "p"})
"""Fields whose only purpose is the length of a chunk."""

_TEXT = TextPart(text="", form=Form(dialect=NAME))
_JOINED = {"audio": ("data", "transcript")}
"""Texts within fields that are not modelled, which come in pieces (OpenAI's reference of streamed sound)."""


class ChoiceStream:
    """Feed it the choices of one index; it gives the events of one candidate."""

    def __init__(self, origin: Origin, index: int) -> None:
        self._origin = origin
        self._index = index
        self._parts = CallParts(origin, index)
        self._calls = CallFragments(self._parts)
        self._open: tuple[int, type[Part]] | None = None
        self._first_text = -1
        self._last_text = -1
        self._refused = False
        self._details: list[Json] = []
        self._reasoning = -1
        self._readable = False
        self._raw: str | None = None
        self._logprobs: dict[str, Json] = {}
        self._message: JsonObject = {}
        self._rest: JsonObject = {}

    @property
    def has_reason(self) -> bool:
        """Whether the host said why it ended."""
        return self._raw is not None

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said."""
        return self._parts.count == 0 and not self._calls

    def feed(self, fields: Fields) -> Iterator[StreamEvent]:
        """One choice: its delta before its reason (STREAM-05)."""
        delta, message = fields.object("delta"), fields.object("message")
        if delta is None and self.is_empty:
            # Some servers put the whole message where a delta belongs; later it would be a recap (STREAM-23).
            delta = message
        if delta is not None:
            yield from self._delta(Fields(delta))
        raw = fields.text("finish_reason")
        if raw:
            self._raw = raw
        self._add_logprobs(fields.object("logprobs"))
        for key, value in fields.rest.items():
            if value is not None and key not in _PADDING:
                self._rest[key] = value

    def more(self, choice: PlainChoice, events: list[StreamEvent]) -> None:
        """The same for a choice that was read plainly."""
        delta = choice.delta
        text, pieces = delta.content, delta.tool_calls
        if delta.reasoning_content:
            events += self._reasoned(REASONING_FIELDS[0], delta.reasoning_content)
        if text:
            if self._open is not None and self._open[1] is TextPart:
                events.append(PartDelta(index=self._open[0], candidate=self._index, text=text))
            else:
                events += self._grow(_TEXT, text)
        if pieces:
            if self._details or self._open is not None:
                events += self._end_details()
                events += self._end_open()
            for piece in pieces:
                self._calls.more(piece, events)
        if choice.finish_reason:
            self._raw = choice.finish_reason

    def close(self) -> Iterator[StreamEvent]:
        """The stream has ended: end what is open, then the candidate."""
        cited = flat(self._message.get("annotations"))
        if cited and self._first_text >= 0:
            yield PartUpdate(index=self._first_text, candidate=self._index, annotations=cited)
        yield from self._end_details()
        yield from self._end_open()
        yield from self._calls.close(was_cut=self._raw in CUT)
        ext = dict(self._rest)
        if self._message:
            ext["message"] = self._message
        yield CandidateEnd(
            candidate=self._index,
            finish=decode_finish(self._raw, called=bool(self._calls), refused=self._refused),
            logprobs=self._logprobs or None,
            ext={NAME: ext} if ext else {},
        )

    # ---- deltas

    def _delta(self, delta: Fields) -> Iterator[StreamEvent]:
        delta.text("role")
        yield from self._reason(delta)
        yield from self._content(delta)
        refusal = delta.text("refusal")
        if refusal:
            self._refused = True
            yield from self._grow(RefusalPart(text=""), refusal)
        calls, legacy = delta.array("tool_calls"), delta.object("function_call")
        if legacy is not None and not (legacy.get("name") or legacy.get("arguments")):
            legacy = None
        if calls or legacy is not None:
            yield from self._end_details()
            yield from self._end_open()
            yield from self._calls.feed(calls or [])
            if legacy is not None:
                yield from self._calls.feed_legacy(legacy)
        yield from self._annotate(delta)
        for key, value in delta.rest.items():
            if value is not None and key not in _PADDING:
                self._message[key] = _accumulated(key, self._message.get(key), value)

    def _reason(self, delta: Fields) -> Iterator[StreamEvent]:
        texts = {field: text for field in REASONING_FIELDS if (text := delta.text(field))}
        details = delta.array(REASONING_DETAILS)
        text = next(iter(texts.values()), "")
        if details:
            if self._open is not None and self._open[1] is not ReasoningPart and self._reasoning < 0:
                yield from self._end_open()
            self._details = merged_details(self._details, details)
            text = text or ("" if self._readable else details_text(details))
        if text:
            yield from self._reasoned(next(iter(texts), REASONING_DETAILS), text)

    def _reasoned(self, field: str, text: str) -> Iterator[StreamEvent]:
        """More reasoning, which came in this field."""
        self._readable = self._readable or field != REASONING_DETAILS
        form = Form(dialect=NAME, variants={"field": field})
        yield from self._grow(ReasoningPart(form=form), text)
        self._reasoning = self._open[0] if self._open is not None else self._reasoning

    def _content(self, delta: Fields) -> Iterator[StreamEvent]:
        text = delta.text("content")
        if text:
            yield from self._grow(_TEXT, text)
        for item in delta.array("content") or ():
            # Mistral's reasoning models: a list of chunks.
            part = decode_part(item, "content")
            if isinstance(part, TextPart) and part.text:
                yield from self._grow(_TEXT, part.text)
            elif isinstance(part, ReasoningPart) and part.text:
                yield from self._grow(ReasoningPart(form=part.form), part.text)
            elif not isinstance(part, TextPart | ReasoningPart):
                yield from self._end_open()
                index = self._parts.take_index()
                yield PartStart(index=index, candidate=self._index, part=part)
                yield PartEnd(index=index, candidate=self._index)

    def _annotate(self, delta: Fields) -> Iterator[StreamEvent]:
        signature = take_signature(delta)
        if signature is None:
            return
        # Google's front signs a text on the delta; without a text there is an empty one to be signed (REASON-04).
        if self._last_text < 0:
            yield from self._end_open()
            yield from self._begin(TextPart(text=""))
        state = State(kind=THOUGHT_SIGNATURE, value=signature, origin=self._origin)
        yield PartUpdate(index=self._last_text, candidate=self._index, state=state)

    # ---- parts

    def _grow(self, empty: Part, text: str) -> Iterator[StreamEvent]:
        """More text of the open part, or a new part where another kind was open."""
        if self._open is None or self._open[1] is not type(empty):
            if not isinstance(empty, ReasoningPart):
                yield from self._end_details()
            yield from self._end_open()
            yield from self._begin(empty)
        if self._open is not None:
            yield PartDelta(index=self._open[0], candidate=self._index, text=text)

    def _begin(self, part: Part) -> Iterator[StreamEvent]:
        index = self._parts.take_index()
        self._open = (index, type(part))
        if isinstance(part, TextPart):
            self._last_text = index
            self._first_text = index if self._first_text < 0 else self._first_text
        yield PartStart(index=index, candidate=self._index, part=part)

    def _end_open(self) -> Iterator[StreamEvent]:
        if self._open is not None:
            yield PartEnd(index=self._open[0], candidate=self._index)
            self._open = None

    def _end_details(self) -> Iterator[StreamEvent]:
        """The reasoning is over: what has to come back unchanged is its state."""
        if not self._details:
            return
        details, self._details = self._details, []
        state = reasoning_state(details, self._origin)
        if self._reasoning >= 0:
            yield PartUpdate(index=self._reasoning, candidate=self._index, state=state)
            self._reasoning = -1
            return
        yield from self._end_open()
        form = Form(dialect=NAME, variants={"field": REASONING_DETAILS})
        index = self._parts.take_index()
        yield PartStart(index=index, candidate=self._index, part=ReasoningPart(state=state, form=form))
        yield PartEnd(index=index, candidate=self._index)

    def _add_logprobs(self, logprobs: JsonObject | None) -> None:
        for key, value in (logprobs or {}).items():
            before = self._logprobs.get(key)
            if isinstance(before, list) and isinstance(value, list):
                self._logprobs[key] = before + value
            elif value is not None or key not in self._logprobs:
                self._logprobs[key] = value


def _accumulated(key: str, before: Json, more: Json) -> Json:
    """A field of deltas that is not modelled: lists grow, the pieces of sound are joined, else the latest counts."""
    if isinstance(before, list) and isinstance(more, list):
        return [*before, *more]
    if not isinstance(before, dict) or not isinstance(more, dict):
        return more
    joined = {**before, **more}
    for name in _JOINED.get(key, ()):
        told, rest = before.get(name), more.get(name)
        if isinstance(told, str) and isinstance(rest, str):
            joined[name] = told + rest
    return joined
