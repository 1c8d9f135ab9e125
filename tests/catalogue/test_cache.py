"""CACHE: the caller's own marks of what may be cached."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.catalogue.support import MESSAGES, RESPONSES, called, chat, result, sent, tool, user
from tests.e2e.service import MODELS, client, router_before
from tests.fakes.anthropic_messages import AnthropicMessages
from tests.fakes.anthropic_rules import check_messages
from tests.fakes.gemini_rules import check_generate
from tests.fakes.openai_responses_rules import check_responses
from tests.fakes.openai_rules import check_chat

MARK = {"type": "ephemeral"}


def conversation(*marked: str) -> dict[str, Any]:
    """A Messages request with marks on these of its places."""

    def mark(place: str) -> dict[str, Any]:
        return {"cache_control": MARK} if place in marked else {}

    uses = [{"type": "tool_use", "id": f"t{n}", "name": "look", "input": {}} for n in range(3)]
    uses[-1].update(mark("tool_use"))
    results: list[Any] = [{"type": "tool_result", "tool_use_id": f"t{n}", "content": "18"} for n in range(3)]
    results[-1].update(mark("tool_result"))
    return {
        "model": "claude-sonnet-4-5",
        "max_tokens": 100,
        "system": [{"type": "text", "text": "Be brief.", **mark("system")}],
        "tools": [{"name": "look", "input_schema": {"type": "object"}, **mark("tool")}],
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "go", **mark("text")}]},
            {"role": "assistant", "content": uses},
            {"role": "user", "content": results},
        ],
    }


def marks(body: Any) -> int:
    return json.dumps(body).count("cache_control")


PLACES = ("system", "tool", "text", "tool_use", "tool_result")


@pytest.mark.parametrize("place", PLACES)
def test_a_mark_stays_where_it_was_set(place: str) -> None:
    """CACHE-01, CACHE-03: on every kind of block, once: one mark beside parallel results stays one."""
    body, reported = sent(conversation(place), "anthropic", face=MESSAGES)
    assert check_messages(body) == {**conversation(place), "model": "claude-sonnet-4-5"}
    assert marks(body) == 1
    assert reported == {}


def test_a_mark_stays_when_the_request_has_to_be_translated() -> None:
    """CACHE-01: as behind a tool whose id had to be rewritten."""
    asked = conversation("tool", "tool_result")
    for turn in asked["messages"][1:]:
        for block in turn["content"]:
            key = "id" if "id" in block else "tool_use_id"
            block[key] = f"functions.look:{block[key]}"
    body, reported = sent(asked, "anthropic", face=MESSAGES)
    check_messages(body)
    assert body["messages"][2]["content"][-1]["cache_control"] == MARK
    assert body["tools"][0]["cache_control"] == MARK
    assert reported


def test_the_router_adds_no_marks() -> None:
    """CACHE-02: so there is none of ours to take back when the caller has used all four."""
    asked = chat(user(), called("c1", "c2"), result("c1"), result("c2"), tools=[tool()])
    assert marks(sent(asked, "anthropic")[0]) == 0
    four = conversation(*PLACES[:4])
    assert marks(check_messages(sent(four, "anthropic", face=MESSAGES)[0])) == 4


def test_a_fifth_mark_of_the_callers_is_refused_by_name(tmp_path: Path) -> None:
    """CACHE-02: none is dropped in silence; the answer says how many may be set."""
    body = {**conversation(*PLACES), "model": f"anthropic/{MODELS['anthropic']}"}
    with router_before(tmp_path, {"anthropic": AnthropicMessages()}) as url, client(url) as http:
        answer = http.post("/v1/messages", json=body)
    assert answer.status_code == 400
    assert "maximum of 4 blocks with cache_control" in answer.json()["error"]["message"]


def test_marks_do_not_reach_those_who_do_not_know_them() -> None:
    """CACHE-04: and each is told."""
    asked = conversation(*PLACES)
    contents, lost = sent(asked, "google", face=MESSAGES)
    check_generate(contents, "gemini-3-pro-preview", verify_signatures=False)
    completions, lost_on_chat = sent(asked, "openai", face=MESSAGES)
    check_chat(completions)
    items, lost_on_responses = sent(asked, "openai", face=MESSAGES, wire=RESPONSES)
    check_responses(items)
    for body, reported in ((contents, lost), (completions, lost_on_chat), (items, lost_on_responses)):
        assert marks(body) == 0
        told = [path for path, action in reported.items() if "cache_control" in path and action == "dropped"]
        assert len(told) == len(PLACES)


CHAT_PLACES: dict[str, Any] = {
    "system": lambda body: body["system"][-1],
    "system message": lambda body: body["system"][-1],
    "text": lambda body: body["messages"][0]["content"][-1],
    "user message": lambda body: body["messages"][0]["content"][-1],
    "assistant message": lambda body: body["messages"][1]["content"][-1],
    "call": lambda body: body["messages"][1]["content"][0],
    "result": lambda body: body["messages"][2]["content"][1]["content"][-1],
    "tool message": lambda body: body["messages"][2]["content"][1],
    "tool": lambda body: body["tools"][0],
    "function": lambda body: body["tools"][0],
    "request": lambda body: body,
}


def chat_conversation(*marked: str) -> dict[str, Any]:
    """The same as users of OpenRouter and LiteLLM write it."""

    def mark(place: str) -> dict[str, Any]:
        return {"cache_control": MARK} if place in marked else {}

    turn = called("c1", "c2")
    turn["tool_calls"][0].update(mark("call"))
    declared = tool()
    declared["function"].update(mark("function"))
    text = {"type": "text", "text": "Be brief.", **mark("system")}
    return chat(
        {"role": "system", "content": [text], **mark("system message")},
        {"role": "user", "content": [{"type": "text", "text": "go", **mark("text")}], **mark("user message")},
        {**turn, **mark("assistant message")},
        result("c1"),
        {**result("c2", [{"type": "text", "text": "18", **mark("result")}]), **mark("tool message")},
        tools=[{**declared, **mark("tool")}],
        **mark("request"),
    )


@pytest.mark.parametrize("place", CHAT_PLACES)
def test_a_chat_callers_mark_is_anthropics(place: str) -> None:
    """CACHE-01, CACHE-03: wherever chat callers write it, on the block it stands for, once; nothing is told as lost."""
    body, reported = sent(chat_conversation(place), "anthropic")
    assert CHAT_PLACES[place](check_messages(body) and body)["cache_control"] == MARK
    assert marks(body) == 1
    assert not [path for path in reported if "cache_control" in path]


def test_more_marks_than_four_are_told() -> None:
    """CACHE-02: the last reach furthest, so the first give way; the caller reads which."""
    body, reported = sent(chat_conversation("system", "text", "call", "result", "tool", "request"), "anthropic")
    assert marks(check_messages(body) and body) == 4
    lost = [path for path, action in reported.items() if action == "dropped"]
    assert lost == ["messages[0].content[0].cache_control", "tools[0].cache_control"]


@pytest.mark.parametrize("place", CHAT_PLACES)
def test_chat_hosts_without_marks_get_none(place: str) -> None:
    """CACHE-04: such as the fallback of a request that was written for Claude; a host that has them gets the bytes."""
    for provider in ("openai", "groq", "mistral"):
        body, reported = sent(chat_conversation(place), provider, model="gpt-4.1")
        assert marks(body) == 0
        assert [action for path, action in reported.items() if "cache_control" in path] == ["dropped"]
    kept, reported = sent(chat_conversation(place), "openrouter")
    assert marks(kept) == 1
    assert not [path for path in reported if "cache_control" in path]


def test_marks_of_another_dialect_do_not_reach_a_strict_chat_host() -> None:
    """CACHE-04: chat callers write them on content parts, for hosts that take them."""
    asked = chat({"role": "user", "content": [{"type": "text", "text": "go", "cache_control": MARK}]})
    body, reported = sent(asked, "google")
    check_generate(body, "gemini-3-pro-preview")
    assert marks(body) == 0
    assert any("cache_control" in path for path in reported)
