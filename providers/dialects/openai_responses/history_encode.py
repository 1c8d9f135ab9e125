"""Any conversation as the items that OpenAI Responses takes.

Messages keep their order: the dialect takes system and developer messages anywhere (HIST-23). What a conversation in
this dialect had in ``instructions`` goes back there.
"""

import msgspec

from providers.dialects.openai_responses.call_ids import CallIds
from providers.dialects.openai_responses.grammar import NAME, NOT_KNOWN, is_native, report_foreign_ext
from providers.dialects.openai_responses.parts_encode import PartsEncoder
from providers.spec.adjustments import Report
from providers.spec.parts import TextPart, ToolResultPart
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json
from providers.wire.reader import variant


class EncodedHistory(msgspec.Struct, frozen=True):
    """The fields of the body that hold the conversation."""

    instructions: str | None
    input: Json


def encode_history(
    messages: tuple[Message, ...], target: Target, report: Report, *, native: bool, stored: bool
) -> EncodedHistory:
    """Instructions and input of one request. ``native``: the whole request was written in this dialect.

    Raises InvalidRequestError for orphaned calls and results (HIST-07), UnsupportedError for media without words here.
    """
    lenient = native and all(is_native(message.form) for message in messages)
    encoder = PartsEncoder(target, report, CallIds(report, lenient=lenient), stored=stored)
    instructions, start = _instructions(messages)
    whole = _whole_text(messages[start:])
    if whole is not None:
        return EncodedHistory(instructions, whole)
    items = _Items(encoder, report)
    for index, message in enumerate(messages[start:], start):
        items.add(message, f"messages[{index}]")
    return EncodedHistory(instructions, items.close())


class _Items:
    """The items while messages are read."""

    def __init__(self, encoder: PartsEncoder, report: Report) -> None:
        self._encoder = encoder
        self._report = report
        self._items: list[Json] = []
        self._before: Message | None = None

    def add(self, message: Message, path: str) -> None:
        """One message."""
        report_foreign_ext(message.ext, path, self._report)
        if message.name is not None:
            self._report.add(f"{path}.name", "dropped", NOT_KNOWN, from_=message.name)
        if message.role == "assistant":
            if self._before is not None and self._before.role != "assistant":
                self._encoder.check_answered()
            self._items.extend(self._encoder.said(message, path))
        elif _holds_results(message):
            self._items += self._encoder.results(message, path)
        else:
            item = self._encoder.given(message, path)
            self._items += [] if item is None else [item]
        self._before = message

    def close(self) -> list[Json]:
        """All items."""
        self._encoder.check_answered()
        return self._items


def _holds_results(message: Message) -> bool:
    if message.role == "tool" or any(isinstance(part, ToolResultPart) for part in message.parts):
        return True
    # Outputs that only this dialect knows: a message of its own making that no role was written for.
    return is_native(message.form) and message.form is not None and not message.form.keys and message.role == "user"


def _instructions(messages: tuple[Message, ...]) -> tuple[str | None, int]:
    first = messages[0] if messages else None
    if first is not None and variant(first.form, NAME, "instructions") is not None and len(first.parts) == 1:
        part = first.parts[0]
        if isinstance(part, TextPart):
            return part.text, 1
    return None, 0


def _whole_text(messages: tuple[Message, ...]) -> str | None:
    """The input where it was one string."""
    if len(messages) != 1 or variant(messages[0].form, NAME, "input") != "text":
        return None
    part = messages[0].parts[0] if len(messages[0].parts) == 1 else None
    return part.text if isinstance(part, TextPart) else None
