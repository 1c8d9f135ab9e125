"""Parts of a content to canonical parts, for requests and for answers."""

from collections.abc import Callable
from typing import Final

import msgspec

from providers.dialects.gemini.carrier import Carried, joins, read_state
from providers.dialects.gemini.grammar import NAME, NO_SIGNATURES, SIGNATURE
from providers.dialects.gemini.reader import GeminiReader, merged
from providers.dialects.gemini.results import read_output
from providers.spec.errors import InvalidRequestError
from providers.spec.parts import (
    ContentPart,
    MediaKind,
    MediaPart,
    OpaquePart,
    Origin,
    Part,
    ReasoningPart,
    State,
    TextPart,
    ToolCallPart,
    ToolResultPart,
)
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps_text
from providers.wire.reader import LenientReader

_OPAQUE: Final = ("executableCode", "codeExecutionResult", "toolCall", "toolResponse")
"""What the provider runs and shows: carried for replay, never a call of the client's (SERVER-03)."""


class PartContext(msgspec.Struct, frozen=True):
    """Where parts come from."""

    origin: Origin
    reader_kind: type[GeminiReader] = GeminiReader
    thinks: bool = True
    """Whether a text marked ``thought`` is the model's reasoning: in its own turns."""


def decode_part(value: Json, path: str, context: PartContext) -> Part:
    """One part. What is not modelled is an OpaquePart that holds the part as it came, without its signature.

    Raises InvalidRequestError for wrong types, with the JSON path.
    """
    reader = context.reader_kind(value, path, NAME)
    signature = reader.text("thoughtSignature")
    if signature in NO_SIGNATURES and not context.origin.stamped:
        # It says that there is no state: for Google alone, and none that a provider gave.
        reader.variants[SIGNATURE], signature = signature, None
    carried = None if signature is None else read_state(signature, context.origin)
    for key, decode in _DECODERS.items():
        if reader.has(key):
            return decode(reader, carried, context)
    return _opaque(reader, value, carried)


def _state(carried: Carried | None) -> State | None:
    return None if carried is None else carried.state


def _not_a_thought(reader: GeminiReader) -> None:
    """``"thought": false`` says what its absence says; anything else is carried."""
    if reader.peek("thought") is False:
        reader.take("thought")
        reader.variants["thought"] = "false"


def _text(reader: GeminiReader, carried: Carried | None, context: PartContext) -> Part:
    text = reader.required_text("text")
    reader.variants.update(joins(carried))
    if reader.peek("thought") is True and context.thinks:
        reader.take("thought")
        return ReasoningPart(
            text=text,
            kind="summary" if carried is None or carried.summary or carried.length is None else "text",
            redacted=carried is not None and carried.redacted,
            state=_state(carried),
            ext=reader.rest(),
            form=reader.form(),
        )
    _not_a_thought(reader)
    return TextPart(text=text, state=_state(carried), ext=reader.rest(), form=reader.form())


def _call(reader: GeminiReader, carried: Carried | None, context: PartContext) -> Part:
    inner = reader.required_nested("functionCall")
    call_id = inner.text("id") or ""
    name = inner.required_text("name")
    arguments = read_args(inner)
    inner_rest = reader.keep("functionCall", inner)
    _not_a_thought(reader)
    return ToolCallPart(
        id=call_id,
        name=name,
        arguments=arguments,
        state=_state(carried),
        ext=merged(reader.rest(), inner_rest),
        form=reader.form(),
    )


def read_args(call: GeminiReader) -> str:
    """The arguments as compact JSON text; missing ones are an empty object (ARGS-03)."""
    if isinstance(call, LenientReader):
        value = call.take("args")
        # Hosts that imitate this dialect may put JSON text where the object belongs (ARGS-05).
        return value if isinstance(value, str) else dumps_text({} if value is None else value)
    return dumps_text(call.object("args") or {})


