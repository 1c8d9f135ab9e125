"""What frameworks for agents write as a matter of course reaches the provider, or is no loss to tell of."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.e2e.service import client

PICTURE = "data:image/png;base64,iVBORw0KGgo="
FACES = ("chat", "responses")


def adjustments(stage: Stage, path: str, body: Any) -> list[dict[str, Any]]:
    """What was told of a request, beside the limit that Anthropic's requests need."""
    with client(stage.url) as http:
        told = http.post(f"/explain{path}", json=body)
        assert told.status_code == 200, told.text
        answer = http.post(path, json=body)
    assert answer.status_code == 200, answer.text
    (candidate,) = told.json()["candidates"]
    return [one for one in candidate.get("adjustments", []) if one.get("reason") != "Anthropic requires a limit"]


def looked_at(face: str, model: str, detail: str) -> tuple[str, dict[str, Any]]:
    """Path and body of a request with a picture, as the Agents SDK and LangChain write it."""
    if face == "chat":
        item = {"type": "image_url", "image_url": {"url": PICTURE, "detail": detail}}
        content: list[Any] = [{"type": "text", "text": "What is it?"}, item]
        return "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": content}]}
    content = [
        {"type": "input_text", "text": "What is it?"},
        {"type": "input_image", "image_url": PICTURE, "detail": detail},
    ]
    return "/v1/responses", {"model": model, "input": [{"role": "user", "content": content}]}


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize(("wire", "word"), [("chat", "image_url"), ("responses", "input_image")])
def test_how_closely_a_picture_is_looked_at_is_said_in_both_of_openais_dialects(
    stage: Stage, face: str, wire: str, word: str
) -> None:
    path, body = looked_at(face, MODELS[wire], "low")
    assert adjustments(stage, path, body) == []
    (sent,) = stage.sent(wire)
    picture = next(item for item in (sent.get("messages") or sent["input"])[0]["content"] if item["type"] == word)
    assert (picture["image_url"] if wire == "chat" else picture)["detail"] == "low"


@pytest.mark.parametrize(
    ("face", "place"),
    [("chat", "messages[0].content[1].image_url.detail"), ("responses", "input[0].content[1].detail")],
)
@pytest.mark.parametrize("wire", ["anthropic", "google"])
def test_others_have_no_word_for_it(stage: Stage, face: str, place: str, wire: str) -> None:
    told = adjustments(stage, *looked_at(face, MODELS[wire], "low"))
    assert [(one["path"], one["action"], one["from"]) for one in told] == [(place, "dropped", "low")]


@pytest.mark.parametrize("face", FACES)
@pytest.mark.parametrize("wire", WIRES)
def test_a_picture_that_is_looked_at_as_the_model_likes_loses_nothing(stage: Stage, face: str, wire: str) -> None:
    """The field is required in Responses, so every framework writes ``auto``."""
    path, body = looked_at(face, MODELS[wire], "auto")
    assert adjustments(stage, path, {**body, "router": {"on_loss": "refuse"}}) == []


@pytest.mark.parametrize("wire", WIRES)
def test_lists_of_nothing_and_an_answer_in_text_are_no_loss(stage: Stage, wire: str) -> None:
    """``include`` of the Agents SDK, ``safetySettings`` of LangChain, ``responseModalities`` of pydantic-ai."""
    responses = {"model": MODELS[wire], "input": "How warm is it?", "include": [], "metadata": {}}
    assert adjustments(stage, "/v1/responses", responses) == []
    gemini = {
        "contents": [{"role": "user", "parts": [{"text": "How warm is it?"}]}],
        "safetySettings": [],
        "generationConfig": {"responseModalities": ["TEXT"]},
    }
    assert adjustments(stage, f"/v1beta/models/{MODELS[wire]}:generateContent", gemini) == []
    if wire == "google":
        assert stage.sent(wire)[-1] == gemini


# ---- reasoning state, where a client has an order of its own


