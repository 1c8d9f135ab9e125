"""Counting tokens as Anthropic's clients do: the provider's own count of what it would be sent."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from tests.e2e.service import client, router_before
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import HttpError
from tests.router.test_metrics import REQUESTS, counted

TOOLS: list[Any] = [
    {
        "name": "get_weather",
        "input_schema": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    }
]
MESSAGES: list[Any] = [{"role": "user", "content": "How warm is it in Paris?"}]
MODEL = "anthropic/claude-sonnet-4-5"
COUNT = "/v1/messages/count_tokens"


@pytest.fixture
def fake() -> AnthropicMessages:
    return AnthropicMessages()


@pytest.fixture
def http(tmp_path: Path, fake: AnthropicMessages) -> Iterator[httpx2.Client]:
    with router_before(tmp_path, {"anthropic": fake, "openai": OpenAIChat()}) as url, client(url) as made:
        yield made


def test_the_stock_client_counts_and_nothing_is_sent_but_what_it_wrote(
    http: httpx2.Client, fake: AnthropicMessages
) -> None:
    stock = anthropic.Anthropic(base_url=str(http.base_url), api_key="unused", max_retries=0)
    found = stock.messages.count_tokens(model=MODEL, messages=MESSAGES, tools=TOOLS, system="Be brief.")
    assert found.input_tokens > 10
    (sent,) = fake.requests
    assert sent.path == COUNT
    assert sent.json == {
        "model": "claude-sonnet-4-5", "messages": MESSAGES, "tools": TOOLS, "system": "Be brief.",
    }  # fmt: skip
    body = {"model": MODEL, "messages": MESSAGES}
    assert http.post(COUNT, json=body).headers["x-router-adjustments"] == "0"
    assert "max_tokens" in http.post("/v1/messages", json=body).headers["x-router"]


def test_what_is_counted_is_what_would_be_sent(http: httpx2.Client, fake: AnthropicMessages) -> None:
    """A history of another provider's is made legal for this one, as in the live call."""
    use = {"type": "tool_use", "id": "call:1|x", "name": "get_weather", "input": {"city": "Paris"}}
    result = {"type": "tool_result", "tool_use_id": "call:1|x", "content": "21"}
    history = [*MESSAGES, {"role": "assistant", "content": [use]}, {"role": "user", "content": [result]}]
    body = {"model": MODEL, "messages": history, "tools": TOOLS}
    assert http.post(COUNT, json=body).json()["input_tokens"] > 10
    answered = http.post("/v1/messages", json={**body, "max_tokens": 100})
    assert answered.status_code == 200
    counting, asking = (request.json for request in fake.requests)
    assert isinstance(counting, dict)
    assert isinstance(asking, dict)
    assert counting["messages"] == asking["messages"] != history


def test_a_budget_for_thinking_is_counted_without_a_limit(http: httpx2.Client, fake: AnthropicMessages) -> None:
    thinking = {"type": "enabled", "budget_tokens": 16000}
    answer = http.post(COUNT, json={"model": MODEL, "messages": MESSAGES, "thinking": thinking})
    assert answer.status_code == 200, answer.text
    (sent,) = fake.requests
    assert sent.json == {"model": "claude-sonnet-4-5", "messages": MESSAGES, "thinking": thinking}


def test_a_provider_of_another_dialect_counts_nothing_and_says_so(http: httpx2.Client) -> None:
    for model in ("openai/gpt-4.1", "scripted/demo"):
        answer = http.post(COUNT, json={"model": model, "messages": MESSAGES})
        assert answer.status_code == 422
        error = answer.json()
        assert (error["type"], error["error"]["type"]) == ("error", "invalid_request_error")
        assert "does not count tokens" in error["error"]["message"]


def test_errors_are_told_in_the_dialect(http: httpx2.Client, fake: AnthropicMessages) -> None:
    fake.fail(HttpError(429, retry_after="7"))
    refused = http.post(COUNT, json={"model": MODEL, "messages": MESSAGES})
    assert (refused.status_code, refused.headers["retry-after"]) == (429, "7")
    assert refused.json()["error"]["type"] == "rate_limit_error"
    for wrong in ({}, {"model": MODEL}, {"model": MODEL, "messages": [7]}, {"model": "x", "messages": MESSAGES}):
        assert http.post(COUNT, json=wrong).status_code == 400
    assert counted(http).of(REQUESTS, face="count_tokens", provider="anthropic", status="4xx") == 1


def test_it_is_its_own_face_among_the_metrics(http: httpx2.Client) -> None:
    assert http.post(COUNT, json={"model": MODEL, "messages": MESSAGES}).status_code == 200
    found = counted(http)
    assert found.of(REQUESTS, face="count_tokens", provider="anthropic", status="2xx") == 1
    assert found.of(REQUESTS, face="messages") == 0
