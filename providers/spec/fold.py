"""Events to a whole answer and back: the one fold every dialect shares."""

from collections.abc import Iterable, Iterator

import msgspec

from providers.spec.errors import ProviderProtocolError
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
from providers.spec.parts import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.response import Candidate, Response, Usage
from providers.spec.values import Ext

_GROWING = (TextPart, ReasoningPart, RefusalPart)


def merged_ext(base: Ext, more: Ext) -> Ext:
    """Carried fields of both, field by field; where both have one, the later value."""
    if not more:
        return base
    merged = dict(base)
    for dialect, fields in more.items():
        merged[dialect] = {**merged.get(dialect, {}), **fields}
    return merged


class _OpenPart:
    """A part while it grows."""

    def __init__(self, start: PartStart) -> None:
        self.part: Part = start.part
        self.pieces: list[str] = []
        self.open = True

    def update(self, event: PartUpdate) -> None:
        part = self.part
        if event.state is not None:
            part = msgspec.structs.replace(part, state=event.state)
        if event.annotations and isinstance(part, TextPart):
            part = msgspec.structs.replace(part, annotations=part.annotations + event.annotations)
        if event.ext:
            part = msgspec.structs.replace(part, ext=merged_ext(part.ext, event.ext))
        self.part = part

    def close(self) -> Part:
        if not self.pieces:
            return self.part
        grown = "".join(self.pieces)
        if isinstance(self.part, ToolCallPart):
            return msgspec.structs.replace(self.part, arguments=self.part.arguments + grown)
        if isinstance(self.part, _GROWING):
            return msgspec.structs.replace(self.part, text=self.part.text + grown)
        raise ProviderProtocolError(f"a {type(self.part).__name__} cannot grow")


class Folder:
    """Gathers the events of one stream; ``response`` is what they amount to so far.

    Raises ProviderProtocolError for events that break the order the event types promise.
    """

    def __init__(self) -> None:
        self._start = ResponseStart()
        self._ext: Ext = {}
        self._usage: Usage | None = None
        self._parts: dict[int, list[_OpenPart]] = {}
        self._ends: dict[int, CandidateEnd] = {}
        self.ended = False

    def feed(self, event: StreamEvent) -> None:
        """Take one event. A StreamError raises the error it carries."""
        match event:
            case ResponseStart():
                self._start = event
                self._ext = merged_ext(self._ext, event.ext)
            case ResponseUpdate():
                self._ext = merged_ext(self._ext, event.ext)
            case PartStart():
                parts = self._parts.setdefault(event.candidate, [])
                if event.index != len(parts):
                    raise ProviderProtocolError(f"part {event.index} started out of order")
                parts.append(_OpenPart(event))
            case PartDelta():
                self._part(event.candidate, event.index).pieces.append(event.text)
            case PartUpdate():
                # Late state may follow the end of its part: signatures come when the provider has them.
                self._known(event.candidate, event.index).update(event)
            case PartEnd():
                self._part(event.candidate, event.index).open = False
            case UsageUpdate():
                self._usage = event.usage
            case CandidateEnd():
                self._ends[event.candidate] = event
            case StreamEnd():
                self.ended = True
            case StreamError():
                raise event.error

    def _known(self, candidate: int, index: int) -> _OpenPart:
        try:
            return self._parts[candidate][index]
        except (KeyError, IndexError):
            raise ProviderProtocolError(f"part {index} was never started") from None

    def _part(self, candidate: int, index: int) -> _OpenPart:
        part = self._known(candidate, index)
        if not part.open:
            raise ProviderProtocolError(f"part {index} had already ended")
        return part

    def response(self) -> Response:
        """The whole answer, as far as it came."""
        return Response(
            id=self._start.id,
            model=self._start.model,
            created=self._start.created,
            candidates=tuple(self._candidate(index) for index in sorted({*self._parts, *self._ends})),
            usage=self._usage,
            ext=self._ext,
        )

    def _candidate(self, index: int) -> Candidate:
        parts = tuple(part.close() for part in self._parts.get(index, ()))
        end = self._ends.get(index)
        if end is None:
            return Candidate(index=index, parts=parts)
        return Candidate(index=index, parts=parts, finish=end.finish, logprobs=end.logprobs, ext=end.ext)


def fold(events: Iterable[StreamEvent]) -> Response:
    """The answer a whole stream amounts to.

    Raises the carried error of a StreamError, and ProviderProtocolError where the stream has no StreamEnd.
    """
    folder = Folder()
    for event in events:
        folder.feed(event)
    if not folder.ended:
        raise ProviderProtocolError("the stream ended without its terminator")
    return folder.response()


def unfold(response: Response) -> Iterator[StreamEvent]:
    """The shortest stream that folds to ``response`` (spelling forms aside).

    Where a host gave two candidates one number, each has the number of its place: a stream tells them apart by it.
    """
    yield ResponseStart(id=response.id, model=response.model, created=response.created, ext=response.ext)
    candidates = response.candidates
    are_numbered = len({candidate.index for candidate in candidates}) == len(candidates)
    for place, candidate in enumerate(candidates):
        yield from _unfold_candidate(candidate, candidate.index if are_numbered else place)
    if response.usage is not None:
        yield UsageUpdate(usage=response.usage)
    yield StreamEnd()


def _unfold_candidate(candidate: Candidate, number: int) -> Iterator[StreamEvent]:
    for index, part in enumerate(candidate.parts):
        empty, text = _split(part)
        yield PartStart(index=index, part=empty, candidate=number)
        if text:
            yield PartDelta(index=index, text=text, candidate=number)
        yield PartEnd(index=index, candidate=number)
    if candidate.finish is not None:
        yield CandidateEnd(finish=candidate.finish, candidate=number, logprobs=candidate.logprobs, ext=candidate.ext)


def _split(part: Part) -> tuple[Part, str]:
    """A part without its growing text, and that text."""
    if isinstance(part, ToolCallPart):
        return msgspec.structs.replace(part, arguments=""), part.arguments
    if isinstance(part, _GROWING):
        return msgspec.structs.replace(part, text=""), part.text
    return part, ""
