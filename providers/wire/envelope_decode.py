"""The state envelope read back: the parts of an assistant turn in the order they were first said.

Whatever the client lost is missing and nothing else: damaged envelopes count as lost, text that was edited keeps its
new wording without the state of the old.
"""

from typing import Literal

import msgspec

from providers.spec.parts import Part, ReasoningPart, State, TextPart, ToolCallPart
from providers.spec.values import Json, JsonObject
from providers.wire.parts import part_from_json
from providers.wire.state import state_from_json, unseal


class Section(msgspec.Struct, frozen=True):
    """A call and the entries that came before it; the last section has no call."""

    entries: list[JsonObject]
    call: ToolCallPart | None = None


class _Span(msgspec.Struct):
    """A listed part: a stretch of the visible text (``at`` to ``end``), or a part that is not visible at all."""

    part: Part
    at: int = -1
    end: int = -1


def envelope_entries(envelope: Json) -> list[JsonObject]:
    """The entries of ``extra_content.router``; none where it is missing or damaged."""
    return (unseal(envelope) if isinstance(envelope, str) else None) or []


def call_state(entries: list[JsonObject]) -> State | None:
    """The state of the call that holds these entries."""
    return next((state_from_json(entry.get("state")) for entry in entries if entry.get("call") is True), None)


def late_call_states(entries: list[JsonObject]) -> dict[str, State]:
    """States that the message's envelope holds for calls, by call id."""
    found: dict[str, State] = {}
    for entry in entries:
        state = state_from_json(entry.get("state"))
        if isinstance(call := entry.get("call"), str) and state is not None:
            found[call] = state
    return found


def restore(reasoning: list[Part], content: str | list[Part], sections: list[Section]) -> list[Part]:
    """The parts of a turn in order.

    ``reasoning`` is what the client sent in reasoning fields, ``content`` what it sent as content.
    """
    listed = [_spans(section.entries) for section in sections]
    _apply_late(listed, [entry for section in sections for entry in section.entries if entry.get("late") is True])
    if not any(listed):
        front = [TextPart(text=content)] if isinstance(content, str) and content else content
        return [*reasoning, *(front or []), *(section.call for section in sections if section.call is not None)]
    text = content if isinstance(content, str) else ""
    lead_text = _place(listed, TextPart, text)
    lead_reasoning = _place_reasoning(listed, reasoning)
    if not isinstance(content, str):
        lead_text = content
    parts: list[Part] = list(lead_reasoning)
    for index, section in enumerate(sections):
        told = [span.part for span in listed[index]]
        if index == 0:
            told = _after_reasoning(told, lead_text)
        parts += told
        if section.call is not None:
            parts.append(section.call)
    return parts


def _after_reasoning(told: list[Part], text: list[Part]) -> list[Part]:
    """Text of unknown place goes after the reasoning that opens the turn (HIST-17)."""
    opening = next((n for n, part in enumerate(told) if not isinstance(part, ReasoningPart)), len(told))
    return [*told[:opening], *text, *told[opening:]]


def _spans(entries: list[JsonObject]) -> list[_Span]:
    spans = (_span(entry) for entry in entries if entry.get("late") is not True)
    return [span for span in spans if span is not None]


def _span(entry: JsonObject) -> _Span | None:
    at = entry.get("at")
    state = state_from_json(entry.get("state"))
    if isinstance(whole := entry.get("part"), dict):
        return _whole_part(whole)
    if not isinstance(at, int) or isinstance(at, bool):
        at = -1
    if isinstance(length := entry.get("text"), int) and length >= 0 <= at:
        return _Span(TextPart(text="", state=state), at, at + length)
    if isinstance(text := entry.get("reasoning"), str):
        kind: Literal["text", "summary"] = "summary" if entry.get("kind") == "summary" else "text"
        part = ReasoningPart(text=text, kind=kind, redacted=entry.get("redacted") is True, state=state)
        return _Span(part, at, at + len(text))
    return None


def _whole_part(value: JsonObject) -> _Span | None:
    part = part_from_json(value)
    return None if part is None else _Span(part)


def _apply_late(listed: list[list[_Span]], late: list[JsonObject]) -> None:
    """State that was known only after its part had been listed."""
    for entry in late:
        told = _span(entry)
        if told is None:
            continue
        same = (
            span
            for spans in listed
            for span in spans
            if type(span.part) is type(told.part) and (span.at, span.end) == (told.at, told.end)
        )
        found = next(same, None)
        if found is not None:
            found.part = told.part
        else:
            listed[-1].append(told)


def _place(listed: list[list[_Span]], kind: type[TextPart] | type[ReasoningPart], visible: str) -> list[Part]:
    """Give the listed text parts their text, put what nobody listed in between, and return what comes before.

    A span that does not fit the text any more is forgotten.
    """
    cursor = 0
    lead: list[Part] = []
    last: tuple[list[_Span], _Span] | None = None
    for spans in listed:
        for span in [span for span in spans if isinstance(span.part, kind)]:
            if span.at < cursor or span.end > len(visible):
                if span.end > span.at:
                    spans.remove(span)
                    continue
                span.at = span.end = cursor
            gap = visible[cursor : span.at]
            if gap and last is None:
                lead.append(kind(text=gap))
            elif gap:
                spans.insert(spans.index(span), _Span(kind(text=gap)))
            span.part = msgspec.structs.replace(span.part, text=visible[span.at : span.end])
            cursor, last = span.end, (spans, span)
    rest = visible[cursor:]
    if rest and last is None:
        lead.append(kind(text=rest))
    elif rest and last is not None:
        spans, span = last
        spans.insert(spans.index(span) + 1, _Span(kind(text=rest)))
    return lead


def _place_reasoning(listed: list[list[_Span]], sent: list[Part]) -> list[Part]:
    """The reasoning that the client sent and no envelope has; the listed one is not said twice."""
    told = [span for spans in listed for span in spans if isinstance(span.part, ReasoningPart)]
    if not told or not all(isinstance(part, ReasoningPart) for part in sent):
        return sent
    visible = "".join(part.text for part in sent if isinstance(part, ReasoningPart))
    texts = [span.part.text for span in told if isinstance(span.part, ReasoningPart)]
    fits = all(visible[span.at : span.end] == text for span, text in zip(told, texts, strict=True))
    if not visible or not fits:
        return []
    return _place(listed, ReasoningPart, visible)
