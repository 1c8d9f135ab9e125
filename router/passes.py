"""What an answer passes through beside its verdicts: each pass does one thing, and none is made for nothing."""

from collections.abc import Sequence

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import AnswerPass
from providers.spec.events import StreamEvent
from providers.spec.response import Response
from providers.wire.state_ids import StateIds
from providers.wire.strict_shape import StrictNulls
from router.asked import Asked
from router.plan import Plan


class Passes:
    """The passes of one answer: some before its calls are judged, some after."""

    def __init__(self, asked: Asked, plan: Plan) -> None:
        self._before: list[AnswerPass] = []
        self._after: list[AnswerPass] = []
        if plan.widened:
            self._before.append(StrictNulls(plan.widened))
        if asked.options.state_in_ids == "on":
            self._before.append(StateIds())
        # What is written in the old words is not plain.
        last = None if asked.plain is not None else DIALECTS[asked.dialect].answer_pass(asked.request)
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
        return _fed(self._before, events) if self._before else events

    def feed_after(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """Events that were judged."""
        return _fed(self._after, events) if self._after else events

    def report(self, report: Report) -> None:
        """What they have to say at the end."""
        for one in (*self._before, *self._after):
            one.report(report)


def _answered(passes: list[AnswerPass], response: Response) -> Response:
    for one in passes:
        response = one.answer(response)
    return response


def _fed(passes: list[AnswerPass], events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
    for one in passes:
        events = one.feed(events)
    return events