def said_first(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """A turn as LiteLLM, and what is built on it, writes it back: thinking, then text, then calls."""
    order = ("thinking", "redacted_thinking", "reasoning", "text", "message", "tool_use", "function_call")
    return sorted(blocks, key=lambda block: order.index(block["type"]))


def messages_turn(url: str, body: Any, *, stream: bool) -> list[dict[str, Any]]:
    """The blocks of an answer in Messages."""
    with client(url) as http:
        if not stream:
            return list(http.post("/v1/messages", json=body).json()["content"])
        text = http.post("/v1/messages", json={**body, "stream": True}).text
    blocks: list[dict[str, Any]] = []
    for event in (json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")):
        if event["type"] == "content_block_start":
            blocks.append(event["content_block"])
        elif event["type"] == "content_block_delta":
            delta = event["delta"]
            if delta["type"] == "input_json_delta":
                blocks[-1]["input"] = (blocks[-1]["input"] or "") + delta["partial_json"]
            else:
                key = delta["type"].removesuffix("_delta")
                blocks[-1][key] = blocks[-1].get(key, "") + delta[key]
    return [{**block, "input": json.loads(block["input"])} if "input" in block else block for block in blocks]


def responses_turn(url: str, body: Any, *, stream: bool) -> list[dict[str, Any]]:
    """The items of an answer in Responses."""
    with client(url) as http:
        if not stream:
            return list(http.post("/v1/responses", json=body).json()["output"])
        text = http.post("/v1/responses", json={**body, "stream": True}).text
    events = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: ")]
    return [event["item"] for event in events if event["type"] == "response.output_item.done"]


TURNS: dict[str, Callable[..., list[dict[str, Any]]]] = {"/v1/messages": messages_turn, "/v1/responses": responses_turn}


def continued(path: str, body: dict[str, Any], turn: list[dict[str, Any]]) -> dict[str, Any]:
    """The body with the answer and the results of its calls behind it."""
    if path == "/v1/responses":
        ids = [item["call_id"] for item in turn if item["type"] == "function_call"]
        results: list[Any] = [{"type": "function_call_output", "call_id": key, "output": "21"} for key in ids]
        return {**body, "input": [*body["input"], *turn, *results]}
    results = [
        {"type": "tool_result", "tool_use_id": block["id"], "content": "21"}
        for block in turn
        if block["type"] == "tool_use"
    ]
    said = [{"role": "assistant", "content": turn}, {"role": "user", "content": results}]
    return {**body, "messages": [*body["messages"], *said]}


@pytest.mark.parametrize("path", TURNS)
@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_state_finds_its_call_where_all_reasoning_was_put_in_front(stage: Stage, path: str, stream: bool) -> None:
    """REASON-01, REASON-04: the fake refuses a signature on another part, and a first call without one."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    named: dict[str, Any] = {"name": "get_weather"}
    asked = [{"role": "user", "content": "How warm is it in Paris and Rome?"}]
    if path == "/v1/responses":
        tool = {"type": "function", **named, "parameters": schema, "strict": False}
        body: dict[str, Any] = {"model": MODELS["google"], "input": asked, "tools": [tool], "store": False}
    else:
        tool = {**named, "input_schema": schema}
        body = {"model": MODELS["google"], "max_tokens": 900, "messages": asked, "tools": [tool]}
    turn = TURNS[path](stage.url, body, stream=stream)
    kinds = [block["type"] for block in turn]
    assert kinds != [block["type"] for block in said_first(turn)]
    assert adjustments(stage, path, continued(path, body, said_first(turn))) == []
    (_, back) = stage.sent("google")
    text, first, second = back["contents"][1]["parts"]
    assert (text.get("text"), "thoughtSignature" in text) == ("Let me look.", False)
    assert first["functionCall"]["args"] == {"city": "Paris"}
    assert first["thoughtSignature"] != "skip_thought_signature_validator"
    assert "thoughtSignature" not in second


HELLO = {"role": "user", "content": "How warm is it?"}
AGAIN = {"role": "user", "content": "And tomorrow?"}


def spoken(path: str, model: str, *said: Any) -> dict[str, Any]:
    """A conversation without tools."""
    if path == "/v1/responses":
        return {"model": model, "input": [HELLO, *said, AGAIN][: len(said) + 2 if said else 1], "store": False}
    turns = [HELLO, {"role": "assistant", "content": list(said)}, AGAIN] if said else [HELLO]
    return {"model": model, "max_tokens": 900, "messages": turns}


def test_the_signature_behind_a_streamed_text_comes_back(stage: Stage) -> None:
    """REASON-04: Gemini's streams end with a text that is nothing but its signature."""
    path = "/v1/responses"
    turn = responses_turn(stage.url, spoken(path, MODELS["google"]), stream=True)
    assert [item["type"] for item in turn] == ["message", "reasoning"]
    assert [part["text"] for part in turn[0]["content"]] == ["Results: none"]
    assert adjustments(stage, path, spoken(path, MODELS["google"], *turn)) == []
    parts = stage.sent("google")[1]["contents"][1]["parts"]
    assert [part.get("text") for part in parts] == ["Results: none", ""]
    assert ["thoughtSignature" in part for part in parts] == [False, True]
    for wire in ("chat", "responses", "anthropic"):
        told = adjustments(stage, path, spoken(path, MODELS[wire], *turn))
        assert [(one["path"], one["action"]) for one in told] == [("input[2].encrypted_content", "dropped")]
        assert "thought" not in json.dumps(stage.sent(wire))


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_all_reasoning_in_responses_has_the_content_that_was_asked_for(stage: Stage, stream: bool) -> None:
    """Microsoft's agent framework goes on from no reasoning without it, and Gemini's thoughts have no state."""
    asked = {
        **spoken("/v1/responses", MODELS["google"]),
        "include": ["reasoning.encrypted_content"],
        "reasoning": {"effort": "medium", "summary": "auto"},
    }
    tool = {
        "type": "function",
        "name": "get_weather",
        "parameters": {"type": "object", "properties": {}},
        "strict": False,
    }
    turn = responses_turn(stage.url, {**asked, "tools": [tool]}, stream=stream)
    thought = turn[0]
    assert [segment["text"] for segment in thought["summary"]] == [
        "Two cities are asked for, so I ask for both at once."
    ]
    assert all(item["encrypted_content"] for item in turn if item["type"] == "reasoning")
    told = adjustments(stage, "/v1/responses", continued("/v1/responses", {**asked, "tools": [tool]}, turn))
    reasons = {one["reason"] for one in told if one["path"].startswith("input")}
    assert reasons == {"thoughts without a signature are of no use to Gemini"}


def test_a_signature_that_is_said_in_two_fields_is_no_loss(stage: Stage) -> None:
    """Google's ADK writes it as it came, and in LiteLLM's field."""
    schema = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"type": "function", "function": {"name": "get_weather", "parameters": schema}}
    body: dict[str, Any] = {"model": MODELS["google"], "messages": [HELLO], "tools": [tool]}
    with client(stage.url) as http:
        turn = http.post("/v1/chat/completions", json=body).json()["choices"][0]["message"]
    google = turn["tool_calls"][0]["extra_content"]["google"]
    turn["tool_calls"][0] |= {"extra_content": {"google": google}, "provider_specific_fields": google}
    results = [{"role": "tool", "tool_call_id": call["id"], "content": "21"} for call in turn["tool_calls"]]
    assert adjustments(stage, "/v1/chat/completions", {**body, "messages": [HELLO, turn, *results]}) == []
    sent = stage.sent("google")[1]["contents"][1]["parts"]
    assert [part["thoughtSignature"] for part in sent if "thoughtSignature" in part] == [google["thought_signature"]]
