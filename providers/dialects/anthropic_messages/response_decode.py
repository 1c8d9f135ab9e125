"""A whole Messages answer to the canonical form."""

import msgspec

from providers.dialects.anthropic_messages.blocks_decode import decode_content
from providers.dialects.anthropic_messages.errors import error_in_answer
from providers.dialects.anthropic_messages.finish import decode_finish
from providers.dialects.anthropic_messages.grammar import CUT_REASONS, NAME
from providers.dialects.anthropic_messages.usage import decode_usage
from providers.spec.errors import InvalidRequestError, ProviderProtocolError
from providers.spec.parts import Origin, Part, ToolCallPart
from providers.spec.response import Candidate, Response
from providers.spec.values import JsonObject
from providers.wire.json import type_name
from providers.wire.reader import LenientReader


def decode_response(body: JsonObject, origin: Origin) -> Response:
    """One answer. Raises ProviderError for an error in a 200, ProviderProtocolError for a broken envelope."""
    error = error_in_answer(body)
    if error is not None:
        raise error
    try:
        return _response(LenientReader(body, "", NAME), origin)
    except InvalidRequestError as broken:
        raise ProviderProtocolError(f"the provider's answer is not a message: {broken.message}") from None


def _response(reader: LenientReader, origin: Origin) -> Response:
    content = reader.take("content")
    if not isinstance(content, list):
        raise ProviderProtocolError(f"the provider's answer has no content array but {type_name(content)}")
    parts = decode_content(content, "content", origin, LenientReader)
    raw = reader.text("stop_reason")
    finish = decode_finish(raw, reader.text("stop_sequence"), reader.take("stop_details"), parts)
    if raw in CUT_REASONS:
        parts = cut_parts(parts)
    usage = reader.object("usage")
    reader.text("type")
    reader.text("role")
    return Response(
        id=reader.text("id") or "",
        model=reader.text("model") or "",
        candidates=(Candidate(parts=tuple(parts), finish=finish),),
        usage=decode_usage(usage),
        ext=reader.rest(),
        form=reader.form(),
    )


def cut_parts(parts: list[Part]) -> list[Part]:
    """A last call without arguments in an answer that was cut was cut before them: it is not a call of ``{}``.

    So it reads the same from a body, where ``input`` is ``{}``, and from a stream (ARGS-16, FINISH-03).
    """
    last = parts[-1] if parts else None
    if isinstance(last, ToolCallPart) and last.arguments == "{}":
        return [*parts[:-1], msgspec.structs.replace(last, arguments="")]
    return parts
