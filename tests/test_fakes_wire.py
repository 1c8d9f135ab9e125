"""What the fakes put on the wire: the shape of their streams, their failures, what they do about keys."""

from __future__ import annotations

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import httpx2
import pytest

from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.scenario import Call, Scenario, Turn
from tests.fakes.server import (
    CutMidStream,
    EndlessStream,
    ErrorMidStream,
    FakeProvider,
    HttpError,
    NoFirstByte,
    running,
)

SECONDS = 10.0
CITY = {"type": "object", "properties": {"city": {"type": "string"}}}
USER = {"role": "user", "content": "Weather?"}


@dataclass(frozen=True)
class Wire:
    """How to talk to one of the fakes."""

    fake: type[OpenAIChat] | type[AnthropicMessages] | type[Gemini]
    plain_path: str
    stream_path: str
    plain: dict[str, Any]
    stream: dict[str, Any]
    key_header: str
    terminator: bytes
    overloaded: tuple[int, dict[str, Any]]
    """A status, and a part of the error object that goes with it."""

    def headers(self, key: str = "test-key") -> dict[str, str]:
        """What a good client sends."""
        value = f"Bearer {key}" if self.key_header == "authorization" else key
        return {self.key_header: value, "anthropic-version": "2023-06-01"}


CHAT = {
    "model": "gpt-4o",
    "messages": [USER],
    "tools": [{"type": "function", "function": {"name": "get_weather", "parameters": CITY}}],
}
MESSAGES = {
    "model": "claude-sonnet-4-5",
    "max_tokens": 2000,
    "messages": [USER],
    "tools": [{"name": "get_weather", "input_schema": CITY}],
}
GENERATE = {
    "contents": [{"role": "user", "parts": [{"text": "Weather?"}]}],
    "tools": [{"functionDeclarations": [{"name": "get_weather", "parameters": CITY}]}],
}
GEMINI_PATH = "/v1beta/models/gemini-3-pro-preview"

WIRES = {
    "openai": Wire(
        OpenAIChat,
        "/v1/chat/completions",
        "/v1/chat/completions",
        CHAT,
        {**CHAT, "stream": True},
        "authorization",
        b"[DONE]",
        (503, {"type": "server_error"}),
    ),
    "anthropic": Wire(
        AnthropicMessages,
        "/v1/messages",
        "/v1/messages",
        MESSAGES,
        {**MESSAGES, "stream": True},
        "x-api-key",
        b"message_stop",
        (529, {"type": "overloaded_error"}),
    ),
    "gemini": Wire(
        Gemini,
        f"{GEMINI_PATH}:generateContent",
        f"{GEMINI_PATH}:streamGenerateContent?alt=sse",
        GENERATE,
        GENERATE,
        "x-goog-api-key",
        b"finishReason",
        (503, {"status": "UNAVAILABLE"}),
    ),
}

every_wire = pytest.mark.parametrize("wire", WIRES.values(), ids=WIRES)


def ask(
    fake: FakeProvider, wire: Wire, *, stream: bool = True, headers: dict[str, str] | None = None
) -> httpx2.Response:
    """One request, its answer read to the end."""
    path, body = (wire.stream_path, wire.stream) if stream else (wire.plain_path, wire.plain)
    with running(fake) as url:
        return httpx2.post(url + path, json=body, headers=headers or wire.headers(), timeout=SECONDS)


def events_of(text: str) -> list[dict[str, Any]]:
    """The JSON of an event stream."""
    lines = [line.removeprefix("data: ") for line in text.splitlines() if line.startswith("data: ")]
    return [json.loads(line) for line in lines if line != "[DONE]"]


# --- the shape of streams


def test_openai_stream_names_each_call_once_and_indexes_every_delta() -> None:
    text = ask(OpenAIChat(), WIRES["openai"]).text
    deltas = [chunk["choices"][0]["delta"] for chunk in events_of(text)]
    calls = [call for delta in deltas for call in delta.get("tool_calls", [])]
    assert deltas[0] == {"role": "assistant", "content": "", "refusal": None}
    assert [call["index"] for call in calls if "id" in call] == [0, 1]
    assert [call["function"]["name"] for call in calls if "id" in call] == ["get_weather"] * 2
    assert {call["index"] for call in calls} == {0, 1}
    for index, city in enumerate(["Paris", "Rome"]):
        pieces = [call["function"]["arguments"] for call in calls if call["index"] == index]
        assert (pieces[0], json.loads("".join(pieces))) == ("", {"city": city})
    assert text.endswith("data: [DONE]\n\n")


@pytest.mark.parametrize("wanted", [False, True])
def test_openai_stream_reports_usage_only_when_asked(wanted: bool) -> None:
    with running(OpenAIChat()) as url:
        body = {**CHAT, "stream": True, "stream_options": {"include_usage": wanted}}
        answer = httpx2.post(url + "/v1/chat/completions", json=body, headers=WIRES["openai"].headers())
    last = events_of(answer.text)[-1]
    assert (last["choices"] == [] and last["usage"]["total_tokens"] == 72) is wanted
    assert ("usage" in last) is wanted


