"""Tool loops of the official client through this dialect as a face, with it and with another one as the wire."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx2
import msgspec
import pytest
from google import genai
from google.genai import errors, types
from starlette.applications import Starlette
from starlette.requests import Request as HttpRequest
from starlette.responses import Response as HttpResponse
from starlette.routing import Route

from providers.dialects.anthropic_messages import DIALECT as MESSAGES
from providers.dialects.gemini import DIALECT
from providers.spec.adjustments import Report
from providers.spec.dialect import Dialect, EncodedRequest, FaceContext
from providers.spec.errors import RouterError
from providers.spec.profile import Target
from providers.spec.values import JsonObject
from providers.wire.json import dumps, loads_object
from tests.dialects.gemini_support import target as gemini_target
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.changes import SCHEMA
from tests.fakes.gemini import Gemini
from tests.fakes.server import CutMidStream, ErrorMidStream, FakeProvider, HttpError, running

TEMPERATURES = {"Paris": "18.5", "Rome": "25"}
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = 18.5; get_weather({"city":"Rome"}) = 25; '
    'convert({"value":"18.5"}) = 18.5F'
)
CONVERT = {"type": "object", "properties": {"value": {"type": "string"}}}
TOOLS = types.Tool(
    function_declarations=[
        types.FunctionDeclaration(name="get_weather", parameters_json_schema=SCHEMA),
        types.FunctionDeclaration(name="convert", parameters_json_schema=CONVERT),
    ]
)
CONFIG = types.GenerateContentConfig(
    tools=[TOOLS],
    system_instruction="Be brief.",
    thinking_config=types.ThinkingConfig(include_thoughts=True, thinking_budget=2048),
    max_output_tokens=8000,
)


class Bridge:
    """The codec between two sockets and nothing more: this dialect in, a wire out, whatever was reported kept."""

    def __init__(self, wire: Dialect, target: Target, url: str, headers: dict[str, str]) -> None:
        self.app = Starlette(routes=[Route("/v1beta/models/{call:path}", self._serve, methods=["POST"])])
        self.reports: list[Report] = []
        self._wire = wire
        self._target = target
        self._url = url
        self._headers = headers

    async def _serve(self, http: HttpRequest) -> HttpResponse:
        stream = ":streamGenerateContent" in http.path_params["call"]
        try:
            return await self._answer(loads_object(await http.body()), stream)
        except RouterError as error:
            return HttpResponse(dumps(DIALECT.encode_error(error)), error.status, media_type="application/json")

    async def _answer(self, body: JsonObject, stream: bool) -> HttpResponse:
        self.reports.append(Report())
        request = msgspec.structs.replace(DIALECT.decode_request(body), stream=stream)
        answer = await self._call(self._wire.encode_request(request, self._target, self.reports[-1]))
        if answer.status_code >= 300:
            raise self._wire.decode_error(answer.status_code, answer.content)
        context = FaceContext(response_id="bridge", model="any", created=1)
        if not stream:
            response = self._wire.decode_response(loads_object(answer.content), self._target.origin)
            return HttpResponse(dumps(DIALECT.encode_response(response, context)), media_type="application/json")
        decoder = self._wire.stream_decoder(self._target.origin)
        encoder = DIALECT.stream_encoder(context)
        events = [*decoder.feed(answer.content), *decoder.close()]
        return HttpResponse(b"".join(map(encoder.feed, events)), media_type="text/event-stream")

    async def _call(self, encoded: EncodedRequest) -> httpx2.Response:
        async with (
            httpx2.AsyncClient(timeout=10) as client,
            client.stream(
                "POST",
                self._url + encoded.path,
                content=dumps(encoded.body),
                headers={**self._headers, **encoded.headers, "content-type": "application/json"},
            ) as answer,
        ):
            content = bytearray()
            try:
                async for chunk in answer.aiter_bytes():
                    content += chunk
            except httpx2.RemoteProtocolError:
                # The far end hung up: what came is what there is.
                pass
            return httpx2.Response(answer.status_code, content=bytes(content))


@contextmanager
def bridged(fake: FakeProvider) -> Iterator[tuple[Bridge, genai.Client]]:
    """A client of this dialect before a bridge before a provider."""
    with running(fake) as url:
        if isinstance(fake, AnthropicMessages):
            target = Target(provider="anthropic", model="claude-sonnet-4-5", dialect=MESSAGES.name, scope="s")
            bridge = Bridge(MESSAGES, target, url, {"x-api-key": "test-key"})
        else:
            bridge = Bridge(DIALECT, gemini_target(), url, {"x-goog-api-key": "test-key"})
        with running(bridge.app) as address:
            options = types.HttpOptions(base_url=address, api_version="v1beta")
            client = genai.Client(api_key="unused", vertexai=False, http_options=options)
            try:
                yield bridge, client
            finally:
                client.close()


def answered(client: genai.Client, contents: list[Any], *, stream: bool) -> list[types.Part]:
    """The parts of one answer, as an application keeps them."""
    if not stream:
        return parts_of(client.models.generate_content(model="any", contents=contents, config=CONFIG))
    chunks = client.models.generate_content_stream(model="any", contents=contents, config=CONFIG)
    return [part for chunk in chunks for part in parts_of(chunk)]


def parts_of(answer: types.GenerateContentResponse) -> list[types.Part]:
    assert answer.candidates
    content = answer.candidates[0].content
    return list(content.parts or []) if content is not None else []


def results_of(parts: list[types.Part]) -> list[types.Part]:
    """What the application's tools say to the calls among these parts."""
    results = []
    for part in parts:
        call = part.function_call
        if call is not None:
            args = call.args or {}
            output = TEMPERATURES[args["city"]] if call.name == "get_weather" else f"{args['value']}F"
            response = types.FunctionResponse(id=call.id, name=call.name, response={"output": output})
            results.append(types.Part(function_response=response))
    return results


