"""Follows the calls of a streamed answer: holds back what must be judged first, and has the verdicts at the end."""

from collections import deque
from collections.abc import Iterator, Sequence

import msgspec

from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, PartUpdate, StreamError, StreamEvent
from providers.spec.fold import merged_ext
from providers.spec.parts import ToolCallPart, is_client_call
from router.verdicts.free_text import unwrapped
from router.verdicts.judge import GOOD, Judge, Verdict, is_cut
from router.verdicts.markup import MarkupWatch
from router.verdicts.policy import as_object, missing, rejected
from router.verdicts.written.recovery import recovery_for

Key = tuple[int, int]
"""Candidate and index of a part."""


class _Call:
    """A call of the client's while it grows."""

    def __init__(self, start: PartStart, part: ToolCallPart, place: int, *, held_whole: bool) -> None:
        self.start = start
        self.held_whole = held_whole
        """Nothing of it goes on before its end."""
        self.part = part
        self.place = place
        self.pieces = [part.arguments]
        self.end: PartEnd | None = None
        """Its end, while the call is held."""
        self.verdict: Verdict | None = None
        self.left_out = False

    @property
    def key(self) -> Key:
        return (self.start.candidate, self.start.index)

    def learn(self, update: PartUpdate) -> None:
        part = msgspec.structs.replace(self.part, ext=merged_ext(self.part.ext, update.ext))
        self.part = part if update.state is None else msgspec.structs.replace(part, state=update.state)

    def whole(self) -> ToolCallPart:
        return msgspec.structs.replace(self.part, arguments="".join(self.pieces))


