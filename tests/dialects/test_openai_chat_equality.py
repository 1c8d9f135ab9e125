"""Stream equals plain: one canonical answer whichever way it came, and one message for stock clients."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from providers.dialects.openai_chat import DIALECT
from providers.dialects.openai_chat.answer_encode import survives_accumulation
from providers.spec.fold import fold, unfold
from providers.wire.json import dumps_text, loads_object
from tests.dialects.openai_chat_support import BODIES, CONTEXT, ORIGIN, STREAMS, decoded, encoded, sdk_completion
from tests.dialects.test_anthropic_messages_laws import without_forms
from tests.traffic import Exchange, exchange_id, needs_traffic
from tests.traffic_plugin import record_count

# ---- the wire


def by_the_book(body: Any) -> Iterator[dict[str, Any]]:
    """The chunks in which OpenAI would stream an answer, in pieces of a few characters."""
    head = {key: value for key, value in body.items() if key not in {"choices", "usage", "object"}}
    for choice in body["choices"]:
        index = {"index": choice.get("index", 0)}
        for delta in deltas_of(choice["message"]):
            yield {**head, "choices": [{**index, "delta": delta, "finish_reason": None}]}
        end = {key: value for key, value in choice.items() if key not in {"index", "message"}}
        yield {**head, "choices": [{**index, "delta": {}, **end}]}
    yield {**head, "choices": [], "usage": body.get("usage")}


def deltas_of(message: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {"role": "assistant"}
    for field in ("reasoning", "reasoning_content", "reasoning_details", "content", "refusal"):
        value = message.get(field)
        if isinstance(value, str):
            yield from ({field: value[start : start + 7]} for start in range(0, len(value), 7))
        elif value is not None:
            yield {field: value}
    for index, call in enumerate(message.get("tool_calls") or []):
        field, key = ("custom", "input") if call.get("type") == "custom" else ("function", "arguments")
        text = call[field].get(key, "")
        yield {"tool_calls": [{"index": index, **call, field: {**call[field], key: ""}}]}
        for start in range(0, len(text), 5):
            yield {"tool_calls": [{"index": index, field: {key: text[start : start + 5]}}]}
    if message.get("function_call"):
        yield {"function_call": message["function_call"]}
    known = {
        "role",
        "content",
        "refusal",
        "reasoning",
        "reasoning_content",
        "reasoning_details",
        "tool_calls",
        "function_call",
    }
    yield {key: value for key, value in message.items() if key not in known}


@needs_traffic
@pytest.mark.parametrize("exchange", BODIES, ids=exchange_id)
def test_a_recorded_answer_streamed_by_the_book_is_the_same_answer(exchange: Exchange) -> None:
    """Promise 1 at its root: calls, ids, arguments, reasoning and its state, reasons and usage."""
    body: Any = loads_object(exchange.response_body)
    for choice in body["choices"]:
        if not choice["message"].get("function_call", {"name": "x"})["name"]:
            # An empty one says nothing; no stream has it.
            del choice["message"]["function_call"]
    plain = DIALECT.decode_response(body, ORIGIN)
    stream = b"".join(b"data: " + dumps_text(one).encode() + b"\n\n" for one in by_the_book(body))
    streamed = fold(decoded([stream + b"data: [DONE]\n\n"]))
    assert without_forms(streamed.candidates) == without_forms(plain.candidates)
    assert (streamed.id, streamed.model, streamed.usage) == (plain.id, plain.model, plain.usage)
    record_count("openai-chat: recorded answers streamed by the book")


# ---- the face


@needs_traffic
@pytest.mark.parametrize("exchange", [*BODIES, *STREAMS], ids=exchange_id)
def test_a_stock_client_has_the_same_message_plain_and_streamed(exchange: Exchange) -> None:
    """Every field of it: content, reasoning, calls, carried fields, envelopes; STREAM-01, STREAM-07, STREAM-08."""
    if exchange.kind == "sse":
        response = fold(decoded([exchange.response_body]))
    else:
        response = DIALECT.decode_response(loads_object(exchange.response_body), ORIGIN)
    streamed = sdk_completion(encoded(unfold(response)))
    plain = json.loads(dumps_text(DIALECT.encode_response(response, CONTEXT)))
    for theirs, ours in zip(streamed["choices"], plain["choices"], strict=True):
        assert said(theirs["message"]) == said(ours["message"])
        assert theirs["finish_reason"] == ours["finish_reason"]
    assert (streamed["id"], streamed["model"]) == (plain["id"], plain["model"])
    record_count("openai-chat: messages the same plain and streamed")


def said(message: dict[str, Any]) -> dict[str, Any]:
    """A message without what says nothing, and what the client's accumulator adds of its own."""
    fields = {key: value for key, value in message.items() if value not in (None, "", []) and key != "parsed"}
    if not survives_accumulation(fields.get("reasoning_details")):
        # The envelope has them: the accumulator would join two details of one index (REASON-12).
        fields.pop("reasoning_details", None)
    fields["tool_calls"] = [told(call) for call in fields.get("tool_calls") or []]
    return json.loads(dumps_text(fields))  # type: ignore[no-any-return]  # an object


def told(call: dict[str, Any]) -> dict[str, Any]:
    fields = {key: value for key, value in call.items() if key != "index" and value is not None}
    if "function" in fields:
        inner = fields["function"].items()
        fields["function"] = {key: value for key, value in inner if key != "parsed_arguments" and value is not None}
    return fields
