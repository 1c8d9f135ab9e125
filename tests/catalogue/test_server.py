"""SERVER, SCHEMA and GATE: tools that are not the caller's to run, and pairs that there are not."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.spec.errors import UnsupportedError
from router.config import ConfigError, load_config
from tests.catalogue.support import CHAT, GEMINI, MESSAGES, RESPONSES, context, read, sent, user
from tests.fakes.openai_responses_rules import check_responses

SEARCHES: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": (
        MESSAGES,
        {
            "model": "m",
            "max_tokens": 10,
            "messages": [user()],
            "tools": [
                {"type": "web_search_20250305", "name": "web_search"},
                {"name": "look", "input_schema": {"type": "object"}},
            ],
        },
    ),
    "responses": (RESPONSES, {"model": "m", "input": "go", "tools": [{"type": "web_search"}]}),
    "gemini": (
        GEMINI,
        {
            "contents": [{"role": "user", "parts": [{"text": "go"}]}],
            "tools": [{"googleSearch": {}}, {"functionDeclarations": [{"name": "look"}]}],
        },
    ),
}
HOMES = {"messages": "anthropic", "responses": "openai", "gemini": "google"}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google", "mistral"])
@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_is_done_or_refused_by_name(name: str, provider: str) -> None:
    """SERVER-04, SERVER-01: never left out beside functions, or the answer is confident and made up."""
    face, body = SEARCHES[name]
    if HOMES[name] == provider:
        written, _ = sent(body, provider, face=face, wire=RESPONSES if face == RESPONSES else "")
        assert "search" in json.dumps(written["tools"]).lower()
        assert len(written["tools"]) == len(body["tools"])
        return
    with pytest.raises(UnsupportedError, match="earch") as refused:
        sent(body, provider, face=face)
    assert refused.value.status == 422
    assert refused.value.path == "tools[0]"


def test_what_a_provider_ran_is_no_call_of_the_callers() -> None:
    """SERVER-03: apart from ``tool_calls``, and on replay to its own provider in its place."""
    server = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search", "input": {"query": "Rome"}}
    found = {"type": "web_search_tool_result", "tool_use_id": "srvtoolu_1", "content": []}
    body = {
        "id": "m",
        "type": "message",
        "role": "assistant",
        "model": "m",
        "stop_reason": "end_turn",
        "usage": {"input_tokens": 1, "output_tokens": 1},
        "content": [server, found, {"type": "text", "text": "Rome."}],
    }
    answer = read(body, MESSAGES)
    assert answer.candidates[0].tool_calls == ()
    shown: Any = json.loads(json.dumps(DIALECTS[CHAT].encode_response(answer, context())))
    choice = shown["choices"][0]
    assert (choice["message"].get("tool_calls"), choice["finish_reason"]) == (None, "stop")
    again: Any = DIALECTS[MESSAGES].encode_response(answer, context())
    assert again["content"] == body["content"]


ITEMS: list[dict[str, Any]] = [
    {
        "type": "apply_patch_call",
        "id": "apc_1",
        "call_id": "c1",
        "status": "completed",
        "operation": {"type": "delete_file", "path": "a"},
    },
    {"type": "apply_patch_call_output", "call_id": "c1", "status": "completed", "output": "done"},
]


def test_items_of_built_in_tools_stay_in_their_dialect() -> None:
    """SCHEMA-21: unchanged where they are understood, and refused or told where they are not; never stripped."""
    asked = {"model": "m", "store": False, "input": [user(), *ITEMS, user()], "tools": [{"type": "apply_patch"}]}
    same, reported = sent(asked, "openai", face=RESPONSES, model="gpt-5.1", wire=RESPONSES)
    check_responses(same)
    assert same["input"][1:3] == ITEMS
    assert reported == {}
    for provider in ("anthropic", "google", "mistral"):
        with pytest.raises(UnsupportedError, match="apply_patch"):
            sent(asked, provider, face=RESPONSES)


def test_a_dialect_that_there_is_not_is_refused_when_it_is_configured(tmp_path: Path) -> None:
    """GATE-01: by the name of its row, with those that there are; not with the first request."""
    file = tmp_path / "router.toml"
    file.write_text('[providers.x]\ndialect = "bedrock-converse"\nbase_url = "http://127.0.0.1:9"\napi_key = "k"\n')
    with pytest.raises(ConfigError, match=r"providers\.x\.dialect: no such dialect; one of anthropic-messages, "):
        load_config(file, {})


@pytest.mark.parametrize("wire", DIALECTS)
@pytest.mark.parametrize("name", ["chat", "messages", "responses", "gemini"])
def test_every_pair_of_dialects_is_there(name: str, wire: str) -> None:
    """GATE-01: whatever can be configured is implemented."""
    bodies: dict[str, tuple[str, Any]] = {
        "chat": (CHAT, {"model": "m", "messages": [user()]}),
        "messages": (MESSAGES, {"model": "m", "max_tokens": 10, "messages": [user()]}),
        "responses": (RESPONSES, {"model": "m", "input": "go"}),
        "gemini": (GEMINI, {"contents": [{"role": "user", "parts": [{"text": "go"}]}]}),
    }
    face, body = bodies[name]
    provider = {MESSAGES: "anthropic", GEMINI: "google"}.get(wire, "openai")
    assert "go" in json.dumps(sent(body, provider, face=face, wire=wire)[0])
