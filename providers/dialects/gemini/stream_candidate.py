"""One candidate of a streamed answer, from the contents of its chunks to events of its parts.

Texts of one kind that follow one another are one part, unless one of them is signed: parts with and without a signature
are never merged (https://ai.google.dev/gemini-api/docs/thought-signatures).
"""

import msgspec
from msgspec import UNSET

from providers.dialects.gemini.carrier import read_state
from providers.dialects.gemini.finish import decode_finish
from providers.dialects.gemini.grammar import NAME, SIGNATURE, minted_id
from providers.dialects.gemini.grounding import citations
from providers.dialects.gemini.partial_args import PartialArgs
from providers.dialects.gemini.parts_decode import PartContext, decode_part, required_parts
from providers.dialects.gemini.reader import GeminiReader, LenientGeminiReader, inner_ext, outer_ext
from providers.dialects.gemini.response_decode import with_id
from providers.dialects.gemini.stream_plain import PlainCandidate, PlainPart
from providers.spec.errors import ProviderProtocolError
from providers.spec.events import CandidateEnd, PartDelta, PartEnd, PartStart, PartUpdate, StreamEvent
from providers.spec.parts import Origin, Part, ReasoningPart, State, TextPart, ToolCallPart, calls_client
from providers.spec.values import Json, JsonObject, extended
from providers.wire.json import dumps_text

_GROWTH = ("partialArgs", "willContinue")
"""What a call says of its own streaming: no part of the call."""


