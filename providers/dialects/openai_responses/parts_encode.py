"""The parts of one message of a request as items that the target takes, with a report of what it does not take."""

from providers.dialects.openai_responses.call_ids import CallIds
from providers.dialects.openai_responses.content import is_annotation, is_content, media_part, text_part
from providers.dialects.openai_responses.grammar import (
    ERROR_PREFIX,
    FOREIGN_STATE,
    NAME,
    NOT_KNOWN,
    check_tool_name,
    is_native,
    report_foreign_ext,
    was_written,
)
from providers.dialects.openai_responses.items_encode import (
    begins_message,
    call_item,
    identity,
    message_item,
    reasoning_item,
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
from providers.wire.reader import arranged, variant


class PartsEncoder:
    """Encodes message after message of one request. ``stored``: the provider keeps what it is sent."""

    def __init__(self, target: Target, report: Report, calls: CallIds, *, stored: bool) -> None:
        self._target = target
        self._report = report
        self._calls = calls
        self._stored = stored

    def check_answered(self) -> None:
        """Raise InvalidRequestError where a call of the turn that just ended has no result."""
        self._calls.check_answered()

    # ---- what the model said

    def said(self, message: Message, path: str) -> list[JsonObject]:
        """The items of a message of the model's."""
        items: list[JsonObject | None] = []
        opened: Part | None = None
        content: list[Json] = []
        lost = False
        for index, part in enumerate(message.parts):
            at = f"{path}.content[{index}]"
            report_foreign_ext(part.ext, at, self._report)
            if not is_content(part):
                opened = None
                items.append(self._item(part, at))
                lost = lost or (isinstance(part, ReasoningPart) and items[-1] is None)
                continue
            if opened is None or begins_message(part):
                opened, content = part, []
                items.append(None)
            written = self._content(part, at, said=True)
            content += [] if written is None else [written]
            native = is_native(opened.form)
            items[-1] = message_item(opened, list(content), {"role": "assistant"}) if content or native else None
        kept = [item for item in items if item is not None]
        self._drop_last_reasoning(kept, message, path)
        # An item is bound to the reasoning before it by its id: without the reasoning it goes without (REASON-14).
        return [_without_id(item) if lost else item for item in kept]

    def _drop_last_reasoning(self, items: list[JsonObject], message: Message, path: str) -> None:
        """Reasoning that nothing follows is refused; in its own dialect that is the provider's to say."""
        while items and items[-1].get("type") == "reasoning" and not is_native(message.form):
            items.pop()
            self._report.add(f"{path}.reasoning", "dropped", "reasoning without the item that followed it is refused")

    def _item(self, part: Part, path: str) -> JsonObject | None:
        match part:
            case ReasoningPart():
                return self._reasoning(part, path)
            case ToolCallPart():
                return self._call(part, path)
            case ToolResultPart():
                return self._result(part, path)
            case MediaPart():
                self._report_state(part.state, path)
                self._report.add(path, "dropped", f"{NAME} has no {part.kind} in what the model said")
                return None
            case OpaquePart():
                value = self._opaque(part, path)
                return value if isinstance(value, dict) else None
            case TextPart() | RefusalPart():
                raise AssertionError("texts are content")

    def _reasoning(self, part: ReasoningPart, path: str) -> JsonObject | None:
        if part.state is not None:
            if self._target.accepts(part.state):
                return reasoning_item(part)
            self._report.add(f"{path}.reasoning", "dropped", FOREIGN_STATE)
            return None
        # An item with nothing but an id means something only where it is stored (REASON-15).
        known = is_native(part.form) and "id" in identity(part.form)
        if known and (self._stored or (part.text and part.kind == "text")):
            return reasoning_item(part)
        self._report.add(f"{path}.reasoning", "dropped", "reasoning without encrypted content cannot be sent back")
        return None

    def _call(self, part: ToolCallPart, path: str) -> JsonObject | None:
        self._report_state(part.state, path)
        if part.executed_by == "provider":
            self._report.add(path, "dropped", "a tool run by another provider", from_=part.name)
            return None
        if not is_native(part.form):
            check_tool_name(part.name, self._target.profile.tool_name, f"{path}.name")
        if not part.id and is_native(part.form):
            return call_item(part, "")
        return call_item(part, self._calls.call(part, path))

    # ---- results

    def results(self, message: Message, path: str) -> list[Json]:
        """The items of a message that holds results, perhaps beside other things of the user's."""
        items: list[Json] = []
        given: list[Json] = []
        for index, part in enumerate(message.parts):
            at = f"{path}.content[{index}]"
            report_foreign_ext(part.ext, at, self._report)
            if isinstance(part, ToolResultPart | OpaquePart):
                item = self._result(part, at) if isinstance(part, ToolResultPart) else self._opaque(part, at)
                items += [] if item is None else [item]
            elif isinstance(part, TextPart | RefusalPart | MediaPart):
                written = self._content(part, at, said=False)
                given += [] if written is None else [written]
        # Results come first, whatever else is said after them.
        return [*items, {"role": "user", "content": given}] if given else items

    def _result(self, part: ToolResultPart, path: str) -> JsonObject | None:
        self._report_state(part.state, path)
        if part.executed_by == "provider":
            self._report.add(path, "dropped", "the result of a tool run by another provider", from_=part.name)
            return None
        call_id, called = self._calls.result(part, path)
        kind = variant(part.form, NAME, "type")
        if kind is None:
            kind = "custom_tool_call_output" if called == "custom" else "function_call_output"
        output = self._output(part, path)
        known = call_id if call_id or was_written(part.form, "call_id") else None
        fields: JsonObject = {"type": kind, **identity(part.form), "call_id": known, "output": output}
        return arranged(fields, part.ext, part.form, NAME)

    def _output(self, part: ToolResultPart, path: str) -> Json:
        texts = [item.text for item in part.content if isinstance(item, TextPart)]
        native = is_native(part.form)
        if len(texts) == len(part.content) and (variant(part.form, NAME, "output") == "text" or not native):
            for index, item in enumerate(part.content):
                report_foreign_ext(item.ext, f"{path}.content[{index}]", self._report)
            return self._marked("\n".join(texts), part, path)
        written = [self._output_part(item, f"{path}.content[{index}]") for index, item in enumerate(part.content)]
        listed: list[Json] = [item for item in written if item is not None]
        if part.outcome != "ok" and not native:
            listed.insert(0, {"type": "input_text", "text": self._marked("", part, path).strip()})
        return listed

    def _output_part(self, item: ContentPart, path: str) -> Json:
        report_foreign_ext(item.ext, path, self._report)
        return self._content(item, path, said=False)

    def _marked(self, text: str, part: ToolResultPart, path: str) -> str:
        """HIST-22: what failed says so in its text, since there is no flag for it."""
        if part.outcome == "ok" or is_native(part.form):
            return text
        self._report.add(f"{path}.outcome", "mapped", "said in the text: there is no flag for it", from_=part.outcome)
        return text if text.lower().startswith("error") else f"{ERROR_PREFIX}{text}"

    # ---- what was given to the model

    def given(self, message: Message, path: str) -> JsonObject | None:
        """The item of a message of the user's or the developer's; ``None`` where nothing is left of it."""
        native = is_native(message.form)
        content: list[Json] = []
        for index, part in enumerate(message.parts):
            at = f"{path}.content[{index}]"
            report_foreign_ext(part.ext, at, self._report)
            if isinstance(part, TextPart | RefusalPart | MediaPart | OpaquePart):
                written = self._content(part, at, said=False)
                content += [] if written is None else [written]
            else:
                kind = type(part).__name__.removesuffix("Part")
                self._report.add(at, "dropped", f"{NAME} has no {kind} in {message.role} messages")
        if not content and not native:
            return None
        fields: JsonObject = {"role": message.role, "content": _spelled(content, message), **identity(message.form)}
        if native and message.form is not None and "type" in message.form.keys:
            fields["type"] = "message"
        return arranged(fields, message.ext, message.form, NAME)

    def _content(self, part: Part, path: str, *, said: bool) -> JsonObject | None:
        match part:
            case TextPart():
                return self._text(part, path, said=said)
            case RefusalPart():
                self._report_state(part.state, path)
                return text_part(part, said=said)
            case MediaPart():
                self._report_state(part.state, path)
                return _supported(part, path)
            case OpaquePart():
                value = self._opaque(part, path)
                return value if isinstance(value, dict) else None
            case _:
                return None

    def _text(self, part: TextPart, path: str, *, said: bool) -> JsonObject | None:
        self._report_state(part.state, path)
        if said and not part.text and not is_native(part.form):
            return None
        if not is_native(part.form) and not all(is_annotation(item) for item in part.annotations):
            self._report.add(f"{path}.annotations", "dropped", NOT_KNOWN)
        return text_part(part, said=said)

    def _opaque(self, part: OpaquePart, path: str) -> Json:
        self._report_state(part.state, path)
        if part.dialect == NAME:
            return part.value
        self._report.add(path, "dropped", NOT_KNOWN, from_=part.type)
        return None

    def _report_state(self, state: State | None, path: str) -> None:
        """State of a part that is no reasoning: this dialect has none, so it is always another's (REASON-05)."""
        if state is not None:
            self._report.add(f"{path}.state", "dropped", FOREIGN_STATE, from_=state.kind)


def _spelled(content: list[Json], message: Message) -> Json:
    """One plain text as a string: every host takes that."""
    first = content[0] if len(content) == 1 else None
    plain = not is_native(message.form) or variant(message.form, NAME, "content") == "text"
    if plain and isinstance(first, dict) and list(first) == ["type", "text"] and first["type"] == "input_text":
        return first["text"]
    return content


def _without_id(item: JsonObject) -> JsonObject:
    return {key: value for key, value in item.items() if key != "id"}


def _supported(part: MediaPart, path: str) -> JsonObject:
    written = media_part(part)
    if written is None:
        where = "a file stored elsewhere" if part.file_id is not None else f"this {part.kind}"
        raise UnsupportedError(f"{path}: {NAME} cannot take {where}", path=path)
    return written
