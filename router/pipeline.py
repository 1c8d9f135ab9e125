"""One request through its candidates, in order, until one answers."""

import math
import time
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping, Sequence
from typing import TypeVar

import msgspec

from providers.spec.errors import RouterError
from providers.spec.events import StreamEnd, StreamError, StreamEvent
from providers.spec.profile import Target
from providers.spec.response import Response
from providers.spec.state import without_state
from providers.spec.values import JsonObject
from providers.upstreams.base import Upstream
from providers.wire.usage import counted_answer
from router.asked import Asked
from router.attempts import Attempts, refuses_state
from router.blame import attributed
from router.exchange import Batch, ProviderStream, head_of, json_object, open_stream, read_whole
from router.layers import NO_LAYERS, Layers
from router.metrics import Metrics
from router.passes import Passes
from router.patience import Patience
from router.plan import Plan, planned
from router.routing import Routes
from router.said import said_of
from router.verdicts.judge import Judge
from router.verdicts.markup import report_markup
from router.verdicts.policy import judged, report_left_out, report_missing
from router.verdicts.watch import CallWatch

Result = TypeVar("Result")


class Answer(msgspec.Struct, frozen=True, kw_only=True):
    """A whole answer."""

    target: Target
    response: Response
    raw: bytes
    """The provider's body as it came."""
    relayed: bool
    """The caller gets ``raw`` and not a translation."""
    said: JsonObject
    """The ``router`` object: who answered, what was changed, what is to be thought of the calls."""


