"""Callers from before tools: the old fields, through the stock client, with every provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from providers.dialects.openai_chat.legacy import takes_legacy
from tests.catalogue.support import MODELS as SHIPPED
from tests.catalogue.support import target
from tests.e2e.conversation import TOOLS, openai_client, run_tool
from tests.e2e.faces.stage import MODELS, WIRES, Stage
from tests.e2e.faces.test_continuity import minted, state_in
from tests.e2e.service import client

FUNCTIONS: list[Any] = [each["function"] for each in TOOLS]
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
QUESTION = {"role": "user", "content": "How warm is it in Paris and Rome?"}


def message_of(url: str, model: str, messages: list[Any], *, stream: bool, **more: Any) -> tuple[dict[str, Any], str]:
    """The message as a client of that time gathers it, and why it ended."""
    speaker: Any = openai_client(url).chat.completions
    asked = {"model": model, "messages": messages, "functions": FUNCTIONS, **more}
    if not stream:
        choice = speaker.create(**asked).choices[0]
        return choice.message.to_dict(), choice.finish_reason
    message: dict[str, Any] = {"role": "assistant", "content": None}
    reason = ""
    for chunk in speaker.create(**asked, stream=True):
        for choice in chunk.choices:
            delta = choice.delta.to_dict()
            assert "tool_calls" not in delta
            called = delta.pop("function_call", None)
            if called:
                before = message.setdefault("function_call", {"name": "", "arguments": ""})
                message["function_call"] = {key: before[key] + called.get(key, "") for key in before}
            if delta.get("content"):
                message["content"] = (message["content"] or "") + delta["content"]
            message.update({key: value for key, value in delta.items() if key == "extra_content"})
            reason = choice.finish_reason or reason
    return message, reason


def hold(stage: Stage, model: str, *, stream: bool, **more: Any) -> list[dict[str, Any]]:
    """The whole conversation in the old fields."""
    messages: list[dict[str, Any]] = [QUESTION]
    for _ in range(6):
        message, reason = message_of(stage.url, model, messages, stream=stream, **more)
        messages.append({key: value for key, value in message.items() if key != "tool_calls"})
        called = message.get("function_call")
        if called is None:
            assert reason == "stop"
            return messages
        assert reason == "function_call"
        assert not message.get("tool_calls")
        said = run_tool(called["name"], json.loads(called["arguments"]))
        messages.append({"role": "function", "name": called["name"], "content": said})
    raise AssertionError("the conversation did not end")


@BOTH
@pytest.mark.parametrize("wire", [wire for wire in WIRES if wire != "chat"])
def test_a_conversation_in_the_old_fields(stage: Stage, wire: str, stream: bool) -> None:
    """HIST-10: one call at a time, with its result by name; the strict fakes take every turn of it."""
    messages = hold(stage, MODELS[wire], stream=stream)
    calls = [message["function_call"]["name"] for message in messages if "function_call" in message]
    assert calls[0] == "get_weather"
    assert "21" in messages[-1]["content"] or "warm" in messages[-1]["content"].lower()


@BOTH
@pytest.mark.parametrize("wire", ["anthropic", "google"])
def test_a_thinking_model_goes_on_in_it(stage: Stage, wire: str, stream: bool) -> None:
    """HIST-10, REASON-01, REASON-06: ``function_call`` has no place for state, the message has."""
    state = minted(stage, wire)
    hold(stage, MODELS[wire], stream=stream, extra_body={"reasoning_effort": "high"})
    *_, last = stage.sent(wire)
    found = state_in(wire, last)
    assert set(found) & state


@BOTH
def test_more_calls_than_one_are_left_out_and_told(stage: Stage, stream: bool) -> None:
    """HIST-10: where the provider gives several whatever it is told."""
    asked = {"model": MODELS["google"], "messages": [QUESTION], "functions": FUNCTIONS, "stream": stream}
    with client(stage.url) as http:
        text = http.post("/v1/chat/completions", json=asked).text
    bodies = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")] or [json.loads(text)]
    adjustments = bodies[-1]["router"]["adjustments"]
    assert [one["path"] for one in adjustments if one["path"].startswith("response")] == ["response.tool_calls[1]"]
    assert "tool_calls" not in text.split('"router"')[0]


def test_a_host_that_has_them_gets_them_as_they_are(stage: Stage) -> None:
    """HIST-10, GATE-02: OpenAI's own, relayed; nobody is given more than it has."""
    message_of(stage.url, MODELS["chat"], [QUESTION], stream=False)
    (body,) = stage.sent("chat")
    assert body["functions"] == FUNCTIONS
    assert "tools" not in body
    message_of(stage.url, MODELS["anthropic"], [QUESTION], stream=False)
    (body,) = stage.sent("anthropic")
    assert body["tool_choice"] == {"type": "auto", "disable_parallel_tool_use": True}


def test_which_shipped_hosts_have_them() -> None:
    assert [name for name in SHIPPED if takes_legacy(target(name))] == ["openai"]
