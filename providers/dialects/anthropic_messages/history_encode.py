"""Any conversation as turns that Anthropic takes.

Leading system and developer messages go to ``system``. One in the middle becomes a text of the user's, wrapped in
``<system>`` and ``</system>`` on lines of their own (HIST-23), unless it was written in this dialect, which has a role
for it. Neighbours of one role become one turn; in a user turn the results come first, in the order of the calls they
answer (HIST-04). Messages written in this dialect keep their own bounds and order.
"""

import itertools
import re
from typing import Final

import msgspec

from providers.dialects.anthropic_messages.grammar import (
    CALL_ID,
    CALL_ID_LENGTH,
    NAME,
    is_native,
    report_foreign_ext,
)
from providers.dialects.anthropic_messages.parts_encode import PartsEncoder
from providers.spec.adjustments import Report
from providers.spec.errors import UnsupportedError
from providers.spec.parts import OpaquePart, TextPart
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.call_ids import CallIds
from providers.wire.reader import arranged, variant

SYSTEM_OPEN: Final = "<system>\n"
SYSTEM_CLOSE: Final = "\n</system>"

PLACEHOLDER: Final = "(The conversation begins.)"
"""The first turn must be the user's; this one is put in where there is none."""

CONTINUE: Final = "(Continue.)"
"""The last turn must be the user's on some models; this one is put in behind an assistant's."""

_THINKING: Final = frozenset({"thinking", "redacted_thinking"})
_OWN_ID: Final = re.compile(r"toolu_")
"""How call ids begin on every one of Anthropic's surfaces (recorded; Bedrock and Vertex go on with their own names)."""


class EncodedHistory(msgspec.Struct, frozen=True):
    """The fields of the body that hold the conversation."""

    system: Json
    messages: list[Json]
    unsigned_turn: bool
    """Whether the last assistant turn called tools and begins without thinking because that was lost, or because the
    turn is of another dialect's making."""


class _Turn:
    """One message of the body while it grows."""

    def __init__(self, role: str, blocks: list[Json], message: Message, lost_reasoning: bool) -> None:
        self.role = role
        self.blocks = blocks
        self.message = message
        self.native = is_native(message.form)
        self.lost_reasoning = lost_reasoning

    def add(self, other: "_Turn") -> None:
        self.blocks = self.blocks + other.blocks
        self.native = False
        self.lost_reasoning = self.lost_reasoning or other.lost_reasoning

    def body(self) -> JsonObject:
        content: Json = self.blocks
        if self.native and variant(self.message.form, NAME, "content") == "text":
            content = _only_text(self.blocks)
        return arranged({"role": self.role, "content": content}, self.message.ext, self.message.form, NAME)


def encode_history(messages: tuple[Message, ...], target: Target, report: Report) -> EncodedHistory:
    """System and turns of one request.

    Raises InvalidRequestError for orphaned calls and results (HIST-07), UnsupportedError for media without words here.
    """
    leading = _count_leading(messages)
    system = _system(messages[:leading], report)
    native = all(is_native(message.form) for message in messages)
    turns = _turns(messages, leading, _call_ids(report, lenient=native), target, report)
    if not native:
        _begin_with_user(turns, report)
        _trim_last(turns, report)
        _end_with_user(turns, target, report)
    return EncodedHistory(system, [turn.body() for turn in turns], _is_unsigned(turns))


def _call_ids(report: Report, *, lenient: bool) -> CallIds:
    return CallIds(report, pattern=CALL_ID, length=CALL_ID_LENGTH, lenient=lenient)


# ---- system


def _count_leading(messages: tuple[Message, ...]) -> int:
    for index, message in enumerate(messages):
        in_place = is_native(message.form) and variant(message.form, NAME, "system") is None
        if message.role not in {"system", "developer"} or in_place:
            return index
    return len(messages)


def _system(messages: tuple[Message, ...], report: Report) -> Json:
    if len(messages) == 1 and variant(messages[0].form, NAME, "system") == "text":
        first = messages[0].parts[0] if messages[0].parts else None
        if isinstance(first, TextPart) and len(messages[0].parts) == 1:
            return first.text
    blocks: list[Json] = []
    for index, message in enumerate(messages):
        blocks += _system_blocks(message, f"messages[{index}]", report)
    return blocks if blocks or any(is_native(message.form) for message in messages) else None


def _system_blocks(message: Message, path: str, report: Report) -> list[Json]:
    _report_message(message, path, report)
    encoder = PartsEncoder(Target(provider="", model="", dialect=NAME), report, _call_ids(report, lenient=False))
    for index, part in enumerate(message.parts):
        if not isinstance(part, TextPart | OpaquePart):
            at = f"{path}.content[{index}]"
            raise UnsupportedError(f"{at}: {NAME} takes only text in system messages", path=at)
    return encoder.message(message, path).blocks


def _report_message(message: Message, path: str, report: Report) -> None:
    report_foreign_ext(message.ext, path, report)
    if message.name is not None:
        report.add(f"{path}.name", "dropped", f"{NAME} has no names of authors", from_=message.name)


