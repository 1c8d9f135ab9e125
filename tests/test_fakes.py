"""The fakes judge recorded requests as the providers did, and play one conversation in three dialects."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini import Gemini
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_rules import check_chat
from tests.fakes.refusal import Refusal
from tests.fakes.server import FakeProvider, running
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

EXCEPTIONS = {
    # What no look at the request could tell.
    "anthropic--strict-schema-limits-sixteen-union-parameters-in-one-schema--192d915e-0": "grammar compiler's verdict",
    "azure--vcr-cassettes-chat-real-error-scenarios-azure-grok-4-1-fast--511e929c-0": "rate limit",
    "google-vertex--test-multimodal-tool-returns-test-multimodal-tool-return-mat--e0febf09-3": "file not fetchable",
    "google-vertex--test-multimodal-tool-returns-test-multimodal-tool-return-mat--e240753f-2": "file not fetchable",
    "groq--test-groq-test-tool-use-failed-error-with-text--c71c4112-0": "the model's answer was refused",
    "llamacpp--error-matrix-context-overflow-streaming--6cf79db7-0": "context size the server was started with",
    "llamacpp--error-matrix-tools-without-jinja--d1414f3a-0": "switch the server was started without",
    "llamacpp--multimodal-matrix-unfetchable-image-url--016269dc-0": "image not fetchable",
    "openai--test-input-value-image-hiding-testinputvalueimagehiding-test--fd766ab5-0": "image not fetchable",
    # Too long for the model, and shortened in the recording.
    "openrouter--vcr-cassettes-chat-real-error-scenarios-openrouter-claude-ha--f73f8681-0": "prompt was shortened",
    "perplexity--vcr-cassettes-chat-real-error-scenarios-perplexity-sonar-han--c17a3850-0": "prompt was shortened",
}
"""Recorded requests that the fake judges otherwise than the provider did, each with its reason."""

SAME_WORDS = (
    "anthropic--anthropic-beta-structured-outputs--985511fe-0",
    "anthropic--strict-schema-limits-seventeen-union-parameters-are-rejected--d5396167-0",
    "anthropic--strict-schema-limits-twenty-five-optional-parameters-are-rej--6c20d0ce-0",
    "anthropic--strict-schema-matrix-boolean-root-schema-is-rejected-for-too--4d12ef9c-0",
    "anthropic--strict-schema-matrix-boolean-true-subschema-is-rejected-by-s--6402bb55-0",
    "anthropic--strict-schema-matrix-scalar-root-ref-is-rejected-for-tool-in--064a5af2-0",
    "anthropic--strict-schema-matrix-top-level-any-of-is-rejected-for-tool-i--dec0f805-0",
    "anthropic--test-model-name-suggestions-test-model-name-suggestion-anthr--a474c266-0",
    "deepseek--wire-shape-matrix-forced-tool-choice-under-thinking-is-rejec--01fccc24-0",
    "google-gla--test-model-not-found-stream-google-gemini-2-5-flash--4e6586e5-0",
    "groq--test-groq-test-tool-regular-error--12df9b6c-0",
    "openai--cassettes-chat-bad-request--8c98b9cb-0",
    "openai--error-identity-edge-chat-completions-validation-error-carrie--4e52c78c-0",
    "openai--openai-completions-handles-optional-properties-in-strict-mod--000d571a-0",
    "openai--test-model-not-found-stream-openai-gpt-4o-completions--416e839f-0",
)
"""Recorded refusals whose text the fake gives word for word."""

DIALECTS = ("openai-chat", "anthropic-messages", "google-generate-content")
PUBLISHED = [exchange for dialect in DIALECTS for exchange in exchanges(dialect) if exchange.request_body_bytes]
"""Recorded exchanges whose request was published."""
BY_ID = {exchange.id: exchange for exchange in PUBLISHED}


# --- the judges against the recordings


def body_of(exchange: Exchange) -> Any:
    """The recorded body; ids that the recorder replaced are given a form that every host takes."""
    text = exchange.request_body_text or ""
    return json.loads(text.replace("call_REDACTED_", "REDACTED") if exchange.fidelity == "scrubbed" else text)


def key_of(exchange: Exchange) -> str:
    """The key of the recorded request, as far as it is known: whether the provider knew it."""
    refused = exchange.status in (401, 403) or b"API_KEY_INVALID" in exchange.response_body
    return "wrong-key" if refused else "test-key"


def check(exchange: Exchange) -> None:
    """Put a recorded request before the fake's rules.

    Raises:
        Refusal: the fake would refuse it.
    """
    key, body = key_of(exchange), body_of(exchange)
    match exchange.dialect:
        case "openai-chat":
            profile = profile_of(exchange.provider)
            OpenAIChat(profile=profile).check_headers({"authorization": f"Bearer {key}"})
            check_chat(body, profile)
        case "anthropic-messages":
            AnthropicMessages().check_headers({"x-api-key": key, "anthropic-version": "2023-06-01"})
            on_vertex = exchange.provider == "vertex-anthropic"
            check_messages(body, surface="vertex" if on_vertex else "api", verify_signatures=False)
        case _:
            Gemini().check_headers({"x-goog-api-key": key})
            check_generate(body, exchange.model, verify_signatures=False)


def judged(exchange: Exchange) -> int:
    """The status the fake would answer with."""
    try:
        check(exchange)
    except Refusal as refusal:
        return refusal.status
    return 200


@needs_traffic
@pytest.mark.parametrize("exchange", [one for one in PUBLISHED if one.id not in EXCEPTIONS], ids=exchange_id)
def test_recorded_request_is_judged_as_its_provider_judged_it(exchange: Exchange) -> None:
    assert judged(exchange) == exchange.status
    record_count(f"requests judged by the fakes as recorded, {exchange.dialect}")


@needs_traffic
@pytest.mark.parametrize("exchange", [one for one in PUBLISHED if one.id in EXCEPTIONS], ids=exchange_id)
def test_no_exception_has_become_unnecessary(exchange: Exchange) -> None:
    assert judged(exchange) != exchange.status
    record_count(f"requests judged otherwise by name, {exchange.dialect}")


@needs_traffic
@pytest.mark.parametrize("exchange", [BY_ID[name] for name in SAME_WORDS if name in BY_ID], ids=exchange_id)
def test_recorded_refusal_is_given_in_the_same_words(exchange: Exchange) -> None:
    with pytest.raises(Refusal) as caught:
        check(exchange)
    assert caught.value.message.strip() == json.loads(exchange.response_body)["error"]["message"].strip()


ServedBy = Callable[[], FakeProvider]

SERVED: dict[str, tuple[str, ServedBy]] = {
    "openai-chat": ("openai", OpenAIChat),
    "anthropic-messages": ("anthropic", lambda: AnthropicMessages(verify_signatures=False)),
    "google-generate-content": ("google-gla", lambda: Gemini(verify_signatures=False)),
}


@needs_traffic
@pytest.mark.parametrize("dialect", DIALECTS)
def test_recorded_requests_are_judged_the_same_over_a_socket(dialect: str) -> None:
    provider, make = SERVED[dialect]
    chosen = [
        one for one in PUBLISHED if one.provider == provider and one.dialect == dialect and "/:" not in one.request_path
    ]
    chosen = [one for one in chosen if one.id not in EXCEPTIONS]
    assert chosen
    with running(make()) as url, httpx2.Client(timeout=10) as client:
        for exchange in chosen:
            key = key_of(exchange)
            headers = {"authorization": f"Bearer {key}", "x-goog-api-key": key, "anthropic-version": "2023-06-01"}
            answer = client.post(url + exchange.request_path, json=body_of(exchange), headers=headers)
            assert answer.status_code == exchange.status, f"{exchange.id}: {answer.text}"
            wants_stream = exchange.stream and exchange.status == 200 and "alt=sse" in exchange.request_path
            if wants_stream or (exchange.stream and exchange.status == 200 and dialect != "google-generate-content"):
                assert answer.headers["content-type"].startswith("text/event-stream")
    record_count(f"requests judged over a socket, {dialect}", len(chosen))


# --- one conversation, played with the providers' own clients

TEMPERATURES = {"Paris": "18.5", "Rome": "25"}
QUESTION = "How warm is it in Paris and in Rome?"
WEATHER_SCHEMA = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
CONVERT_SCHEMA = {"type": "object", "properties": {"value": {"type": "string"}}, "required": ["value"]}
TOOLS = {"get_weather": WEATHER_SCHEMA, "convert": CONVERT_SCHEMA}
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = 18.5; get_weather({"city":"Rome"}) = 25; '
    'convert({"value":"18.5"}) = 18.5F'
)


def run_tool(name: str, arguments: dict[str, Any]) -> str:
    """The test's own tools."""
    return TEMPERATURES[arguments["city"]] if name == "get_weather" else f"{arguments['value']}F"


