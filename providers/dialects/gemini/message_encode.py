"""The parts of one message of a request as the target takes them, with a report of what it does not take."""

from typing import TypeAlias

from providers.dialects.gemini.call_ids import CallIds
from providers.dialects.gemini.grammar import NAME, check_tool_name, report_foreign_ext
from providers.dialects.gemini.parts_encode import (
    call_body,
    media_body,
    opaque_body,
    reasoning_body,
    result_body,
    text_body,
)
from providers.dialects.gemini.reader import is_native
from providers.spec.adjustments import Report
from providers.spec.errors import UnsupportedError
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.object_arguments import report_object_arguments

FOREIGN_STATE = "issued by another provider"

_SinglePart: TypeAlias = TextPart | RefusalPart | ReasoningPart | MediaPart | ToolCallPart | OpaquePart


class Piece:
    """One part of the body, and what the order of a turn depends on."""

    def __init__(self, body: JsonObject, path: str, part: Part, position: int = 0) -> None:
        self.body = body
        self.path = path
        self.part = part
        self.position = position
        """For a result: the position of its call among those of the conversation."""
        self.lost: State | None = None
        """State that is not valid here."""


class MessageEncoder:
    """Encodes message after message of one request."""

    def __init__(self, target: Target, report: Report, calls: CallIds) -> None:
        self._target = target
        self._report = report
        self._calls = calls
        self._media_in_results = target.is_one_of(target.profile.media_result_models)

    def message(self, message: Message, path: str) -> list[Piece]:
        """Every part of a message that can be sent. Raises UnsupportedError for media that cannot."""
        pieces: list[Piece] = []
        for index, part in enumerate(message.parts):
            pieces += self._part(part, f"{path}.content[{index}]", is_native(message.form))
        return pieces

    def _part(self, part: Part, path: str, native: bool) -> list[Piece]:
        report_foreign_ext(part.ext, path, self._report)
        if isinstance(part, ToolResultPart):
            return self._result(part, path)
        body = self._body(part, path, native)
        if body is None:
            return []
        piece = Piece(body, path, part)
        piece.lost = part.state if part.state is not None and not self._target.accepts(part.state) else None
        return [piece]

    def _body(self, part: _SinglePart, path: str, native: bool) -> JsonObject | None:
        match part:
            case TextPart() | RefusalPart():
                return self._text(part, path, native)
            case ReasoningPart():
                return self._reasoning(part, path, native)
            case MediaPart():
                return self._media(part, path)
            case ToolCallPart():
                return self._call(part, path)
            case OpaquePart():
                return self._opaque(part, path)

    def _text(self, part: TextPart | RefusalPart, path: str, native: bool) -> JsonObject | None:
        signature = self._signature(part.state, path)
        if isinstance(part, TextPart) and part.annotations and not is_native(part.form):
            self._report.add(f"{path}.annotations", "dropped", f"not known to {NAME}")
        # Empty parts are refused unless signed (HIST-15, REASON-04); native ones are their provider's to judge.
        return text_body(part, signature) if part.text or signature or native else None

    def _reasoning(self, part: ReasoningPart, path: str, native: bool) -> JsonObject | None:
        signature = self._signature(part.state, path)
        if signature is not None or (native and part.state is None):
            return reasoning_body(part, signature)
        if part.state is None:
            self._report.add(f"{path}.reasoning", "dropped", "thoughts without a signature are of no use to Gemini")
        return None

    def _signature(self, state: State | None, path: str) -> str | None:
        """State that is valid here, on the very part it came with (REASON-01, REASON-05)."""
        if state is None:
            return None
        if self._target.accepts(state):
            return state.value
        self._report.add(f"{path}.state", "dropped", FOREIGN_STATE, from_=state.kind)
        return None

    def _media(self, part: MediaPart, path: str) -> JsonObject:
        body = media_body(part, self._signature(part.state, path))
        if body is None:
            raise _unsupported(part, path)
        if part.detail not in {None, "auto"}:
            self._report.add(f"{path}.detail", "dropped", f"not known to {NAME}", from_=part.detail)
        return body

    def _call(self, part: ToolCallPart, path: str) -> JsonObject | None:
        if part.executed_by == "provider":
            self._report.add(path, "dropped", "a tool run by another provider", from_=part.name)
            return None
        if not is_native(part.form):
            check_tool_name(part.name, self._target.profile.tool_name, f"{path}.name")
            report_object_arguments(part, path, self._report)
        call_id = self._calls.call(part.id, part.name, path)
        return call_body(part, call_id, self._signature(part.state, path))

    def _opaque(self, part: OpaquePart, path: str) -> JsonObject | None:
        signature = self._signature(part.state, path)
        if part.dialect == NAME:
            return opaque_body(part, signature)
        self._report.add(path, "dropped", f"not known to {NAME}", from_=part.type)
        return None

    # ---- results

    def _result(self, part: ToolResultPart, path: str) -> list[Piece]:
        self._signature(part.state, path)
        if part.executed_by == "provider":
            self._report.add(path, "dropped", "the result of a tool run by another provider", from_=part.name)
            return []
        if part.outcome == "denied":
            self._report.add(f"{path}.outcome", "downgraded", "a denial is an error here", from_="denied", to="error")
        call = self._calls.result(part.call_id, part.name, path)
        inside, beside = self._result_media(part, call.original or call.name, path)
        # The name is the call's: results by another name, or by none, are refused or put on the wrong call (HIST-09).
        body = result_body(part, call.written, part.name if is_native(part.form) else call.name, inside)
        return [Piece(body, path, part, call.position), *beside]

    def _result_media(self, part: ToolResultPart, label: str, path: str) -> tuple[list[Json], list[Piece]]:
        """Media in the response where the model takes them there, else behind the results with a word about them."""
        inside: list[Json] = []
        beside: list[Piece] = []
        native = is_native(part.form)
        for index, item in enumerate(part.content):
            at = f"{path}.content[{index}]"
            report_foreign_ext(item.ext, at, self._report)
            if isinstance(item, OpaquePart):
                opaque = self._opaque(item, at)
                inside += [] if opaque is None else [opaque]
            elif isinstance(item, MediaPart):
                body = self._media(item, at)
                if native or self._media_in_results:
                    inside.append(body)
                else:
                    beside.append(Piece(body, at, item))
        if not beside:
            return inside, []
        reason = "this model takes media beside results only: they follow in the same turn (HIST-14)"
        self._report.add(f"{path}.content", "mapped", reason)
        word = TextPart(text=f"Media of the result of call {label}:")
        return inside, [Piece({"text": word.text}, path, word), *beside]


def _unsupported(part: MediaPart, path: str) -> UnsupportedError:
    where = "a file stored elsewhere" if part.file_id is not None else f"this {part.kind}"
    return UnsupportedError(f"{path}: {NAME} cannot take {where}", path=path)
