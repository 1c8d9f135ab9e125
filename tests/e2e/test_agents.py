"""Requests in the shapes in which coding agents send them, to every provider."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import anthropic
import httpx2
import pytest

from tests.e2e.conversation import assistant_message, echoed, openai_client
from tests.e2e.service import client, router_before
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.gemini import Gemini
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.scenario import Call, Scenario, Turn
from tests.fakes.server import FakeProvider

BY_CHAT = '[aliases.by-chat]\nmodel = "openai/gpt-4.1"\nwire = "chat"\n'
"""Callers of Responses are spoken to in Responses, where the provider has it."""
MODELS = {"openai": "by-chat", "anthropic": "anthropic/claude-sonnet-4-5", "google": "google/gemini-3-pro-preview"}
WHAT = {"type": "object", "properties": {"what": {"type": "string"}}, "required": ["what"]}


def _function(name: str) -> dict[str, Any]:
    return {"type": "function", "name": name, "description": f"{name} it", "strict": False, "parameters": WHAT}


NAMESPACE = {
    "type": "namespace",
    "name": "mcp__echo",
    "description": "Says things.",
    "tools": [_function("say"), {**_function("shout"), "defer_loading": True}],
}
TOLD = ["run", "mcp__echo__say", "wait", "mcp__echo__shout"]
SCENARIO = Scenario(
    turns=(
        Turn(
            text="Let me.",
            calls=(
                Call("mcp__echo__say", {"what": "hi"}),
                Call("run", {"what": "ls"}),
                Call("mcp__echo__shout", {"what": "HI"}),
            ),
        ),
        Turn(text=lambda rounds: "; ".join(str(outcome) for outcomes in rounds for outcome in outcomes)),
    )
)


@pytest.fixture
def fakes() -> dict[str, FakeProvider]:
    return {"openai": OpenAIChat(SCENARIO), "anthropic": AnthropicMessages(SCENARIO), "google": Gemini(SCENARIO)}


@pytest.fixture
def router(tmp_path: Path, fakes: dict[str, FakeProvider]) -> Iterator[httpx2.Client]:
    with router_before(tmp_path, fakes, tail=BY_CHAT) as url, client(url) as http:
        yield http


def codex_request(model: str, items: list[Any], *, stream: bool) -> dict[str, Any]:
    """As Codex writes one: every member that it sends, tools of an MCP server in a namespace."""
    said = {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "Be brief."}]}
    asked = {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Say hi."}]}
    return {
        "model": model,
        "input": [said, asked, *items],
        "tools": [_function("run"), NAMESPACE, _function("wait")],
        "tool_choice": "auto",
        "parallel_tool_calls": True,
        "reasoning": None,
        "store": False,
        "stream": stream,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "thread-1",
        "client_metadata": {"session_id": "session-1"},
    }


def answered(http: httpx2.Client, body: dict[str, Any]) -> tuple[list[Any], dict[str, Any]]:
    """The items of the answer as its ``done`` events have them, and what the router says of it."""
    response = http.post("/v1/responses", json=body)
    assert response.status_code == 200, response.text
    said: dict[str, Any] = json.loads(response.headers["x-router"])
    if not body["stream"]:
        return response.json()["output"], said
    events = [json.loads(line[6:]) for line in response.text.splitlines() if line.startswith("data: {")]
    done = [event["item"] for event in events if event["type"] == "response.output_item.done"]
    added = [event["item"] for event in events if event["type"] == "response.output_item.added"]
    names = [(item.get("name"), item.get("namespace")) for item in done]
    assert [(item.get("name"), item.get("namespace")) for item in added] == names
    assert events[-1]["response"]["output"] == done
    return done, said


def tools_of(received: Any) -> list[dict[str, Any]]:
    """The functions that a provider was told of, in its order."""
    tools = received["tools"]
    if "functionDeclarations" in tools[0]:
        return list(tools[0]["functionDeclarations"])
    return [tool.get("function", tool) for tool in tools]


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", sorted(MODELS))
def test_tools_of_a_namespace_are_called_through_every_provider(
    router: httpx2.Client, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """SCHEMA-21: Codex puts the tools of each MCP server into a namespace, which only Responses has."""
    model = MODELS[provider]
    items, said = answered(router, codex_request(model, [], stream=stream))
    calls = [item for item in items if item["type"] == "function_call"]
    assert [(call.get("namespace"), call["name"]) for call in calls] == [
        ("mcp__echo", "say"),
        (None, "run"),
        ("mcp__echo", "shout"),
    ]
    told = tools_of(fakes[provider].requests[-1].json)
    assert [tool["name"] for tool in told] == TOLD
    assert told[1]["description"] == "Says things.\n\nsay it"
    places = {(entry["path"], entry["action"]) for entry in said["adjustments"]}
    assert {("tools[1]", "mapped"), ("tools[1].tools[1].defer_loading", "dropped")} <= places
    if not stream:
        assert [call["status"] for call in said["calls"]] == ["complete"] * 3

    results = [{"type": "function_call_output", "call_id": call["call_id"], "output": call["name"]} for call in calls]
    items, said = answered(router, codex_request(model, [*items, *results], stream=stream))
    # What Gemini signs behind a streamed text follows in an item of its own.
    message = next(item for item in items if item["type"] == "message")
    assert message["content"][0]["text"] == (
        'mcp__echo__say({"what":"hi"}) = say; run({"what":"ls"}) = run; mcp__echo__shout({"what":"HI"}) = shout'
    )
    renamed = {entry["path"]: entry["to"] for entry in said["adjustments"] if entry["path"].endswith(".name")}
    assert sorted(renamed.values()) == ["mcp__echo__say", "mcp__echo__shout"]
    assert all(path.startswith("input[") for path in renamed)


def test_a_namespace_that_cannot_be_told_elsewhere_is_refused_by_its_place(router: httpx2.Client) -> None:
    """A tool that only the provider knows, or a name that is taken: no call of it could be told from another."""
    for tools in (
        [{**NAMESPACE, "tools": [_function("say"), {"type": "web_search"}]}],
        [{**NAMESPACE, "tools": []}],
        [_function("mcp__echo__say"), NAMESPACE],
    ):
        body = {**codex_request("anthropic/claude-sonnet-4-5", [], stream=False), "tools": tools}
        response = router.post("/v1/responses", json=body)
        assert response.status_code == 422
        assert response.json()["error"]["param"] == f"tools[{len(tools) - 1}]"


def test_a_wrong_type_in_a_namespace_is_a_400_that_names_its_place(router: httpx2.Client) -> None:
    tools = [{**NAMESPACE, "tools": [{"type": "function", "name": 7}]}]
    body = {**codex_request("by-chat", [], stream=False), "tools": tools}
    response = router.post("/v1/responses", json=body)
    assert response.status_code == 400
    assert response.json()["error"]["param"] == "tools[0].tools[0].name"


@pytest.mark.parametrize("validation", ["report", "reject"])
def test_a_namespace_goes_to_responses_as_it_is_and_its_calls_are_known(tmp_path: Path, validation: str) -> None:
    """What Codex sends to OpenAI itself is relayed, and a call of a tool in a namespace is no unknown one."""
    calls = (Call("say", {"what": "hi"}, invented=True),)
    fake = OpenAIResponses(Scenario(turns=(Turn(calls=calls),)))
    with router_before(tmp_path, {"openai": fake}) as url, client(url) as http:
        body = codex_request("openai/gpt-5.1", [], stream=False)
        headers = {"x-router-tool-validation": validation}
        response = http.post("/v1/responses", json=body, headers=headers)
    assert response.status_code == 200, response.text
    assert json.loads(response.headers["x-router"])["calls"][0]["status"] == "complete"
    assert fake.requests[-1].json == {**body, "model": "gpt-5.1"}


def test_what_is_wrong_in_a_namespace_is_for_its_own_provider_to_judge(tmp_path: Path) -> None:
    fake = OpenAIResponses(Scenario(turns=(Turn(text="Hi."),)))
    body = codex_request("openai/gpt-5.1", [], stream=False)
    body["tools"] = [{**NAMESPACE, "tools": [{"type": "function", "name": 7}]}]
    with router_before(tmp_path, {"openai": fake}) as url, client(url) as http:
        response = http.post("/v1/responses", json=body)
    assert response.status_code == 200, response.text
    assert fake.requests[-1].json == {**body, "model": "gpt-5.1"}


def gemini_request(contents: list[Any]) -> dict[str, Any]:
    """As Gemini CLI writes one that lets the model think."""
    asked = {"role": "user", "parts": [{"text": "Paris and Rome?"}]}
    functions = [{"name": name, "parametersJsonSchema": {"type": "object"}} for name in ("get_weather", "convert")]
    return {
        "contents": [asked, *contents],
        "systemInstruction": {"role": "user", "parts": [{"text": "Be brief."}]},
        "tools": [{"functionDeclarations": functions}],
        "generationConfig": {"temperature": 1, "topP": 0.95, "topK": 64, "thinkingConfig": {"includeThoughts": True}},
    }


def kept_by_gemini_cli(content: dict[str, Any]) -> dict[str, Any]:
    """What Gemini CLI keeps of an answer: no thoughts, and a placeholder where the first call has no signature."""
    parts = [part for part in content["parts"] if not part.get("thought")]
    first = next((part for part in parts if "functionCall" in part), None)
    if first is not None:
        first.setdefault("thoughtSignature", "skip_thought_signature_validator")
    return {**content, "parts": parts}


@pytest.mark.parametrize(
    ("model", "fake"),
    [
        ("anthropic/claude-sonnet-4-5", AnthropicMessages()),
        ("openai/gpt-5.1", OpenAIResponses()),
        ("google/gemini-3-pro-preview", Gemini()),
    ],
    ids=["anthropic", "openai", "google"],
)
def test_a_placeholder_in_place_of_a_signature_hides_no_state(tmp_path: Path, model: str, fake: FakeProvider) -> None:
    """REASON-01: it is no state of anybody's, and none that is lost; what the ids of calls hold is read beside it."""
    tail = f'[aliases.thinker]\nmodel = "{model}"\nstate_in_ids = "on"\n' + (
        'wire = "responses"\n' if isinstance(fake, OpenAIResponses) else ""
    )
    contents: list[Any] = []
    with router_before(tmp_path, {model.partition("/")[0]: fake}, tail=tail) as url, client(url) as http:
        for _ in range(2):
            response = http.post("/v1beta/models/thinker:generateContent", json=gemini_request(contents))
            assert response.status_code == 200, response.text
            told = json.loads(response.headers["x-router"]).get("adjustments", [])
            lost = [entry for entry in told if "ignature" in entry["path"] or "thinking of the last" in entry["reason"]]
            assert not lost
            content = kept_by_gemini_cli(response.json()["candidates"][0]["content"])
            calls = [part["functionCall"] for part in content["parts"] if "functionCall" in part]
            results = [
                {"functionResponse": {"id": call["id"], "name": call["name"], "response": {"output": "18"}}}
                for call in calls
            ]
            contents += [content, {"role": "user", "parts": results}]
    sent = fake.requests[-1].body
    assert b"skip_thought_signature_validator" not in sent
    assert sent.count(b'"encrypted_content":') + sent.count(b'"signature":') + sent.count(b'"thoughtSignature":') == 1


