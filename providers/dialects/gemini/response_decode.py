"""A whole generateContent answer to the canonical form."""

from datetime import datetime

import msgspec

from providers.dialects.gemini.errors import error_in_answer
from providers.dialects.gemini.finish import blocked_finish, decode_finish
from providers.dialects.gemini.grammar import NAME, minted_id
from providers.dialects.gemini.grounding import citations
from providers.dialects.gemini.parts_decode import PartContext, decode_parts, required_parts
from providers.dialects.gemini.reader import LenientGeminiReader, merged
from providers.dialects.gemini.usage import decode_usage
from providers.spec.errors import InvalidRequestError, ProviderProtocolError
from providers.spec.parts import Origin, Part, TextPart, ToolCallPart, calls_client
from providers.spec.response import Candidate, Response
from providers.spec.values import Json, JsonObject


def decode_response(body: JsonObject, origin: Origin) -> Response:
    """One answer. Raises ProviderError for an error in a 200, ProviderProtocolError for a broken envelope.

    An answer without candidates is one only where its prompt was blocked.
    """
    error = error_in_answer(body)
    if error is not None:
        raise error
    try:
        return _response(LenientGeminiReader(body, "", NAME), origin)
    except InvalidRequestError as broken:
        raise ProviderProtocolError(f"the provider's answer is malformed: {broken.message}") from None
    except RecursionError:
        raise ProviderProtocolError("the provider's answer is nested too deeply") from None


def _response(reader: LenientGeminiReader, origin: Origin) -> Response:
    answer = answer_key(reader)
    values = reader.array("candidates") or []
    feedback, created = reader.peek("promptFeedback"), reader.peek("createTime")
    candidates = tuple(_candidate(value, position, origin, answer) for position, value in enumerate(values))
    if not candidates:
        finish = blocked_finish(feedback)
        if finish is None:
            raise ProviderProtocolError("the provider's answer has no candidates and no reason for it")
        candidates = (Candidate(finish=finish),)
    return Response(
        id=reader.text("responseId") or "",
        model=reader.text("modelVersion") or "",
        created=unix_time(created),
        candidates=candidates,
        usage=decode_usage(reader.object("usageMetadata")),
        ext=reader.rest(),
        form=reader.form(),
    )


def _candidate(value: Json, position: int, origin: Origin, answer: str) -> Candidate:
    reader = LenientGeminiReader(value, f"candidates[{position}]", NAME)
    number = reader.whole("index")
    index = position if number is None else number
    content = reader.nested("content")
    parts: list[Part] = []
    content_rest: JsonObject = {}
    if content is not None:
        content.text("role")
        context = PartContext(origin, LenientGeminiReader)
        parts = decode_parts(required_parts(content), content.at("parts"), context)
        content_rest = reader.keep("content", content)
    raw = reader.text("finishReason")
    if raw is None and not parts:
        raise ProviderProtocolError("a candidate has neither content nor a finish reason")
    parts = _with_citations(_with_ids(parts, answer, index), reader.peek("groundingMetadata"))
    return Candidate(
        index=index,
        parts=tuple(parts),
        finish=decode_finish(raw, reader.text("finishMessage"), called=calls_client(parts)),
        ext=merged(reader.rest(), content_rest),
        form=reader.form(),
    )


def _with_citations(parts: list[Part], grounding: Json) -> list[Part]:
    if grounding is None:
        return parts
    texts = [(index, part.text) for index, part in enumerate(parts) if isinstance(part, TextPart)]
    cited = citations(grounding, texts)
    grounded = list(parts)
    for index, found in cited.items():
        grounded[index] = msgspec.structs.replace(parts[index], annotations=found)
    return grounded


def answer_key(reader: LenientGeminiReader) -> str:
    """What tells this answer from others."""
    return key_of(reader.peek("responseId"), reader.peek("modelVersion"), reader.peek("createTime"))


def key_of(response_id: Json, model: Json, created: Json) -> str:
    """What tells an answer from others: its id, else when and by what it was made."""
    return response_id if isinstance(response_id, str) and response_id else f"{model} {created}"


def _with_ids(parts: list[Part], answer: str, candidate: int) -> list[Part]:
    """Calls that came without an id get one (ID-06); they are counted, so that a stream counts alike."""
    named: list[Part] = []
    calls = 0
    for part in parts:
        if isinstance(part, ToolCallPart):
            named.append(with_id(part, answer, candidate, calls))
            calls += 1
        else:
            named.append(part)
    return named


def with_id(part: ToolCallPart, answer: str, candidate: int, position: int) -> ToolCallPart:
    """The call with its own id, or with a minted one."""
    if part.id:
        return part
    return msgspec.structs.replace(part, id=minted_id(answer, candidate, position, part.name))


def unix_time(value: Json) -> int | None:
    """A time as ``createTime`` has it, in Unix seconds."""
    if not isinstance(value, str):
        return None
    try:
        return int(datetime.fromisoformat(value).timestamp())
    except (ValueError, OverflowError, OSError):
        return None