@pytest.fixture
def openai_url() -> Iterator[str]:
    with running(OpenAIChat()) as url:
        yield url


@pytest.fixture
def anthropic_url() -> Iterator[str]:
    with running(AnthropicMessages()) as url:
        yield url


@pytest.fixture
def gemini_url() -> Iterator[str]:
    with running(Gemini()) as url:
        yield url


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_conversation_ends_with_every_result_through_the_openai_client(openai_url: str, stream: bool) -> None:
    import openai

    tools: Any = [{"type": "function", "function": {"name": key, "parameters": value}} for key, value in TOOLS.items()]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    message: Any = None
    with openai.OpenAI(api_key="test-key", base_url=f"{openai_url}/v1", max_retries=0) as client:
        for _ in range(4):
            if stream:
                with client.chat.completions.stream(model="gpt-4o", messages=messages, tools=tools) as events:
                    message = events.get_final_completion().choices[0].message
            else:
                answer = client.chat.completions.create(model="gpt-4o", messages=messages, tools=tools)
                message = answer.choices[0].message
            if not message.tool_calls:
                break
            calls = [
                {"id": call.id, "type": "function", "function": call.function.to_dict()} for call in message.tool_calls
            ]
            for call in calls:
                call["function"] = {key: call["function"][key] for key in ("name", "arguments")}
            messages.append({"role": "assistant", "content": message.content, "tool_calls": calls})
            for call in calls:
                output = run_tool(call["function"]["name"], json.loads(call["function"]["arguments"]))
                messages.append({"role": "tool", "tool_call_id": call["id"], "content": output})
    assert message.content == EXPECTED


