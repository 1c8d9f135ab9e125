"""An assistant turn as a chat message: content, calls, and the reasoning that the host takes back."""

from typing import Final

from providers.dialects.openai_chat.content import (
    encode_media,
    encode_refusal,
    encode_text,
    encode_thinking,
    is_thinking_item,
    stands_in_content,
)
from providers.dialects.openai_chat.grammar import (
    FOREIGN_STATE,
    NAME,
    NOT_KNOWN,
    REASONING_DETAILS,
    SPECIFIC_FIELDS,
    THINKING_BLOCKS,
    THOUGHT_SIGNATURE,
    carried,
    form_for,
    inner_form,
    is_known,
    report_foreign,
    takes_back,
    variant_of,
    without_refused_carriers,
)
from providers.dialects.openai_chat.other_carriers import (
    has_specific_signature,
    is_thinking_block,
    repeating_fields,
    specific_fields,
    thinking_block,
)
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError
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
from providers.spec.values import Form, Json, JsonObject
from providers.wire.call_ids import CallIds
from providers.wire.json import JsonError, loads, loads_object
from providers.wire.reader import arranged

_NOT_TAKEN: Final = "this host does not take reasoning back"


class AssistantEncoder:
    """Encodes the assistant turns of one request."""

    def __init__(self, target: Target, report: Report, ids: CallIds, *, with_tools: bool) -> None:
        self._target = target
        self._profile = target.profile
        self._report = report
        self._ids = ids
        self._with_tools = with_tools

    def message(self, message: Message, path: str) -> JsonObject | None:
        """One turn; ``None`` where nothing of it can be sent (HIST-16)."""
        own = carried(message.form)
        calls = self._calls(message, path)
        content = self._content(message, path)
        reasoning = self._reasoning(message, path, called=any(isinstance(p, ToolCallPart) for p in message.parts))
        fields: JsonObject = {
            "role": "assistant",
            "content": content,
            "name": message.name,
            "refusal": self._refusal(message),
            "annotations": self._spelled_annotations(message),
            **calls,
            **reasoning,
        }
        if not own and content is None and not calls and not reasoning:
            return None
        ext = without_refused_carriers(message.ext, self._profile, path, self._report)
        form = form_for(self._profile, message.form)
        body = arranged(self._with_signature(fields, message, path), ext, form, NAME)
        if content is None and "content" not in body and not own:
            # Hosts want the field; null says that there are only calls.
            body = {"role": "assistant", "content": None, **{key: body[key] for key in body if key != "role"}}
        return body

    def _spelled_annotations(self, message: Message) -> list[Json] | None:
        return [] if variant_of(message.form, "annotations") and not is_known(self._profile) else None

    # ---- content

    def _content(self, message: Message, path: str) -> Json:
        own = carried(message.form)
        spelled = variant_of(message.form, "content")
        if own and spelled == "empty":
            return ""
        items = {number: part for number, part in enumerate(message.parts) if stands_in_content(part, own=own)}
        if own and spelled is None:
            return self._items(items, path) if items or self._was_list(message) else None
        texts = [part for part in items.values() if isinstance(part, TextPart | RefusalPart)]
        self._report_rest(items, path)
        text = "".join(part.text for part in texts)
        return text if text or spelled == "text" else None

    @staticmethod
    def _was_list(message: Message) -> bool:
        form = message.form
        return form is not None and "content" in form.keys and "content" not in form.nulls

    def _items(self, parts: dict[int, Part], path: str) -> list[Json]:
        """The content where it came as a list."""
        items: list[Json] = []
        for index, part in parts.items():
            report_foreign(part.ext, f"{path}.content[{index}]", self._report)
            match part:
                case TextPart():
                    items.append(encode_text(part))
                case RefusalPart():
                    items.append(encode_refusal(part))
                case ReasoningPart():
                    items.append(encode_thinking(part))
                case MediaPart():
                    items.append(encode_media(part))
                case OpaquePart():
                    items.append(part.value)
                case ToolCallPart() | ToolResultPart():
                    pass
        return items

    def _report_rest(self, parts: dict[int, Part], path: str) -> None:
        """What a turn of another dialect's making holds beside text: chat has no place for it."""
        for index, part in parts.items():
            at = f"{path}.content[{index}]"
            match part:
                case TextPart(annotations=annotations):
                    if annotations and not carried(part.form):
                        self._report.add(f"{at}.annotations", "dropped", NOT_KNOWN)
                case MediaPart():
                    self._report.add(at, "dropped", f"{NAME} has no {part.kind} in assistant turns")
                case OpaquePart():
                    self._report.add(at, "dropped", NOT_KNOWN, from_=part.type)
                case _:
                    pass
            if not carried(part.form):
                report_foreign(part.ext, at, self._report)
            if isinstance(part, TextPart | RefusalPart | OpaquePart) and part.state is not None:
                self._report_state(part.state, at)

    def _report_state(self, state: State, path: str) -> None:
        if state.kind != THOUGHT_SIGNATURE or not self._takes_signature(state):
            self._report.add(f"{path}.state", "dropped", FOREIGN_STATE, from_=state.kind)

    def _refusal(self, message: Message) -> str | None:
        part = message.parts[-1] if message.parts else None
        own = isinstance(part, RefusalPart) and variant_of(part.form, "field") == "refusal"
        return part.text if own and isinstance(part, RefusalPart) else None

    # ---- calls

    def _calls(self, message: Message, path: str) -> JsonObject:
        written: list[Json] = []
        legacy: JsonObject = {}
        for number, part in enumerate(message.parts):
            if not isinstance(part, ToolCallPart):
                continue
            at = f"{path}.tool_calls[{len(written)}]"
            if part.executed_by == "provider":
                self._report.add(
                    f"{path}.content[{number}]", "dropped", "a tool run by another provider", from_=part.name
                )
            elif variant_of(part.form, "field") == "function_call":
                # It has no id, and its result names the function (HIST-10).
                legacy["function_call"] = self._function(part, at)
            else:
                written.append(self._call(part, at))
        was_empty = carried(message.form) and "tool_calls" in message.form.keys and not is_known(self._profile)
        return {**({"tool_calls": written} if written or (was_empty and self._was_spelled(message)) else {}), **legacy}

    @staticmethod
    def _was_spelled(message: Message) -> bool:
        return message.form is not None and "tool_calls" not in message.form.nulls

    def _call(self, part: ToolCallPart, path: str) -> JsonObject:
        own = carried(part.form)
        if not own:
            report_foreign(part.ext, path, self._report)
        sent_id = self._ids.call(part, path)
        ext = without_refused_carriers(part.ext, self._profile, path, self._report)
        own_ext = ext.get(NAME, {})
        fields: JsonObject = {
            "id": sent_id if part.id or not own else None,
            "type": part.kind if not own or "type" in (part.form.keys if part.form else ()) else None,
            ("custom" if part.kind == "custom" else "function"): self._function(part, path),
            **self._call_state(part, f"{path}.state", own_ext),
        }
        index = variant_of(part.form, "index")
        if index is not None and not is_known(self._profile):
            fields["index"] = int(index)
        outer = {NAME: {key: value for key, value in own_ext.items() if key not in fields}}
        return arranged(fields, outer, form_for(self._profile, part.form), NAME)

    def _function(self, part: ToolCallPart, path: str) -> JsonObject:
        field = "custom" if part.kind == "custom" else "function"
        arguments: Json = part.arguments
        if variant_of(part.form, "arguments") == "object":
            arguments = _object(part.arguments)
        elif part.kind == "function" and not carried(part.form) and not part.arguments.strip():
            arguments = "{}"
        fields: JsonObject = {"name": part.name, ("input" if part.kind == "custom" else "arguments"): arguments}
        form = inner_form(part.form, field)
        if form is not None and arguments == "" and "arguments" not in form.keys:
            fields.pop("arguments", None)
        below = part.ext.get(NAME, {}).get(field)
        return arranged(fields, {NAME: below} if isinstance(below, dict) else {}, form, NAME)

    # ---- state and reasoning

    def _takes_signature(self, state: State) -> bool:
        """Google's own chat front takes its signatures back under its own name (REASON-02)."""
        if not takes_back(self._profile, "extra_content"):
            return False
        return self._target.accepts(state) or not state.origin.stamped

    def _call_state(self, part: ToolCallPart, path: str, beside: JsonObject) -> JsonObject:
        """The state of a call under the host's name for it; the caller's, where it takes that."""
        if part.state is not None and self._takes_specific(part.form):
            return {SPECIFIC_FIELDS: specific_fields(part.state.value, beside.get(SPECIFIC_FIELDS), part.form)}
        return {"extra_content": self._signature(part.state, path, beside.get("extra_content"))}

    def _takes_specific(self, form: Form | None) -> bool:
        return has_specific_signature(form) and takes_back(self._profile, SPECIFIC_FIELDS)

    def _signature(self, state: State | None, path: str, beside: Json) -> Json:
        extra: JsonObject = dict(beside) if isinstance(beside, dict) else {}
        if state is not None and state.kind == THOUGHT_SIGNATURE and self._takes_signature(state):
            google = extra.get("google")
            extra["google"] = {**(google if isinstance(google, dict) else {}), THOUGHT_SIGNATURE: state.value}
        elif state is not None:
            self._report.add(path, "dropped", FOREIGN_STATE, from_=state.kind)
        return extra or None

    def _with_signature(self, fields: JsonObject, message: Message, path: str) -> JsonObject:
        """A signature of the turn's text stands on the message."""
        for part in reversed(message.parts):
            state = part.state if isinstance(part, TextPart) else None
            if state is not None and state.kind == THOUGHT_SIGNATURE and self._takes_signature(state):
                beside = message.ext.get(NAME, {})
                if self._takes_specific(message.form):
                    specific = specific_fields(state.value, beside.get(SPECIFIC_FIELDS), message.form)
                    return {**fields, SPECIFIC_FIELDS: specific}
                return {**fields, "extra_content": self._signature(state, path, beside.get("extra_content"))}
        return fields

    def _reasoning_field(self, part: ReasoningPart) -> str | None:
        """The field the caller used where the host takes it back, else the host's own (REASON-19)."""
        for field in (variant_of(part.form, "field"), *repeating_fields(part), self._profile.reasoning_field):
            if field is not None and field != THINKING_BLOCKS and takes_back(self._profile, field):
                return field
        return None

    def _blocks(self, parts: list[ReasoningPart], fields: JsonObject) -> bool:
        """Write ``thinking_blocks`` as they came, where the host takes them."""
        if not parts or not takes_back(self._profile, THINKING_BLOCKS):
            return False
        fields[THINKING_BLOCKS] = [thinking_block(part) for part in parts]
        for field in repeating_fields(parts[0]):
            if takes_back(self._profile, field):
                fields[field] = "".join(part.text for part in parts)
        return True

    def _reasoning(self, message: Message, path: str, *, called: bool) -> JsonObject:
        """The fields of the turn's reasoning, as far as the host takes any (REASON-18, REASON-21)."""
        fields: JsonObject = {}
        lost: State | bool = False
        parts = [part for part in message.parts if isinstance(part, ReasoningPart) and not is_thinking_item(part)]
        if self._blocks([part for part in parts if is_thinking_block(part)], fields):
            parts = [part for part in parts if not is_thinking_block(part)]
        for part in parts:
            field = self._reasoning_field(part)
            if field == REASONING_DETAILS and part.state is None:
                # They stand where the caller put them.
                continue
            if part.state is not None and part.state.kind == REASONING_DETAILS and self._target.accepts(part.state):
                fields[REASONING_DETAILS] = _details(part.state)
            elif field is not None and (part.text or (carried(part.form) and not is_thinking_block(part))):
                before = fields.get(field)
                # A host that has two fields for it says the same in both.
                again = before == part.text and variant_of(part.form, "field") not in {None, field}
                fields[field] = f"{before}{part.text}" if isinstance(before, str) and not again else part.text
                if part.state is not None:
                    self._report.add(f"{path}.reasoning", "downgraded", f"its text only: its state was {FOREIGN_STATE}")
            else:
                lost = part.state or True
        if lost:
            reason = FOREIGN_STATE if isinstance(lost, State) else _NOT_TAKEN
            self._report.add(f"{path}.reasoning", "dropped", reason)
        required = self._profile.reasoning_field
        if self._profile.reasoning_required and self._with_tools and called and required and required not in fields:
            fields[required] = ""
        return fields


def _object(text: str) -> Json:
    try:
        return loads_object(text)
    except JsonError:
        return text


def _details(state: State) -> Json:
    try:
        return loads(state.value)
    except JsonError as error:
        raise InvalidRequestError(f"damaged reasoning state: {error}") from None
