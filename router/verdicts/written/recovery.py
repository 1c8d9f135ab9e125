"""Makes calls of what a model wrote as text, in whole answers and in streams alike (TEXT-01 to TEXT-03)."""

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

import msgspec

from providers.spec.adjustments import Report
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, ResponseStart, StreamError, StreamEvent
from providers.spec.parts import Part, TextPart, ToolCallPart, is_client_call
from providers.spec.request import FunctionTool
from providers.spec.response import Candidate, Finish, Response
from providers.spec.values import Json
from providers.wire.ids import base62_digest
from providers.wire.json import JsonError, dumps_text, loads
from router.verdicts.free_text import unwrapped
from router.verdicts.judge import GOOD, Judge
from router.verdicts.repair import Repair
from router.verdicts.written.grammar import Block, Names, WrittenCall
from router.verdicts.written.scan import Scanner

_MADE: Final = "the text held calls as the model writes them, which its host did not read: they were made calls"
_TWICE: Final = "the text repeated a call as the model writes it: it was taken out"


class _Found(NamedTuple):
    markup: str
    call: WrittenCall
    value: object
    """Its arguments as they fit the tool."""


class Recovery:
    """Finds the calls in the texts of one answer.

    A call is made of a block only where it is closed, its tools were offered and may be called, and every call in it
    fits its tool (TEXT-02); else it stays text. Calls come behind all other parts of their candidate. One that the host
    has also given as a call is taken out of the text and not made twice.
    """

    def __init__(self, judge: Judge, offered: Sequence[str]) -> None:
        request = judge.request
        self._names = Names(offered, judge.outward)
        self._judge = judge
        self._seed = len(request.messages)
        self._alone = request.output is None or request.output.kind == "text"
        self._response_id = ""
        self._texts: dict[tuple[int, int], Scanner] = {}
        self._parts: dict[int, int] = {}
        """How many parts each candidate has so far."""
        self._written: dict[int, list[_Found]] = {}
        self._given: dict[int, dict[int, tuple[str, list[str]]]] = {}
        """The host's own calls: name and pieces of the arguments, by index of the part."""
        self.made: list[str] = []
        """Names of the calls that were made."""
        self.repeated = False

    # ---- whole answers

    def answer(self, response: Response) -> Response:
        """The answer with the calls made, or the same where there is none."""
        self._response_id = response.id
        candidates = tuple(map(self._candidate, response.candidates))
        if not self.made and not self.repeated:
            return response
        return msgspec.structs.replace(response, candidates=candidates)

    def _candidate(self, candidate: Candidate) -> Candidate:
        parts: list[Part] = []
        for index, part in enumerate(candidate.parts):
            if isinstance(part, TextPart):
                scanner = self._scanner(candidate.index)
                text = scanner.feed(part.text) + scanner.close()
                parts.append(part if text == part.text else msgspec.structs.replace(part, text=text))
                continue
            if is_client_call(part):
                self._given.setdefault(candidate.index, {})[index] = (part.name, [part.arguments])
            parts.append(part)
        calls = self._calls(candidate.index)
        if not calls:
            return msgspec.structs.replace(candidate, parts=tuple(parts))
        finish = candidate.finish and _for_calls(candidate.finish)
        return msgspec.structs.replace(candidate, parts=(*parts, *calls), finish=finish)

    # ---- streams

    def feed(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """The events that may go on now, calls among them."""
        return [passed for event in events for passed in self._passed(event)]

    def _passed(self, event: StreamEvent) -> Iterator[StreamEvent]:
        match event:
            case ResponseStart():
                self._response_id = event.id
                yield event
            case PartStart(candidate=candidate, index=index, part=part):
                self._parts[candidate] = index + 1
                yield self._started(event, part)
            case PartDelta():
                yield from self._grown(event)
            case PartEnd(candidate=candidate, index=index):
                scanner = self._texts.pop((candidate, index), None)
                if scanner is not None and (text := scanner.close()):
                    yield PartDelta(candidate=candidate, index=index, text=text)
                yield event
            case CandidateEnd():
                yield from self._ended(event)
            case StreamError():
                # What a broken stream had begun is shown as it came.
                for (candidate, index), scanner in self._texts.items():
                    if scanner.held:
                        yield PartDelta(candidate=candidate, index=index, text=scanner.held)
                yield event
            case _:
                yield event

    def _started(self, event: PartStart, part: Part) -> PartStart:
        match part:
            case TextPart():
                scanner = self._texts[event.candidate, event.index] = self._scanner(event.candidate)
                text = scanner.feed(part.text) if part.text else ""
                if text != part.text:
                    return msgspec.structs.replace(event, part=msgspec.structs.replace(part, text=text))
            case ToolCallPart(executed_by="client"):
                given = self._given.setdefault(event.candidate, {})
                given[event.index] = (part.name, [part.arguments])
            case _:
                pass
        return event

    def _grown(self, event: PartDelta) -> Iterator[StreamEvent]:
        scanner = self._texts.get((event.candidate, event.index))
        if scanner is None:
            given = self._given.get(event.candidate, {}).get(event.index)
            if given is not None:
                given[1].append(event.text)
            yield event
        elif text := scanner.feed(event.text):
            yield event if text == event.text else msgspec.structs.replace(event, text=text)

    def _ended(self, event: CandidateEnd) -> Iterator[StreamEvent]:
        candidate, calls = event.candidate, self._calls(event.candidate)
        for index, call in enumerate(calls, self._parts.get(candidate, 0)):
            yield PartStart(candidate=candidate, index=index, part=msgspec.structs.replace(call, arguments=""))
            yield PartDelta(candidate=candidate, index=index, text=call.arguments)
            yield PartEnd(candidate=candidate, index=index)
        yield msgspec.structs.replace(event, finish=_for_calls(event.finish)) if calls else event

    # ---- what both do

    def report(self, report: Report) -> None:
        """Say what was done."""
        if self.made:
            report.add("response.content", "repaired", _MADE, to=list(self.made))
        if self.repeated:
            report.add("response.content", "repaired", _TWICE)

    def _scanner(self, candidate: int) -> Scanner:
        return Scanner(self._names, lambda block: self._takes(candidate, block), alone=self._alone)

    def _takes(self, candidate: int, block: Block) -> bool:
        found = []
        for call in block.calls:
            part = ToolCallPart(id="", name=call.name, arguments=call.arguments)
            if call.name in self._judge.free_text and unwrapped(part, self._judge.free_text).kind != "custom":
                return False
            verdict = self._judge.verdict(part, 0, was_cut=False)
            if verdict.status not in GOOD:
                return False
            found.append(_Found(block.markup, call, _value(verdict.arguments)))
        self._written.setdefault(candidate, []).extend(found)
        return True

    def _calls(self, candidate: int) -> list[ToolCallPart]:
        """The calls to be made of what was written in one candidate."""
        given = [(name, _value("".join(pieces))) for name, pieces in self._given.get(candidate, {}).values()]
        calls = []
        for number, found in enumerate(self._written.pop(candidate, ())):
            call = found.call
            if (call.name, found.value) in given:
                given.remove((call.name, found.value))
                self.repeated = True
                continue
            # The same in every attempt at this answer, and another in every answer (ID-06, ID-07).
            seed: list[Json] = [self._response_id, self._seed, candidate, number, call.name, call.arguments]
            call_id = f"call_{base62_digest(dumps_text(seed), 24)}"
            self._judge.written[call_id] = Repair("", f"written as text ({found.markup}), made a call")
            self.made.append(call.name)
            calls.append(ToolCallPart(id=call_id, name=call.name, arguments=call.arguments))
        return calls


def recovery_for(judge: Judge) -> Recovery | None:
    """What finds the calls in the texts of an answer; ``None`` where policy or the request leave nothing to find."""
    if judge.policy != "repair":
        return None
    offered = [tool.name for tool in judge.request.tools or () if isinstance(tool, FunctionTool) and tool.name]
    return Recovery(judge, offered) if offered else None


def _for_calls(finish: Finish) -> Finish:
    return msgspec.structs.replace(finish, reason="tool_calls") if finish.reason == "stop" else finish


def _value(arguments: str) -> object:
    try:
        return loads(arguments)
    except JsonError:
        return arguments
