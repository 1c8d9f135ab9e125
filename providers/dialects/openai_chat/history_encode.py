"""Any conversation as the messages that a chat host takes.

Messages keep their order: system messages may stand anywhere (HIST-23). A turn of results becomes one message for
each, right behind the calls they answer; what else a user said in that turn follows them (HIST-03). Pictures in a
result, which chat has no place for, follow in a message of the user's that names their calls (HIST-14).
"""

from collections.abc import Iterator

import msgspec

from providers.dialects.openai_chat.assistant_encode import AssistantEncoder
from providers.dialects.openai_chat.content import encode_media, encode_refusal, encode_text
from providers.dialects.openai_chat.grammar import (
    ERROR_PREFIX,
    FOREIGN_STATE,
    NAME,
    NOT_KNOWN,
    carried,
    form_for,
    is_known,
    report_foreign,
    variant_of,
    without_refused_carriers,
)
from providers.spec.adjustments import Report
from providers.spec.errors import UnsupportedError
from providers.spec.fold import merged_ext
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.profile import Target
from providers.spec.request import Message
from providers.spec.values import Json, JsonObject
from providers.wire.call_ids import CallIds
from providers.wire.reader import arranged


def encode_history(messages: tuple[Message, ...], target: Target, report: Report, *, with_tools: bool) -> list[Json]:
    """The ``messages`` of one request.

    Raises InvalidRequestError for orphaned calls and results of another dialect (HIST-07), UnsupportedError for media
    without words here.
    """
    lenient = all(carried(message.form) for message in messages)
    profile = target.profile
    ids = CallIds(report, pattern=profile.tool_call_id, length=profile.tool_call_id_length, lenient=lenient)
    encoder = _HistoryEncoder(target, report, ids, AssistantEncoder(target, report, ids, with_tools=with_tools))
    return encoder.encoded(messages)


