"""The parts of an answer as the message a chat client reads."""

from typing import Final

import msgspec

from providers.dialects.openai_chat.content import (
    encode_media,
    encode_refusal,
    encode_text,
    encode_thinking,
    is_thinking_item,
)
from providers.dialects.openai_chat.grammar import (
    NAME,
    REASONING_DETAILS,
    THOUGHT_SIGNATURE,
    carried,
    inner_form,
    variant_of,
)
from providers.spec.parts import (
    MediaPart,
    OpaquePart,
    Part,
    ReasoningPart,
    RefusalPart,
    State,
    TextPart,
    ToolCallPart,
    is_client_call,
)
from providers.spec.response import Candidate
from providers.spec.values import Ext, Json, JsonObject, extended
from providers.wire.envelope_encode import StateTrail
from providers.wire.ids import base62_digest
from providers.wire.json import JsonError, loads
from providers.wire.reader import arranged

REASONING: Final = "reasoning_content"
"""The field in which reasoning is given for reading, whatever the provider called it."""


def minted_id(response_id: str, index: int) -> str:
    """The id of a call that came without one, the same in a body and in a stream (ID-06)."""
    return f"call_{base62_digest(f'{response_id}:{index}', 22)}"


def encode_message(candidate: Candidate, response_id: str) -> JsonObject:
    """The message of one candidate."""
    own = carried(candidate.form)
    trail = StateTrail(NAME)
    calls: list[Json] = []
    legacy: Json = None
    for index, part in enumerate(candidate.parts):
        if is_client_call(part):
            if variant_of(part.form, "field") == "function_call":
                trail.legacy_call(part)
                legacy = arranged({"name": part.name, "arguments": part.arguments}, part.ext, part.form, NAME)
                continue
            sent_id = part.id or minted_id(response_id, index)
            calls.append(encode_call(part, sent_id, trail.call(index, part, sent_id)))
        else:
            trail.start(index, without_own_details(part))
    fields: JsonObject = {
        "role": "assistant",
        "content": _content(candidate, own=own),
        "refusal": _refusal(candidate),
        **_reasoning(candidate),
        "images": _images(candidate) or None,
        "tool_calls": calls or ([] if variant_of(candidate.form, "tool_calls") == "empty" else None),
        "function_call": legacy,
    }
    cited = [item for index, part in enumerate(candidate.parts) for item in citations(part, trail.place(index))]
    rest = carried_message(candidate.ext)
    fields["annotations"] = None if "annotations" in rest else cited or None
    fields["extra_content"] = message_extra(trail, rest)
    form = inner_form(candidate.form, "message")
    message = arranged(fields, {NAME: rest}, form, NAME)
    if form is None:
        # Clients of this dialect expect both fields, null or not.
        message.setdefault("content", None)
        message.setdefault("refusal", None)
    return message


def encode_call(call: ToolCallPart, sent_id: str, extra: JsonObject | None) -> JsonObject:
    """A whole call."""
    field, text = call_fields(call)
    own = extended(call.ext, NAME)
    below = own.get(field)
    inner = arranged(
        {"name": call.name, text: call.arguments},
        {NAME: below} if isinstance(below, dict) else {},
        inner_form(call.form, field),
        NAME,
    )
    index = variant_of(call.form, "index")
    fields: JsonObject = {
        "index": None if index is None else int(index),
        "id": sent_id,
        "type": field,
        field: inner,
        "extra_content": _beside(own.get("extra_content"), extra or {}),
    }
    rest = {key: value for key, value in own.items() if key not in {field, "type"}}
    return arranged(fields, {NAME: rest}, call.form, NAME)


def call_fields(call: ToolCallPart) -> tuple[str, str]:
    """The names of the object that holds a call, and of its argument text."""
    return ("custom", "input") if call.kind == "custom" else ("function", "arguments")


def citations(part: Part, start: int) -> list[Json]:
    """The citations of a text of another dialect's making that chat has words for; ``start``: where the text begins."""
    if not isinstance(part, TextPart) or not part.annotations:
        return []
    found: list[Json] = []
    for annotation in part.annotations:
        if isinstance(annotation, dict) and annotation.get("type") == "url_citation" and "url" in annotation:
            cited: JsonObject = {key: annotation[key] for key in ("url", "title") if key in annotation}
            for key in ("start_index", "end_index"):
                if isinstance(place := annotation.get(key), int):
                    cited[key] = place + start
            found.append({"type": "url_citation", "url_citation": cited})
    return found


