"""The vendors' own helpers - tool runners, automatic calling, stream helpers - and both forms of Gemini's streams."""

import json
import re
from typing import Any

import anthropic
import pytest
from google.genai import types

from tests.e2e import conversation
from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.e2e.faces.voices import (
    EXPECTED,
    GEMINI_TOOLS,
    QUESTION,
    always,
    anthropic_client,
    gemini_parts,
    google_client,
    on_gemini,
    openai_client,
)
from tests.e2e.service import client
from tests.fakes.server import CutMidStream

BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
EACH = pytest.mark.parametrize("wire", WIRES)


@anthropic.beta_tool
def get_weather(city: str) -> str:
    """How warm it is."""
    return conversation.run_tool("get_weather", {"city": city})


@anthropic.beta_tool
def convert(value: str) -> str:
    """From one unit to another."""
    return conversation.run_tool("convert", {"value": value})


@EACH
@BOTH
def test_anthropics_tool_runner(stage: Stage, wire: str, stream: bool) -> None:
    """The runner posts to ``/v1/messages?beta=true`` and echoes what it was given; without a thread on the server."""
    with anthropic_client(stage.url) as speaker:
        runner: Any = speaker.beta.messages.tool_runner(
            model=MODELS[wire],
            max_tokens=2000,
            messages=[{"role": "user", "content": QUESTION}],
            tools=[get_weather, convert],
            stream=stream,
            thread=False,
        )
        last = [answer.get_final_message() for answer in runner][-1] if stream else runner.until_done()
    text = "".join(block.text for block in last.content if block.type == "text")
    assert text.startswith(EXPECTED)
    assert len(stage.fakes[wire].requests) == 3


@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "anthropic"])
@BOTH
def test_anthropics_tool_runner_with_a_thread(stage: Stage, wire: str, stream: bool) -> None:
    """As it comes: it asks for a thread, and replays the whole history where the server does not know it."""
    with anthropic_client(stage.url) as speaker:
        runner: Any = speaker.beta.messages.tool_runner(
            model=MODELS[wire],
            max_tokens=2000,
            messages=[{"role": "user", "content": QUESTION}],
            tools=[get_weather, convert],
            stream=stream,
        )
        last = [answer.get_final_message() for answer in runner][-1] if stream else runner.until_done()
    text = "".join(block.text for block in last.content if block.type == "text")
    assert text.startswith(EXPECTED)
    assert len(stage.fakes[wire].requests) == 3


def test_a_thread_is_the_providers_where_it_has_them(stage: Stage) -> None:
    """Relayed as it came; the fake keeps no threads and says so."""
    thread = {"type": "continue", "previous_message_id": "msg_1"}
    with client(stage.url) as http:
        http.post(
            "/v1/messages",
            json={
                "model": MODELS["anthropic"],
                "max_tokens": 100,
                "messages": [{"role": "user", "content": "x"}],
                "thread": thread,
            },
        )
    assert stage.sent("anthropic")[0]["thread"] == thread


def test_a_thread_elsewhere_is_not_found_and_its_client_told_so(stage: Stage) -> None:
    with client(stage.url) as http:
        answer = http.post(
            "/v1/messages",
            json={
                "model": MODELS["chat"],
                "max_tokens": 100,
                "messages": [{"role": "user", "content": "x"}],
                "thread": {"type": "continue", "previous_message_id": "msg_1"},
            },
        )
    assert answer.status_code == 404
    error = answer.json()["error"]
    assert error["details"] == {"error_code": "thread_not_found"}
    assert error["path"] == "thread"
    assert not stage.sent("chat")


def celsius_of(city: str) -> dict[str, Any]:
    """How warm it is."""
    found: dict[str, Any] = json.loads(conversation.run_tool("get_weather", {"city": city}))
    return found


