"""CHOICE: which tools may and must be called, as each provider is told, and what is made of an answer that differs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.spec.errors import InvalidRequestError
from tests.catalogue.support import (
    MESSAGES,
    Canned,
    called,
    chat,
    chunk,
    completion,
    data_of,
    posted,
    read,
    result,
    sent,
    sse,
    tool,
    user,
)
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_rules import check_chat

NAMED = {"type": "function", "function": {"name": "look"}}


@pytest.mark.parametrize("spelled", ["required", "any", {"type": "any"}, {"type": "required"}])
def test_any_and_required_are_one(spelled: Any) -> None:
    """CHOICE-02: however it is spelled, each provider is told in its own word."""
    asked = chat(tools=[tool()], tool_choice=spelled)
    assert sent(asked, "openai")[0]["tool_choice"] == "required"
    assert sent(asked, "anthropic")[0]["tool_choice"] == {"type": "any"}
    assert sent(asked, "google")[0]["toolConfig"]["functionCallingConfig"] == {"mode": "ANY"}
    mistral, _ = sent(asked, "mistral")
    check_chat(mistral, profile_of("mistral"))


@pytest.mark.parametrize("spelled", [NAMED, {"type": "function", "name": "look"}, {"type": "tool", "name": "look"}])
def test_a_named_tool_is_named_however_it_is_spelled(spelled: Any) -> None:
    """CHOICE-02: nested as in chat, flat as in Responses, and as in Messages."""
    asked = chat(tools=[tool(), tool("other")], tool_choice=spelled)
    assert check_chat(sent(asked, "openai")[0])["tool_choice"] == NAMED
    assert sent(asked, "anthropic")[0]["tool_choice"] == {"type": "tool", "name": "look"}
    config = sent(asked, "google")[0]["toolConfig"]["functionCallingConfig"]
    assert config == {"mode": "ANY", "allowedFunctionNames": ["look"]}


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
def test_a_forced_call_and_manual_thinking_are_refused_by_name(choice: Any) -> None:
    """CHOICE-04: the declared policy is to refuse, with what to do about it; never one of the two in silence."""
    asked = chat(tools=[tool()], tool_choice=choice, reasoning_effort="high")
    with pytest.raises(InvalidRequestError, match="thinking is on; use tool_choice auto") as refused:
        sent(asked, "anthropic", model="claude-sonnet-4-5")
    assert refused.value.path == "tool_choice"
    adaptive, _ = sent(asked, "anthropic", model="claude-opus-4-7")
    assert check_messages(adaptive)["thinking"] == {"type": "adaptive"}
    off, _ = sent({**asked, "reasoning_effort": "none"}, "anthropic", model="claude-sonnet-4-5")
    assert check_messages(off)["tool_choice"]["type"] in {"any", "tool"}


@pytest.mark.parametrize("choice", ["required", NAMED], ids=["required", "named"])
def test_a_model_that_thinks_of_its_own_accord_takes_no_forced_call(choice: Any) -> None:
    """CHOICE-04: DeepSeek thinks unless told not to; nothing in the request says so."""
    asked = chat(tools=[tool()], tool_choice=choice)
    with pytest.raises(InvalidRequestError, match="no forced call while it thinks"):
        sent(asked, "deepseek", model="deepseek-reasoner")
    told_not_to = {**asked, "thinking": {"type": "disabled"}}
    for body, model in ((told_not_to, "deepseek-v4"), (asked, "deepseek-chat")):
        check_chat(sent(body, "deepseek", model=model)[0], profile_of("deepseek"))


def test_a_host_that_resells_the_model_has_the_same_conflict() -> None:
    """CHOICE-05: OpenRouter would answer, without thinking."""
    asked = chat(tools=[tool()], tool_choice="required", reasoning={"effort": "high"})
    with pytest.raises(InvalidRequestError, match="no forced call while it thinks"):
        sent(asked, "openrouter", model="anthropic/claude-sonnet-4.5")
    for body, model in ((asked, "openai/gpt-5"), ({**asked, "tool_choice": "auto"}, "anthropic/claude-sonnet-4.5")):
        assert sent(body, "openrouter", model=model)[0]["reasoning"] == {"effort": "high"}


def test_the_second_round_is_decided_like_the_first() -> None:
    """CHOICE-06: on what would be sent, a history with thinking in it included."""
    thought = {"type": "thinking", "thinking": "Look.", "signature": "c2ln"}
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": "18"}
    asked: dict[str, Any] = {
        "model": "m",
        "max_tokens": 4096,
        "thinking": {"type": "enabled", "budget_tokens": 1024},
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
        "tool_choice": {"type": "any"},
        "messages": [user(), {"role": "assistant", "content": [thought, use]}, {"role": "user", "content": [answer]}],
    }
    with pytest.raises(InvalidRequestError, match="forced call"):
        sent(asked, "anthropic", face=MESSAGES)
    sent_on, _ = sent({**asked, "tool_choice": {"type": "auto"}}, "anthropic", face=MESSAGES)
    assert check_messages(sent_on, verify_signatures=False)["thinking"]["type"] == "enabled"


def test_a_lost_thinking_turn_does_not_bring_the_conflict_back() -> None:
    """CHOICE-06: thinking that the history cannot go on with is turned off, and then a call may be forced."""
    asked = chat(user(), called("c1"), result("c1"), tools=[tool()], tool_choice="required", reasoning_effort="high")
    body, reported = sent(asked, "anthropic", model="claude-sonnet-4-5")
    assert check_messages(body)["thinking"] == {"type": "disabled"}
    assert body["tool_choice"] == {"type": "any"}
    assert reported["reasoning"] == "downgraded"


def test_calls_that_were_promised_and_did_not_come_are_an_outcome_of_their_own() -> None:
    """CHOICE-11: neither ``tool_calls`` without calls nor a plain ``stop``."""
    message = {"role": "assistant", "content": "Well.", "tool_calls": []}
    answer = read({"id": "1", "choices": [{"index": 0, "message": message, "finish_reason": "tool_calls"}]})
    finish = answer.candidates[0].finish
    assert finish is not None
    assert finish.reason == "malformed_tool_call"
    assert finish.raw == "tool_calls"
    assert finish.message


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_required_call_that_did_not_come_is_told(tmp_path: Path, stream: bool) -> None:
    """CHOICE-11: streamed or not; it is a 502 that says to try again where wrong calls are to be rejected."""
    said = {"role": "assistant", "content": "I would rather not."}
    events = sse(chunk(said), chunk({}, "stop"))
    fake = Canned(events) if stream else Canned(body=completion(said))
    asked = chat(tools=[tool()], tool_choice="required", stream=stream)
    answer = posted(tmp_path, fake, asked)
    # A plain answer of the caller's own dialect is relayed as it came: what is said of it stands in a header.
    said_of_it = data_of(answer.content)[-1]["router"] if stream else json.loads(answer.headers["x-router"])
    assert [one["path"] for one in said_of_it["adjustments"]] == ["response.tool_calls"]
    rejected = posted(tmp_path, fake, {**asked, "router": {"tool_validation": "reject"}})
    error = data_of(rejected.content)[-1]["error"] if stream else rejected.json()["error"]
    assert (error["code"], error["retryable"]) == ("no_call", True)
