"""A whole Responses answer to the canonical form."""

from providers.dialects.openai_responses.errors import error_in_answer
from providers.dialects.openai_responses.finish import decode_finish
from providers.dialects.openai_responses.grammar import NAME
from providers.dialects.openai_responses.items_decode import decode_item
from providers.dialects.openai_responses.usage import decode_usage
from providers.spec.errors import InvalidRequestError, ProviderProtocolError
from providers.spec.parts import Origin, Part
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
        raise ProviderProtocolError(f"the provider's answer is not a response: {broken.message}") from None


def _response(reader: LenientReader, origin: Origin) -> Response:
    output = reader.take("output")
    if not isinstance(output, list):
        raise ProviderProtocolError(f"the provider's answer has no output array but {type_name(output)}")
    parts: list[Part] = []
    for index, item in enumerate(output):
        parts += decode_item(item, f"output[{index}]", origin, LenientReader)
    status = reader.peek("status")
    finish = decode_finish(status if isinstance(status, str) else None, reader.peek("incomplete_details"), parts)
    usage = reader.object("usage")
    created = reader.integer("created_at")
    return Response(
        id=reader.text("id") or "",
        model=reader.text("model") or "",
        created=created,
        candidates=(Candidate(parts=tuple(parts), finish=finish),),
        usage=decode_usage(usage),
        ext=reader.rest(),
        form=reader.form(),
    )
