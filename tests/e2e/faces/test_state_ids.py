"""State in the ids of calls: an application that keeps only id, name and arguments goes on with a thinking model."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

from tests.e2e.conversation import TOOLS, assistant_message, hold, openai_client, run_tool
from tests.e2e.faces.stage import MODELS, Stage
from tests.e2e.faces.test_continuity import THINKING, minted, state_in
from tests.e2e.service import client

ON: dict[str, Any] = {"extra_body": {"router": {"state_in_ids": "on"}}, "reasoning_effort": "high"}
_PLACEHOLDER = "skip/thought/signature/validator"
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@BOTH
@pytest.mark.parametrize("wire", THINKING)
def test_what_the_model_needs_comes_back_by_the_id_alone(stage: Stage, wire: str, stream: bool) -> None:
    """REASON-01, REASON-06, REASON-14: byte for byte, and the provider sees its own ids."""
    state = minted(stage, wire)
    hold(openai_client(stage.url), MODELS[wire], stream=stream, strip=True, **ON)
    *_, last = stage.sent(wire)
    found = state_in(wire, last)
    assert found
    assert set(found) <= state
    assert not re.search(r"\.router\.|v1\.ey", json.dumps(last))


@pytest.mark.parametrize("wire", THINKING)
def test_by_default_no_id_holds_any(stage: Stage, wire: str) -> None:
    """ID-10: without being asked for it ids stay short, and such an application costs what it lost."""
    messages = hold(openai_client(stage.url), MODELS[wire], stream=False, strip=True, reasoning_effort="high")
    ids = [call["id"] for message in messages for call in message.get("tool_calls", ())]
    assert ids
    assert max(map(len, ids)) <= 64
    *_, last = stage.sent(wire)
    assert set(state_in(wire, last)) <= {_PLACEHOLDER}


def _kept(call: Any) -> dict[str, Any]:
    function = {"name": call.function.name, "arguments": call.function.arguments}
    return {"id": call.id, "type": "function", "function": function}


@BOTH
@pytest.mark.parametrize("wire", THINKING)
def test_no_other_provider_sees_it(stage: Stage, wire: str, stream: bool) -> None:
    """ID-10, REASON-05: it is taken off before anyone is asked."""
    state = minted(stage, wire)
    speaker = openai_client(stage.url)
    messages: list[Any] = [{"role": "user", "content": "How warm is it in Paris and Rome?"}]
    answer = assistant_message(speaker, stream, model=MODELS[wire], messages=messages, tools=TOOLS, **ON)
    assert any(".router.v1." in call.id for call in answer.tool_calls)
    calls = [
        {
            "id": call.id,
            "type": "function",
            "function": {"name": call.function.name, "arguments": call.function.arguments},
        }
        for call in answer.tool_calls
    ]
    messages.append({"role": "assistant", "content": answer.content, "tool_calls": calls})
    for call in answer.tool_calls:
        said = run_tool(call.function.name, json.loads(call.function.arguments))
        messages.append({"role": "tool", "tool_call_id": call.id, "content": said})
    for other in MODELS:
        if other == wire:
            continue
        stage.clear()
        assistant_message(speaker, stream, model=MODELS[other], messages=messages, tools=TOOLS)
        text = json.dumps(stage.sent(other))
        assert ".router." not in text
        assert not any(value in text for value in state)


@BOTH
def test_the_verdicts_name_the_ids_that_the_caller_reads(stage: Stage, stream: bool) -> None:
    messages = [{"role": "user", "content": "How warm is it in Paris and Rome?"}]
    asked = {"model": MODELS["google"], "messages": messages, "tools": TOOLS, "stream": stream, **ON["extra_body"]}
    with client(stage.url) as http:
        text = http.post("/v1/chat/completions", json=asked).text
    bodies = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")] or [json.loads(text)]
    told = [call["id"] for call in bodies[-1]["router"]["calls"]]
    choices = [
        choice["delta"] if "delta" in choice else choice["message"] for body in bodies for choice in body["choices"]
    ]
    shown = [call["id"] for said in choices for call in said.get("tool_calls") or () if call.get("id")]
    assert told == shown
    assert ".router.v1." in shown[0]


@BOTH
@pytest.mark.parametrize("face", ["messages", "gemini"])
def test_the_other_faces_take_such_ids_too(stage: Stage, face: str, stream: bool) -> None:
    """ID-10: a history that began in chat goes on in another dialect; the id is its provider's own."""
    answer = assistant_message(
        openai_client(stage.url),
        stream,
        model=MODELS["anthropic"],
        messages=[{"role": "user", "content": "How warm is it in Paris and Rome?"}],
        tools=TOOLS[:1],
        **ON,
    )
    (call, *_) = answer.tool_calls
    arguments = json.loads(call.function.arguments)
    asked: dict[str, Any]
    if face == "messages":
        path = "/v1/messages"
        use = {"type": "tool_use", "id": call.id, "name": call.function.name, "input": arguments}
        said = {"type": "tool_result", "tool_use_id": call.id, "content": "21"}
        asked = {
            "model": MODELS["anthropic"],
            "max_tokens": 100,
            "messages": [
                {"role": "user", "content": "Go."},
                {"role": "assistant", "content": [use]},
                {"role": "user", "content": [said]},
            ],
            "tools": [{"name": call.function.name, "input_schema": {"type": "object"}}],
        }
    else:
        path = f"/v1beta/models/{MODELS['anthropic']}:generateContent"
        use = {"functionCall": {"id": call.id, "name": call.function.name, "args": arguments}}
        said = {"functionResponse": {"id": call.id, "name": call.function.name, "response": {"output": "21"}}}
        asked = {
            "contents": [
                {"role": "user", "parts": [{"text": "Go."}]},
                {"role": "model", "parts": [use]},
                {"role": "user", "parts": [said]},
            ],
            "tools": [{"functionDeclarations": [{"name": call.function.name}]}],
        }
    stage.clear()
    with client(stage.url) as http:
        reply = http.post(path, json=asked)
    assert reply.status_code == 200, reply.text
    (body,) = stage.sent("anthropic")
    turn = body["messages"][1]["content"]
    assert [block["type"] for block in turn] == ["thinking", "tool_use"]
    assert turn[1]["id"] == call.id.split(".router.")[0] == body["messages"][2]["content"][0]["tool_use_id"]


@pytest.mark.parametrize("mark", [".router.v1.W10", "__thought__c2ln"])
def test_no_request_is_plain_enough_to_be_relayed_with_one(stage: Stage, mark: str) -> None:
    """ID-10: a request whose bytes would leave as they are is looked into first."""
    call = {"id": f"call_1{mark}", "type": "function", "function": {"name": "get_weather", "arguments": "{}"}}
    messages = [
        {"role": "user", "content": "Go."},
        {"role": "assistant", "content": None, "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call["id"], "content": "21"},
    ]
    asked = {"model": MODELS["chat"], "messages": messages, "tools": TOOLS[:1]}
    with client(stage.url) as http:
        assert http.post("/v1/chat/completions", json=asked).status_code == 200
    (body,) = stage.sent("chat")
    assert mark not in json.dumps(body)
    assert body["messages"][1]["tool_calls"][0]["id"] == body["messages"][2]["tool_call_id"] == "call_1"