class CallWatch:
    """Watches one stream.

    With policy ``report`` the events pass as they come. With ``repair`` and ``reject`` the arguments of a call are held
    until it is known that they are whole: at the next call, or at the end of the answer. ``objects``: the face writes
    arguments as an object, so a call whose arguments are none cannot be said in it: every call is held whole, what
    follows waits behind it, and a broken call is left out. A call of a free-text tool that came as a function is held
    whole as well, to be turned back.
    """

    def __init__(self, judge: Judge, *, objects: bool) -> None:
        self._judge = judge
        self._objects = objects
        self._lenient = judge.policy == "report"
        self._passes = self._lenient and not objects
        """Nothing is held but calls of free-text tools."""
        self._calls: dict[Key, _Call] = {}
        self._blocked: _Call | None = None
        self._waiting: list[StreamEvent] = []
        self._verdicts: list[Verdict] = []
        self._numbers: dict[Key, int] = {}
        self.markup = MarkupWatch(judge.markup, holds=judge.policy == "reject")
        """Looks for calls in the text."""
        self.recovery = recovery_for(judge)
        """Makes calls of what was written as text, where policy has it."""
        self.missed = False
        """A call was required and a candidate that has ended has none."""

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """The verdicts on the calls of the candidates that have ended, in order."""
        return tuple(self._verdicts)

    @property
    def left_out(self) -> tuple[int, ...]:
        """Positions of the calls that were not handed over."""
        return tuple(call.place for call in self._calls.values() if call.left_out)

    def feed(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """The events that may go on now."""
        if self.recovery is not None:
            events = self.recovery.feed(events)
        events = self.markup.feed(events)
        if not self._passes:
            return self._sorted(events)
        passed: list[StreamEvent] = []
        for event in events:
            if self._blocked is not None:
                passed += self._sorted((event,))
            elif type(event) is PartDelta:
                # Nearly all of a stream: more of a text or of a call that nothing waits for.
                call = self._calls.get((event.candidate, event.index))
                if call is not None:
                    call.pieces.append(event.text)
                passed.append(event)
            else:
                passed += self._passed(event)
        return passed

    # ---- what may pass

    def _sorted(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        passed: list[StreamEvent] = []
        work = deque(events)
        while work and not (passed and isinstance(passed[-1], StreamError)):
            event = work.popleft()
            if self._must_wait(event):
                self._waiting.append(event)
                continue
            if self._waiting and (told := self._before(event)) is not None:
                passed += told
                work.appendleft(event)
                work.extendleft(reversed(self._waiting))
                self._waiting.clear()
                continue
            passed += self._passed(event)
            if self._blocked is None and self._waiting:
                work.extendleft(reversed(self._waiting))
                self._waiting.clear()
        return [self._numbered(event) for event in passed] if self._objects else passed

    def _must_wait(self, event: StreamEvent) -> bool:
        """Whether a call that is held whole is still in the way."""
        held = self._blocked
        if held is None or isinstance(event, StreamError):
            return False
        match event:
            case PartDelta() | PartUpdate() | PartEnd():
                return (event.candidate, event.index) != held.key
            case PartStart(part=ToolCallPart(executed_by="client")) | CandidateEnd():
                return held.end is None or event.candidate != held.start.candidate
            case _:
                return True

    def _before(self, event: StreamEvent) -> list[StreamEvent] | None:
        """The call that is in the way, where this event says all that its verdict waited for; then what has waited
        goes on in its order, and the event behind it.
        """
        held = self._blocked
        match event:
            case PartStart(part=ToolCallPart(executed_by="client")) | CandidateEnd() if held is not None:
                cut = isinstance(event, CandidateEnd) and is_cut(event.finish) and not self._is_followed(held)
                return list(self._released(held.start.candidate, was_cut=cut))
            case _:
                return None

    def _is_followed(self, held: _Call) -> bool:
        """Whether another call of its candidate waits behind it."""
        return any(_is_call_start(event, held.start.candidate) for event in self._waiting)

    def _passed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case PartStart(part=ToolCallPart(executed_by="client") as part):
                yield from self._released(event.candidate, was_cut=False)
                yield from self._start(event, part)
            case PartDelta() if (call := self._calls.get((event.candidate, event.index))) is not None:
                call.pieces.append(event.text)
                if self._lenient and not call.held_whole:
                    yield event
            case PartUpdate() if self._blocked is not None:
                self._blocked.learn(event)
            case PartUpdate() if (call := self._calls.get((event.candidate, event.index))) is not None:
                if not call.left_out:
                    yield event
            case PartEnd() if (call := self._calls.get((event.candidate, event.index))) is not None:
                yield from self._end(event, call)
            case CandidateEnd():
                yield from self._candidate_end(event)
            case _:
                yield event

    def _start(self, event: PartStart, part: ToolCallPart) -> Iterator[StreamEvent]:
        place = sum(candidate == event.candidate for candidate, _ in self._calls)
        held = self._objects or (part.kind == "function" and part.name in self._judge.free_text)
        call = self._calls[event.candidate, event.index] = _Call(event, part, place, held_whole=held)
        if held:
            self._blocked = call
        else:
            yield event if self._lenient else msgspec.structs.replace(event, part=_emptied(part))

    def _end(self, event: PartEnd, call: _Call) -> Iterator[StreamEvent]:
        if self._lenient and not call.held_whole:
            yield event
            return
        call.end = event
        if self._lenient:
            # What is left out depends on the text alone, so nothing has to be waited for.
            yield from self._release(call, event, was_cut=False)

    # ---- what was held

    def _released(self, candidate: int, *, was_cut: bool) -> Iterator[StreamEvent]:
        """The held calls of a candidate that have ended; ``was_cut`` is about the last of all."""
        calls = [call for call in self._calls.values() if call.start.candidate == candidate]
        for call in calls:
            if call.end is not None:
                yield from self._release(call, call.end, was_cut=was_cut and call is calls[-1])

    def _release(self, call: _Call, end: PartEnd, *, was_cut: bool) -> Iterator[StreamEvent]:
        call.end = None
        if self._blocked is call:
            self._blocked = None
        whole = call.whole()
        call.part = unwrapped(whole, self._judge.free_text)
        verdict = call.verdict = self._judge.verdict(call.part, call.place, was_cut=was_cut)
        if self._judge.policy == "reject" and verdict.status not in GOOD:
            yield StreamError(error=rejected((verdict,)))
            return
        call.pieces = [verdict.arguments]
        arguments = verdict.arguments
        if call.held_whole:
            said = as_object(call.whole()) if self._objects else call.whole()
            if said is None:
                call.left_out = True
                return
            arguments = said.arguments
            yield msgspec.structs.replace(call.start, part=_emptied(call.part))
        if arguments:
            yield PartDelta(index=end.index, candidate=end.candidate, text=arguments)
        yield end

    def _candidate_end(self, event: CandidateEnd) -> Iterator[StreamEvent]:
        cut = is_cut(event.finish)
        held = list(self._released(event.candidate, was_cut=cut))
        if held and isinstance(held[-1], StreamError):
            yield from held
            return
        calls = [call for call in self._calls.values() if call.start.candidate == event.candidate]
        for call in calls:
            last = call is calls[-1]
            if call.verdict is None or (last and cut):
                call.verdict = self._judge.verdict(call.whole(), call.place, was_cut=last and cut)
        if self._judge.missed(event.finish, len(calls)):
            self.missed = True
            if self._judge.policy == "reject":
                yield StreamError(error=missing())
                return
        verdicts = [call.verdict for call in calls if call.verdict is not None]
        self._verdicts += verdicts
        wrong = tuple(verdict for verdict in verdicts if verdict.status not in GOOD)
        if wrong and self._judge.policy == "reject":
            yield StreamError(error=rejected(wrong))
            return
        yield from held
        yield event

    def _numbered(self, event: StreamEvent) -> StreamEvent:
        """The event with the index that its part has where calls were left out: indexes stay dense."""
        match event:
            case PartStart():
                taken = sum(candidate == event.candidate for candidate, _ in self._numbers)
                number = self._numbers[event.candidate, event.index] = taken
            case PartDelta() | PartUpdate() | PartEnd():
                number = self._numbers[event.candidate, event.index]
            case _:
                return event
        return event if number == event.index else msgspec.structs.replace(event, index=number)


def _is_call_start(event: StreamEvent, candidate: int) -> bool:
    return isinstance(event, PartStart) and event.candidate == candidate and is_client_call(event.part)


def _emptied(part: ToolCallPart) -> ToolCallPart:
    return msgspec.structs.replace(part, arguments="")
