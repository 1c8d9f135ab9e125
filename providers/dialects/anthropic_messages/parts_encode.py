"""The parts of one message of a request as blocks that the target takes, with a report of what it does not take."""

import msgspec

from providers.dialects.anthropic_messages.blocks_encode import (
    is_citation,
    media_block,
    reasoning_block,
    text_block,
    tool_use_block,
)
from providers.dialects.anthropic_messages.grammar import (
    NAME,
    check_tool_name,
    is_native,
    report_foreign_ext,
    was_written,
)
from providers.spec.adjustments import Report
from providers.spec.errors import UnsupportedError
from providers.spec.parts import (
    ContentPart,
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
from providers.wire.call_ids import CallIds
from providers.wire.object_arguments import report_object_arguments
from providers.wire.reader import arranged, variant

FOREIGN_STATE = "issued by another provider"


class EncodedParts(msgspec.Struct, frozen=True):
    """The blocks of one message."""

    blocks: list[Json]
    lost_reasoning: bool
    """Whether reasoning was left out because its state is not valid here."""


class PartsEncoder:
    """Encodes message after message of one request."""

    def __init__(self, target: Target, report: Report, calls: CallIds) -> None:
        self._target = target
        self._report = report
        self._calls = calls
        self._lost_reasoning = False

    def message(self, message: Message, path: str) -> EncodedParts:
        """Every part of a message that can be sent. Raises UnsupportedError for media that cannot."""
        self._lost_reasoning = False
        native = is_native(message.form)
        blocks: list[Json] = []
        for index, part in enumerate(message.parts):
            block = self._part(part, message, f"{path}.content[{index}]", native)
            if block is not None:
                blocks.append(block)
        if self._lost_reasoning:
            self._report_reasoning(message, path)
        return EncodedParts(blocks, self._lost_reasoning)

    def _part(self, part: Part, message: Message, path: str, native: bool) -> Json:
        report_foreign_ext(part.ext, path, self._report)
        match part:
            case TextPart():
                return self._text(part, path, native)
            case ReasoningPart():
                return self._reasoning(part)
            case MediaPart():
                return self._media(part, message, path)
            case ToolCallPart():
                return self._call(part, path)
            case ToolResultPart():
                return self._result(part, path)
            case RefusalPart():
                self._report_state(part.state, path)
                return text_block(part) if part.text.strip() else None
            case OpaquePart():
                return self._opaque(part, path)

    def _text(self, part: TextPart, path: str, native: bool) -> JsonObject | None:
        self._report_state(part.state, path)
        # HIST-15: Anthropic refuses them. In its own dialect the provider is to say so.
        if not native and not part.text.strip():
            if part.text:
                self._report.add(path, "dropped", "a text of white space only is refused", from_=part.text)
            return None
        if not is_native(part.form) and not all(is_citation(item) for item in part.annotations):
            self._report.add(f"{path}.annotations", "dropped", f"not known to {NAME}")
        return text_block(part)

    def _reasoning(self, part: ReasoningPart) -> JsonObject | None:
        if part.state is not None and self._target.accepts(part.state):
            return reasoning_block(part)
        # Without valid state it is left out: a block with a bad signature is refused (REASON-07, REASON-10).
        self._lost_reasoning = True
        return None

    def _report_reasoning(self, message: Message, path: str) -> None:
        parts = [part for part in message.parts if isinstance(part, ReasoningPart)]
        foreign = any(part.state is not None and not self._target.accepts(part.state) for part in parts)
        reason = FOREIGN_STATE if foreign else "reasoning without a signature is refused"
        self._report.add(f"{path}.reasoning", "dropped", reason)

    def _media(self, part: MediaPart, message: Message, path: str) -> JsonObject | None:
        self._report_state(part.state, path)
        if message.role == "assistant" and not is_native(message.form):
            self._report.add(path, "dropped", f"{NAME} has no {part.kind} in assistant turns")
            return None
        return self._supported_media(part, path)

    def _call(self, part: ToolCallPart, path: str) -> JsonObject | None:
        self._report_state(part.state, path)
        native = is_native(part.form)
        if part.executed_by == "provider":
            if native:
                return tool_use_block(part, part.id)
            self._report.add(path, "dropped", "a tool run by another provider", from_=part.name)
            return None
        if not native:
            check_tool_name(part.name, self._target.profile.tool_name, f"{path}.name")
            report_object_arguments(part, path, self._report)
        return tool_use_block(part, self._calls.call(part, path))

    def _result(self, part: ToolResultPart, path: str) -> JsonObject | None:
        self._report_state(part.state, path)
        if part.executed_by == "provider":
            self._report.add(path, "dropped", "the result of a tool run by another provider", from_=part.name)
            return None
        if part.outcome == "denied":
            self._report.add(f"{path}.outcome", "downgraded", "a denial is an error here", from_="denied", to="error")
        failed = part.outcome != "ok"
        fields: JsonObject = {
            "type": "tool_result",
            "tool_use_id": self._calls.result(part, path)[0],
            "content": self._result_content(part, path),
            "is_error": failed if failed or was_written(part.form, "is_error") else None,
        }
        return arranged(fields, part.ext, part.form, NAME)

    def _result_content(self, part: ToolResultPart, path: str) -> Json:
        native = is_native(part.form)
        if variant(part.form, NAME, "content") == "text" and len(part.content) == 1:
            first = part.content[0]
            if isinstance(first, TextPart):
                return first.text
        blocks: list[Json] = []
        for index, item in enumerate(part.content):
            block = self._content(item, f"{path}.content[{index}]", native)
            if block is not None:
                blocks.append(block)
        # No content at all is legal, an empty text is not (HIST-08, HIST-15).
        return blocks if blocks or was_written(part.form, "content") else None

    def _content(self, item: ContentPart, path: str, native: bool) -> Json:
        report_foreign_ext(item.ext, path, self._report)
        match item:
            case TextPart():
                return self._text(item, path, native)
            case MediaPart():
                self._report_state(item.state, path)
                return self._supported_media(item, path)
            case OpaquePart():
                return self._opaque(item, path)

    def _opaque(self, part: OpaquePart, path: str) -> Json:
        self._report_state(part.state, path)
        if part.dialect == NAME:
            return part.value
        self._report.add(path, "dropped", f"not known to {NAME}", from_=part.type)
        return None

    def _report_state(self, state: State | None, path: str) -> None:
        """State of a part that is no reasoning: this dialect has none, so it is always another's (REASON-05)."""
        if state is not None:
            self._report.add(f"{path}.state", "dropped", FOREIGN_STATE, from_=state.kind)

    def _supported_media(self, part: MediaPart, path: str) -> JsonObject:
        target = self._target
        if part.url is not None and not target.profile.media_urls:
            text = f"{path}: {target.provider} takes no {part.kind} by its URL: send the data"
            raise UnsupportedError(text, path=path)
        block = media_block(part)
        if block is None:
            where = "a file stored elsewhere" if part.file_id is not None else f"this {part.kind}"
            raise UnsupportedError(f"{path}: {NAME} cannot take {where}", path=path)
        if part.detail not in {None, "auto"}:
            self._report.add(f"{path}.detail", "dropped", f"not known to {NAME}", from_=part.detail)
        return block