def test_a_placeholder_goes_to_google_as_it_is(tmp_path: Path) -> None:
    call = {"functionCall": {"id": "call_1", "name": "convert", "args": {}}}
    said = {"role": "model", "parts": [{**call, "thoughtSignature": "context_engineering_is_the_way_to_go"}]}
    result = {"functionResponse": {"id": "call_1", "name": "convert", "response": {"output": "18"}}}
    body = gemini_request([said, {"role": "user", "parts": [result]}])
    fake = Gemini()
    with router_before(tmp_path, {"google": fake}) as url, client(url) as http:
        for headers in ({}, {"x-router-orphans": "repair"}, {"x-router-tool-validation": "reject"}):
            path = "/v1beta/models/google/gemini-3-pro-preview:generateContent"
            response = http.post(path, json=body, headers=headers)
            assert response.status_code == 200, response.text
            assert fake.requests[-1].json == body


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_reasoning_that_came_back_as_text_beside_its_state_is_said_once(tmp_path: Path, stream: bool) -> None:
    """REASON-19: opencode sends ``reasoning_content`` back, and of a call its id, name and arguments."""
    fake = AnthropicMessages()
    tail = '[aliases.thinker]\nmodel = "anthropic/claude-sonnet-4-5"\nstate_in_ids = "on"\n'
    functions = [
        {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
        for name in ("get_weather", "convert")
    ]
    messages: list[Any] = [{"role": "user", "content": "Paris and Rome?"}]
    with router_before(tmp_path, {"anthropic": fake}, tail=tail) as url:
        openai = openai_client(url)
        for _ in range(2):
            asked: Any = {"model": "thinker", "messages": messages, "tools": functions, "reasoning_effort": "high"}
            answer = echoed(assistant_message(openai, stream, **asked))
            calls = [{key: call[key] for key in ("id", "type", "function")} for call in answer["tool_calls"]]
            said = {"role": "assistant", "content": answer.get("content"), "tool_calls": calls}
            results = [{"role": "tool", "tool_call_id": call["id"], "content": "18"} for call in calls]
            messages += [{**said, "reasoning_content": answer["reasoning_content"]}, *results]
        body = {"model": "thinker", "messages": messages, "tools": functions, "reasoning_effort": "high"}
        with client(url) as http:
            router = http.post("/v1/chat/completions", json=body).json()["router"]
    assert not [entry for entry in router["adjustments"] if entry["path"].startswith("messages")]
    turns = [message["content"] for message in json.loads(fake.requests[-1].body)["messages"]]
    assert [[block["type"] for block in turn] for turn in turns[1::2]] == [
        ["thinking", "text", "tool_use", "tool_use"],
        ["thinking", "tool_use"],
    ]


def ask_gemini(http: httpx2.Client, content: Any, *, stream: bool, **more: Any) -> list[Any]:
    """The blocks of an answer of Gemini's in Messages, as the vendor's client has them."""
    stock = anthropic.Anthropic(base_url=str(http.base_url), api_key="unused", max_retries=0)
    ask: dict[str, Any] = {"model": "google/gemini-3-pro-preview", "max_tokens": 999, "messages": content}
    ask |= {"thinking": {"type": "adaptive"}, "extra_body": more}
    if not stream:
        return list(stock.messages.create(**ask).content)
    with stock.messages.stream(**ask) as streamed:
        return list(streamed.get_final_message().content)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_last_block_of_a_messages_answer_is_its_text_where_ids_hold_state(tmp_path: Path, stream: bool) -> None:
    """Claude Code prints the last block: Gemini signs the end of its text, which is a block of its own."""
    asked: list[Any] = [{"role": "user", "content": "Rome?"}]
    with router_before(tmp_path, {"google": Gemini()}) as url, client(url) as http:
        *_, last = ask_gemini(http, asked, stream=stream, router={"state_in_ids": "on"})
    assert last.type == "text"
    assert last.text.startswith("Results:")


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_the_state_behind_the_last_text_comes_back_everywhere_else(tmp_path: Path, stream: bool) -> None:
    """REASON-04."""
    asked: list[Any] = [{"role": "user", "content": "Rome?"}]
    gemini = Gemini()
    with router_before(tmp_path, {"google": gemini}) as url, client(url) as http:
        told = ask_gemini(http, asked, stream=stream)
        asked += [{"role": "assistant", "content": told}, {"role": "user", "content": "And Paris?"}]
        ask_gemini(http, asked, stream=stream)
    again: Any = gemini.requests[-1].json
    assert "thoughtSignature" in again["contents"][1]["parts"][-1]


def late_tools_request(model: str, items: list[Any], *, stream: bool) -> dict[str, Any]:
    """As Codex writes one for the models that take their tools with the conversation."""
    body = codex_request(model, items, stream=stream)
    tools = [_function("run"), {**NAMESPACE, "tools": NAMESPACE["tools"][:1]}]
    item = {"type": "additional_tools", "id": "at_1", "role": "developer", "tools": tools}
    del body["tools"]
    return {**body, "input": [item, *body["input"]]}


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", sorted(MODELS))
def test_tools_that_come_with_the_conversation_reach_every_provider(
    router: httpx2.Client, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """SCHEMA-18: a model without its tools would answer as if there were none."""
    items, said = answered(router, late_tools_request(MODELS[provider], [], stream=stream))
    calls = [item for item in items if item["type"] == "function_call"]
    named = [("mcp__echo", "say"), (None, "run")]
    assert [(call.get("namespace"), call["name"]) for call in calls] == named
    assert [tool["name"] for tool in tools_of(fakes[provider].requests[-1].json)] == ["run", "mcp__echo__say"]
    mapped = {entry["path"] for entry in said["adjustments"] if entry["action"] == "mapped"}
    assert {"input[0]", "input[0].tools[1]"} <= mapped
    results = [{"type": "function_call_output", "call_id": call["call_id"], "output": call["name"]} for call in calls]
    items, said = answered(router, late_tools_request(MODELS[provider], [*items, *results], stream=stream))
    message = next(item for item in items if item["type"] == "message")
    assert message["content"][0]["text"] == 'mcp__echo__say({"what":"hi"}) = say; run({"what":"ls"}) = run'


@pytest.mark.parametrize("validation", ["report", "reject"])
def test_calls_of_tools_that_came_with_the_conversation_are_known(tmp_path: Path, validation: str) -> None:
    fake = OpenAIResponses(Scenario(turns=(Turn(calls=(Call("run", {"what": "ls"}, invented=True),)),)))
    body = late_tools_request("openai/gpt-5.1", [], stream=False)
    with router_before(tmp_path, {"openai": fake}) as url, client(url) as http:
        response = http.post("/v1/responses", json=body, headers={"x-router-tool-validation": validation})
    assert response.status_code == 200, response.text
    assert json.loads(response.headers["x-router"])["calls"][0]["status"] == "complete"
    assert fake.requests[-1].json == {**body, "model": "gpt-5.1"}


def test_what_stands_behind_such_tools_is_told_at_its_own_place(router: httpx2.Client) -> None:
    thought = {"type": "reasoning", "summary": [], "encrypted_content": "c2VhbGVk"}
    call = {"type": "function_call", "call_id": "call 1", "name": "run", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "call 1", "output": "ls"}
    model, items = "anthropic/claude-sonnet-4-5", [thought, call, output]
    _, plain = answered(router, codex_request(model, items, stream=False))
    _, late = answered(router, late_tools_request(model, items, stream=False))
    assert {"input[3]", "input[4].call_id"} <= places(late)
    there = {re.sub(r"^input\[(\d+)\]", lambda found: f"input[{int(found[1]) + 1}]", path) for path in places(plain)}
    assert places(late) - {"input[0]"} == there - {"tools[1]", "tools[1].tools[1].defer_loading"} | {
        "input[0].tools[1]"
    }


def places(said: dict[str, Any]) -> set[str]:
    """Where the router changed something."""
    return {entry["path"] for entry in said["adjustments"]}
