"""State that travels in the ids of calls, for clients that keep of a call its id, name and arguments and nothing else.

An id is then ``<id>.router.<envelope>``: the provider's own, and what the envelope of ``envelope_encode`` holds for the
call. The envelope has no dot, so the last ``.router.`` is always ours and no two ids become one; taken off, the
provider's id is what it was. No provider sees it (ID-10).
"""

import re
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.events import PartDelta, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import Part, ReasoningPart, State, TextPart, ToolCallPart, ToolResultPart, is_client_call
from providers.spec.request import Message, Request
from providers.spec.response import Candidate, Response
from providers.spec.values import JsonObject
from providers.wire.envelope_decode import Section, call_state, envelope_entries, restore
from providers.wire.envelope_encode import StateTrail
from providers.wire.ids import base62_digest

LONGEST_ID: Final = 16 * 1024
"""Characters. Frameworks store ids and send them twice; what is longer stays where chat has it (``extra_content``)."""

SEPARATOR: Final = ".router."
"""Stands in every id that carries state."""
_SEALED: Final = re.compile(r"(?s)(.*)\.router\.(v1\.[A-Za-z0-9_-]+)")
_MARK: Final = SEPARATOR.encode()

_TOO_LONG: Final = "the state is too long for an id: a client that keeps nothing else of the call loses it"


class StateIds:
    """Puts state into the ids of one answer's calls."""

    def __init__(self) -> None:
        self._trails: dict[int, StateTrail] = {}
        self._calls: set[tuple[int, int]] = set()
        self._too_long: list[int] = []

    def answer(self, response: Response) -> Response:
        """A whole answer with such ids."""
        candidates = tuple(map(self._candidate, response.candidates))
        return msgspec.structs.replace(response, candidates=candidates)

    def feed(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """Events of a stream with such ids. State that is known only after its call began is not in its id."""
        return [self._passed(event) for event in events]

    def report(self, report: Report) -> None:
        """Say which calls have their state only where chat has it."""
        for place in self._too_long:
            report.add(f"response.tool_calls[{place}].id", "dropped", _TOO_LONG)

    def _candidate(self, candidate: Candidate) -> Candidate:
        parts = tuple(self._part(candidate.index, index, part) for index, part in enumerate(candidate.parts))
        return msgspec.structs.replace(candidate, parts=parts)

    def _passed(self, event: StreamEvent) -> StreamEvent:
        match event:
            case PartStart():
                return msgspec.structs.replace(event, part=self._part(event.candidate, event.index, event.part))
            case PartDelta() if (event.candidate, event.index) not in self._calls:
                self._trail(event.candidate).grow(event.index, event.text)
            case PartUpdate() if (event.candidate, event.index) not in self._calls:
                self._trail(event.candidate).gain(event.index, event.state, event.ext)
            case _:
                pass
        return event

    def _part(self, candidate: int, index: int, part: Part) -> Part:
        trail = self._trail(candidate)
        if not is_client_call(part):
            trail.start(index, part)
            return part
        place = len(self._calls)
        self._calls.add((candidate, index))
        extra = trail.call(index, part, part.id) or {}
        envelope = extra.get("router")
        if not isinstance(envelope, str):
            return part
        own = part.id or f"call_{base62_digest(f'{place}:{envelope}', 22)}"
        sealed = f"{own}{SEPARATOR}{envelope}"
        if len(sealed) > LONGEST_ID:
            self._too_long.append(place)
            return part
        return msgspec.structs.replace(part, id=sealed)

    def _trail(self, candidate: int) -> StateTrail:
        return self._trails.setdefault(candidate, StateTrail())


# ---- and back


def has_marks(raw: bytes | None) -> bool:
    """Whether a body may hold such ids; one of which the bytes are not at hand may."""
    return raw is None or _MARK in raw


def without_state_ids(request: Request) -> Request:
    """The request with the ids its providers gave, and the state that was in them where it belongs.

    A turn that has its state elsewhere (``extra_content``, the fields of its dialect) only gets its ids back.
    """
    messages = tuple(map(_message, request.messages))
    return msgspec.structs.replace(request, messages=messages)


def _message(message: Message) -> Message:
    found = [_opened(part) for part in message.parts]
    if not any(found):
        return message
    bare = [opened.part if opened else part for opened, part in zip(found, message.parts, strict=True)]
    if message.role == "assistant" and not any(_state_of(part) for part in message.parts):
        entries = {id(opened.part): opened.entries for opened in found if opened}
        return msgspec.structs.replace(message, parts=tuple(_restored(bare, entries)))
    return msgspec.structs.replace(message, parts=tuple(bare))


class _Opened(msgspec.Struct, frozen=True):
    part: ToolCallPart | ToolResultPart
    """Under the provider's own id, with the call's own state."""
    entries: list[JsonObject] = []
    """What came before the call."""


def _opened(part: Part) -> _Opened | None:
    match part:
        case ToolCallPart(executed_by="client"):
            own, entries, state = _taken_off(part.id)
            if own == part.id:
                return None
            return _Opened(msgspec.structs.replace(part, id=own, state=part.state or state), entries)
        case ToolResultPart(executed_by="client"):
            own, _, _ = _taken_off(part.call_id)
            return None if own == part.call_id else _Opened(msgspec.structs.replace(part, call_id=own))
        case _:
            return None


def _taken_off(call_id: str) -> tuple[str, list[JsonObject], State | None]:
    """The provider's own id, what came before the call, and the call's own state."""
    sealed = _SEALED.fullmatch(call_id)
    if sealed is not None:
        entries = envelope_entries(sealed[2])
        return sealed[1], entries, call_state(entries)
    return call_id, [], None


def _restored(parts: list[Part], entries: dict[int, list[JsonObject]]) -> Iterator[Part]:
    """The turn in the order in which it was first said."""
    reasoning: list[Part] = [part for part in parts if isinstance(part, ReasoningPart)]
    texts: list[Part] = [part for part in parts if not is_client_call(part) and not isinstance(part, ReasoningPart)]
    calls = [part for part in parts if is_client_call(part)]
    sections = [Section(entries.get(id(call), []), call) for call in calls]
    if not any(section.entries for section in sections):
        return iter(parts)
    plain = all(isinstance(text, TextPart) and not text.ext for text in texts)
    content = "".join(text.text for text in texts if isinstance(text, TextPart)) if plain else texts
    return iter(restore(reasoning, content, [*sections, Section([])]))


def _state_of(part: Part) -> State | None:
    return getattr(part, "state", None)