# ---- turns


def _turns(messages: tuple[Message, ...], start: int, calls: CallIds, target: Target, report: Report) -> list[_Turn]:
    encoder = PartsEncoder(target, report, calls)
    turns: list[_Turn] = []
    for index, message in enumerate(messages[start:], start):
        path = f"messages[{index}]"
        _report_message(message, path, report)
        if message.role == "assistant" and turns and turns[-1].role != "assistant":
            calls.check_answered()
        turn = _turn(message, path, encoder, report)
        if turn.blocks or (not message.parts and turn.native):
            _append(turns, turn)
    calls.check_answered()
    _order_results(turns)
    return turns


def _turn(message: Message, path: str, encoder: PartsEncoder, report: Report) -> _Turn:
    encoded = encoder.message(message, path)
    blocks = encoded.blocks
    role = "user"
    match message.role:
        case "assistant":
            role = "assistant"
        case "system" | "developer" if is_native(message.form):
            role = "system"
        case "system" | "developer":
            blocks = [_wrapped(block) for block in blocks]
            reason = "a system message in the middle is a marked text of the user's here"
            report.add(path, "mapped", reason, from_=message.role, to="user")
        case "user" | "tool":
            pass
    return _Turn(role, blocks, message, encoded.lost_reasoning)


def _wrapped(block: Json) -> Json:
    if isinstance(block, dict) and isinstance(block.get("text"), str):
        return {**block, "text": f"{SYSTEM_OPEN}{block['text']}{SYSTEM_CLOSE}"}
    return block


def _append(turns: list[_Turn], turn: _Turn) -> None:
    """Neighbours of one role become one turn, unless this dialect wrote them as two."""
    last = turns[-1] if turns else None
    if last is None or last.role != turn.role or (last.native and turn.native):
        turns.append(turn)
    else:
        last.add(turn)


def _order_results(turns: list[_Turn]) -> None:
    for before, turn in itertools.pairwise(turns):
        if turn.role == "user" and not turn.native:
            ids = [_field(block, "id") for block in before.blocks if _field(block, "type") == "tool_use"]
            order = {call_id: position for position, call_id in enumerate(ids)}
            results = [block for block in turn.blocks if _field(block, "type") == "tool_result"]
            others = [block for block in turn.blocks if _field(block, "type") != "tool_result"]
            results.sort(key=lambda block: order.get(_field(block, "tool_use_id"), len(order)))
            turn.blocks = results + others


def _begin_with_user(turns: list[_Turn], report: Report) -> None:
    if turns and turns[0].role == "user":
        return
    message = Message(role="user", parts=(TextPart(text=PLACEHOLDER),))
    turns.insert(0, _Turn("user", [{"type": "text", "text": PLACEHOLDER}], message, lost_reasoning=False))
    report.add("messages", "repaired", "the first turn must be the user's", to=PLACEHOLDER)


def _trim_last(turns: list[_Turn], report: Report) -> None:
    """A final assistant text must not end in white space."""
    last = turns[-1]
    block = last.blocks[-1] if last.blocks else None
    if last.role != "assistant" or last.native or not isinstance(block, dict):
        return
    text = block.get("text")
    if isinstance(text, str) and text != text.rstrip():
        last.blocks = [*last.blocks[:-1], {**block, "text": text.rstrip()}]
        report.add("messages", "repaired", "a final assistant text must not end in white space")


def _end_with_user(turns: list[_Turn], target: Target, report: Report) -> None:
    """The newest models refuse to go on with an answer that has begun ("… not support assistant message prefill")."""
    last = turns[-1]
    if last.role != "assistant" or last.native or not target.is_one_of(target.profile.no_prefill_models):
        return
    message = Message(role="user", parts=(TextPart(text=CONTINUE),))
    turns.append(_Turn("user", [{"type": "text", "text": CONTINUE}], message, lost_reasoning=False))
    report.add("messages", "repaired", "the last turn must be the user's for this model", to=CONTINUE)


def _is_unsigned(turns: list[_Turn]) -> bool:
    last = next((turn for turn in reversed(turns) if turn.role == "assistant"), None)
    if last is None:
        return False
    calls = [_field(block, "id") for block in last.blocks if _field(block, "type") == "tool_use"]
    if not calls or _field(last.blocks[0], "type") in _THINKING:
        return False
    # In this dialect's own words a turn without thinking is what its author wants, except where another provider gave
    # it and its client merely echoes it (REASON-16): Anthropic's ids tell.
    return last.lost_reasoning or not last.native or not any(_OWN_ID.match(call) for call in calls)


def _field(block: Json, name: str) -> str:
    value = block.get(name) if isinstance(block, dict) else None
    return value if isinstance(value, str) else ""


def _only_text(blocks: list[Json]) -> Json:
    if len(blocks) == 1 and isinstance(blocks[0], dict) and list(blocks[0]) == ["type", "text"]:
        return blocks[0]["text"]
    return blocks