class _HistoryEncoder:
    """Walks one conversation."""

    def __init__(self, target: Target, report: Report, ids: CallIds, assistant: AssistantEncoder) -> None:
        self._target = target
        self._report = report
        self._ids = ids
        self._assistant = assistant
        self._pictures: list[Json] = []

    def encoded(self, messages: tuple[Message, ...]) -> list[Json]:
        written: list[Json] = []
        before = ""
        for index, message in _turns(messages):
            if not self._continues_results(message):
                written += self._take_pictures()
            if message.role == "assistant" and before not in {"", "assistant"}:
                self._ids.check_answered()
            written += self._message(message, f"messages[{index}]")
            before = message.role
        self._ids.check_answered()
        return written + self._take_pictures()

    def _message(self, message: Message, path: str) -> Iterator[Json]:
        report_foreign(message.ext, path, self._report)
        if message.role == "assistant":
            body = self._assistant.message(message, path)
            if body is not None:
                yield body
            return
        results = [(number, part) for number, part in enumerate(message.parts) if isinstance(part, ToolResultPart)]
        for number, part in results:
            yield self._result(part, message, f"{path}.content[{number}]")
        if not results or len(results) < len(message.parts):
            yield from self._take_pictures()
            given = self._given(message, path)
            # Of a foreign turn nothing may be left (HIST-16).
            if given.get("content") != [] or carried(message.form):
                yield given

    @staticmethod
    def _continues_results(message: Message) -> bool:
        return any(isinstance(part, ToolResultPart) for part in message.parts)

    # ---- what the user or the system said

    def _given(self, message: Message, path: str) -> JsonObject:
        parts: dict[int, Part] = {
            number: part for number, part in enumerate(message.parts) if not isinstance(part, ToolResultPart)
        }
        content = self._content(parts, message, path)
        role: str = message.role
        if not carried(message.form) and role in {"developer", "tool"}:
            # Hosts that imitate OpenAI know no developer; OpenAI takes its messages as the system's too.
            role = "system" if role == "developer" else "user"
        fields: JsonObject = {"role": role, "content": content, "name": message.name}
        ext = without_refused_carriers(message.ext, self._target.profile, path, self._report)
        return arranged(fields, ext, form_for(self._target.profile, message.form), NAME)

    def _content(self, parts: dict[int, Part], message: Message, path: str) -> Json:
        if carried(message.form) and not parts and "content" not in variant_keys(message):
            return [] if "content" in message.form.keys and "content" not in message.form.nulls else None
        number, lone = next(iter(parts.items())) if len(parts) == 1 else (0, None)
        if isinstance(lone, TextPart) and not _is_item(lone, message):
            report_foreign(lone.ext, f"{path}.content[{number}]", self._report)
            self._report_lost_state(lone, f"{path}.content[{number}]")
            return lone.text
        items = [self._item(part, f"{path}.content[{index}]") for index, part in parts.items()]
        return [item for item in items if item is not None]

    def _item(self, part: Part, path: str) -> Json:
        report_foreign(part.ext, path, self._report)
        self._report_lost_state(part, path)
        match part:
            case TextPart():
                return encode_text(part)
            case RefusalPart():
                return encode_refusal(part) if carried(part.form) else {"type": "text", "text": part.text}
            case MediaPart():
                return self._media(part, path)
            case OpaquePart() if part.dialect == NAME:
                return part.value
            case OpaquePart():
                self._report.add(path, "dropped", NOT_KNOWN, from_=part.type)
                return None
            case ReasoningPart() | ToolCallPart() | ToolResultPart():
                self._report.add(path, "dropped", "not a part of such a message")
                return None

    def _media(self, part: MediaPart, path: str) -> JsonObject:
        item = encode_media(part)
        if item is None:
            where = "a file stored elsewhere" if part.file_id is not None else f"this {part.kind}"
            raise UnsupportedError(f"{path}: {NAME} cannot take {where}", path=path)
        return item

    # ---- results

    def _result(self, part: ToolResultPart, message: Message, path: str) -> JsonObject:
        own = carried(message.form)
        if not own:
            report_foreign(part.ext, path, self._report)
        legacy = own and variant_of(message.form, "role") == "function"
        written = "" if legacy else self._ids.result(part, path)[0]
        if part.executed_by == "provider":
            self._report.add(
                path, "mapped", "the result of a tool that another provider ran is one of the client's here"
            )
        told = self._texts_of(part, written, path, own=own)
        content: Json = self._foreign_result(told, part, path)
        if own and (told or not part.content):
            content = self._content(told, message, path)
        if content == [] and is_known(self._target.profile):
            # Nothing is a result too (HIST-11), and hosts refuse an empty list.
            content = ""
        name = part.name if own else None
        fields: JsonObject = {"role": "function" if legacy else "tool", "content": content, "name": name}
        if not legacy:
            fields = {"role": "tool", "tool_call_id": written, "content": content, "name": name}
        ext = without_refused_carriers(message.ext, self._target.profile, path, self._report)
        return arranged(fields, ext if own else {}, form_for(self._target.profile, message.form), NAME)

    def _texts_of(self, part: ToolResultPart, written: str, path: str, *, own: bool) -> dict[int, Part]:
        """What stays in the result; pictures that it may not hold are kept for the user's message behind it."""
        may_hold = self._target.profile.result_media
        told: dict[int, Part] = {}
        for index, item in enumerate(part.content):
            at = f"{path}.content[{index}]"
            if isinstance(item, TextPart) or (own and (may_hold is not False or isinstance(item, OpaquePart))):
                told[index] = item
            elif (said := self._item(item, at)) is not None:
                self._pictures += [{"type": "text", "text": f"From the result of tool call {written}:"}, said]
                self._report.add(at, "mapped", "chat results hold text only: it follows in a message of the user's")
        return told

    def _foreign_result(self, told: dict[int, Part], part: ToolResultPart, path: str) -> str:
        """The texts of a result as one."""
        for index, item in told.items():
            self._report_lost_state(item, f"{path}.content[{index}]")
        text = "\n".join(item.text for item in told.values() if isinstance(item, TextPart))
        if part.outcome == "ok":
            return text
        self._report.add(f"{path}.outcome", "mapped", "chat has no flag for a failed result", to=ERROR_PREFIX)
        return text if text.startswith(ERROR_PREFIX) else f"{ERROR_PREFIX}{text}"

    def _take_pictures(self) -> list[Json]:
        content, self._pictures = self._pictures, []
        return [{"role": "user", "content": content}] if content else []

    def _report_lost_state(self, part: Part, path: str) -> None:
        if part.state is not None and not self._target.accepts(part.state):
            self._report.add(f"{path}.state", "dropped", FOREIGN_STATE, from_=part.state.kind)


def _turns(messages: tuple[Message, ...]) -> Iterator[tuple[int, Message]]:
    """The messages with their places. Neighbouring turns of a model that another dialect keeps apart are one here:
    results have to follow the very turn that called (HIST-04).
    """
    held: tuple[int, Message] | None = None
    for index, message in enumerate(messages):
        if held is not None and message.role == "assistant" and not carried(message.form):
            parts = held[1].parts + message.parts
            held = (held[0], msgspec.structs.replace(held[1], parts=parts, ext=merged_ext(held[1].ext, message.ext)))
            continue
        if held is not None:
            yield held
        held = None
        if message.role == "assistant" and not carried(message.form):
            held = (index, message)
        else:
            yield index, message
    if held is not None:
        yield held


def variant_keys(message: Message) -> dict[str, str]:
    """How the fields of a message were spelled."""
    return message.form.variants if message.form is not None else {}


def _is_item(part: TextPart, message: Message) -> bool:
    """Whether a lone text has to stand in a list: it came so, or it carries more than its text."""
    if carried(message.form):
        return variant_of(message.form, "content") != "text"
    return bool(part.ext.get(NAME))
