"""State of a text that ends a turn, for callers who keep state in ids alone: no id can hold it.

A block of its own carries it behind the text for every other caller (REASON-04). Some clients that keep no such blocks
take the last one for the answer: Claude Code prints nothing where it is no text, or an empty one. Gemini signs the end
of a text so, and does not ask for it back (it checks the calls of a turn alone:
https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from providers.spec.adjustments import Report
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import Part, TextPart
from providers.spec.response import Candidate, Response

_REASON: Final = "state of the text that ends the answer: a block that carried it would be taken for the answer"


class ClosingState:
    """Leaves it out of one answer. What more follows in the turn, as a call, has it in front of it as ever."""

    def __init__(self) -> None:
        self._held: dict[int, list[PartStart | PartUpdate | PartEnd]] = {}
        """By candidate: what is left out if nothing of the turn follows."""
        self._texts: set[tuple[int, int]] = set()
        """Candidate and index of the parts that are texts."""
        self._left_out = 0

    def answer(self, response: Response) -> Response:
        """A whole answer."""
        return msgspec.structs.replace(response, candidates=tuple(map(self._candidate, response.candidates)))

    def feed(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events of a stream."""
        if not self._held and all(type(event) is PartDelta for event in events):
            return events
        return [passed for event in events for passed in self._passed(event)]

    def report(self, report: Report) -> None:
        """Say that there was some."""
        if self._left_out:
            report.add("response.content", "dropped", _REASON)

    def _candidate(self, candidate: Candidate) -> Candidate:
        if not candidate.parts or not _is_bare(candidate.parts[-1]):
            return candidate
        self._left_out += 1
        return msgspec.structs.replace(candidate, parts=candidate.parts[:-1])

    def _passed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case PartStart(candidate=candidate, index=index, part=part):
                yield from self._released(candidate)
                if isinstance(part, TextPart):
                    self._texts.add((candidate, index))
                if _is_bare(part):
                    self._held[candidate] = [event]
                else:
                    yield event
            case PartUpdate(candidate=candidate, index=index, state=state) if state is not None:
                if (candidate, index) in self._texts:
                    self._held.setdefault(candidate, []).append(event)
                else:
                    yield event
            case PartEnd(candidate=candidate) if candidate in self._held:
                self._held[candidate].append(event)
            case PartDelta(candidate=candidate):
                yield from self._released(candidate)
                yield event
            case CandidateEnd(candidate=candidate):
                yield from self._without_state(self._held.pop(candidate, []))
                yield event
            case _:
                yield event

    def _released(self, candidate: int) -> Sequence[StreamEvent]:
        return self._held.pop(candidate, [])

    def _without_state(self, held: list[PartStart | PartUpdate | PartEnd]) -> Iterator[StreamEvent]:
        """What is left of them: the rest of what was said of a text that had begun before."""
        self._left_out += bool(held)
        begun = {event.index for event in held if isinstance(event, PartStart)}
        for event in held:
            if isinstance(event, PartUpdate) and event.index not in begun and event.annotations:
                yield msgspec.structs.replace(event, state=None)
            elif isinstance(event, PartEnd) and event.index not in begun:
                yield event


def _is_bare(part: Part) -> bool:
    return isinstance(part, TextPart) and not part.text and part.state is not None and not part.annotations
