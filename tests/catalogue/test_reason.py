"""REASON: reasoning carried on where it is valid, and left behind where it is not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.fold import fold, unfold
from providers.spec.response import Response
from tests.catalogue.support import (
    CHAT,
    MESSAGES,
    MODELS,
    RESPONSES,
    called,
    chat,
    context,
    result,
    sent,
    target,
    tool,
    user,
    written,
)
from tests.e2e.service import client, router_before
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.openai_profiles import profile_of
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat
from tests.fakes.server import HttpError

ANSWER: dict[str, Any] = {
    "id": "m",
    "type": "message",
    "role": "assistant",
    "model": "claude-sonnet-4-5",
    "stop_reason": "tool_use",
    "usage": {"input_tokens": 1, "output_tokens": 1},
    "content": [
        {"type": "thinking", "thinking": "Rome it is.", "signature": "c2ln"},
        {"type": "tool_use", "id": "t1", "name": "look", "input": {}},
    ],
}


def test_thinking_goes_back_because_the_history_has_it() -> None:
    """REASON-09: the second request says nothing of thinking, and the signed block still stands before its call."""
    origin = target("anthropic").origin
    answer = DIALECTS[MESSAGES].decode_response(ANSWER, origin)
    message: Any = json.loads(json.dumps(DIALECTS[CHAT].encode_response(answer, context())))["choices"][0]["message"]
    body, _ = sent(chat(user(), message, result("t1"), tools=[tool()]), "anthropic")
    assert "thinking" not in body
    assert body["messages"][1]["content"][0] == ANSWER["content"][0]
    check_messages(body, verify_signatures=False)


@pytest.mark.parametrize("signature", [None, ""], ids=["none", "blank"])
def test_thinking_without_a_signature_is_left_out(signature: str | None) -> None:
    """REASON-10: a block with a blank signature is worse than none."""
    thought = called("t1", reasoning_content="Rome it is.")
    if signature is not None:
        thought["thinking_blocks"] = [{"type": "thinking", "thinking": "Rome it is.", "signature": signature}]
    body, reported = sent(chat(user(), thought, result("t1"), tools=[tool()]), "anthropic")
    check_messages(body)
    assert [block["type"] for block in body["messages"][1]["content"]] == ["tool_use"]
    assert any(path.startswith("messages[1]") for path in reported)


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_sealed_reasoning_that_is_refused_is_left_out_once_and_told(tmp_path: Path, stream: bool) -> None:
    """REASON-16: one more attempt without it, and the answer says so."""
    fake = OpenAIResponses()
    refusal = "The encrypted content gAAA could not be verified. Reason: Encrypted content could not be decrypted."
    fake.fail(HttpError(400, message=refusal))
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    call = {"type": "function_call", "call_id": "c1", "name": "look", "arguments": "{}"}
    output = {"type": "function_call_output", "call_id": "c1", "output": "18"}
    asked = {
        "model": "openai/gpt-5",
        "store": False,
        "stream": stream,
        "input": [{"role": "user", "content": "go"}, sealed, call, output],
        "tools": [{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {}}}],
    }
    with router_before(tmp_path, {"openai": fake}) as url, client(url) as http:
        answer = http.post("/v1/responses", json=asked)
    assert answer.status_code == 200
    first, second = (json.dumps(one.json) for one in fake.requests)
    assert "gAAA" in first
    assert "gAAA" not in second
    told = json.loads(answer.headers["x-router"])
    assert [one["action"] for one in told["adjustments"]] == ["dropped"]
    assert told["attempts"][0]["status"] == 400


def test_state_of_another_model_never_leaves() -> None:
    """REASON-16, REASON-05: sealed under another model or account, it is left out before anyone can refuse it."""
    sealed = {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"}
    body: Any = {"id": "r", "object": "response", "status": "completed", "output": [sealed]}
    answer = DIALECTS[RESPONSES].decode_response(body, target("openai", "gpt-5", RESPONSES).origin)
    message: Any = json.loads(json.dumps(DIALECTS[CHAT].encode_response(answer, context())))["choices"][0]["message"]
    asked = chat(user(), {**message, "content": "Well."}, user())
    same, _ = sent(asked, "openai", model="gpt-5", wire=RESPONSES)
    other, reported = sent(asked, "openai", model="gpt-5-mini", wire=RESPONSES)
    assert "gAAA" in json.dumps(same)
    assert "gAAA" not in json.dumps(other)
    assert any("messages[1]" in path for path in reported)


def test_only_models_that_reason_are_asked_to_seal_it() -> None:
    """REASON-17."""
    asked = chat(tools=[tool()])
    reasons, _ = sent(asked, "openai", model="gpt-5", wire=RESPONSES)
    does_not, _ = sent(asked, "openai", model="gpt-4.1", wire=RESPONSES)
    assert check_responses(reasons)["include"] == ["reasoning.encrypted_content"]
    assert "include" not in check_responses(does_not)


def test_deepseek_gets_its_reasoning_back_and_an_empty_one_for_foreign_turns() -> None:
    """REASON-18: with tools; its own API refuses a turn that called without the field."""
    own = called("c1", reasoning_content="Rome it is.")
    asked = chat(user(), own, result("c1"), called("c2"), result("c2"), tools=[tool()])
    body, _ = sent(asked, "deepseek")
    check_chat(body, profile_of("deepseek"))
    turns = [message for message in body["messages"] if message["role"] == "assistant"]
    assert [turn["reasoning_content"] for turn in turns] == ["Rome it is.", ""]


def test_deepseek_gets_an_empty_one_for_a_turn_of_anthropics() -> None:
    """REASON-18: of a dialect that has no such field."""
    use = {"type": "tool_use", "id": "t1", "name": "look", "input": {}}
    answer = {"type": "tool_result", "tool_use_id": "t1", "content": "18"}
    asked = {
        "model": "m",
        "max_tokens": 10,
        "messages": [user(), {"role": "assistant", "content": [use]}, {"role": "user", "content": [answer]}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}}],
    }
    body, _ = sent(asked, "deepseek", face=MESSAGES)
    assert check_chat(body, profile_of("deepseek"))["messages"][1]["reasoning_content"] == ""


@pytest.mark.parametrize("provider", ["groq", "openai", "mistral", "cerebras"])
def test_carriers_that_a_host_does_not_list_are_stripped_and_told(provider: str) -> None:
    """REASON-21: a second turn that another host's model began."""
    details = [{"type": "reasoning.text", "text": "Rome it is.", "index": 0}]
    thought = called("c1", reasoning_content="Rome it is.", reasoning_details=details)
    body, reported = sent(
        chat(user(), thought, result("c1"), tools=[tool()]), provider, model=MODELS.get(provider, "zai-glm-4.7")
    )
    turn = check_chat(body, profile_of(provider))["messages"][1]
    assert "reasoning_content" not in turn
    assert "reasoning_details" not in turn
    assert any(path.startswith("messages[1]") for path in reported)