class StreamedAnswer:
    """An answer that has begun. Whoever holds it calls ``aclose``: that closes the upstream call."""

    def __init__(
        self,
        plan: Plan,
        watch: CallWatch,
        head: Sequence[Batch],
        stream: ProviderStream,
        said: JsonObject,
        metrics: Metrics,
        passes: Passes,
    ) -> None:
        self.target = plan.target
        self.relayed = stream.relays
        self.is_late = stream.is_late
        """The provider has begun, and said nothing for as long as a caller may be left without a word."""
        self.said = said
        """The ``router`` object; complete once the last batch was given."""
        self._plan = plan
        self._watch = watch
        self._passes = passes
        self._head = head
        self.is_over = False
        """The last was given of which something can be made."""
        self._stream = stream
        self._metrics: Metrics | None = metrics
        metrics.stream_began()

    async def pieces(self, write: Callable[[Sequence[StreamEvent], bytes], bytes]) -> AsyncGenerator[bytes, None]:
        """What ``write`` makes of the events as they came in, some at a time, where it makes anything of them.

        It is given the events and the bytes they came in. The last is a StreamEnd or a StreamError.
        """
        batch: Batch | None
        for batch in self._head:
            if piece := write(self._watched(batch.events), batch.raw):
                yield piece
            if self.is_over:
                return
        while (batch := await self._stream.read()) is not None:
            if piece := write(self._watched(batch.events), batch.raw):
                yield piece
            if self.is_over:
                return

    async def aclose(self) -> None:
        """End the upstream call, whether its answer was read to the end or not."""
        if self._metrics is not None:
            self._metrics.stream_ended()
            self._metrics = None
        await self._stream.aclose()

    def _watched(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        passes = self._passes
        events = passes.feed_after(self._watch.feed(passes.feed_before(events)))
        last = type(events[-1]) if events else None
        self.is_over = last is StreamEnd or last is StreamError
        if last is StreamEnd:
            report_left_out(self._plan.report, self._watch.left_out)
            passes.report(self._plan.report)
            if self._watch.missed:
                report_missing(self._plan.report)
            if self._watch.recovery is not None:
                self._watch.recovery.report(self._plan.report)
            if self._watch.markup.found:
                report_markup(self._plan.report)
            self.said.update(said_of(self._plan, self._watch.verdicts))
        return events


class Explanation(msgspec.Struct, frozen=True):
    """What would be sent to one candidate, or why nothing would."""

    model: str
    plan: Plan | None
    error: RouterError | None


class Pipeline:
    """Runs requests against the configured providers. Keeps nothing between requests."""

    def __init__(
        self,
        routes: Routes,
        upstreams: Mapping[str, Upstream],
        metrics: Metrics,
        layers: Layers = NO_LAYERS,
        key: str | None = None,
        keep_alive: float = math.inf,
    ) -> None:
        self.routes = routes
        self.keep_alive = keep_alive
        """Seconds of silence within a stream that callers are spared."""
        self._layers = layers
        self._key = key
        self._upstreams = upstreams
        self._metrics = metrics

    def under(self, key: str | None) -> "Pipeline":
        """The same for the holder of this router key, whose options may be others."""
        if key not in self._layers.keys:
            return self
        return Pipeline(self.routes, self._upstreams, self._metrics, self._layers, key, self.keep_alive)

    def run(self, asked: Asked) -> Awaitable[Answer]:
        """The whole answer from the first candidate that gives one. Raises RouterError."""
        return self._first(asked, self._answer, stream=False)

    def stream(self, asked: Asked) -> Awaitable[StreamedAnswer]:
        """The answer as batches of events, from the first candidate that says anything.

        Returns once there is content, or the provider has begun and is silent: what fails before that raises
        RouterError here, so that the caller still gets an HTTP status for it.
        """
        return self._first(asked, self._streamed, stream=True)

    async def ask(self, asked: Asked, change: Callable[[Asked, Plan], Plan]) -> tuple[Plan, bytes]:
        """Another question than the request's own about it, to its first candidate: the plan and the answer's body.

        ``change`` makes the plan of that question from the request's. Raises RouterError.
        """
        asked = self._for(asked, asked.request.model)
        plan = change(asked, self._plan(asked, asked.request.model, stream=False))
        try:
            raw = await read_whole(plan, Patience(plan.row.timeouts, stream=False))
            json_object(raw)
        except RouterError as error:
            raise attributed(error, plan.row) from error.__cause__
        return plan, raw

    def explain(self, asked: Asked) -> list[Explanation]:
        """What would be sent to each candidate, through the same code; nothing is."""
        found = []
        for model in _models(self._for(asked, asked.model)):
            try:
                plan = self._plan(self._for(asked, model), model, stream=asked.stream)
            except RouterError as error:
                found.append(Explanation(model, None, error))
            else:
                found.append(Explanation(model, plan, None))
        return found

    async def _first(
        self, asked: Asked, attempt: Callable[[Asked, Plan, Attempts], Awaitable[Result]], *, stream: bool
    ) -> Result:
        attempts = Attempts()
        for number, model in enumerate(_models(self._for(asked, asked.model))):
            asked = self._for(asked, model)  # each candidate under its own alias's options
            try:
                plan = self._plan(asked, model, stream=stream)
                try:
                    result = await attempt(asked, plan, attempts)
                except RouterError as error:
                    stripped = _without_state(asked)
                    if not refuses_state(error, plan) or stripped.request == asked.request:
                        raise
                    attempts.note(model, error)
                    again = self._plan(stripped, model, stream=stream)
                    again.report.add("messages", "dropped", "the provider refused the reasoning state it was sent")
                    result = await attempt(asked, again, attempts)
            except RouterError as error:
                attempts.note(model, error)
            else:
                if number:
                    self._metrics.stood_in(plan.row.name)
                return result
        raise attempts.failure()

    def _for(self, asked: Asked, model: str) -> Asked:
        """The request under the options that count for this candidate."""
        if not self._layers:
            return asked
        options = self._layers.options(asked.given, model=model, key=self._key)
        return asked.under(options)

    def _plan(self, asked: Asked, model: str, *, stream: bool) -> Plan:
        route = self.routes.find(model)
        return planned(asked, route, self._upstreams[route.row.key], stream=stream)

    async def _answer(self, asked: Asked, plan: Plan, attempts: Attempts) -> Answer:
        started = time.perf_counter()
        try:
            raw = await read_whole(plan, Patience(plan.row.timeouts, stream=False))
            seconds = time.perf_counter() - started
            response = counted_answer(plan.names.restored(_response(asked, plan, raw)), plan.row.profile)
        except RouterError as error:
            self._metrics.attempt_failed(plan.row.name, error)
            raise attributed(error, plan.row) from error.__cause__
        self._metrics.attempt_answered(plan.row.name, seconds, stream=False)
        passes = Passes(asked, plan)
        response = passes.before(response)
        judge = Judge(asked.offer, asked.options.tool_validation, plan.names.outward)
        objects = asked.objects and not plan.relays_answer
        response, verdicts = judged(response, judge, plan.report, objects=objects)
        response = passes.after(response)
        passes.report(plan.report)
        said = {**said_of(plan, verdicts), **attempts.said()}
        return Answer(target=plan.target, response=response, raw=raw, relayed=plan.relays_answer, said=said)

    async def _streamed(self, asked: Asked, plan: Plan, attempts: Attempts) -> StreamedAnswer:
        judge = Judge(asked.offer, asked.options.tool_validation, plan.names.outward)
        started = time.perf_counter()
        try:
            spelling = asked.dialect == plan.target.dialect
            provided = await open_stream(plan, Patience(plan.row.timeouts, stream=True), spelling=spelling)
            try:
                head = await head_of(provided, self.keep_alive)
            except BaseException:
                await provided.aclose()
                raise
        except RouterError as error:
            self._metrics.attempt_failed(plan.row.name, error)
            raise attributed(error, plan.row) from error.__cause__
        self._metrics.attempt_answered(plan.row.name, time.perf_counter() - started, stream=True)
        watch = CallWatch(judge, objects=asked.objects and not provided.relays)
        said = {**said_of(plan, ()), **attempts.said()}
        return StreamedAnswer(plan, watch, head, provided, said, self._metrics, Passes(asked, plan))


def _response(asked: Asked, plan: Plan, raw: bytes) -> Response:
    """The answer in a provider's body; with its spelling only where it is written in its own dialect again."""
    origin = plan.target.origin
    plain = None
    if plan.relays_answer or asked.dialect != plan.target.dialect:
        plain = plan.dialect.read_answer(raw, origin)
    return plain or plan.dialect.decode_response(json_object(raw), origin)


def _models(asked: Asked) -> tuple[str, ...]:
    return (asked.model, *asked.options.fallbacks)


def _without_state(asked: Asked) -> Asked:
    return asked.saying(without_state(asked.request), raw=None)
