"""What an answer passes through beside its verdicts: each pass does one thing, and none is made for nothing."""

from collections.abc import Sequence
from typing import Final

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import AnswerPass
from providers.spec.events import PartDelta, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import TextPart
from providers.spec.response import Response
from providers.spec.values import Json
from providers.wire.state_ids import StateIds
from providers.wire.strict_shape import StrictNulls
from router.asked import Asked
from router.plan import Plan

_CITATIONS: Final = {
    "openai-chat": frozenset({"url_citation"}),
    "openai-responses": frozenset({"url_citation", "file_citation", "container_file_citation", "file_path"}),
}
"""Kinds of citations of other dialects that a face has words for."""


class LostCitations:
    """Looks for citations that the caller's dialect has no words for; changes nothing."""

    def __init__(self, dialect: str) -> None:
        self._taken = _CITATIONS.get(dialect, frozenset())
        self._lost: dict[str, int] = {}

    def answer(self, response: Response) -> Response:
        """A whole answer, as it is."""
        for candidate in response.candidates:
            for part in candidate.parts:
                if isinstance(part, TextPart) and part.annotations:
                    self._look(part.annotations)
        return response

    def feed(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events, as they are."""
        for event in events:
            if type(event) is PartDelta:
                continue
            if isinstance(event, PartUpdate) and event.annotations:
                self._look(event.annotations)
            elif isinstance(event, PartStart) and isinstance(event.part, TextPart) and event.part.annotations:
                self._look(event.part.annotations)
        return events

    def report(self, report: Report) -> None:
        """How many there were, by their kind."""
        for kind, count in self._lost.items():
            reason = f"{count} of kind {kind}: the caller's dialect has no words for them"
            report.add("response.annotations", "dropped", reason)

    def _look(self, annotations: tuple[Json, ...]) -> None:
        for annotation in annotations:
            found = annotation.get("type") if isinstance(annotation, dict) else None
            kind = found if isinstance(found, str) else "unknown"
            if kind not in self._taken:
                self._lost[kind] = self._lost.get(kind, 0) + 1


class Passes:
    """The passes of one answer: some before its calls are judged, some after."""

    def __init__(self, asked: Asked, plan: Plan) -> None:
        self._before: list[AnswerPass] = []
        self._after: list[AnswerPass] = []
        if plan.widened:
            self._before.append(StrictNulls(plan.widened))
        if asked.options.state_in_ids == "on":
            self._before.append(StateIds())
        if asked.dialect != plan.target.dialect:
            self._before.append(LostCitations(asked.dialect))
        # What is written in the old words is not plain.
        last = None if asked.plain is not None else _last(asked, plan)
        if last is not None:
            self._after.append(last)

    def before(self, response: Response) -> Response:
        """A whole answer that is to be judged."""
        return _answered(self._before, response)

    def after(self, response: Response) -> Response:
        """A whole answer that was judged."""
        return _answered(self._after, response)

    def feed_before(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events that are to be judged."""
        for one in self._before:
            events = one.feed(events)
        return events

    def feed_after(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events that were judged."""
        for one in self._after:
            events = one.feed(events)
        return events

    def report(self, report: Report) -> None:
        """What they have to say at the end."""
        for one in (*self._before, *self._after):
            one.report(report)


def _last(asked: Asked, plan: Plan) -> AnswerPass | None:
    own = asked.dialect == plan.target.dialect
    return DIALECTS[asked.dialect].answer_pass(asked.request, own=own, state_in_ids=asked.options.state_in_ids == "on")


def _answered(passes: list[AnswerPass], response: Response) -> Response:
    for one in passes:
        response = one.answer(response)
    return response