THOUGHTS: dict[str, list[dict[str, Any]]] = {
    "signed": [{"type": "thinking", "thinking": "Rome it is.", "signature": "c2ln"}],
    "omitted": [{"type": "thinking", "thinking": "", "signature": "c2ln"}],
    "redacted": [{"type": "redacted_thinking", "data": "c2VhbGVk"}],
    "both": [
        {"type": "redacted_thinking", "data": "c2VhbGVk"},
        {"type": "thinking", "thinking": "Rome it is.", "signature": "c2ln"},
    ],
}


@pytest.mark.parametrize("streamed", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("name", THOUGHTS)
def test_thinking_comes_back_whole_through_a_chat_client(name: str, streamed: bool) -> None:
    """REASON-06, REASON-08, REASON-11: unmodified, in order, before the call it led to; sealed or without text."""
    content = [*THOUGHTS[name], ANSWER["content"][1]]
    answer = DIALECTS[MESSAGES].decode_response({**ANSWER, "content": content}, target("anthropic").origin)
    if streamed:
        answer = _streamed(answer)
    message: Any = json.loads(json.dumps(DIALECTS[CHAT].encode_response(answer, context())))["choices"][0]["message"]
    asked = chat(user(), message, result("t1"), tools=[tool()])
    assert sent(asked, "anthropic")[0]["messages"][1]["content"] == content
    elsewhere, _ = sent(asked, "google")
    assert not any(sealed in json.dumps(elsewhere) for sealed in ("c2ln", "c2VhbGVk"))


def _streamed(answer: Response) -> Response:
    """The same answer, as the stream of a Messages face and back."""
    stream = written(list(unfold(answer)), MESSAGES)
    decoder = DIALECTS[MESSAGES].stream_decoder(target("anthropic").origin)
    return fold([*decoder.feed(stream), *decoder.close()])


@pytest.mark.parametrize("provider", ["openai", "groq", "mistral", "google", "anthropic"])
def test_thoughts_are_never_said_aloud(provider: str) -> None:
    """REASON-13: a target that takes none back gets none, not even as text."""
    thought = called("c1", content="Let me see.", reasoning_content="Secretly I think of Rome.")
    body, reported = sent(chat(user(), thought, result("c1"), tools=[tool()]), provider)
    assert "Secretly" not in json.dumps(body)
    assert "Let me see." in json.dumps(body)
    assert any(path.startswith("messages[1]") for path in reported)
