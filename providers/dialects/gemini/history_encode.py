"""Any conversation as contents that Gemini takes.

Leading system and developer messages go to ``systemInstruction``. One in the middle becomes a text of the user's,
wrapped in ``<system>`` and ``</system>`` on lines of their own (HIST-23). Neighbours of one role become one turn; the
results of a turn are one content, in the order of the calls they answer, and what the user said beside them another
(HIST-01, HIST-02, HIST-03). Messages written in this dialect keep their own bounds and order.
"""

import itertools
from typing import Final

import msgspec

from providers.dialects.gemini.call_ids import CallIds
from providers.dialects.gemini.grammar import NAME, PLACEHOLDER_SIGNATURE, report_foreign_ext
from providers.dialects.gemini.message_encode import MessageEncoder, Piece
from providers.dialects.gemini.reader import is_native, was_written, written
from providers.dialects.gemini.request_decode import INSTRUCTION
from providers.spec.adjustments import Report
from providers.spec.errors import UnsupportedError
from providers.spec.parts import OpaquePart, TextPart, ToolCallPart, ToolResultPart
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.reader import variant

SYSTEM_OPEN: Final = "<system>\n"
SYSTEM_CLOSE: Final = "\n</system>"

PLACEHOLDER: Final = "(The conversation begins.)"
"""The first turn must be the user's; this one is put in where there is none."""


class EncodedHistory(msgspec.Struct, frozen=True):
    """The fields of the body that hold the conversation."""

    system: JsonObject | None
    contents: list[Json]


class _Turn:
    """Contents of one role while they grow."""

    def __init__(self, role: str, pieces: list[Piece], message: Message) -> None:
        self.role = role
        self.pieces = pieces
        self.message = message
        self.native = is_native(message.form)

    def add(self, other: "_Turn") -> None:
        self.pieces = self.pieces + other.pieces
        self.native = False

    @property
    def results(self) -> list[Piece]:
        return [piece for piece in self.pieces if isinstance(piece.part, ToolResultPart)]

    def bodies(self) -> list[Json]:
        if self.native:
            return [_native_content(self.message, self.pieces)]
        results = sorted(self.results, key=lambda piece: piece.position)
        others = [piece for piece in self.pieces if piece not in results]
        groups = [group for group in (results, others) if group]
        return [{"role": self.role, "parts": [piece.body for piece in group]} for group in groups]


def encode_history(messages: tuple[Message, ...], target: Target, report: Report) -> EncodedHistory:
    """System and contents of one request.

    Raises InvalidRequestError for orphaned calls and results (HIST-07), UnsupportedError for media without words here.
    """
    leading = _count_leading(messages)
    native = all(is_native(message.form) for message in messages)
    calls = CallIds(target.profile, report, lenient=native)
    encoder = MessageEncoder(target, report, calls)
    system = _system(messages[:leading], encoder, report)
    turns = _turns(messages, leading, encoder, calls, report)
    if not native and (not turns or turns[0].role != "user"):
        _begin_with_user(turns, report)
    if target.is_one_of(target.profile.signature_models):
        _sign(turns, report)
    return EncodedHistory(system, [body for turn in turns for body in turn.bodies()])


def _native_content(message: Message, pieces: list[Piece]) -> JsonObject:
    parts: list[Json] = [piece.body for piece in pieces]
    fields: JsonObject = {
        "role": variant(message.form, NAME, "role"),
        "parts": parts if parts or was_written(message.form, "parts") else None,
    }
    return written(fields, message.ext, message.form)


# ---- system


def _count_leading(messages: tuple[Message, ...]) -> int:
    for index, message in enumerate(messages):
        if message.role not in {"system", "developer"}:
            return index
    return len(messages)