def test_anthropic_stream_pings_and_starts_arguments_with_nothing() -> None:
    events = events_of(ask(AnthropicMessages(), WIRES["anthropic"]).text)
    kinds = [event["type"] for event in events]
    assert (kinds[0], kinds[2], kinds[-2:]) == ("message_start", "ping", ["message_delta", "message_stop"])
    starts = [event for event in events if event["type"] == "content_block_start"]
    assert [start["index"] for start in starts] == [0, 1, 2]
    assert starts[1]["content_block"]["input"] == {}
    pieces = [event["delta"]["partial_json"] for event in events if event.get("index") == 1 and "delta" in event]
    assert (pieces[0], json.loads("".join(pieces))) == ("", {"city": "Paris"})
    assert events[-2]["delta"]["stop_reason"] == "tool_use"


def test_gemini_stream_sends_whole_calls_apart_and_signs_only_the_first() -> None:
    events = events_of(ask(Gemini(), WIRES["gemini"]).text)
    parts = [event["candidates"][0]["content"]["parts"] for event in events]
    assert all(len(part) == 1 and "usageMetadata" in event for part, event in zip(parts, events, strict=True))
    calls = [part[0] for part in parts if "functionCall" in part[0]]
    assert [call["functionCall"]["args"] for call in calls] == [{"city": "Paris"}, {"city": "Rome"}]
    assert ["thoughtSignature" in call for call in calls] == [True, False]
    assert [event["candidates"][0].get("finishReason") for event in events][-2:] == [None, "STOP"]


def test_gemini_stream_without_sse_is_a_json_list() -> None:
    wire = WIRES["gemini"]
    with running(Gemini()) as url:
        path = wire.stream_path.removesuffix("?alt=sse")
        answer = httpx2.post(url + path, json=wire.stream, headers=wire.headers())
    assert [*answer.json()[-1]["candidates"][0]] == ["content", "index", "finishReason"]


CUT = Scenario(turns=(Turn(calls=(Call("get_weather", {"city": "Paris"}),), finish="length"),))


def test_answer_cut_by_the_limit_holds_half_a_call_where_the_dialect_can() -> None:
    chat = ask(OpenAIChat(CUT), WIRES["openai"], stream=False).json()["choices"][0]
    assert (chat["finish_reason"], chat["message"]["tool_calls"][0]["function"]["arguments"]) == ("length", '{"city":')
    messages = ask(AnthropicMessages(CUT), WIRES["anthropic"]).text
    assert '"stop_reason":"max_tokens"' in messages
    assert '\\"Paris' not in messages
    candidate = ask(Gemini(CUT), WIRES["gemini"], stream=False).json()["candidates"][0]
    assert (candidate["finishReason"], candidate["content"]["parts"]) == ("MAX_TOKENS", [])


def test_choices_that_forbid_or_force_calls_are_kept() -> None:
    with running(OpenAIChat()) as url:

        def calls(**settings: Any) -> list[str]:
            answer = httpx2.post(
                f"{url}/v1/chat/completions", json={**CHAT, **settings}, headers=WIRES["openai"].headers()
            )
            made = answer.json()["choices"][0]["message"].get("tool_calls", [])
            return [call["function"]["name"] for call in made]

        assert calls(tool_choice="none") == []
        assert calls(parallel_tool_calls=False) == ["get_weather"]
        named = {"type": "function", "function": {"name": "get_weather"}}
        assert calls(tool_choice=named) == ["get_weather", "get_weather"]


# --- keys and what is kept of requests


@every_wire
def test_wrong_key_is_refused_in_the_providers_own_words(wire: Wire) -> None:
    fake = wire.fake()
    answer = ask(fake, wire, headers=wire.headers("wrong"))
    error = answer.json()["error"]
    expected: dict[type, tuple[int, str]] = {
        OpenAIChat: (401, "Incorrect API key provided"),
        AnthropicMessages: (401, "invalid x-api-key"),
        Gemini: (400, "API key not valid. Please pass a valid API key."),
    }
    status, text = expected[wire.fake]
    assert answer.status_code == status
    assert error["message"].startswith(text)


@every_wire
def test_missing_key_is_refused(wire: Wire) -> None:
    answer = ask(wire.fake(), wire, headers={"anthropic-version": "2023-06-01"})
    assert answer.status_code == (403 if wire.fake is Gemini else 401)
    assert "error" in answer.json()


