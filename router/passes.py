"""What an answer passes through beside its verdicts: each pass does one thing, and none is made for nothing."""

from collections.abc import Sequence
from typing import Protocol

from providers.dialects.openai_chat.legacy import LegacyAnswer, is_legacy
from providers.dialects.openai_chat.state_ids import StateIds
from providers.spec.adjustments import Report
from providers.spec.events import StreamEvent
from providers.spec.response import Response
from providers.wire.strict_shape import StrictNulls
from router.plan import Asked, Plan


class Pass(Protocol):
    """Changes one answer, whole or as events; the same either way."""

    def answer(self, response: Response) -> Response:
        """A whole answer, changed."""
        ...

    def feed(self, events: Sequence[StreamEvent]) -> list[StreamEvent]:
        """Events of a stream that may go on now."""
        ...

    def report(self, report: Report) -> None:
        """Say what was lost, once the answer has ended."""
        ...


class Passes:
    """The passes of one answer: some before its calls are judged, some after."""

    def __init__(self, asked: Asked, plan: Plan) -> None:
        self._before: list[Pass] = []
        self._after: list[Pass] = []
        if plan.widened:
            self._before.append(StrictNulls(plan.widened))
        if asked.options.state_in_ids == "on":
            self._before.append(StateIds())
        if is_legacy(asked.request):
            self._after.append(LegacyAnswer())

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


def _answered(passes: list[Pass], response: Response) -> Response:
    for one in passes:
        response = one.answer(response)
    return response


def _fed(passes: list[Pass], events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
    for one in passes:
        events = one.feed(events)
    return events
