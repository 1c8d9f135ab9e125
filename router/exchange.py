"""One exchange with a provider: the call sent, its answer read whole or as batches of events."""

import asyncio
import math
from collections.abc import Sequence
from typing import Final

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


class Batch(msgspec.Struct, frozen=True, gc=False):
    """What came with one piece of a stream."""

    events: Sequence[StreamEvent]
    raw: bytes
    """The bytes they came in; empty where the stream's end or our own error gave rise to them."""


_ENDS: Final = (StreamEnd, StreamError)


async def read_whole(plan: Plan, patience: Patience) -> bytes:
    """Send it and read the answer's body. Raises RouterError, also for a status of 400 and more."""
    try:
        return await patience.wait(_whole(plan, patience))
    finally:
        patience.close()


async def open_stream(plan: Plan, patience: Patience, *, spelling: bool) -> "ProviderStream":
    """Send it and wait for status and headers. Raises RouterError, also for a status of 400 and more.

    ``spelling``: whether the answer may be written in the provider's own dialect again.
    """
    try:
        answer = await patience.wait(plan.upstream.send(plan.prepared))
        if answer.status >= 400:
            raise await patience.wait(_refusal(plan, patience, answer))
    except BaseException:
        patience.close()
        raise
    return ProviderStream(plan, patience, answer, spelling=spelling)


async def head_of(stream: "ProviderStream", seconds: float) -> list[Batch]:
    """Batches up to the first that says anything. Raises the error of a stream that has said nothing yet.

    ``seconds``: after the first, for which the caller may be left without a word; then those that have come.
    """
    head: list[Batch] = []
    until = math.inf
    while True:
        try:
            batch = await (stream.read_until(until) if head else stream.read())
        except TimeoutError:
            return head
        if batch is None:
            return head
        if not head:
            until = asyncio.get_running_loop().time() + seconds
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


class ProviderStream:
    """A streamed answer, read in batches, the last of which ends with a StreamEnd or a StreamError whatever happens.

    Whoever holds it calls ``aclose``.
    """

    def __init__(self, plan: Plan, patience: Patience, answer: UpstreamAnswer, *, spelling: bool) -> None:
        self.relays = plan.relays_answer and _is_stream(answer)
        """Its bytes may be relayed: not where something else than a stream came."""
        self._plan = plan
        self._patience = patience
        self._answer = answer
        self._chunks = aiter(answer.chunks())
        self._decoder = plan.dialect.stream_decoder(plan.target.origin, spelling=spelling and not self.relays)
        self._as_told = not plan.names and not plan.row.profile.input_includes_cache
        self._silent: bytearray | None = bytearray()
        """All that came before the first event."""
        self._unread = 0
        self._has_begun = False
        """Whether somebody was told that bytes come."""
        self._over = False
        self._is_whole = False
        self._ahead: asyncio.Task[Batch | None] | None = None
        """Reads on, where somebody did not wait for it."""

    @property
    def is_late(self) -> bool:
        """Whether somebody stopped waiting for what comes next."""
        return self._ahead is not None

    async def read(self) -> Batch | None:
        """What comes next; ``None`` behind the last batch. Closes the call where it raises, as when it is cancelled."""
        if self._ahead is None:
            return await self._read()
        try:
            # Where this is cancelled, it is as well, and is waited for.
            return await self._ahead
        finally:
            self._end_ahead()

    async def read_until(self, when: float) -> Batch | None:
        """The same. Raises TimeoutError where nothing has come by ``when``, a time of the loop: the next gives it."""
        if self._ahead is None:
            self._patience.hand_over()
            self._ahead = asyncio.ensure_future(self._read())
        await asyncio.wait((self._ahead,), timeout=when - asyncio.get_running_loop().time())
        if not self._ahead.done():
            raise TimeoutError
        return await self.read()

    def _end_ahead(self) -> None:
        self._ahead = None
        self._patience.hand_over()

    async def _read(self) -> Batch | None:
        if self._over:
            await self.aclose()
            return None
        try:
            while True:
                chunk: bytes | None
                try:
                    chunk = await self._patience.wait(self._chunks.__anext__())
                except StopAsyncIteration:
                    chunk = None
                if (batch := self._taken(chunk)) is not None:
                    return batch
        except RouterError as error:
            self._over = True
            return Batch([StreamError(error=attributed(error, self._plan.row))], b"")
        except BaseException:
            await self.aclose()
            raise

    async def aclose(self) -> None:
        """End the call, whether its answer was read to the end or not."""
        if self._ahead is not None and self._ahead is not asyncio.current_task():
            self._ahead.cancel()
            await asyncio.gather(self._ahead, return_exceptions=True)
            self._end_ahead()
        self._over = True
        self._patience.close()
        await self._answer.aclose(is_over=self._is_whole)

    def _taken(self, chunk: bytes | None) -> Batch | None:
        """The batch of these bytes, or of the end of them; ``None`` where nobody needs to hear of it."""
        events = self._decoder.close() if chunk is None else self._decoder.feed(chunk)
        if self._silent is not None:
            events = self._first(events, chunk, self._silent)
        if not events:
            if chunk is None:
                raise ProviderProtocolError("the stream ended without its terminator")
            self._unread += len(chunk)
            if self._unread > _MOST_EVENT_BYTES:
                raise ProviderProtocolError(f"an event of the stream is larger than {_MOST_EVENT_BYTES} bytes")
            if self.relays or not self._has_begun:
                self._has_begun = True
                return Batch((), chunk)
            return None
        self._unread = 0
        self._has_begun = True
        self._patience.event_came()
        if isinstance(last := events[-1], _ENDS):
            self._over = True
            self._is_whole = isinstance(last, StreamEnd)
            if isinstance(last, StreamError):
                attributed(last.error, self._plan.row)
        return Batch(events if self._as_told else self._ours(events), chunk or b"")

    def _first(self, events: Sequence[StreamEvent], chunk: bytes | None, silent: bytearray) -> Sequence[StreamEvent]:
        """The first events: of a body that gave none, those of the one answer that it may be instead of a stream."""
        if chunk is None:
            events = _plain(bytes(silent), self._plan) or events
        else:
            silent += chunk
        if events or len(silent) > _MOST_ERROR_BYTES:
            self._silent = None
        return events

    def _ours(self, events: Sequence[StreamEvent]) -> Sequence[StreamEvent]:
        """The events with calls under the caller's names and usage in our own count."""
        plan = self._plan
        return [counted_event(plan.names.restored_event(event), plan.row.profile) for event in events]


def _is_stream(answer: UpstreamAnswer) -> bool:
    return answer.headers.get("content-type", "").lower().startswith("text/event-stream")


def _plain(body: bytes, plan: Plan) -> list[StreamEvent]:
    """The events of a body that gave none because it is no stream but one answer. Raises the error it may be."""
    try:
        value = loads_object(body)
    except JsonError:
        return []
    return list(unfold(plan.dialect.decode_response(value, plan.target.origin)))