def test_anthropic_wants_a_version_it_knows() -> None:
    wire = WIRES["anthropic"]
    for headers in ({"x-api-key": "test-key"}, {"x-api-key": "test-key", "anthropic-version": "1"}):
        answer = ask(AnthropicMessages(), wire, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["error"]["type"] == "invalid_request_error"


@every_wire
def test_requests_are_kept_as_they_came(wire: Wire) -> None:
    fake = wire.fake()
    answer = ask(fake, wire)
    (received,) = fake.requests
    assert received.method == "POST"
    assert received.path == wire.stream_path
    assert received.headers[wire.key_header].endswith("test-key")
    assert (received.body, received.json) == (answer.request.content, wire.stream)


@every_wire
def test_body_that_is_no_json_is_a_400(wire: Wire) -> None:
    with running(wire.fake()) as url:
        answer = httpx2.post(url + wire.plain_path, content=b"{", headers=wire.headers())
    assert answer.status_code == 400
    assert answer.json()["error"]["message"]


# --- failures


@every_wire
def test_rate_limit_says_when_to_come_back_and_passes(wire: Wire) -> None:
    fake = wire.fake()
    fake.fail(HttpError(429, retry_after="7"))
    with running(fake) as url:
        answers = [
            httpx2.post(url + wire.plain_path, json=wire.plain, headers=wire.headers(), timeout=SECONDS)
            for _ in range(2)
        ]
    assert [answer.status_code for answer in answers] == [429, 200]
    assert answers[0].headers["retry-after"] == "7"
    error = answers[0].json()["error"]
    assert error.get("type", error.get("status")) in ("requests", "rate_limit_error", "RESOURCE_EXHAUSTED")


@every_wire
def test_overload_and_own_words_come_in_the_providers_error_body(wire: Wire) -> None:
    status, expected = wire.overloaded
    fake = wire.fake()
    fake.fail(HttpError(status), HttpError(500, message="own words"))
    with running(fake) as url:
        answers = [httpx2.post(url + wire.plain_path, json=wire.plain, headers=wire.headers()) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [status, 500]
    assert expected.items() <= answers[0].json()["error"].items()
    assert answers[1].json()["error"]["message"] == "own words"


@every_wire
def test_error_in_the_middle_is_the_last_event(wire: Wire) -> None:
    fake = wire.fake()
    fake.fail(ErrorMidStream(after=2))
    answer = ask(fake, wire)
    events = events_of(answer.text)
    assert answer.status_code == 200
    assert ["error" in event for event in events] == [False, False, True]
    assert wire.terminator not in answer.content


@every_wire
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_cut_connection_is_seen_by_the_client(wire: Wire, stream: bool) -> None:
    fake = wire.fake()
    fake.fail(CutMidStream(after=2))
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(fake, wire, stream=stream)


@every_wire
async def test_client_that_leaves_an_endless_stream_is_noticed(wire: Wire) -> None:
    fake = wire.fake()
    fake.fail(EndlessStream(after=2))
    with running(fake) as url:
        async with httpx2.AsyncClient(timeout=SECONDS) as client:
            opened = client.stream("POST", url + wire.stream_path, json=wire.stream, headers=wire.headers())
            async with opened as answer:
                seen = b""
                async for chunk in answer.aiter_raw():
                    seen += chunk
                    if seen.count(b"data: ") == 2:
                        break
                assert fake.open_connections == 1
                assert not fake.disconnected.is_set()
        assert await asyncio.to_thread(fake.wait_disconnected)
        assert fake.open_connections == 0


@every_wire
def test_endless_stream_ends_when_released(wire: Wire) -> None:
    fake = wire.fake()
    fake.fail(EndlessStream(after=1))
    with (
        running(fake) as url,
        httpx2.stream("POST", url + wire.stream_path, json=wire.stream, headers=wire.headers()) as answer,
    ):
        pieces = answer.iter_raw()
        first = next(pieces)
        fake.release()
        rest = b"".join(pieces)
    assert (first + rest).count(b"data: ") == 1
    assert not fake.disconnected.is_set()


@every_wire
def test_first_byte_that_never_comes_runs_into_the_clients_time_limit(wire: Wire) -> None:
    fake = wire.fake()
    fake.fail(NoFirstByte())
    with running(fake) as url:
        with pytest.raises(httpx2.ReadTimeout):
            httpx2.post(url + wire.stream_path, json=wire.stream, headers=wire.headers(), timeout=0.3)
        assert fake.wait_disconnected()


def test_server_stops_while_a_client_still_waits() -> None:
    fake = OpenAIChat()
    fake.fail(EndlessStream(after=1))
    wire = WIRES["openai"]
    with httpx2.Client(timeout=SECONDS) as client:
        with running(fake) as url:
            request = client.build_request("POST", url + wire.stream_path, json=wire.stream, headers=wire.headers())
            answer = client.send(request, stream=True)
        answer.close()
        with pytest.raises(httpx2.ConnectError):
            client.get(url)


def test_server_that_cannot_start_says_so() -> None:
    async def broken(scope: Any, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "lifespan.startup.failed", "message": "no"})

    with pytest.raises(RuntimeError, match="did not start"), running(broken):
        pytest.fail("it started")
