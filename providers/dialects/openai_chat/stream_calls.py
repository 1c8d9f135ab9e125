"""Joins the fragments of calls in a chat stream, whatever indexes and ids a host gives them."""

from collections.abc import Generator, Iterator

from providers.dialects.openai_chat.answer_decode import take_signature
from providers.dialects.openai_chat.grammar import NAME, THOUGHT_SIGNATURE, Fields
from providers.dialects.openai_chat.stream_plain import CallPiece
from providers.spec.events import PartDelta, PartEnd, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import Origin, State, ToolCallPart
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.json import JsonError, dumps_text, loads_object

_LEGACY = -1
"""The slot of ``function_call``."""
_LEGACY_FORM = Form(dialect=NAME, variants={"field": "function_call"})


class CallParts:
    """What a call's fragments need of the answer they belong to."""

    def __init__(self, origin: Origin, candidate: int) -> None:
        self.origin = origin
        self.candidate = candidate
        self.count = 0
        """Parts of the candidate so far."""

    def take_index(self) -> int:
        """The index of a part that begins."""
        self.count += 1
        return self.count - 1


class _Call:
    """One call while it grows; announced once its name is known (STREAM-09)."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.id = ""
        self.name = ""
        self.pieces: list[str] = []
        self.length = 0
        self.placeholder = ""
        """``{}`` that nothing has followed yet: hosts write it in front of the arguments (ARGS-02)."""
        self.is_growing = False
        """Announced and not ended, and some of its arguments are told."""
        self.state: State | None = None
        self.rest: JsonObject = {}
        self.index = -1
        self.ended = False

    @property
    def text(self) -> str:
        return self.placeholder or "".join(self.pieces)

    def grow(self, text: str) -> None:
        """More of its arguments."""
        self.pieces.append(text)
        self.length += len(text)

    def news(self, text: str) -> str:
        """What a piece adds to its arguments as they are told: of a placeholder nothing, until it is known for none."""
        if self.kind != "custom" and text.strip() == "{}" and not self.pieces:
            self.placeholder = text
            return ""
        if self.placeholder and not text.lstrip().startswith("{"):
            text = self.placeholder + text
        self.placeholder = ""
        return text

    def is_object(self) -> bool:
        """Whether its arguments are a complete object."""
        text = self.text
        if self.kind == "custom" or not text.rstrip().endswith("}"):
            return False
        try:
            loads_object(text)
        except JsonError:
            return False
        return True

    def is_whole(self) -> bool:
        """Whether that object has something in it: then no more can belong to it. An empty one may be a placeholder."""
        return self.is_object() and self.text.strip() != "{}"

    def is_again(self, text: str) -> bool:
        """Whether the text is a recap of the whole call (STREAM-08)."""
        return 0 < self.length == len(text) and text == self.text and self.is_whole()


class CallFragments:
    """The calls of one candidate."""

    def __init__(self, parts: CallParts) -> None:
        self._parts = parts
        self._slots: dict[int, _Call] = {}
        self._calls: list[_Call] = []

    def __bool__(self) -> bool:
        """Whether there is any call."""
        return bool(self._calls)

    def feed(self, deltas: list[Json]) -> Iterator[StreamEvent]:
        """The fragments of one chunk."""
        for delta in deltas:
            if isinstance(delta, dict):
                yield from self._delta(delta)

    def more(self, piece: CallPiece, events: list[StreamEvent]) -> None:
        """A plain fragment."""
        call, name, text = self._slots.get(piece.index), piece.function.name, piece.function.arguments
        if call is None or not call.is_growing or name or piece.id or len(text) == call.length:
            events += self._told(piece.index, piece.id or "", name or "", text)
        elif text:
            call.grow(text)
            events.append(PartDelta(index=call.index, candidate=self._parts.candidate, text=text))

    def feed_legacy(self, value: JsonObject) -> Iterator[StreamEvent]:
        """A fragment of ``function_call``."""
        yield from self._delta({"index": _LEGACY, "function": value})

    def close(self, *, was_cut: bool) -> Iterator[StreamEvent]:
        """End every call. No arguments of a finished one are ``{}`` (ARGS-01); of one that was cut they are unknown."""
        for call in self._calls:
            if call.ended:
                continue
            if call.index < 0:
                yield from self._announce(call)
            empty = not call.text.strip() and call.kind != "custom"
            if call.placeholder or (empty and not (was_cut and call is self._calls[-1])):
                text = call.placeholder or "{}"
                yield PartDelta(index=call.index, candidate=self._parts.candidate, text=text)
            yield from self._end(call)

    def _delta(self, delta: JsonObject) -> Iterator[StreamEvent]:
        fields = Fields(delta)
        index, call_id, kind = fields.integer("index"), fields.text("id") or "", fields.text("type")
        is_custom = kind == "custom" or (kind is None and "function" not in fields.rest and "custom" in fields.rest)
        field, key = ("custom", "input") if is_custom else ("function", "arguments")
        inner = Fields(fields.object(field) or {})
        name = inner.text("name") or ""
        text = _argument_text(inner, key)
        call = yield from self._placed(index, call_id, field, name, text)
        if call is not None:
            yield from self._learn(call, fields, inner.rest, field)
            yield from self._grown(call, text, begun=bool(text) or key in inner.keys)

    def _told(self, index: int, call_id: str, name: str, text: str) -> Iterator[StreamEvent]:
        """A fragment of a function that says nothing beside this; of its arguments something, if only their absence."""
        call = yield from self._placed(index, call_id, "function", name, text)
        if call is not None:
            yield from self._grown(call, text, begun=True)

    def _placed(
        self, index: int | None, call_id: str, kind: str, name: str, text: str
    ) -> Generator[StreamEvent, None, _Call | None]:
        """The call that a fragment goes on with or begins, under its name; ``None`` where it says nothing new."""
        call = self._joined(index, call_id, name, text)
        if call is None:
            yield from self._end_whole()
            call = self._begun(index, kind)
        if call.ended or call.is_again(text):
            # It was whole: what follows can only be the space behind it, or a repetition of the call.
            return None
        call.id = call.id or call_id
        if call.index < 0:
            call.name = _whole_name(call.name, name)
        return call

    def _grown(self, call: _Call, text: str, *, begun: bool) -> Iterator[StreamEvent]:
        """More of its arguments. ``begun``: they were spoken of, before which a name may be the first part of one."""
        if call.index < 0 and call.name and begun:
            # STREAM-09
            yield from self._announce(call)
        if text and (text := call.news(text)):
            call.grow(text)
            if call.index >= 0:
                yield PartDelta(index=call.index, candidate=self._parts.candidate, text=text)
            call.is_growing = call.index >= 0

    def _learn(self, call: _Call, fields: Fields, below: JsonObject, field: str) -> Iterator[StreamEvent]:
        """A signature, and fields that are carried; a call that was announced without them is updated."""
        signature = take_signature(fields)
        state = None if signature is None else State(kind=THOUGHT_SIGNATURE, value=signature, origin=self._parts.origin)
        rest: JsonObject = {key: value for key, value in fields.rest.items() if value is not None and key != "type"}
        below = {key: value for key, value in below.items() if value is not None}
        if below:
            rest[field] = below
        call.state = state or call.state
        call.rest.update(rest)
        if call.index >= 0 and (state is not None or rest):
            ext: Ext = {NAME: rest} if rest else {}
            yield PartUpdate(index=call.index, candidate=self._parts.candidate, state=state, ext=ext)

    def _joined(self, index: int | None, call_id: str, name: str, text: str) -> _Call | None:
        """The call a fragment belongs to; ``None`` where it begins another (STREAM-01, ID-14)."""
        if index is not None:
            call = self._slots.get(index)
            return None if call is None or (name and _is_another(call, call_id, name, text)) else call
        if call_id:
            return next((call for call in self._calls if call.id == call_id), None)
        last = self._calls[-1] if self._calls else None
        if last is None or not name:
            return last
        # Neither index nor id: a name that is told again goes on with the call only while its arguments are open.
        return last if name == last.name and last.length and not last.is_object() else None

    def _begun(self, index: int | None, kind: str) -> _Call:
        call = _Call(kind)
        self._calls.append(call)
        self._slots[len(self._calls) - 1 if index is None else index] = call
        return call

    def _announce(self, call: _Call) -> Iterator[StreamEvent]:
        """Its start, behind those of the calls before it that have a name: calls keep their order (ARGS-04)."""
        for before in self._calls[: self._calls.index(call)]:
            if before.index < 0 and before.name:
                yield from self._started(before)
        yield from self._started(call)

    def _started(self, call: _Call) -> Iterator[StreamEvent]:
        call.index = self._parts.take_index()
        part = ToolCallPart(
            id=call.id,
            name=call.name,
            arguments="",
            kind="custom" if call.kind == "custom" else "function",
            state=call.state,
            ext={NAME: dict(call.rest)} if call.rest else {},
            form=_LEGACY_FORM if self._slots.get(_LEGACY) is call else None,
        )
        yield PartStart(index=call.index, candidate=self._parts.candidate, part=part)
        if call.length:
            yield PartDelta(index=call.index, candidate=self._parts.candidate, text=call.text)
        call.is_growing = bool(call.pieces)

    def _end_whole(self) -> Iterator[StreamEvent]:
        """Another call begins: those before it that are whole have ended, so that their readers need not wait."""
        for call in self._calls:
            if not call.ended and call.index >= 0 and call.is_whole():
                yield from self._end(call)

    def _end(self, call: _Call) -> Iterator[StreamEvent]:
        call.ended, call.is_growing = True, False
        yield PartEnd(index=call.index, candidate=self._parts.candidate)


def _is_another(call: _Call, call_id: str, name: str, text: str) -> bool:
    """Whether a fragment with a name begins another call, though it has the index of this one."""
    if call_id and call.id and call_id != call.id:
        return name != call.name or not call.length or call.is_object()
    if call_id and call_id == call.id:
        return False
    # No id tells them apart: behind a complete object nothing but another call can follow.
    return call.is_object() and (name != call.name or (bool(text.strip()) and not call.is_again(text)))


def _whole_name(known: str, more: str) -> str:
    """A name that comes in pieces, or grows, or is told again."""
    if not more or known.endswith(more):
        return known
    return more if more.startswith(known) else known + more


def _argument_text(fields: Fields, key: str) -> str:
    text = fields.text(key)
    if text is not None:
        return text
    value = fields.object(key)
    return "" if value is None else dumps_text(value)


def merged_details(details: list[Json], fragments: list[Json]) -> list[Json]:
    """``reasoning_details`` with the fragments of one more chunk: those of one index belong together (REASON-12)."""
    merged = list(details)
    for fragment in fragments:
        last = merged[-1] if merged else None
        if isinstance(fragment, dict) and isinstance(last, dict) and _same_detail(last, fragment):
            merged[-1] = _joined_detail(last, fragment)
        else:
            merged.append(fragment)
    return merged


def _same_detail(one: JsonObject, other: JsonObject) -> bool:
    return one.get("index") is not None and (one.get("index"), one.get("type")) == (
        other.get("index"),
        other.get("type"),
    )


def _joined_detail(one: JsonObject, other: JsonObject) -> JsonObject:
    joined = dict(one)
    for key, value in other.items():
        before = joined.get(key)
        if key in {"text", "summary", "data"} and isinstance(before, str) and isinstance(value, str):
            joined[key] = before + value
        elif value is not None or key not in joined:
            joined[key] = value
    return joined