@EACH
@BOTH
def test_googles_automatic_function_calling(stage: Stage, wire: str, stream: bool) -> None:
    """Python functions as tools: the client runs them and goes on by itself."""
    asked: list[str] = []

    def get_weather(city: str) -> dict[str, Any]:
        """How warm it is."""
        asked.append(city)
        return celsius_of(city)

    def convert(value: str) -> dict[str, Any]:
        """From one unit to another."""
        return {"converted": value}

    config = types.GenerateContentConfig(tools=[get_weather, convert])
    request: dict[str, Any] = {"model": MODELS[wire], "contents": QUESTION, "config": config}
    with google_client(stage.url) as speaker:
        if stream:
            chunks = list(speaker.models.generate_content_stream(**request))
            text = "".join(part.text or "" for chunk in chunks for part in gemini_parts(chunk))
        else:
            text = speaker.models.generate_content(**request).text or ""
    assert asked == ["Paris", "Rome"]
    # The client wraps what a function gives as ``{"result": …}``; only Gemini itself reads that as the bare value.
    for city, celsius in conversation.WARMTH.items():
        assert re.search(rf'get_weather\(\{{"city":"{city}"\}}\) = .*?"celsius":{celsius}', text)
    assert "convert(" in text
    assert len(stage.fakes[wire].requests) == 3


@EACH
@pytest.mark.parametrize("version", ["v1", "v1beta"])
def test_gemini_is_served_under_both_versions(stage: Stage, wire: str, version: str) -> None:
    assert on_gemini(stage.url, always(MODELS[wire]), stream=True, version=version).startswith(EXPECTED)


@EACH
def test_a_gemini_stream_as_one_array_holds_the_same_answers(stage: Stage, wire: str) -> None:
    """Without ``alt=sse`` the members of one JSON array are what the events are."""
    body = {"contents": [{"parts": [{"text": QUESTION}]}], "tools": GEMINI_TOOLS}
    path = f"/v1beta/models/{MODELS[wire]}:streamGenerateContent"
    with client(stage.url) as http:
        array = http.post(path, json=body)
        events = http.post(f"{path}?alt=sse", json=body)
    assert array.headers["content-type"] == "application/json"
    assert events.headers["content-type"].startswith("text/event-stream")
    told = [json.loads(line[6:]) for line in events.text.splitlines() if line.startswith("data: ")]
    members = array.json()
    assert len(members) == len(told) > 2
    for chunk in (*members, *told):
        chunk.pop("responseId", None)
    assert [_without_ids(chunk) for chunk in members] == [_without_ids(chunk) for chunk in told]


def _without_ids(value: Any) -> Any:
    """Ids that the router minted differ from one answer to the next."""
    if isinstance(value, dict):
        return {key: _without_ids(item) for key, item in value.items() if key != "id"}
    return [_without_ids(item) for item in value] if isinstance(value, list) else value


@pytest.mark.parametrize("wire", ["chat", "google"])
def test_an_array_that_breaks_ends_as_valid_json_with_the_error(stage: Stage, wire: str) -> None:
    """STREAM-15: as Google does it, the error is the last member."""
    stage.fakes[wire].fail(CutMidStream(after=4))
    body = {"contents": [{"parts": [{"text": QUESTION}]}], "tools": GEMINI_TOOLS}
    with client(stage.url) as http:
        members = http.post(f"/v1beta/models/{MODELS[wire]}:streamGenerateContent", json=body).json()
    assert members[-1]["error"]["code"] == 502
    assert all("candidates" in member for member in members[:-1])


@EACH
def test_openais_responses_stream_helper_tells_of_every_call(stage: Stage, wire: str) -> None:
    """The helper checks each event against the answer it has gathered."""
    tools: Any = [{"type": "function", "strict": False, **tool["function"]} for tool in conversation.TOOLS]
    with (
        openai_client(stage.url) as speaker,
        speaker.responses.stream(model=MODELS[wire], input=QUESTION, tools=tools) as streamed,
    ):
        seen = [event.arguments for event in streamed if event.type == "response.function_call_arguments.done"]
        final = streamed.get_final_response()
    calls = [item for item in final.output if item.type == "function_call"]
    assert [json.loads(text) for text in seen] == [{"city": "Paris"}, {"city": "Rome"}]
    assert [call.arguments for call in calls] == seen


@EACH
def test_openais_chat_stream_helper_survives_the_routers_event(stage: Stage, wire: str) -> None:
    """The router's own chunk before the end troubles neither the accumulator nor its finish reason."""
    tools: Any = conversation.TOOLS
    with (
        openai_client(stage.url) as speaker,
        speaker.chat.completions.stream(
            model=MODELS[wire], messages=[{"role": "user", "content": QUESTION}], tools=tools
        ) as streamed,
    ):
        for _ in streamed:
            pass
        final = streamed.get_final_completion()
    (choice,) = final.choices
    assert choice.finish_reason == "tool_calls"
    names = [call.function.name for call in choice.message.tool_calls or []]
    assert names == ["get_weather", "get_weather"]