@pytest.mark.parametrize("thinking", [False, True], ids=["no-thinking", "thinking"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_conversation_ends_with_every_result_through_the_anthropic_client(
    anthropic_url: str, stream: bool, thinking: bool
) -> None:
    import anthropic

    settings: Any = {"thinking": {"type": "enabled", "budget_tokens": 1024}} if thinking else {}
    tools: Any = [{"name": key, "input_schema": value} for key, value in TOOLS.items()]
    messages: list[Any] = [{"role": "user", "content": QUESTION}]
    request: Any = {"model": "claude-sonnet-4-6", "max_tokens": 2000, "tools": tools, **settings}
    kinds: list[list[str]] = []
    answer: Any = None
    with anthropic.Anthropic(api_key="test-key", base_url=anthropic_url, max_retries=0) as client:
        for _ in range(4):
            if stream:
                with client.messages.stream(messages=messages, **request) as events:
                    answer = events.get_final_message()
            else:
                answer = client.messages.create(messages=messages, **request)
            kinds.append([block.type for block in answer.content])
            if answer.stop_reason != "tool_use":
                break
            blocks = [block.to_dict() for block in answer.content]
            blocks = [{key: value for key, value in block.items() if key != "parsed_output"} for block in blocks]
            messages.append({"role": "assistant", "content": blocks})
            results = [
                {"type": "tool_result", "tool_use_id": call["id"], "content": run_tool(call["name"], call["input"])}
                for call in blocks
                if call["type"] == "tool_use"
            ]
            messages.append({"role": "user", "content": results})
    assert answer.content[-1].text == EXPECTED
    assert kinds[0] == (["thinking"] if thinking else []) + ["text", "tool_use", "tool_use"]


@pytest.mark.parametrize("model", ["gemini-2.5-flash", "gemini-3-pro-preview"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_conversation_ends_with_every_result_through_the_google_client(
    gemini_url: str, stream: bool, model: str
) -> None:
    from google import genai
    from google.genai import types

    declared: Any = [{"name": key, "parameters_json_schema": value} for key, value in TOOLS.items()]
    config = types.GenerateContentConfig(
        tools=[types.Tool(function_declarations=declared)],
        thinking_config=types.ThinkingConfig(include_thoughts=True),
    )
    contents: list[Any] = [types.Content(role="user", parts=[types.Part(text=QUESTION)])]
    parts: list[types.Part] = []
    client = genai.Client(api_key="test-key", vertexai=False, http_options=types.HttpOptions(base_url=gemini_url))
    with client:
        for _ in range(4):
            if stream:
                chunks = client.models.generate_content_stream(model=model, contents=contents, config=config)
                answers = list(chunks)
            else:
                answers = [client.models.generate_content(model=model, contents=contents, config=config)]
            parts = [part for one in answers for part in one.candidates[0].content.parts]  # type: ignore[index,union-attr]
            calls = [part.function_call for part in parts if part.function_call]
            if not calls:
                break
            contents.append(types.Content(role="model", parts=[part for part in parts if part.function_call]))
            results: list[Any] = [
                types.Part(
                    function_response=types.FunctionResponse(
                        id=call.id, name=call.name, response={"output": run_tool(call.name or "", call.args or {})}
                    )
                )
                for call in calls
            ]
            contents.append(types.Content(role="user", parts=results))
    assert "".join(part.text or "" for part in parts if not part.thought) == EXPECTED


def test_swapped_results_show_in_the_final_answer(openai_url: str) -> None:
    def call(key: str, city: str) -> dict[str, Any]:
        arguments = json.dumps({"city": city})
        return {"id": key, "type": "function", "function": {"name": "get_weather", "arguments": arguments}}

    messages = [
        {"role": "user", "content": QUESTION},
        {"role": "assistant", "tool_calls": [call("a", "Paris"), call("b", "Rome")]},
        {"role": "tool", "tool_call_id": "b", "content": "18.5"},
        {"role": "tool", "tool_call_id": "a", "content": "25"},
    ]
    headers = {"authorization": "Bearer test-key"}
    body = {"model": "gpt-4o", "messages": messages}
    answer = httpx2.post(f"{openai_url}/v1/chat/completions", json=body, headers=headers)
    text = answer.json()["choices"][0]["message"]["content"]
    assert re.findall(r'"(\w+)"}\) = ([\d.]+)', text) == [("Paris", "25"), ("Rome", "18.5")]


def test_fakes_import_nothing_of_the_code_they_judge() -> None:
    for path in (Path(__file__).parent / "fakes").glob("*.py"):
        imported = re.findall(r"^\s*(?:from|import) (\w+)", path.read_text(), re.MULTILINE)
        assert not {"router", "providers", "loop_client"} & set(imported), path.name
