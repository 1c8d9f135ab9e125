"""Joins the fragments of calls in a chat stream, whatever indexes and ids a host gives them."""

from collections.abc import Iterator

from providers.dialects.openai_chat.answer_decode import take_signature
from providers.dialects.openai_chat.grammar import NAME, THOUGHT_SIGNATURE, Fields
from providers.spec.events import PartDelta, PartEnd, PartStart, StreamEvent
from providers.spec.parts import Origin, State, ToolCallPart
from providers.spec.values import Form, Json, JsonObject
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
        self.state: State | None = None
        self.index = -1
        self.ended = False

    @property
    def text(self) -> str:
        return "".join(self.pieces)

    def is_whole(self) -> bool:
        """Whether its arguments are a complete object with something in it: then no more can belong to it."""
        text = self.text
        if self.kind == "custom" or not text.rstrip().endswith("}") or text.strip() == "{}":
            return False
        try:
            loads_object(text)
        except JsonError:
            return False
        return True


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
            if empty and not (was_cut and call is self._calls[-1]):
                yield PartDelta(index=call.index, candidate=self._parts.candidate, text="{}")
            yield from self._end(call)

    def _delta(self, delta: JsonObject) -> Iterator[StreamEvent]:
        fields = Fields(delta)
        index, call_id, kind = fields.integer("index"), fields.text("id") or "", fields.text("type")
        is_custom = kind == "custom" or isinstance(fields.rest.get("custom"), dict)
        inner = Fields(fields.object("custom" if is_custom else "function") or {})
        name = inner.text("name") or ""
        text = _argument_text(inner, "input" if is_custom else "arguments")
        call = self._joined(index, call_id, name)
        if call is None:
            yield from self._end_whole()
            call = self._begun(index, "custom" if is_custom else "function")
        if call.ended:
            # It was whole: what follows can only be the space behind it, or a repetition of the call.
            return
        call.id = call.id or call_id
        call.name = call.name or name
        signature = take_signature(fields)
        if signature is not None:
            call.state = State(kind=THOUGHT_SIGNATURE, value=signature, origin=self._parts.origin)
        if call.index < 0 and call.name:
            yield from self._announce(call)
        if text:
            call.pieces.append(text)
            if call.index >= 0:
                yield PartDelta(index=call.index, candidate=self._parts.candidate, text=text)

    def _joined(self, index: int | None, call_id: str, name: str) -> _Call | None:
        """The call a fragment belongs to; ``None`` where it begins another (STREAM-01, ID-14)."""
        if index is None:
            if call_id:
                return next((call for call in self._calls if call.id == call_id), None)
            return self._calls[-1] if self._calls and not name else None
        call = self._slots.get(index)
        if call is None:
            return None
        begins = bool(name) and (
            (bool(call_id) and bool(call.id) and call_id != call.id and (call.is_whole() or not call.text))
            or (not call_id and name != call.name and call.is_whole())
            or (bool(call_id) and call_id != call.id and name != call.name)
        )
        return None if begins else call

    def _begun(self, index: int | None, kind: str) -> _Call:
        call = _Call(kind)
        self._calls.append(call)
        self._slots[len(self._calls) - 1 if index is None else index] = call
        return call

    def _announce(self, call: _Call) -> Iterator[StreamEvent]:
        call.index = self._parts.take_index()
        part = ToolCallPart(
            id=call.id,
            name=call.name,
            arguments="",
            kind="custom" if call.kind == "custom" else "function",
            state=call.state,
            form=_LEGACY_FORM if self._slots.get(_LEGACY) is call else None,
        )
        yield PartStart(index=call.index, candidate=self._parts.candidate, part=part)
        if call.pieces and call.text:
            yield PartDelta(index=call.index, candidate=self._parts.candidate, text=call.text)

    def _end_whole(self) -> Iterator[StreamEvent]:
        """Another call begins: those before it that are whole have ended, so that their readers need not wait."""
        for call in self._calls:
            if not call.ended and call.index >= 0 and call.is_whole():
                yield from self._end(call)

    def _end(self, call: _Call) -> Iterator[StreamEvent]:
        call.ended = True
        yield PartEnd(index=call.index, candidate=self._parts.candidate)


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