def play(client: genai.Client, *, stream: bool) -> tuple[str, list[list[types.Part]]]:
    """The whole loop, everything the model said sent back as it came: the last text, and the parts of every turn."""
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="How warm is it?")])]
    turns: list[list[types.Part]] = []
    for _ in range(4):
        parts = answered(client, contents, stream=stream)
        turns.append(parts)
        contents.append(types.Content(role="model", parts=parts))
        results = results_of(parts)
        if not results:
            return "".join(part.text or "" for part in parts if not part.thought), turns
        contents.append(types.Content(role="user", parts=results))
    raise AssertionError("the loop did not end")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("make", [Gemini, AnthropicMessages], ids=["gemini", "anthropic-messages"])
def test_a_loop_with_reasoning_ends_with_every_result(make: Any, stream: bool) -> None:
    """REASON-01, REASON-06: the fakes refuse calls without the genuine signatures that they gave with them."""
    fake = make()
    with bridged(fake) as (bridge, client):
        text, turns = play(client, stream=stream)
    assert text == EXPECTED
    assert any(part.thought for part in turns[0])
    assert [part.function_call.name for part in turns[0] if part.function_call] == ["get_weather", "get_weather"]
    assert all(b"router." not in request.body for request in fake.requests)
    if make is Gemini:
        assert [report.adjustments for report in bridge.reports] == [[], [], []]
    assert len(fake.requests) == 3


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_loop_that_changes_its_provider_goes_on_with_the_placeholder(stream: bool) -> None:
    """REASON-03, REASON-05: what the first provider sealed does not reach the second, and is reported."""
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text="How warm is it?")])]
    with bridged(AnthropicMessages()) as (_, client):
        parts = answered(client, contents, stream=stream)
    sealed = next(part.thought_signature for part in parts if part.thought_signature)
    assert sealed.startswith(b"router.")
    contents += [types.Content(role="model", parts=parts), types.Content(role="user", parts=results_of(parts))]
    second = Gemini()
    with bridged(second) as (bridge, client):
        following = answered(client, contents, stream=stream)
    assert [part.function_call.name for part in following if part.function_call] == ["convert"]
    assert second.requests[0].body.count(b"skip_thought_signature_validator") == 1
    assert b"router" not in second.requests[0].body
    actions = {(one.path.rpartition(".")[2], one.action) for one in bridge.reports[0].adjustments}
    assert actions == {("state", "dropped"), ("signature", "repaired")}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_provider_s_refusal_is_the_client_s_own_error(stream: bool) -> None:
    """ERROR-02, ERROR-05."""
    fake = Gemini()
    fake.fail(HttpError(429))
    with bridged(fake) as (_, client), pytest.raises(errors.APIError) as caught:
        play(client, stream=stream)
    assert (caught.value.code, caught.value.status) == (429, "RESOURCE_EXHAUSTED")
    assert "20s" in str(caught.value.details)


@pytest.mark.parametrize("failure", [ErrorMidStream(after=3), CutMidStream(after=3)], ids=["error", "cut"])
@pytest.mark.parametrize("make", [Gemini, AnthropicMessages], ids=["gemini", "anthropic-messages"])
def test_a_stream_that_breaks_raises_in_the_client(make: Any, failure: Any) -> None:
    """STREAM-14, STREAM-15: never a quiet end."""
    fake = make()
    fake.fail(failure)
    with bridged(fake) as (_, client), pytest.raises(errors.APIError):
        play(client, stream=True)
