"""One request through one provider: encode, send, decode."""

from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import contextmanager

import msgspec

from providers.dialects import DIALECTS
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect
from providers.spec.errors import ProviderProtocolError, RouterError
from providers.spec.events import ResponseStart, StreamEnd, StreamError, StreamEvent, UsageUpdate
from providers.spec.profile import Target
from providers.spec.request import Request
from providers.spec.response import Response
from providers.spec.values import JsonObject
from providers.upstreams.base import PreparedCall, ProviderRow, Upstream, UpstreamAnswer
from providers.wire.json import JsonError, loads_object
from router.blame import attributed, error_of_answer
from router.patience import Patience
from router.routing import Routes

_MOST_ERROR_BYTES = 1 << 20
"""An error page is read no further than this."""
_MOST_ANSWER_BYTES = 256 << 20
"""A whole answer is read no further than this: a hostile upstream must not fill the memory."""

Batches = AsyncGenerator[Sequence[StreamEvent], None]


class Answer(msgspec.Struct, frozen=True):
    """A whole answer."""

    target: Target
    response: Response
    raw: bytes
    """The provider's body as it came."""
    report: Report


class StreamedAnswer:
    """An answer that has begun. Whoever holds it calls ``aclose``: that closes the upstream call."""

    def __init__(self, target: Target, head: Sequence[StreamEvent], batches: Batches, report: Report) -> None:
        self.target = target
        self.report = report
        self._head = head
        self._batches = batches

    async def batches(self) -> Batches:
        """The events as they came in, some at a time; the last is a StreamEnd or a StreamError."""
        yield self._head
        async for batch in self._batches:
            yield batch

    async def aclose(self) -> None:
        """End the upstream call, whether its answer was read to the end or not."""
        await self._batches.aclose()


class _Call(msgspec.Struct, frozen=True):
    """A request ready to leave."""

    row: ProviderRow
    target: Target
    dialect: Dialect
    upstream: Upstream
    prepared: PreparedCall
    report: Report
    patience: Patience


class Pipeline:
    """Runs requests against the configured providers. Keeps nothing between requests."""

    def __init__(self, routes: Routes, upstreams: Mapping[str, Upstream]) -> None:
        self.routes = routes
        self._upstreams = upstreams

    async def run(self, request: Request) -> Answer:
        """The whole answer to ``request`` from the model it names. Raises RouterError."""
        call = self._prepare(request, stream=False)
        with _blaming(call):
            answer = await _open(call)
            try:
                body = await _read(answer, call.patience, _MOST_ANSWER_BYTES)
            finally:
                await answer.aclose()
            response = call.dialect.decode_response(_json_object(body), call.target.origin)
            return Answer(call.target, response, body, call.report)

    async def stream(self, request: Request) -> StreamedAnswer:
        """The answer as batches of events.

        Returns once there is content: what fails before that raises RouterError here, so that the caller still gets
        an HTTP status for it.
        """
        call = self._prepare(request, stream=True)
        with _blaming(call):
            batches = _batches(call, await _open(call))
            try:
                head = await _head(batches)
            except BaseException:
                await batches.aclose()
                raise
        return StreamedAnswer(call.target, head, batches, call.report)

    def _prepare(self, request: Request, *, stream: bool) -> _Call:
        route = self.routes.find(request.model)
        row, target, report = route.row, route.target, Report()
        dialect = DIALECTS[row.dialect]
        asked = msgspec.structs.replace(
            request, stream=stream or None, stream_usage=True if stream and row.profile.stream_usage else None
        )
        upstream = self._upstreams[row.name]
        prepared = upstream.prepare(dialect.encode_request(asked, target, report), stream=stream)
        return _Call(row, target, dialect, upstream, prepared, report, Patience(row.timeouts, stream=stream))


async def _open(call: _Call) -> UpstreamAnswer:
    """Send it. Raises the provider's error for a status of 400 and more."""
    answer = await call.patience.wait(call.upstream.send(call.prepared))
    if answer.status < 400:
        return answer
    try:
        body = await _read(answer, call.patience, _MOST_ERROR_BYTES, cut=True)
    finally:
        await answer.aclose()
    raise error_of_answer(call.dialect, answer, body)


async def _read(answer: UpstreamAnswer, patience: Patience, most: int, *, cut: bool = False) -> bytes:
    """The body, up to ``most`` bytes. Raises ProviderProtocolError for more, unless it may be ``cut``."""
    chunks = aiter(answer.chunks())
    body = bytearray()
    while (chunk := await patience.wait(anext(chunks, None))) is not None:
        patience.first_byte_came()
        body += chunk
        if len(body) > most:
            if cut:
                break
            raise ProviderProtocolError(f"the answer is larger than {most} bytes")
    return bytes(body[:most])


def _json_object(body: bytes) -> JsonObject:
    try:
        return loads_object(body)
    except JsonError as error:
        raise ProviderProtocolError(f"the provider's answer is not what it should be: {error}") from None


async def _batches(call: _Call, answer: UpstreamAnswer) -> Batches:
    """The events of a stream as they come, ending with a StreamEnd or a StreamError whatever happens."""
    decoder = call.dialect.stream_decoder(call.target.origin)
    patience = call.patience
    try:
        chunks = aiter(answer.chunks())
        while True:
            chunk = await patience.wait(anext(chunks, None))
            events = decoder.close() if chunk is None else decoder.feed(chunk)
            if events:
                patience.event_came()
                yield [_blamed(event, call) for event in events]
                if isinstance(events[-1], StreamEnd | StreamError):
                    return
            elif chunk is None:
                raise ProviderProtocolError("the stream ended without its terminator")
    except RouterError as error:
        yield [StreamError(error=attributed(error, call.row))]
    finally:
        await answer.aclose()


def _blamed(event: StreamEvent, call: _Call) -> StreamEvent:
    if isinstance(event, StreamError):
        attributed(event.error, call.row)
    return event


async def _head(batches: Batches) -> list[StreamEvent]:
    """Events up to the first that says anything. Raises the error of a stream that has said nothing yet."""
    head: list[StreamEvent] = []
    async for batch in batches:
        head.extend(batch)
        for event in batch:
            match event:
                case StreamError():
                    raise event.error
                case ResponseStart() | UsageUpdate():
                    continue
                case _:
                    return head
    return head


@contextmanager
def _blaming(call: _Call) -> Iterator[None]:
    try:
        yield
    except RouterError as error:
        raise attributed(error, call.row) from error.__cause__
