"""What the other dialects say, in Responses: requests before OpenAI's strict fake, streams as callers read them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.dialects.openai_responses import DIALECT
from providers.spec.adjustments import Report
from providers.spec.errors import InvalidRequestError, RouterError, UnsupportedError
from providers.spec.events import StreamError, StreamEvent
from providers.spec.fold import unfold
from providers.spec.parts import OpaquePart, Origin, TextPart
from providers.spec.request import Request
from providers.spec.response import Candidate, Finish, Response
from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.dialects.openai_responses_support import NAME, encoded, target
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.refusal import Refusal
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

OTHERS = [
    exchange
    for name in DIALECTS
    if name != NAME
    for exchange in exchanges(name)
    if exchange.request_body_bytes is not None
]


def written(request: Request, model: str) -> tuple[JsonObject, RouterError | None]:
    """The body for OpenAI, or why there is none."""
    try:
        return DIALECT.encode_request(request, target(model), Report()).body, None
    except (UnsupportedError, InvalidRequestError) as error:
        return {}, error


@needs_traffic
@pytest.mark.parametrize("exchange", OTHERS, ids=exchange_id)
def test_a_request_of_another_dialect_is_one_openai_takes_or_is_refused_by_us(exchange: Exchange) -> None:
    """Nothing we write breaks the provider's rules; what cannot be said is refused before, with its path."""
    try:
        request = DIALECTS[exchange.dialect].decode_request(loads_object(exchange.request_body_bytes or b""))
    except RouterError:
        assert exchange.status >= 400, "the provider took what we cannot read"
        return
    model = "gpt-5.4" if request.reasoning else "gpt-4.1"
    body, refused = written(request, model)
    if refused is not None:
        assert refused.path is not None
        record_count(f"{NAME}: requests of {exchange.dialect} refused with their path")
        return
    try:
        check_responses(loads_object(dumps(body)))
    except Refusal:
        # What its own provider refused (a temperature of 99) may be refused by another.
        if exchange.status < 300:
            raise
    record_count(f"{NAME}: requests of {exchange.dialect} taken by the fake")


STREAMS = [
    exchange
    for name in DIALECTS
    if name != NAME
    for exchange in exchanges(name)
    if exchange.kind == "sse" and exchange.status < 300
]


@needs_traffic
@pytest.mark.parametrize("exchange", STREAMS, ids=exchange_id)
def test_the_items_of_a_written_stream_are_those_of_its_last_event(exchange: Exchange) -> None:
    """STREAM-07: also where parts that have no words here stand between texts, as results of Anthropic's web search."""
    decoder = DIALECTS[exchange.dialect].stream_decoder(Origin(dialect=exchange.dialect, provider="p", model="m"))
    events = [*decoder.feed(exchange.response_body), *decoder.close()]
    if isinstance(events[-1], StreamError):
        return
    assert_told_alike(events)
    record_count(f"{NAME}: streams of {exchange.dialect} whose items are those of their last event")


def test_a_text_behind_a_part_without_words_is_a_message_of_its_own() -> None:
    """Whole and streamed; any other text goes on in the message before it."""
    texts = [TextPart(text="a"), TextPart(text="b"), TextPart(text="c")]
    found = OpaquePart(dialect="anthropic-messages", type="web_search_tool_result", value={})
    parts = (texts[0], texts[1], found, texts[2])
    answer = Response(candidates=(Candidate(parts=parts, finish=Finish(reason="stop")),))
    items = assert_told_alike(list(unfold(answer)))
    assert [[content["text"] for content in item["content"]] for item in items] == [["a", "b"], ["c"]]


def assert_told_alike(events: list[StreamEvent]) -> list[Any]:
    """Fail unless each item of the stream is the one at its place in the answer that ends it, and that is the whole."""
    told: Any = [json.loads(line[6:]) for line in encoded(events).decode().splitlines() if line.startswith("data: ")]
    done = {each["output_index"]: each["item"] for each in told if each["type"] == "response.output_item.done"}
    items = told[-1]["response"]["output"]
    assert [done[number] for number in sorted(done)] == items
    return list(items)
