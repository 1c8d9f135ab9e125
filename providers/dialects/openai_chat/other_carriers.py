"""Reasoning state in the fields of other gateways: read where a client hands it back, and written back alike.

LiteLLM writes Anthropic's thinking as ``thinking_blocks`` of the message, and Gemini's signatures as
``provider_specific_fields`` of the call (``thought_signature``) and of the message (``thought_signatures``)
(https://docs.litellm.ai/docs/reasoning_content). Nobody stamped them, so they go back to their own dialect only.
``reasoning_details`` of OpenRouter and others stay what they are: state of the host that issued them. Their text is
read where the client has it nowhere else.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from providers.dialects.openai_chat.grammar import (
    ANTHROPIC,
    GOOGLE,
    NAME,
    REASONING_DETAILS,
    SPECIFIC_FIELDS,
    THINKING_BLOCKS,
    THOUGHT_SIGNATURE,
    inner_form,
    inner_keys,
    note_inner,
    variant_of,
)
from providers.spec.parts import Origin, Part, ReasoningPart, State
from providers.spec.values import Ext, Form, Json, JsonObject
from providers.wire.reader import Reader, arranged

_ANTHROPIC: Final = Origin(dialect=ANTHROPIC)
_TYPES: Final = {"thinking": "thinking", "redacted_thinking": "data"}
"""Where the text of each type of block is, or what stands for it."""
SIGNED_ID: Final = "__thought__"
"""Stands in ids that hold a signature."""
_SIGNATURES: Final = "thought_signatures"
_REPEATED: Final = "repeated"
"""Variant of a block: the fields of the message that said the text of all blocks once more."""

GOOGLE_ORIGIN: Final = Origin(dialect=GOOGLE)


def with_thinking_blocks(reader: Reader, readable: list[Part]) -> list[Part]:
    """The reasoning of a message: its ``thinking_blocks`` in place of readable fields that repeat their text."""
    blocks = reader.peek(THINKING_BLOCKS)
    if not isinstance(blocks, list) or not blocks:
        return readable
    found = [_block(block) for block in blocks]
    parts = [part for part in found if part is not None]
    if len(parts) != len(found):
        return readable
    reader.take(THINKING_BLOCKS)
    text = "".join(part.text for part in parts)
    repeated = [part for part in readable if isinstance(part, ReasoningPart) and part.text == text]
    fields = ",".join(field for part in repeated if (field := variant_of(part.form, "field")))
    if fields:
        parts = [_repeated(part, fields) for part in parts]
    return [*(part for part in readable if part not in repeated), *parts]


def _block(value: Json) -> ReasoningPart | None:
    if not isinstance(value, dict) or (text_key := _TYPES.get(str(value.get("type")))) is None:
        return None
    text, signature = value.get(text_key), value.get("signature")
    if not isinstance(text, str) or not isinstance(signature, str | None):
        return None
    nulls = tuple(key for key, item in value.items() if item is None)
    known = {"type", text_key, "signature", *nulls}
    redacted = text_key == "data"
    sealed = text if redacted else signature
    variants = {"field": THINKING_BLOCKS, **({"signature": "empty"} if signature == "" else {})}
    rest = {key: item for key, item in value.items() if key not in known}
    kind = "redacted" if redacted else "signature"
    return ReasoningPart(
        text="" if redacted else text,
        redacted=redacted,
        state=State(kind=kind, value=sealed, origin=_ANTHROPIC) if sealed else None,
        ext={NAME: rest} if rest else {},
        form=Form(dialect=NAME, keys=tuple(value), nulls=nulls, variants=variants),
    )


def _repeated(part: ReasoningPart, fields: str) -> ReasoningPart:
    assert part.form is not None  # noqa: S101  # for the type checker: ``_block`` gave it
    form = msgspec.structs.replace(part.form, variants={**part.form.variants, _REPEATED: fields})
    return msgspec.structs.replace(part, form=form)


def is_thinking_block(part: ReasoningPart) -> bool:
    """Whether the part came as one of ``thinking_blocks``."""
    return variant_of(part.form, "field") == THINKING_BLOCKS


def repeating_fields(part: ReasoningPart) -> Sequence[str]:
    """The readable fields in which the caller said the text of all its ``thinking_blocks`` as well."""
    fields = variant_of(part.form, _REPEATED)
    return fields.split(",") if fields else ()


def thinking_block(part: ReasoningPart) -> JsonObject:
    """One of ``thinking_blocks`` as it came."""
    value = part.state.value if part.state is not None else None
    fields: JsonObject = {"type": "redacted_thinking" if part.redacted else "thinking"}
    if part.redacted:
        fields["data"] = value or ""
    else:
        fields["thinking"] = part.text
        fields["signature"] = "" if variant_of(part.form, "signature") == "empty" else value
    return arranged(fields, part.ext, part.form, NAME)


def details_only(reader: Reader, readable: list[Part]) -> list[Part]:
    """The readable reasoning; that of ``reasoning_details``, which stay where they are, if there is no other."""
    details = reader.peek(REASONING_DETAILS)
    if readable or not isinstance(details, list):
        return readable
    text = details_text(details)
    if not text:
        return readable
    return [ReasoningPart(text=text, form=Form(dialect=NAME, variants={"field": REASONING_DETAILS}))]


def details_text(details: list[Json]) -> str:
    """What of ``reasoning_details`` can be read."""
    texts = []
    for detail in details:
        if isinstance(detail, dict):
            text = detail.get("text") or detail.get("summary")
            texts.append(text if isinstance(text, str) else "")
    return "".join(texts)


# ---- Gemini's signatures


def without_signature(call_id: str) -> tuple[str, State | None]:
    """An id without the signature that LiteLLM writes behind it: ``<id>__thought__<signature>`` (ID-10)."""
    own, mark, signature = call_id.partition(SIGNED_ID)
    if not own or not mark:
        return call_id, None
    return own, State(kind=THOUGHT_SIGNATURE, value=signature, origin=GOOGLE_ORIGIN)


def take_call_signature(reader: Reader) -> State | None:
    """The signature of a call, where it stands in ``provider_specific_fields``."""
    fields = reader.peek(SPECIFIC_FIELDS)
    signature = fields.get(THOUGHT_SIGNATURE) if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or not isinstance(signature, str):
        return None
    _take(reader, fields, THOUGHT_SIGNATURE)
    return State(kind=THOUGHT_SIGNATURE, value=signature, origin=GOOGLE_ORIGIN)


def take_text_signature(reader: Reader) -> str | None:
    """The signature of a turn's text, where ``provider_specific_fields`` of the message have one and no more."""
    fields = reader.peek(SPECIFIC_FIELDS)
    signatures = fields.get(_SIGNATURES) if isinstance(fields, dict) else None
    if not isinstance(fields, dict) or not isinstance(signatures, list) or len(signatures) != 1:
        return None
    signature = signatures[0]
    if not isinstance(signature, str):
        return None
    _take(reader, fields, _SIGNATURES)
    return signature


def _take(reader: Reader, fields: JsonObject, key: str) -> None:
    reader.take(SPECIFIC_FIELDS)
    note_inner(reader.variants, SPECIFIC_FIELDS, fields)
    rest = {name: value for name, value in fields.items() if name != key}
    if rest:
        reader.give_back(SPECIFIC_FIELDS, rest)


def has_specific_signature(form: Form | None) -> bool:
    """Whether the signature of a call or message stood in ``provider_specific_fields``."""
    return inner_keys(form, SPECIFIC_FIELDS) is not None


def specific_fields(signature: str, beside: Json, form: Form | None) -> JsonObject:
    """``provider_specific_fields`` with the signature, as it came."""
    on_message = _SIGNATURES in (inner_keys(form, SPECIFIC_FIELDS) or ())
    fields: JsonObject = {_SIGNATURES: [signature]} if on_message else {THOUGHT_SIGNATURE: signature}
    ext: Ext = {NAME: beside} if isinstance(beside, dict) else {}
    return arranged(fields, ext, inner_form(form, SPECIFIC_FIELDS), NAME)
