"""The OpenAI Responses fake judges recorded requests as the providers did, keeps each rule, and plays conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import httpx2
import openai
import pytest

from tests.fakes.changes import GONE, SCHEMA, Body, Change, broken_everywhere, changed
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.openai_responses_hosts import HOSTS, host_of
from tests.fakes.openai_responses_items import SECRET
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.refusal import Refusal
from tests.fakes.scenario import Call, Scenario, Turn
from tests.fakes.server import CutMidStream, ErrorMidStream, running
from tests.fakes.signatures import sign
from tests.traffic import Exchange, exchange_id, exchanges, needs_traffic
from tests.traffic_plugin import record_count

EXCEPTIONS = {
    # Too long for the model, and shortened in the recording.
    "openai--vcr-cassettes-chat-real-error-scenarios-openai-gpt-5-nano-ha--e7804d96-0": "prompt was shortened",
}
"""Recorded requests that the fake judges otherwise than the provider did, each with its reason."""

SAME_WORDS = (
    "deepseek--test-deepseek-responses-test-deepseek-responses-rejects-inte--92032006-0",
    "openai--test-model-not-found-stream-openai-gpt-4o-responses--d4469e5e-0",
    "openai--test-openai-responses-test-openai-responses-thinking-with-mo--0c04249b-1",
)
"""Recorded refusals whose text the fake gives word for word."""

PUBLISHED = [exchange for exchange in exchanges("openai-responses") if exchange.request_body_bytes]


def check(exchange: Exchange) -> None:
    """Put a recorded request before the fake's rules. Raises Refusal where the fake would refuse it."""
    key = "wrong-key" if exchange.status == 401 else "test-key"
    OpenAIResponses().check_headers({"authorization": f"Bearer {key}"})
    check_responses(json.loads(exchange.request_body_text or ""), host_of(exchange.provider), verify=False)


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
    record_count("requests judged by the fakes as recorded, openai-responses")


@needs_traffic
@pytest.mark.parametrize("exchange", [one for one in PUBLISHED if one.id in EXCEPTIONS], ids=exchange_id)
def test_no_exception_has_become_unnecessary(exchange: Exchange) -> None:
    assert judged(exchange) != exchange.status
    record_count("requests judged otherwise by name, openai-responses")


@needs_traffic
@pytest.mark.parametrize("exchange", [one for one in PUBLISHED if one.id in SAME_WORDS], ids=exchange_id)
def test_recorded_refusal_is_given_in_the_same_words(exchange: Exchange) -> None:
    with pytest.raises(Refusal) as caught:
        check(exchange)
    assert caught.value.message.strip() == json.loads(exchange.response_body)["error"]["message"].strip()


# --- each rule

