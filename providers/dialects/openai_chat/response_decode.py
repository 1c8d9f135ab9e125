"""A chat completion to the canonical form."""

from providers.dialects.openai_chat.answer_decode import decode_message
from providers.dialects.openai_chat.finish import decode_finish
from providers.dialects.openai_chat.grammar import NAME, Fields, note_inner
from providers.dialects.openai_chat.usage import decode_usage
from providers.spec.errors import InvalidRequestError, ProviderError, ProviderProtocolError
from providers.spec.parts import Origin, RefusalPart, ToolCallPart
from providers.spec.response import Candidate, Response
from providers.spec.values import Form, JsonObject
from providers.wire.failures import text_of
from providers.wire.openai_errors import error_in, error_of

CUT = frozenset({"length", "max_tokens", "model_length", "content_filter", "error"})
"""Reasons after which the last call may be incomplete."""


def decode_response(body: JsonObject, origin: Origin) -> Response:
    """One whole answer.

    Raises ProviderError for an error in a 200 (STREAM-16), also within a choice, and ProviderProtocolError for an
    answer that is none: no choices, or an empty one without a reason.
    """
    failed = failure_in(body)
    if failed is not None:
        raise failed
    fields = Fields(body)
    fields.rest.pop("object", None)
    response_id, model, created = fields.text("id"), fields.text("model"), fields.integer("created")
    choices = fields.array("choices")
    if not choices:
        raise ProviderProtocolError("the provider's answer has no choices")
    usage = decode_usage(fields.object("usage"))
    try:
        candidates = tuple(_candidate(choice, position, origin) for position, choice in enumerate(choices))
    except InvalidRequestError as error:
        # Readers blame the caller; here it is the provider that wrote a wrong type.
        raise ProviderProtocolError(f"the provider's answer is malformed: {error.message}") from None
    return Response(
        id=response_id or "",
        model=model or "",
        created=created,
        candidates=candidates,
        usage=usage,
        ext=fields.ext(),
        form=fields.form(),
    )


def failure_in(value: JsonObject) -> ProviderError | None:
    """The error that a body or an event of a 200 is: under ``error``, or spread out as vLLM's servers do."""
    if value.get("object") == "error":
        return error_of(None, value, text_of(value.get("message")), value)
    return error_in(value)


def _candidate(value: object, position: int, origin: Origin) -> Candidate:
    if not isinstance(value, dict):
        raise ProviderProtocolError("a choice of the provider's answer is no object")
    failed = error_in(value)
    if failed is not None:
        raise failed
    fields = Fields(value)
    index, raw = fields.integer("index"), fields.text("finish_reason")
    logprobs = fields.object("logprobs")
    message = fields.object("message")
    if message is None:
        raise ProviderProtocolError("a choice of the provider's answer has no message")
    decoded = decode_message(message, origin, was_cut=raw in CUT)
    if not decoded.parts and not raw:
        raise ProviderProtocolError("the provider's answer is empty and has no finish reason")
    variants = dict(decoded.variants)
    note_inner(variants, "message", dict.fromkeys(decoded.keys), decoded.nulls)
    ext = dict(fields.left())
    if decoded.rest:
        ext["message"] = decoded.rest
    called = any(isinstance(part, ToolCallPart) for part in decoded.parts)
    refused = any(isinstance(part, RefusalPart) for part in decoded.parts)
    return Candidate(
        index=position if index is None else index,
        parts=decoded.parts,
        finish=decode_finish(raw, called=called, refused=refused),
        logprobs=logprobs,
        ext={NAME: ext} if ext else {},
        form=Form(dialect=NAME, keys=fields.keys, nulls=tuple(fields.nulls), variants=variants),
    )
