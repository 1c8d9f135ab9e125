"""One exchange with a provider: the call sent, its answer read whole or as batches of events."""

from collections.abc import AsyncGenerator, Sequence

import msgspec

from providers.spec.errors import ProviderProtocolError, RouterError
from providers.spec.events import PartStart, ResponseStart, StreamEnd, StreamError, StreamEvent, UsageUpdate
from providers.spec.fold import unfold
from providers.spec.parts import TextPart
from providers.spec.values import JsonObject
from providers.upstreams.base import UpstreamAnswer
from providers.wire.json import JsonError, loads_object
from providers.wire.usage import counted_event
from router.blame import attributed, error_of_answer
from router.patience import Patience
from router.plan import Plan

_MOST_ERROR_BYTES = 1 << 20
"""An error page is read no further than this."""
_MOST_ANSWER_BYTES = 256 << 20
"""A whole answer is read no further than this: a hostile upstream must not fill the memory."""


_MOST_EVENT_BYTES = 32 << 20
"""One event of a stream is read no further than this; pictures come as text within one."""


class Batch(msgspec.Struct, frozen=True):
    """What came with one piece of a stream."""

    events: Sequence[StreamEvent]
    raw: bytes
    """The bytes they came in; empty where the stream's end or our own error gave rise to them."""


Batches = AsyncGenerator[Batch, None]


async def read_whole(plan: Plan, patience: Patience) -> bytes:
    """Send it and read the answer's body. Raises RouterError, also for a status of 400 and more."""
    try:
        return await patience.wait(_whole(plan, patience))
    finally:
        patience.close()


async def open_stream(plan: Plan, patience: Patience) -> tuple[Batches, bool]:
    """Send it; the answer as batches, the last of which ends with a StreamEnd or a StreamError whatever happens.

    Also whether its bytes may be relayed: not where something else than a stream came.
    """
    try:
        answer = await patience.wait(plan.upstream.send(plan.prepared))
        if answer.status >= 400:
            raise await patience.wait(_refusal(plan, patience, answer))
    except BaseException:
        patience.close()
        raise
    relays = plan.relays_answer and answer.headers.get("content-type", "").lower().startswith("text/event-stream")
    return _batches(plan, patience, answer, relays=relays), relays


async def head_of(batches: Batches) -> list[Batch]:
    """Batches up to the first that says anything. Raises the error of a stream that has said nothing yet."""
    head: list[Batch] = []
    async for batch in batches:
        head.append(batch)
        for event in batch.events:
            match event:
                case StreamError():
                    raise event.error
                case ResponseStart() | UsageUpdate() | PartStart(part=TextPart(text="")):
                    # Hosts announce a text before they know that they can answer.
                    continue
                case _:
                    return head
    return head


def json_object(body: bytes) -> JsonObject:
    """A provider's body. Raises ProviderProtocolError for what is no JSON object."""
    try:
        return loads_object(body)
    except JsonError as error:
        raise ProviderProtocolError(f"the provider's answer is not what it should be: {error}") from None


async def _whole(plan: Plan, patience: Patience) -> bytes:
    answer = await plan.upstream.send(plan.prepared)
    if answer.status >= 400:
        raise await _refusal(plan, patience, answer)
    try:
        body = await answer.read(_MOST_ANSWER_BYTES, patience.first_byte_came)
    finally:
        await answer.aclose()
    if len(body) > _MOST_ANSWER_BYTES:
        raise ProviderProtocolError(f"the answer is larger than {_MOST_ANSWER_BYTES} bytes")
    return body


async def _refusal(plan: Plan, patience: Patience, answer: UpstreamAnswer) -> RouterError:
    """The provider's error for a status of 400 and more."""
    try:
        body = await answer.read(_MOST_ERROR_BYTES, patience.first_byte_came)
    finally:
        await answer.aclose()
    return error_of_answer(plan.dialect, answer, body[:_MOST_ERROR_BYTES])


async def _batches(plan: Plan, patience: Patience, answer: UpstreamAnswer, *, relays: bool) -> Batches:
    decoder = plan.dialect.stream_decoder(plan.target.origin)
    silent: bytearray | None = bytearray()
    unread = 0
    try:
        chunks = aiter(answer.chunks())
        while True:
            chunk = await patience.wait(anext(chunks, None))
            events = decoder.close() if chunk is None else decoder.feed(chunk)
            if silent is not None and chunk is None:
                events = _plain(bytes(silent), plan) or events
            elif silent is not None:
                silent += chunk or b""
            if events or (silent is not None and len(silent) > _MOST_ERROR_BYTES):
                silent = None
            unread = 0 if events else unread + len(chunk or b"")
            if unread > _MOST_EVENT_BYTES:
                raise ProviderProtocolError(f"an event of the stream is larger than {_MOST_EVENT_BYTES} bytes")
            if events:
                patience.event_came()
            elif chunk is None:
                raise ProviderProtocolError("the stream ended without its terminator")
            if events or relays:
                yield Batch(_ours(events, plan), chunk or b"")
            if events and isinstance(events[-1], StreamEnd | StreamError):
                return
    except RouterError as error:
        yield Batch([StreamError(error=attributed(error, plan.row))], b"")
    finally:
        patience.close()
        await answer.aclose()


def _plain(body: bytes, plan: Plan) -> list[StreamEvent]:
    """The events of a body that gave none because it is no stream but one answer. Raises the error it may be."""
    try:
        value = loads_object(body)
    except JsonError:
        return []
    return list(unfold(plan.dialect.decode_response(value, plan.target.origin)))


def _ours(events: Sequence[StreamEvent], plan: Plan) -> Sequence[StreamEvent]:
    """The events with the provider named in an error, calls under the caller's names, usage in our own count."""
    if events and isinstance(error := events[-1], StreamError):
        attributed(error.error, plan.row)
    if not plan.names and not plan.row.profile.input_includes_cache:
        return events
    return [counted_event(plan.names.restored_event(event), plan.row.profile) for event in events]