def _system(messages: tuple[Message, ...], encoder: MessageEncoder, report: Report) -> JsonObject | None:
    pieces: list[Piece] = []
    for index, message in enumerate(messages):
        path = f"messages[{index}]"
        _report_message(message, path, report)
        for position, part in enumerate(message.parts):
            if not is_native(message.form) and not isinstance(part, TextPart | OpaquePart):
                at = f"{path}.content[{position}]"
                raise UnsupportedError(f"{at}: {NAME} takes only text in system messages", path=at)
        pieces += encoder.message(message, path)
    if len(messages) == 1 and variant(messages[0].form, NAME, "system") == INSTRUCTION:
        return _native_content(messages[0], pieces)
    return {"parts": [piece.body for piece in pieces]} if pieces else None


def _report_message(message: Message, path: str, report: Report) -> None:
    report_foreign_ext(message.ext, path, report)
    if message.name is not None:
        report.add(f"{path}.name", "dropped", f"{NAME} has no names of authors", from_=message.name)


# ---- turns


def _turns(
    messages: tuple[Message, ...], start: int, encoder: MessageEncoder, calls: CallIds, report: Report
) -> list[_Turn]:
    turns: list[_Turn] = []
    for index, message in enumerate(messages[start:], start):
        path = f"messages[{index}]"
        _report_message(message, path, report)
        if message.role == "assistant" and turns and turns[-1].role != "model":
            calls.check_answered()
        turn = _turn(message, path, encoder, report)
        if turn.pieces or (turn.native and not message.parts):
            _append(turns, turn)
    calls.check_answered()
    return turns


def _turn(message: Message, path: str, encoder: MessageEncoder, report: Report) -> _Turn:
    pieces = encoder.message(message, path)
    match message.role:
        case "assistant":
            return _Turn("model", pieces, message)
        case "system" | "developer":
            for piece in pieces:
                _wrap(piece)
            reason = "a system message in the middle is a marked text of the user's here"
            report.add(path, "mapped", reason, from_=message.role, to="user")
            return _Turn("user", pieces, message)
        case "user" | "tool":
            return _Turn("user", pieces, message)


def _wrap(piece: Piece) -> None:
    text = piece.body.get("text")
    if isinstance(text, str):
        piece.body = {**piece.body, "text": f"{SYSTEM_OPEN}{text}{SYSTEM_CLOSE}"}


def _append(turns: list[_Turn], turn: _Turn) -> None:
    """Neighbours of one role become one turn, unless this dialect wrote them as two."""
    last = turns[-1] if turns else None
    if last is None or last.role != turn.role or (last.native and turn.native):
        turns.append(turn)
    else:
        last.add(turn)


def _begin_with_user(turns: list[_Turn], report: Report) -> None:
    part = TextPart(text=PLACEHOLDER)
    turns.insert(0, _Turn("user", [Piece({"text": PLACEHOLDER}, "", part)], Message(role="user", parts=(part,))))
    report.add("messages", "repaired", "the first turn must be the user's", to=PLACEHOLDER)


# ---- signatures


def _sign(turns: list[_Turn], report: Report) -> None:
    """In the current turn, back to the user's last own words, the first call of every step must be signed.

    A call of another provider's, or one whose signature was lost, gets what Google documents for it (REASON-03).
    """
    for role, group in reversed(
        [(role, list(group)) for role, group in itertools.groupby(turns, lambda turn: turn.role)]
    ):
        if role == "user" and not any(turn.results for turn in group):
            return
        pieces = [piece for turn in group for piece in turn.pieces]
        first = next((piece for piece in pieces if isinstance(piece.part, ToolCallPart)), None)
        if role == "model" and first is not None:
            _sign_call(first, report)


def _sign_call(piece: Piece, report: Report) -> None:
    if piece.body.get("thoughtSignature") or piece.body.get("thought_signature"):
        return
    snake = "function_call" in piece.body
    piece.body = {**piece.body, "thought_signature" if snake else "thoughtSignature": PLACEHOLDER_SIGNATURE}
    reason = "the call has no signature of this model: Google's documented placeholder stands for it"
    kind = None if piece.lost is None else piece.lost.kind
    report.add(f"{piece.path}.signature", "repaired", reason, from_=kind, to=PLACEHOLDER_SIGNATURE)
