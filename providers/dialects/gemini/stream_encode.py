"""Canonical events to the chunks a Gemini client reads.

Each piece of text is a chunk; calls, media and signed texts are told whole, at their end. A signature that comes after
its text stands on an empty part behind it, as Google's own do.
"""

from typing import Final

import msgspec

from providers.dialects.gemini.errors import encode_error
from providers.dialects.gemini.finish import encode_finish, is_blocked_prompt
from providers.dialects.gemini.grammar import NAME
from providers.dialects.gemini.response_encode import part_body
from providers.dialects.gemini.usage import encode_usage
from providers.spec.dialect import FaceContext
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
from providers.spec.fold import merged_ext
from providers.spec.parts import Part, ReasoningPart, RefusalPart, TextPart, ToolCallPart
from providers.spec.response import Usage
from providers.spec.values import Json, JsonObject, extended
from providers.wire.json import dumps
from providers.wire.sse import encode_event

_TEXTS: Final = (TextPart, ReasoningPart, RefusalPart)


class _OpenPart:
    """A part that has begun, and what of its text is still to be told."""

    def __init__(self, part: Part) -> None:
        self.part = part
        self.pieces: list[str] = []
        self.streams = isinstance(part, _TEXTS) and part.state is None and not part.ext
        self.signed = part.state is not None
        self.ended = False

    def grown(self) -> Part:
        """The part with its text so far."""
        text = "".join(self.pieces)
        if isinstance(self.part, ToolCallPart):
            return msgspec.structs.replace(self.part, arguments=self.part.arguments + text)
        if isinstance(self.part, _TEXTS):
            return msgspec.structs.replace(self.part, text=self.part.text + text)
        return self.part


class GeminiChunkEncoder:
    """One stream for one caller, as objects: how they are framed is left to others."""

    def __init__(self, context: FaceContext) -> None:
        self._context = context
        self._start = ResponseStart()
        self._usage: Usage | None = None
        self._news: JsonObject = {}
        self._ends: list[CandidateEnd] = []
        self._open: dict[tuple[int, int], _OpenPart] = {}

    def feed(self, event: StreamEvent) -> list[JsonObject]:
        """The chunks this event gives rise to."""
        match event:
            case ResponseStart():
                self._start = event
                self._news.update(extended(event.ext, NAME))
                return []
            case ResponseUpdate():
                self._news.update(extended(event.ext, NAME))
                return []
            case UsageUpdate():
                self._usage = event.usage
                return []
            case PartStart() | PartDelta() | PartUpdate() | PartEnd():
                return self._part_event(event)
            case CandidateEnd():
                self._ends.append(event)
                return []
            case StreamEnd():
                return [self._last_chunk()]
            case StreamError():
                # No finish reason before it: a broken stream is not an answer (STREAM-14).
                return [encode_error(event.error)]

    # ---- parts

    def _part_event(self, event: PartStart | PartDelta | PartUpdate | PartEnd) -> list[JsonObject]:
        key = (event.candidate, event.index)
        if isinstance(event, PartStart):
            part = self._open[key] = _OpenPart(event.part)
            text = event.part.text if isinstance(event.part, _TEXTS) and part.streams else ""
            return self._told(key, part, text)
        known = self._open.get(key)
        if known is None:
            return []
        match event:
            case PartDelta():
                known.pieces.append(event.text)
                return self._told(key, known, event.text) if known.streams else []
            case PartUpdate():
                return self._updated(key, known, event)
            case PartEnd():
                known.ended = True
                return self._ended(key, known)

    def _told(self, key: tuple[int, int], part: _OpenPart, text: str) -> list[JsonObject]:
        """One piece of a text."""
        if not text or not isinstance(part.part, _TEXTS):
            return []
        return self._part_chunk(key, msgspec.structs.replace(part.part, text=text, form=None))

    def _updated(self, key: tuple[int, int], known: _OpenPart, event: PartUpdate) -> list[JsonObject]:
        if event.ext:
            known.part = msgspec.structs.replace(known.part, ext=merged_ext(known.part.ext, event.ext))
        if event.state is None:
            return []
        known.part = msgspec.structs.replace(known.part, state=event.state)
        known.signed = True
        # Where the part has ended, its signature follows on an empty one.
        return self._signature(key, known) if known.ended else []

    def _ended(self, key: tuple[int, int], known: _OpenPart) -> list[JsonObject]:
        if known.streams:
            return self._signature(key, known) if known.signed else []
        return self._part_chunk(key, known.grown())

    def _signature(self, key: tuple[int, int], known: _OpenPart) -> list[JsonObject]:
        """An empty part with the signature of the one before; what it carries says how long that was."""
        whole = known.grown()
        body = part_body(whole)
        signature = None if body is None else body.get("thoughtSignature")
        if signature is None:
            return []
        thought: JsonObject = {"thought": True} if isinstance(whole, ReasoningPart) else {}
        return [self._chunk(key[0], [{"text": "", **thought, "thoughtSignature": signature}])]

    def _part_chunk(self, key: tuple[int, int], part: Part) -> list[JsonObject]:
        body = part_body(part)
        return [] if body is None else [self._chunk(key[0], [body])]

    # ---- chunks

    def _chunk(self, candidate: int, parts: list[Json]) -> JsonObject:
        content: JsonObject = {"parts": parts, "role": "model"}
        return self._whole({"candidates": [{"content": content, "index": candidate}]})

    def _whole(self, fields: JsonObject) -> JsonObject:
        chunk: JsonObject = {**self._news, **fields}
        self._news = {}
        if self._usage is not None:
            chunk["usageMetadata"] = encode_usage(self._usage)
        chunk["modelVersion"] = self._start.model or self._context.model
        chunk["responseId"] = self._start.id or self._context.response_id
        return chunk

    def _last_chunk(self) -> JsonObject:
        """The reasons, and usage as it is known at the end."""
        ends: list[Json] = [self._end(event) for event in self._ends if not is_blocked_prompt(event.finish)]
        return self._whole({"candidates": ends} if ends else {})

    def _end(self, event: CandidateEnd) -> JsonObject:
        finish = {key: value for key, value in encode_finish(event.finish).items() if value is not None}
        content: JsonObject = {"parts": [{"text": ""}], "role": "model"}
        return {"content": content, **finish, "index": event.candidate, **extended(event.ext, NAME)}


class GeminiStreamEncoder:
    """The chunks as server-sent events (``alt=sse``)."""

    def __init__(self, context: FaceContext) -> None:
        self._chunks = GeminiChunkEncoder(context)

    def feed(self, event: StreamEvent) -> bytes:
        """The bytes this event gives rise to."""
        return b"".join(encode_event(dumps(chunk)) for chunk in self._chunks.feed(event))
