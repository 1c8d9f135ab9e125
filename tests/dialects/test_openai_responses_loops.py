"""Tool loops of the official client through this dialect as a face, with it and with another one as the wire."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import openai
import pytest
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from providers.dialects.anthropic_messages import DIALECT as MESSAGES
from providers.dialects.openai_responses import DIALECT, check_stateless
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect, EncodedRequest, FaceContext
from providers.spec.errors import RouterError
from providers.spec.profile import Target
from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.changes import SCHEMA
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.server import ErrorMidStream, FakeProvider, running

TEMPERATURES = {"Paris": "18.5", "Rome": "25"}
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = 18.5; get_weather({"city":"Rome"}) = 25; '
    'convert({"value":"18.5"}) = 18.5F'
)
CONVERT = {"type": "object", "properties": {"value": {"type": "string"}}}
TOOLS: Any = [
    {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False},
    {"type": "function", "name": "convert", "parameters": CONVERT, "strict": False},
]


class Bridge:
    """The codec between two sockets and nothing more: this dialect in, a wire out, whatever was reported kept."""

    def __init__(self, wire: Dialect, target: Target, url: str, headers: dict[str, str]) -> None:
        self.app = Starlette(routes=[Route("/v1/responses", self._serve, methods=["POST"])])
        self.reports: list[Report] = []
        self._wire = wire
        self._target = target
        self._url = url
        self._headers = headers

    async def _serve(self, http: HttpRequest) -> HttpResponse:
        try:
            return await self._answer(loads_object(await http.body()))
        except RouterError as error:
            return HttpResponse(dumps(DIALECT.encode_error(error)), error.status, media_type="application/json")

    async def _answer(self, body: JsonObject) -> HttpResponse:
        check_stateless(body)
        self.reports.append(Report())
        request = DIALECT.decode_request(body)
        answer = await self._call(self._wire.encode_request(request, self._target, self.reports[-1]))
        if answer.status_code >= 300:
            raise self._wire.decode_error(answer.status_code, answer.content)
        context = FaceContext(response_id="resp_bridge", model=request.model, created=1)
        if not request.stream:
            response = self._wire.decode_response(loads_object(answer.content), self._target.origin)
            return HttpResponse(dumps(DIALECT.encode_response(response, context)), media_type="application/json")
        decoder = self._wire.stream_decoder(self._target.origin)
        encoder = DIALECT.stream_encoder(context)
        events = [*decoder.feed(answer.content), *decoder.close()]
        return HttpResponse(b"".join(map(encoder.feed, events)), media_type="text/event-stream")

    async def _call(self, encoded: EncodedRequest) -> httpx2.Response:
        async with httpx2.AsyncClient(timeout=10) as client:
            return await client.post(
                self._url + encoded.path,
                content=dumps(encoded.body),
                headers={**self._headers, **encoded.headers, "content-type": "application/json"},
            )


@contextmanager
def bridged(fake: FakeProvider) -> Iterator[tuple[Bridge, openai.OpenAI]]:
    """A client of this dialect before a bridge before a provider."""
    with running(fake) as url:
        if isinstance(fake, AnthropicMessages):
            target = Target(provider="anthropic", model="claude-sonnet-4-6", dialect=MESSAGES.name, scope="s")
            bridge = Bridge(MESSAGES, target, url, {"x-api-key": "test-key"})
        else:
            target = Target(provider="openai", model="gpt-5.4", dialect=DIALECT.name, scope="s")
            bridge = Bridge(DIALECT, target, url, {"authorization": "Bearer test-key"})
        with (
            running(bridge.app) as address,
            openai.OpenAI(api_key="k", base_url=f"{address}/v1", max_retries=0) as client,
        ):
            yield bridge, client


def play(client: openai.OpenAI, mode: str) -> tuple[Any, list[list[str]]]:
    """The whole loop, everything the model said sent back as it came: its last answer and the kinds of all items."""
    items: list[Any] = [{"role": "user", "content": "How warm is it?"}]
    request: Any = {"model": "any", "tools": TOOLS, "reasoning": {"effort": "low", "summary": "auto"}}
    kinds: list[list[str]] = []
    answer: Any = None
    for _ in range(4):
        if mode == "helper":
            with client.responses.stream(input=items, **request) as events:
                answer = events.get_final_response()
        elif mode == "events":
            answer = list(client.responses.create(input=items, stream=True, **request))[-1].response
        else:
            answer = client.responses.create(input=items, **request)
        kinds.append([item.type for item in answer.output])
        items += answer.output
        calls = [item for item in answer.output if item.type == "function_call"]
        if not calls:
            break
        for call in calls:
            arguments = json.loads(call.arguments)
            output = TEMPERATURES[arguments["city"]] if call.name == "get_weather" else f"{arguments['value']}F"
            items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    return answer, kinds


@pytest.mark.parametrize("mode", ["plain", "events", "helper"])
@pytest.mark.parametrize("make", [OpenAIResponses, AnthropicMessages], ids=["openai-responses", "anthropic-messages"])
def test_a_loop_with_reasoning_ends_with_every_result(make: Any, mode: str) -> None:
    """REASON-06, REASON-14: the fakes refuse calls without the genuine reasoning that they gave before them."""
    fake = make()
    with bridged(fake) as (bridge, client):
        answer, kinds = play(client, mode)
    assert answer.output_text == EXPECTED
    assert kinds[0] == ["reasoning", "message", "function_call", "function_call"]
    assert all("router." not in request.body.decode() for request in fake.requests)
    if make is OpenAIResponses:
        assert [report.adjustments for report in bridge.reports] == [[], [], []]


@pytest.mark.parametrize("mode", ["plain", "helper"])
def test_a_loop_that_changes_its_provider_goes_on(mode: str) -> None:
    """REASON-05: what the first provider sealed does not reach the second, and is reported."""
    first, second = AnthropicMessages(), OpenAIResponses()
    items: list[Any] = [{"role": "user", "content": "How warm is it?"}]
    with bridged(first) as (_, client):
        request: Any = {"model": "any", "tools": TOOLS, "reasoning": {"effort": "low"}}
        answer: Any = client.responses.create(input=items, **request)
    signature: str = answer.output[0].encrypted_content
    items += answer.output
    for call in [item for item in answer.output if item.type == "function_call"]:
        output = TEMPERATURES[json.loads(call.arguments)["city"]]
        items.append({"type": "function_call_output", "call_id": call.call_id, "output": output})
    with bridged(second) as (bridge, client):
        if mode == "plain":
            answer = client.responses.create(input=items, **request)
        else:
            with client.responses.stream(input=items, **request) as events:
                answer = events.get_final_response()
    assert [item.name for item in answer.output if item.type == "function_call"] == ["convert"]
    assert signature.startswith("router.")
    assert "router" not in second.requests[0].body.decode()
    assert [(one.path, one.action) for one in bridge.reports[0].adjustments] == [
        ("messages[1].content[0].reasoning", "dropped")
    ]


def test_what_needs_something_stored_is_a_400_of_this_dialect() -> None:
    """ID-12."""
    with bridged(OpenAIResponses()) as (_, client), pytest.raises(openai.BadRequestError) as caught:
        client.responses.create(model="any", input="x", previous_response_id="resp_1")
    assert caught.value.param == "previous_response_id"
    assert "whole conversation" in caught.value.message


@pytest.mark.parametrize("make", [OpenAIResponses, AnthropicMessages], ids=["openai-responses", "anthropic-messages"])
def test_a_stream_that_breaks_raises_in_the_client(make: Any) -> None:
    """STREAM-14."""
    fake = make()
    fake.fail(ErrorMidStream(after=3))
    with bridged(fake) as (_, client), pytest.raises(openai.APIError):
        play(client, "helper")