def _result(reader: GeminiReader, carried: Carried | None, context: PartContext) -> Part:
    inner = reader.required_nested("functionResponse")
    call_id = inner.text("id") or ""
    name = inner.text("name")
    response = inner.object("response")
    content: list[ContentPart] = []
    failed = False
    if response is not None:
        output = read_output(response)
        inner.variants["response"] = output.shape
        failed = output.outcome == "error"
        content.append(TextPart(text=output.text))
    for index, item in enumerate(inner.array("parts") or ()):
        content.append(_content_part(item, f"{inner.at('parts')}[{index}]", context))
    inner_rest = reader.keep("functionResponse", inner)
    _not_a_thought(reader)
    return ToolResultPart(
        call_id=call_id,
        name=name,
        outcome="error" if failed else "ok",
        content=tuple(content),
        state=_state(carried),
        ext=merged(reader.rest(), inner_rest),
        form=reader.form(),
    )


def _content_part(value: Json, path: str, context: PartContext) -> ContentPart:
    part = decode_part(value, path, context)
    if isinstance(part, MediaPart | OpaquePart):
        return part
    # Not legal there; the provider is to say so, in its own words.
    return OpaquePart(dialect=NAME, type="part", value=value)


def _inline(reader: GeminiReader, carried: Carried | None, context: PartContext) -> Part:
    inner = reader.required_nested("inlineData")
    media_type, data = inner.text("mimeType"), inner.required_text("data")
    return _media(reader, carried, "inlineData", inner, MediaPart(kind=media_kind(media_type), data=data), media_type)


def _file(reader: GeminiReader, carried: Carried | None, context: PartContext) -> Part:
    inner = reader.required_nested("fileData")
    media_type, uri = inner.text("mimeType"), inner.required_text("fileUri")
    kind = media_kind(media_type)
    part = MediaPart(kind=kind, url=uri) if is_public(uri) else MediaPart(kind=kind, file_id=uri)
    return _media(reader, carried, "fileData", inner, part, media_type)


def _media(
    reader: GeminiReader,
    carried: Carried | None,
    key: str,
    inner: GeminiReader,
    part: MediaPart,
    media_type: str | None,
) -> MediaPart:
    filename = inner.text("displayName")
    inner_rest = reader.keep(key, inner)
    _not_a_thought(reader)
    return msgspec.structs.replace(
        part,
        media_type=media_type,
        filename=filename,
        state=_state(carried),
        ext=merged(reader.rest(), inner_rest),
        form=reader.form(),
    )


def media_kind(media_type: str | None) -> MediaKind:
    """What a MIME type is; a document where it is nothing else."""
    main = (media_type or "").partition("/")[0]
    return "image" if main == "image" else "audio" if main == "audio" else "video" if main == "video" else "document"


def is_public(uri: str) -> bool:
    """Whether a file can be fetched by anybody: not ``gs://…``, and no file stored with the Gemini API."""
    return uri.startswith(("https://", "http://")) and "generativelanguage.googleapis.com" not in uri


def _opaque(reader: GeminiReader, value: Json, carried: Carried | None) -> OpaquePart:
    signature = reader.spelling("thoughtSignature")
    fields: JsonObject = value if isinstance(value, dict) else {}
    kept = {key: item for key, item in fields.items() if carried is None or key != signature}
    kind = next((key for key in _OPAQUE if reader.has(key)), next(iter(kept), ""))
    return OpaquePart(dialect=NAME, type=kind, value=kept, state=_state(carried), form=reader.form())


_DECODERS: Final[dict[str, Callable[[GeminiReader, Carried | None, PartContext], Part]]] = {
    "functionCall": _call,
    "functionResponse": _result,
    "inlineData": _inline,
    "fileData": _file,
    "text": _text,
}


def decode_parts(value: list[Json], path: str, context: PartContext) -> list[Part]:
    """Every part of a ``parts`` array."""
    return [decode_part(part, f"{path}[{index}]", context) for index, part in enumerate(value)]


def required_parts(reader: GeminiReader) -> list[Json]:
    """The ``parts`` of a content. Raises InvalidRequestError for another type than an array; absent is empty."""
    value = reader.take("parts")
    if value is None:
        return []
    if not isinstance(value, list):
        raise InvalidRequestError(f"{reader.at('parts')}: expected an array", path=reader.at("parts"))
    return value