class StreamedCandidate:
    """Takes its chunks in order."""

    def __init__(self, number: int, origin: Origin, answer: str) -> None:
        self._number = number
        self._origin = origin
        self._answer = answer
        self._context = PartContext(origin, LenientGeminiReader)
        self._parts: list[Part] = []
        self._calls = 0
        self._growing: TextPart | ReasoningPart | None = None
        self._args: PartialArgs | None = None
        self._reason: str | None = None
        self._message: str | None = None
        self._ext: JsonObject = {}
        self._said: dict[int, list[str]] = {}
        """The pieces of each text, by index: what grounds them is told by places in the whole."""

    def take(self, reader: LenientGeminiReader, events: list[StreamEvent]) -> None:
        """One chunk's candidate. Raises ProviderProtocolError and InvalidRequestError for what breaks the grammar."""
        content = reader.nested("content")
        if content is not None:
            for index, value in enumerate(required_parts(content)):
                self._part(value, f"{content.at('parts')}[{index}]", events)
        self._reason = reader.text("finishReason") or self._reason
        self._message = reader.text("finishMessage") or self._message
        self._ext.update(extended(reader.rest(), NAME))

    def more(self, plain: PlainCandidate, events: list[StreamEvent], *, spelling: bool) -> bool:
        """The same for one that was read plainly; whether that could be done.

        ``spelling``: whether what begins has to keep its own, which was not read.
        """
        (part,) = plain.content.parts
        text = part.text
        if part.functionCall is not UNSET or part.thoughtSignature is not UNSET or text is UNSET:
            if spelling or text is not UNSET or not self._plain_call(part, events):
                return False
        elif text:
            if type(self._growing) is TextPart:
                index = len(self._parts) - 1
                self._said[index].append(text)
                events.append(PartDelta(index=index, text=text, candidate=self._number))
            elif spelling:
                return False
            else:
                self._text(TextPart(text=text), events)
        if plain.finishReason:
            self._reason = plain.finishReason
        return True

    def _plain_call(self, part: PlainPart, events: list[StreamEvent]) -> bool:
        call = part.functionCall
        if call is UNSET or (self._args is not None and not call.name):
            return False
        state = None
        if part.thoughtSignature is not UNSET:
            state = read_state(part.thoughtSignature, self._origin).state
        self._close(events)
        call_id = call.id or minted_id(self._answer, self._number, self._calls, call.name)
        self._calls += 1
        self._start(ToolCallPart(id=call_id, name=call.name, arguments="", state=state), events)
        events.append(PartDelta(index=self._last, text=dumps_text(call.args or {}), candidate=self._number))
        self._end_part(events)
        return True

    def end(self, events: list[StreamEvent]) -> None:
        """The body ended. Raises ProviderProtocolError where this candidate never said why it ended."""
        if self._reason is None:
            raise ProviderProtocolError("the stream ended without a finish reason")
        self._close(events, cut=True)
        for index, cited in citations(self._ext.get("groundingMetadata"), self._texts()).items():
            events.append(PartUpdate(index=index, candidate=self._number, annotations=cited))
        finish = decode_finish(self._reason, self._message, called=calls_client(self._parts))
        ext = {NAME: self._ext} if self._ext else {}
        events.append(CandidateEnd(finish=finish, candidate=self._number, ext=ext))

    def _texts(self) -> list[tuple[int, str]]:
        return [(index, "".join(pieces)) for index, pieces in self._said.items()]

    # ---- parts

    def _part(self, value: Json, path: str, events: list[StreamEvent]) -> None:
        reader = LenientGeminiReader(value, path, NAME)
        call = reader.nested("functionCall")
        if call is not None and self._args is not None and not call.peek("name"):
            self._continue(reader, call, events)
            return
        part = decode_part(value, path, self._context)
        match part:
            case TextPart() | ReasoningPart():
                self._text(part, events)
            case ToolCallPart() if call is not None:
                self._close(events)
                self._call(part, call, events)
            case _:
                self._close(events)
                self._start(part, events)
                self._end_part(events)

    def _text(self, part: TextPart | ReasoningPart, events: list[StreamEvent]) -> None:
        plain = part.state is None and not part.ext
        if plain and not part.text:
            return
        growing = self._growing
        if not plain or growing is None or type(growing) is not type(part):
            self._close(events)
            self._start(msgspec.structs.replace(part, text=""), events)
            self._growing = part if plain else None
        if isinstance(part, TextPart):
            self._said.setdefault(self._last, []).append(part.text)
        if part.text:
            events.append(PartDelta(index=self._last, text=part.text, candidate=self._number))
        if not plain:
            self._end_part(events)

    def _call(self, part: ToolCallPart, call: GeminiReader, events: list[StreamEvent]) -> None:
        grows = call.peek("willContinue") is True or call.has("partialArgs")
        named = with_id(_without_growth(part), self._answer, self._number, self._calls)
        self._calls += 1
        self._start(msgspec.structs.replace(named, arguments=""), events)
        if not grows:
            events.append(PartDelta(index=self._last, text=part.arguments, candidate=self._number))
            self._end_part(events)
            return
        self._args = PartialArgs(call.object("args") or {})
        self._grow(call, events)

    def _continue(self, part: LenientGeminiReader, call: GeminiReader, events: list[StreamEvent]) -> None:
        """More of the call that is open; the chunk that says nothing of going on is its last."""
        signature = part.text("thoughtSignature")
        if signature is not None:
            state = State(kind=SIGNATURE, value=signature, origin=self._origin)
            events.append(PartUpdate(index=self._last, state=state, candidate=self._number))
        self._grow(call, events)

    def _grow(self, call: GeminiReader, events: list[StreamEvent]) -> None:
        if self._args is not None:
            self._args.add(call.array("partialArgs") or [])
        if call.peek("willContinue") is not True:
            self._close(events)

    # ---- events

    @property
    def _last(self) -> int:
        return len(self._parts) - 1

    def _start(self, part: Part, events: list[StreamEvent]) -> None:
        self._parts.append(part)
        events.append(PartStart(index=self._last, part=part, candidate=self._number))

    def _end_part(self, events: list[StreamEvent]) -> None:
        events.append(PartEnd(index=self._last, candidate=self._number))

    def _close(self, events: list[StreamEvent], *, cut: bool = False) -> None:
        """End the part that is open. A call that the end of the body cuts keeps arguments that read as cut."""
        args, growing = self._args, self._growing
        self._args = self._growing = None
        if args is not None:
            text = args.cut_text() if cut else args.text()
            events.append(PartDelta(index=self._last, text=text, candidate=self._number))
        if args is not None or growing is not None:
            self._end_part(events)


def _without_growth(part: ToolCallPart) -> ToolCallPart:
    rest = extended(inner_ext(part.ext, "functionCall"), NAME)
    kept: JsonObject = {key: value for key, value in rest.items() if key not in _GROWTH}
    fields = {**extended(outer_ext(part.ext, "functionCall"), NAME), **({"functionCall": kept} if kept else {})}
    return msgspec.structs.replace(part, ext={NAME: fields} if fields else {})
