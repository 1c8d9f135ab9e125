"""``POST /v1/ai/run``: the envelope for backends already written against a router of that shape."""

import msgspec

from providers.spec.errors import InvalidRequestError, RouterError
from providers.spec.profile import Target
from providers.spec.values import Json, JsonObject
from providers.wire.json import dumps, loads_object
from providers.wire.reader import Reader
from router.asgi import HttpCall
from router.asked import placed_within, tell_place
from router.faces.chat import CHAT
from router.faces.serving import asked_of, encoded
from router.pipeline import Answer, Pipeline
from router.routing import Routes
from router.said import headers_of_said

_DEFAULT_ALIAS = "default"
"""The alias used where an envelope names neither model nor intent."""

INPUT = "input"
"""Where the chat body stands."""


async def answer_envelope(call: HttpCall, pipeline: Pipeline, body: JsonObject) -> None:
    """Run one envelope ``{intent?, provider?, model?, input: {messages, tools, tool_choice, …}}``.

    ``input`` is a chat body without ``model`` and ``stream``. Raises RouterError and CallerGoneError.
    """
    chat_body = _chat_body(body, pipeline.routes)
    try:
        asked = asked_of(CHAT, chat_body, None, call.headers, within=INPUT)
    except RouterError as error:
        if error.path:
            tell_place(error, placed_within(INPUT, error.path))
        raise
    record = call.record
    record.model = asked.model
    with call.while_there():
        answer = await pipeline.run(asked)
    record.provider, record.usage, record.said = answer.target.provider, answer.response.usage, answer.said
    content = _written(encoded(CHAT, asked, answer), answer)
    await call.answer(content, headers=headers_of_said(answer.said))


def refused(error: RouterError) -> JsonObject:
    """An error in the envelope's shape; the HTTP status is the error's own."""
    return {"ok": False, "error": CHAT.dialect.encode_error(error)["error"]}


def _chat_body(body: JsonObject, routes: Routes) -> JsonObject:
    envelope = Reader(body, "", "envelope")
    model = _model(envelope, routes)
    chat_input = envelope.object("input")
    if chat_input is None:
        raise InvalidRequestError("input: required: {messages, tools, tool_choice, …}", path="input")
    for name in envelope.rest().get("envelope", {}):
        raise InvalidRequestError(f"{name}: not a field of the envelope (put chat fields into input)", path=name)
    if chat_input.get("stream"):
        raise InvalidRequestError(
            "input.stream: the envelope has no streamed form; use POST /v1/chat/completions", path="input.stream"
        )
    if "model" in chat_input:
        raise InvalidRequestError("input.model: name the model beside input, not in it", path="input.model")
    return {**chat_input, "model": model}


def _model(envelope: Reader, routes: Routes) -> str:
    intent, provider, model = envelope.text("intent"), envelope.text("provider"), envelope.text("model")
    if model:
        return f"{provider}/{model}" if provider else model
    if provider:
        raise InvalidRequestError("model: required beside provider", path="model")
    for alias in (intent, _DEFAULT_ALIAS):
        if alias and routes.has_alias(alias):
            return alias
    wanted = f"an alias named {intent!r}" if intent else f"an alias named {_DEFAULT_ALIAS!r}"
    raise InvalidRequestError(
        f"model: required: give provider and model, or model alone as provider/model, or configure {wanted}",
        path="model",
    )


def _written(completion: JsonObject, answer: Answer) -> bytes:
    try:
        # Spliced in as bytes: the provider's own spelling, spaces and all.
        return dumps(_envelope(completion, answer.target, msgspec.Raw(answer.raw)))  # type: ignore[arg-type]
    except TypeError:
        # A lone surrogate elsewhere in the answer, and with it the encoder that knows no raw bytes.
        return dumps(_envelope(completion, answer.target, loads_object(answer.raw)))


def _envelope(completion: JsonObject, target: Target, raw: Json) -> JsonObject:
    messages: list[Json] = []
    finish_reason: Json = None
    choices = completion.get("choices")
    for choice in choices if isinstance(choices, list) else []:
        if isinstance(choice, dict):
            messages.append(choice.get("message"))
            finish_reason = finish_reason or choice.get("finish_reason")
    return {
        "ok": True,
        "providerId": target.provider,
        "modelId": target.model,
        "output": {"messages": messages, "finish_reason": finish_reason, "raw": raw},
        "usage": completion.get("usage"),
        "router": completion.get("router"),
    }