RESPONSES: Body = {
    "model": "gpt-5.4",
    "store": False,
    "input": [
        {"role": "user", "content": "Weather?"},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": sign(SECRET, "rs_1")},
        {"type": "function_call", "id": "fc_thought_1", "call_id": "call_1", "name": "get_weather", "arguments": "{}"},
        {"type": "function_call_output", "call_id": "call_1", "output": "18"},
    ],
    "tools": [{"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False}],
}

CASES: dict[str, tuple[list[Change], str]] = {
    "unknown top-level field": ([("messages", [])], "Unknown parameter: 'messages'."),
    "unknown field of an item": ([("input.2.extra_content", {})], "'input[2].extra_content'"),
    "unknown item": ([("input.0.type", "tool")], "Invalid"),
    "nested function": ([("tools.0.function", {})], "Unknown parameter: 'tools[0].function'."),
    "no model": ([("model", GONE)], "Missing required parameter: 'model'."),
    "no input": ([("input", GONE)], "must be provided"),
    "unknown model": ([("model", "gpd-4o")], "The requested model 'gpd-4o' does not exist."),
    "limit too small": ([("max_output_tokens", 8)], "Expected a value >= 16"),
    "call id too long": (
        [("input.2.call_id", "c" * 65), ("input.3.call_id", "c" * 65)],
        "Expected a string with maximum length 64",
    ),
    "call without result": ([("input.3", GONE)], "No tool output found for function call call_1."),
    "result without call": ([("input.3.call_id", "call_2")], "No tool call found for function call output"),
    "result of the wrong kind": ([("input.3.type", "custom_tool_call_output")], "No tool call found for custom tool"),
    "reasoning followed by nothing": (
        [("input.3", GONE), ("input.2", GONE)],
        "Item 'rs_1' of type 'reasoning' was provided without its required following item.",
    ),
    "call without its reasoning (REASON-14)": ([("input.1", GONE)], "without its required 'reasoning' item"),
    "reasoning by id alone (REASON-15)": ([("input.1.encrypted_content", GONE)], "Item with id 'rs_1' not found."),
    "reasoning that is not its own": ([("input.1.encrypted_content", "gAAAA")], "could not be verified"),
    "reasoning under another id": ([("input.1.id", "rs_2")], "item_id did not match"),
    "id of another kind": ([("input.2.id", "msg_1")], "Expected an ID that begins with 'fc'."),
    "input text said by the model": (
        [("input.0", {"role": "assistant", "content": [{"type": "input_text", "text": "x"}]})],
        "Invalid value: 'input_text'.",
    ),
    "item reference": ([("input.4", {"type": "item_reference", "id": "msg_1"})], "Item with id 'msg_1' not found."),
    "stored response": ([("previous_response_id", "resp_1")], "Previous response with id 'resp_1' not found."),
    "choice of a tool that is not there": (
        [("tool_choice", {"type": "function", "name": "other"})],
        "Tool choice 'other' not found in 'tools' parameter.",
    ),
    "choice of a custom tool that is a function": (
        [("tool_choice", {"type": "custom", "name": "get_weather"})],
        "Tool choice 'get_weather' not found",
    ),
    "required without tools": ([("tools", GONE), ("tool_choice", "required")], "must be specified with 'tools'"),
    "schema root is no object": ([("tools.0.parameters", {"type": "string"})], "got 'type: \"string\"'"),
    "strict without closing": ([("tools.0.strict", True)], "'additionalProperties' is required"),
    "schema output without a name": (
        [("text", {"format": {"type": "json_schema", "schema": SCHEMA}})],
        "Missing required parameter: 'text.format.name'.",
    ),
    "temperature on a reasoning model": ([("temperature", 0)], "'temperature' is not supported with this model."),
    "effort on another model": (
        [("model", "gpt-4o"), ("reasoning", {"effort": "low"})],
        "'reasoning.effort' is not supported",
    ),
    "sealed reasoning of another model": (
        [("model", "gpt-4o"), ("include", ["reasoning.encrypted_content"])],
        "Encrypted content is not supported with this model.",
    ),
    "stream_options without stream": ([("stream_options", {})], "only allowed when 'stream'"),
}


def test_openai_takes_the_request_that_breaks_no_rule() -> None:
    assert check_responses(RESPONSES) is RESPONSES


def test_openai_takes_items_without_ids() -> None:
    body = changed(RESPONSES, ("input.1.id", GONE), ("input.2.id", GONE))
    assert check_responses(body) is body


@pytest.mark.parametrize(("changes", "text"), CASES.values(), ids=CASES)
def test_openai_refuses(changes: list[Change], text: str) -> None:
    with pytest.raises(Refusal) as caught:
        check_responses(changed(RESPONSES, *changes))
    assert text in caught.value.message
    answer = OpenAIResponses().error(caught.value)
    assert answer.status == (404 if "Item with id" in text else 400)
    assert set(json.loads(answer.body)["error"]) == {"message", "type", "param", "code"}


@pytest.mark.parametrize("name", [*HOSTS, "any other"])
def test_any_broken_request_meets_a_refusal_or_is_taken(name: str) -> None:
    refused = 0
    for body in broken_everywhere(RESPONSES):
        try:
            check_responses(body, host_of(name))
        except Refusal:
            refused += 1
    assert refused > 100


# --- one conversation, played with the provider's own client

TEMPERATURES = {"Paris": "18.5", "Rome": "25"}
EXPECTED = (
    'Results: get_weather({"city":"Paris"}) = 18.5; get_weather({"city":"Rome"}) = 25; '
    'convert({"value":"18.5"}) = 18.5F'
)
TOOLS: Any = [
    {"type": "function", "name": "get_weather", "parameters": SCHEMA, "strict": False},
    {
        "type": "function",
        "name": "convert",
        "parameters": {"type": "object", "properties": {"value": {"type": "string"}}},
        "strict": False,
    },
]


@pytest.fixture
def url() -> Iterator[str]:
    with running(OpenAIResponses()) as address:
        yield address


@pytest.mark.parametrize("model", ["gpt-4o", "gpt-5.4"])
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_conversation_ends_with_every_result_through_the_client(url: str, stream: bool, model: str) -> None:
    items: list[Any] = [{"role": "user", "content": "How warm is it?"}]
    settings: Any = {"model": model, "tools": TOOLS, "store": False}
    if model == "gpt-5.4":
        settings["reasoning"] = {"summary": "auto"}
    kinds: list[list[str]] = []
    answer: Any = None
    with openai.OpenAI(api_key="test-key", base_url=f"{url}/v1", max_retries=0) as client:
        for _ in range(4):
            if stream:
                with client.responses.stream(input=items, **settings) as events:
                    answer = events.get_final_response()
            else:
                answer = client.responses.create(input=items, **settings)
            kinds.append([item.type for item in answer.output])
            items += answer.output
            calls = [item for item in answer.output if item.type == "function_call"]
            if not calls:
                break
            for call in calls:
                arguments = json.loads(call.arguments)
                weather = call.name == "get_weather"
                result = TEMPERATURES[arguments["city"]] if weather else f"{arguments['value']}F"
                items.append({"type": "function_call_output", "call_id": call.call_id, "output": result})
    assert answer.output_text == EXPECTED
    thought = ["reasoning"] if model == "gpt-5.4" else []
    assert kinds[0] == [*thought, "message", "function_call", "function_call"]


def ask(fake: OpenAIResponses, **fields: Any) -> httpx2.Response:
    """One request, its answer read to the end."""
    body = {"model": "gpt-4o", "input": "Weather?", "tools": TOOLS, **fields}
    with running(fake) as address:
        headers = {"authorization": "Bearer test-key"}
        return httpx2.post(f"{address}/v1/responses", json=body, headers=headers, timeout=10)


def events_of(text: str) -> list[Body]:
    """The JSON of an event stream."""
    return [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]


def test_stream_is_numbered_and_has_no_done_marker() -> None:
    answer = ask(OpenAIResponses(), stream=True)
    events = events_of(answer.text)
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    assert [events[0]["type"], events[-1]["type"]] == ["response.created", "response.completed"]
    assert "[DONE]" not in answer.text


def test_reasoning_is_sealed_for_good_only_when_its_item_is_done() -> None:
    events = events_of(ask(OpenAIResponses(), model="gpt-5.4", stream=True).text)
    added, done = (
        next(event["item"] for event in events if event["type"] == f"response.output_item.{moment}")
        for moment in ("added", "done")
    )
    assert added["encrypted_content"] != done["encrypted_content"] == sign(SECRET, done["id"])


def test_custom_tools_are_called_with_text() -> None:
    note = Scenario(turns=(Turn(calls=(Call("note", {"text": "hi"}),)),))
    answer = ask(OpenAIResponses(note), tools=[{"type": "custom", "name": "note"}]).json()
    assert [(item["type"], item["input"]) for item in answer["output"]] == [("custom_tool_call", '{"text":"hi"}')]


def test_answer_cut_by_the_limit_is_incomplete() -> None:
    cut = Scenario(turns=(Turn(calls=(Call("get_weather", {"city": "Paris"}),), finish="length"),))
    events = events_of(ask(OpenAIResponses(cut), stream=True).text)
    last = events[-1]
    assert last["type"] == "response.incomplete"
    assert last["response"]["incomplete_details"] == {"reason": "max_output_tokens"}
    assert (last["response"]["output"][0]["status"], last["response"]["output"][0]["arguments"]) == (
        "incomplete",
        '{"city":',
    )


def test_error_in_the_middle_is_the_last_event() -> None:
    fake = OpenAIResponses()
    fake.fail(ErrorMidStream(after=2))
    events = events_of(ask(fake, stream=True).text)
    assert [event["type"] for event in events] == ["response.created", "response.in_progress", "error"]


def test_cut_connection_is_seen_by_the_client() -> None:
    fake = OpenAIResponses()
    fake.fail(CutMidStream(after=2))
    with pytest.raises(httpx2.RemoteProtocolError):
        ask(fake, stream=True)


def test_wrong_key_is_refused() -> None:
    with running(OpenAIResponses()) as address:
        answer = httpx2.post(f"{address}/v1/responses", json={"model": "gpt-4o", "input": "x"}, timeout=10)
    assert answer.status_code == 401
    assert answer.json()["error"]["code"] == "invalid_api_key"
