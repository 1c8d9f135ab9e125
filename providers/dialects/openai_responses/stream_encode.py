"""Canonical events to the event stream a client of OpenAI Responses reads.

Every item lives from ``output_item.added`` to ``output_item.done``. Its end waits until another part begins or the
answer ends: only then is known what came late (sealed reasoning) and whether it was cut.
"""

from providers.dialects.openai_responses.content import is_content
from providers.dialects.openai_responses.errors import encode_error, failure
from providers.dialects.openai_responses.response_encode import (
    before_item,
    content_part,
    encode_response,
    is_bare_state,
    part_item,
    starts_item,
)
from providers.dialects.openai_responses.stream_events import EventWriter, ItemWriter
from providers.spec.dialect import FaceContext
from providers.spec.errors import RouterError
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
from providers.spec.fold import Folder
from providers.spec.parts import Part
from providers.spec.response import Response
from providers.spec.values import JsonObject

_ENDS = frozenset({"completed", "incomplete", "failed"})
"""States of an answer that has ended, each with an event of its name."""


class ResponsesStreamEncoder:
    """One stream for one caller. Candidates beyond the first have no place in this dialect."""

    def __init__(self, context: FaceContext) -> None:
        self._context = context
        self._writer = EventWriter()
        self._folder = Folder()
        self._start = ResponseStart()
        self._sent_start = False
        self._items: list[ItemWriter] = []
        self._by_part: dict[int, ItemWriter] = {}
        self._bare: dict[int, Part] = {}
        """Texts of which there is nothing but their state, so far."""
        self._is_apart = False
        """A part without words here stands behind the last item: what follows is not of its message."""
        self._cut = False
        self._late = False
        """Whether the items of the stream are others than those of a plain answer would be."""

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes this event gives rise to."""
        if isinstance(event, StreamError):
            return self._begin() + self._fail(event.error)
        if getattr(event, "candidate", 0) != 0:
            return b""
        self._folder.feed(event)
        match event:
            case ResponseStart():
                self._start = event
                return b""
            case ResponseUpdate() | UsageUpdate():
                return b""
            case PartStart():
                return self._begin() + self._part_start(event)
            case PartDelta() | PartUpdate() | PartEnd():
                return self._part_event(event)
            case CandidateEnd():
                self._cut = event.finish.reason == "length"
                return b""
            case StreamEnd():
                return self._begin() + self._end()

    # ---- the answer

    def _begin(self) -> bytes:
        if self._sent_start:
            return b""
        self._sent_start = True
        response = self._unfinished("in_progress")
        created = self._writer.event("response.created", {"response": response})
        return created + self._writer.event("response.in_progress", {"response": response})

    def _unfinished(self, status: str) -> JsonObject:
        """The answer as it stands before there is anything in it."""
        start = self._start
        known = Response(id=start.id, model=start.model, created=start.created, ext=start.ext)
        body = encode_response(known, self._context)
        return {**body, "status": status, "output": [], "usage": None, "error": None, "incomplete_details": None}

    @property
    def _response_id(self) -> str:
        return self._start.id or self._context.response_id

    def _end(self) -> bytes:
        written = self._close(everything=True) + b"".join(map(self._bare_state, tuple(self._bare)))
        body = encode_response(self._folder.response(), self._context)
        if self._late:
            body["output"] = [self._writer.done[number] for number in sorted(self._writer.done)]
        status = body.get("status")
        kind = status if isinstance(status, str) and status in _ENDS else "incomplete"
        return written + self._writer.event(f"response.{kind}", {"response": body})

    def _fail(self, error: RouterError) -> bytes:
        """As OpenAI does it: the error, and then the answer that failed. A broken stream is no answer (STREAM-14)."""
        body = self._unfinished("failed")
        told = self._writer.event("error", encode_error(error))
        return told + self._writer.event("response.failed", {"response": {**body, "error": failure(error)}})

    # ---- the items

    def _part_start(self, event: PartStart) -> bytes:
        part = event.part
        content = is_content(part)
        if (content_part(part) if content else part_item(part, self._response_id, event.index)) is None:
            self._is_apart = self._is_apart or not content
            return b""
        last = self._items[-1] if self._items else None
        apart, self._is_apart = self._is_apart, False
        goes_on = last is not None and last.is_message and not last.closed and not apart
        if content and last is not None and goes_on and not starts_item(part):
            self._by_part[event.index] = last
            return last.add_content(event.index, part)
        closed = self._close()
        if is_bare_state(part):
            self._bare[event.index] = part
            return closed
        return closed + self._open(event.index, part)

    def _open(self, index: int, part: Part) -> bytes:
        item = ItemWriter(self._writer, self._response_id, index, part)
        self._items.append(item)
        self._by_part[index] = item
        return item.open()

    def _bare_state(self, index: int) -> bytes:
        """A text that ended without a word: only the item that carries its state."""
        items = before_item(self._bare.pop(index), self._response_id, index, "bare")
        return b"".join(map(self._writer.whole_item, items))

    def _part_event(self, event: PartDelta | PartUpdate | PartEnd) -> bytes:
        if event.index in self._bare:
            if isinstance(event, PartEnd):
                return self._bare_state(event.index)
            return self._open(event.index, self._bare.pop(event.index)) + self._part_event(event)
        item = self._by_part.get(event.index)
        if item is None:
            return b""
        if item.closed:
            late = isinstance(event, PartUpdate) and event.state is not None and item is self._items[-1]
            return self._carried_late(item) if late else b""
        match event:
            case PartDelta():
                return item.grow(event.index, event.text)
            case PartUpdate():
                return item.update(event.index, event)
            case PartEnd():
                item.ended(event.index)
                return b"" if item is self._items[-1] else self._close()

    def _carried_late(self, item: ItemWriter) -> bytes:
        """State that came when its item had begun or was done: in an item of its own behind it (REASON-04)."""
        told = item.carrier_behind(self._folder.response().candidates[0].parts)
        self._late = self._late or bool(told)
        return told

    def _close(self, *, everything: bool = False) -> bytes:
        """End the items whose parts have all ended, or every one."""
        written = b""
        for item in self._items:
            if not item.closed and (everything or item.has_ended):
                cut = everything and self._cut and item is self._items[-1]
                written += item.close(self._folder.response().candidates[0].parts, cut=cut)
                written += self._carried_late(item)
        return written