def carried_message(ext: Ext) -> JsonObject:
    """The fields of the message that are carried."""
    rest = extended(ext, NAME).get("message")
    return rest if isinstance(rest, dict) else {}


def message_extra(trail: StateTrail, rest: JsonObject) -> JsonObject | None:
    """``extra_content`` of a message at its end: Google's signature of its text, and the router's envelope."""
    extra: JsonObject = {}
    if trail.text_signature is not None:
        extra["google"] = {THOUGHT_SIGNATURE: trail.text_signature}
    envelope = trail.close()
    if envelope is not None:
        extra["router"] = envelope
    return _beside(rest.get("extra_content"), extra)


def _beside(carried_extra: Json, extra: JsonObject) -> JsonObject | None:
    """What is carried of ``extra_content``, and ours."""
    return {**carried_extra, **extra} if isinstance(carried_extra, dict) else extra or None


def without_own_details(part: Part) -> Part:
    """Reasoning without the ``reasoning_details`` that have a field of their own: no envelope repeats them."""
    state = own_details(part)
    if isinstance(part, ReasoningPart) and state is not None and survives_accumulation(details_of(state)):
        return msgspec.structs.replace(part, state=None)
    return part


def survives_accumulation(details: Json) -> bool:
    """Whether the official client gives back what it read of these details in a stream.

    It joins the members of such a list by ``index``, whatever else they say; hosts give one index to the summary and
    to the seal of one thought (REASON-12). Those travel in the envelope.
    """
    if not isinstance(details, list):
        return False
    return all(isinstance(detail, dict) and detail.get("index") == place for place, detail in enumerate(details))


def own_details(part: Part) -> State | None:
    """State that this dialect has a field of its own for."""
    state = part.state if isinstance(part, ReasoningPart) and carried(part.form) else None
    return state if state is not None and state.kind == REASONING_DETAILS else None


def details_of(state: State) -> Json:
    """``reasoning_details`` as they came."""
    try:
        return loads(state.value)
    except JsonError:
        return None


def _content(candidate: Candidate, *, own: bool) -> Json:
    spelled = variant_of(candidate.form, "content")
    if own and spelled == "list":
        return [item for part in candidate.parts if (item := _item(part)) is not None]
    texts = [part.text for part in candidate.parts if isinstance(part, TextPart)]
    texts += [part.text for part in candidate.parts if isinstance(part, MediaPart) and part.text is not None]
    text = "".join(texts)
    return text if text or spelled == "empty" else None


def _item(part: Part) -> Json:
    match part:
        case TextPart():
            return encode_text(part)
        case RefusalPart() if variant_of(part.form, "field") != "refusal":
            return encode_refusal(part)
        case ReasoningPart() if is_thinking_item(part):
            return encode_thinking(part)
        case MediaPart():
            return encode_media(part)
        case OpaquePart() if part.dialect == NAME:
            return part.value
        case _:
            return None


def _refusal(candidate: Candidate) -> str | None:
    texts = [part.text for part in candidate.parts if isinstance(part, RefusalPart)]
    if texts:
        return "".join(texts)
    return "" if variant_of(candidate.form, "refusal") == "empty" else None


def _reasoning(candidate: Candidate) -> JsonObject:
    """Reasoning for reading, under the names the host gave it where it came in this dialect."""
    parts = [part for part in candidate.parts if isinstance(part, ReasoningPart) and not is_thinking_item(part)]
    text = "".join(part.text for part in parts)
    fields: JsonObject = {}
    for field in ("reasoning_content", "reasoning"):
        spelled = variant_of(candidate.form, f"reasoning:{field}")
        if spelled is not None:
            fields[field] = text if spelled == "text" else ""
    details = next((state for part in parts if (state := own_details(part)) is not None), None)
    if details is not None:
        fields[REASONING_DETAILS] = details_of(details)
    elif variant_of(candidate.form, REASONING_DETAILS) == "empty":
        fields[REASONING_DETAILS] = []
    if text and REASONING not in fields and "reasoning" not in fields:
        fields[reasoning_field(next(part for part in parts if part.text))] = text
    return fields


def reasoning_field(part: ReasoningPart) -> str:
    """The field the host used, where the part came in this dialect."""
    field = variant_of(part.form, "field")
    return field if field in {"reasoning", "reasoning_content"} else REASONING


def _images(candidate: Candidate) -> list[Json]:
    """Pictures that the model made, in the field that aggregators use for them."""
    if carried(candidate.form):
        return []
    return [
        item
        for part in candidate.parts
        if isinstance(part, MediaPart) and part.kind == "image" and (item := encode_media(part)) is not None
    ]
