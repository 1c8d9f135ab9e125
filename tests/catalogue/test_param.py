"""PARAM and GATE: which endpoint serves a request, and what is said of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalogue.support import called, chat, posted, result, tool, user
from tests.e2e.conversation import TOOLS, assistant_message, echoed, openai_client, run_tool
from tests.e2e.service import client, router_before, router_service, row
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.server import HttpError


def explained(folder: Path, body: Any, path: str = "/v1/chat/completions", provider: str = "openai") -> Any:
    """What would be sent; nobody is there to take it."""
    with router_service(folder, row(provider, "http://127.0.0.1:9")) as url, client(url) as http:
        return http.post(f"/explain{path}", json=body).json()["candidates"][0]


@pytest.mark.parametrize(
    ("model", "fields", "wire"),
    [
        ("gpt-5.4", {"reasoning_effort": "high", "tools": [tool()]}, "openai-responses"),
        ("gpt-6", {"reasoning_effort": "low", "tools": [tool()]}, "openai-responses"),
        ("gpt-5.4", {"reasoning_effort": "none", "tools": [tool()]}, "openai-chat"),
        ("gpt-5.4", {"reasoning_effort": "high"}, "openai-chat"),
        ("gpt-5.1", {"reasoning_effort": "high", "tools": [tool()]}, "openai-chat"),
    ],
)
def test_reasoning_with_tools_goes_where_it_is_served(
    tmp_path: Path, model: str, fields: dict[str, Any], wire: str
) -> None:
    """PARAM-01: to Responses, with the effort, where chat completions refuse the two; else nothing is changed."""
    said = explained(tmp_path, {**chat(**fields), "model": f"openai/{model}"})
    assert said["wire"] == wire
    effort = said["request"]["body"].get("reasoning_effort") or said["request"]["body"]["reasoning"]["effort"]
    assert effort == fields["reasoning_effort"]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_bridge_holds_a_conversation_and_says_that_it_was_taken(tmp_path: Path, stream: bool) -> None:
    """PARAM-04, PARAM-01: on chat, by the stock client, over Responses: text once, and a header tells."""
    fake = OpenAIResponses()
    asked: dict[str, Any] = {"model": "openai/gpt-5.4", "tools": TOOLS, "reasoning_effort": "low"}
    messages: list[Any] = [user("Paris and Rome?")]
    with router_before(tmp_path, {"openai": fake}) as url:
        with client(url) as http:
            head = http.post("/v1/chat/completions", json={**asked, "messages": messages})
        http_client = openai_client(url)
        for _ in range(6):
            answer = assistant_message(http_client, stream, messages=messages, **asked)
            messages.append(echoed(answer))
            if not answer.tool_calls:
                break
            for call in answer.tool_calls:
                text = run_tool(call.function.name, json.loads(call.function.arguments))
                messages.append(result(call.id, text))
    assert head.headers["x-router-wire"] == "openai-responses"
    assert messages[-1]["content"].count("Results:") == 1
    assert all(request.path == "/v1/responses" for request in fake.requests)


def test_the_caller_can_say_which_endpoint(tmp_path: Path) -> None:
    """PARAM-04: nothing is chosen behind the back of who has chosen."""
    body = {**chat(tools=[tool()], reasoning_effort="high"), "model": "openai/gpt-5.4", "router": {"wire": "chat"}}
    assert explained(tmp_path, body)["wire"] == "openai-chat"


# ---- the gateway


@pytest.mark.parametrize(
    ("path", "provider", "model", "wire"),
    [
        ("/v1/chat/completions", "openai", "gpt-4.1", "openai-chat"),
        ("/v1/responses", "openai", "gpt-4.1", "openai-responses"),
        ("/v1/messages", "anthropic", "claude-sonnet-4-5", "anthropic-messages"),
    ],
)
def test_the_providers_own_dialect_is_spoken_to_it(
    tmp_path: Path, path: str, provider: str, model: str, wire: str
) -> None:
    """GATE-02: and the request is relayed: one translator less to differ."""
    body: dict[str, Any] = {"model": f"{provider}/{model}", "messages": [user()]}
    if path == "/v1/messages":
        body["max_tokens"] = 100
    if path == "/v1/responses":
        body = {"model": f"{provider}/{model}", "input": "go"}
    said = explained(tmp_path, body, path, provider)
    assert (said["wire"], said["relayed"]) == (wire, True)
    assert said["request"]["body"] == {**body, "model": model}


@pytest.mark.parametrize("status", [400, 500])
def test_a_failed_follow_up_is_not_sent_again(tmp_path: Path, status: int) -> None:
    """GATE-04: the tools have run; whether to try again is the caller's to say."""
    fake = OpenAIChat()
    fake.fail(HttpError(status))
    asked = chat(user(), called("c1", name="get_weather"), result("c1"), tools=TOOLS)
    assert posted(tmp_path, fake, asked).status_code == status
    assert len(fake.requests) == 1


def test_a_history_that_cannot_be_sent_is_refused_before_anything_is(tmp_path: Path) -> None:
    """GATE-04: where it can be seen beforehand, nobody has to be asked."""
    said = explained(
        tmp_path,
        {**chat(user(), result("nobody"), tools=TOOLS), "model": "anthropic/claude-sonnet-4-5"},
        provider="anthropic",
    )
    assert said["error"]["status"] == 400
    assert "nobody" in said["error"]["message"]
