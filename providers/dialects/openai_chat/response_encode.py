"""The canonical form of an answer as a chat completion."""

from providers.dialects.openai_chat.answer_encode import encode_message
from providers.dialects.openai_chat.finish import encode_finish
from providers.dialects.openai_chat.grammar import NAME, carried
from providers.dialects.openai_chat.plain_message import plain_message
from providers.dialects.openai_chat.usage import encode_usage
from providers.spec.dialect import FaceContext
from providers.spec.response import Candidate, Response
from providers.spec.values import Json, JsonObject
from providers.wire.reader import arranged


def encode_response(response: Response, context: FaceContext) -> JsonObject:
    """The whole answer, and what the router says of it under ``router``."""
    response_id = response.id or context.response_id
    choices: list[Json] = [_choice(candidate, response_id) for candidate in response.candidates]
    fields: JsonObject = {
        "id": response_id,
        "object": "chat.completion",
        "created": context.created if response.created is None else response.created,
        "model": response.model or context.model,
        "choices": choices,
        "usage": encode_usage(response.usage),
    }
    body = arranged(fields, response.ext, response.form, NAME)
    if context.router:
        body["router"] = context.router
    return body


def _choice(candidate: Candidate, response_id: str) -> JsonObject:
    message, finish = plain_message(candidate, response_id), candidate.finish
    if message is not None and candidate.logprobs is None and finish is not None:
        # Nothing of it came in this dialect.
        return {
            "index": candidate.index,
            "message": message,
            "finish_reason": encode_finish(finish),
            "logprobs": None,
        }
    own = carried(candidate.form)
    fields: JsonObject = {
        "index": candidate.index,
        "message": message or encode_message(candidate, response_id),
        "logprobs": candidate.logprobs,
        "finish_reason": encode_finish(finish),
    }
    rest = {key: value for key, value in candidate.ext.get(NAME, {}).items() if key != "message"}
    choice = arranged(fields, {NAME: rest}, candidate.form, NAME)
    if not own:
        choice.setdefault("logprobs", None)
        choice.setdefault("finish_reason", None)
    return choice
