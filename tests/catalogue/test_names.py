"""SCHEMA: tool names that a provider would refuse, through the whole router."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from providers.spec.parts import TextPart
from providers.spec.request import FunctionTool, Message, Request
from providers.wire.tool_names import names_for
from tests.catalogue.support import chat, result, tool, user
from tests.e2e.conversation import assistant_message, echoed, openai_client
from tests.e2e.service import MODELS, client, router_before
from tests.fakes.server import FakeProvider

STEM = "mcp__a_server_with_a_long_name__operations_on_customer_orders_"
GET, DELETE = f"{STEM}get_by_id", f"{STEM}delete_by_id"


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
@pytest.mark.parametrize("provider", sorted(MODELS))
def test_long_names_come_back_as_they_were(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """SCHEMA-15, SCHEMA-16: tools, choice, history and answer; two names that differ behind the limit stay two."""
    http = openai_client(router_url)
    asked: dict[str, Any] = {"model": f"{provider}/{MODELS[provider]}", "tools": [tool(GET), tool(DELETE)]}
    forced = {"type": "function", "function": {"name": DELETE}}
    answer = assistant_message(http, stream, messages=[user()], tool_choice=forced, **asked)
    assert [call.function.name for call in answer.tool_calls] == [DELETE]
    history = [user(), echoed(answer), result(answer.tool_calls[0].id)]
    assert assistant_message(http, stream, messages=history, **asked).content
    told = fakes[provider].requests[-1].body.decode()
    assert GET not in told
    assert DELETE not in told
    assert len(set(re.findall(rf'"name":\s*"({STEM[:30]}[^"]*)"', told))) == 2


def test_what_was_renamed_is_told(router_url: str) -> None:
    """SCHEMA-15, SCHEMA-17: the adjustment names both; dots and slashes are no letters for OpenAI."""
    body = chat(tools=[tool("files.read/all")], tool_choice="required") | {"model": f"openai/{MODELS['openai']}"}
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", json=body).json()
    (renamed,) = answer["router"]["adjustments"]
    assert (renamed["path"], renamed["action"], renamed["from"]) == (
        "tools[0].function.name",
        "mapped",
        "files.read/all",
    )
    assert renamed["to"].startswith("files_read_all_")
    assert answer["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "files.read/all"
    assert answer["router"]["calls"][0]["status"] == "complete"


def test_what_is_legal_for_the_target_stays(router_url: str, tmp_path: Path, fakes: dict[str, FakeProvider]) -> None:
    """SCHEMA-17: rules are those of the target: Gemini takes dots, and wants a letter or an underscore first."""
    names = ["files.read", "1st"]
    body = chat(tools=[tool(name) for name in names]) | {"model": f"google/{MODELS['google']}"}
    with router_before(tmp_path, fakes) as url, client(url) as http:
        assert http.post("/v1/chat/completions", json=body).status_code == 200
    sent: Any = fakes["google"].requests[-1].json
    first, second = (one["name"] for one in sent["tools"][0]["functionDeclarations"])
    assert first == "files.read"
    assert second.startswith("t_1st_")


def test_a_new_name_is_nobody_elses() -> None:
    """SCHEMA-16: also where a caller has a tool that is called like the new name already."""
    pattern = r"[a-zA-Z0-9_-]{1,64}"

    def names(*given: str) -> dict[str, str]:
        asked = Message(role="user", parts=(TextPart(text="go"),))
        tools = tuple(FunctionTool(name=name) for name in given)
        return dict(names_for(Request(messages=(asked,), tools=tools), pattern).outward)

    first = names(GET)[GET]
    assert re.fullmatch(pattern, first)
    assert names(DELETE, GET)[GET] == first
    assert names(GET, first)[GET] not in {first, GET}


RESPONSES_TOOL = {"type": "function", "name": DELETE, "parameters": {"type": "object", "properties": {}}}
FACES: dict[str, tuple[str, dict[str, Any]]] = {
    "messages": (
        "/v1/messages",
        {
            "max_tokens": 10,
            "tools": [{"name": DELETE, "input_schema": {"type": "object"}}],
            "tool_choice": {"type": "tool", "name": DELETE},
            "messages": [
                user(),
                {"role": "assistant", "content": [{"type": "tool_use", "id": "t1", "name": DELETE, "input": {}}]},
                {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "t1", "content": "18"}]},
            ],
        },
    ),
    "responses": (
        "/v1/responses",
        {
            "store": False,
            "tools": [RESPONSES_TOOL],
            "tool_choice": {"type": "allowed_tools", "mode": "auto", "tools": [{"type": "function", "name": DELETE}]},
            "input": [
                user(),
                {"type": "function_call", "call_id": "c1", "name": DELETE, "arguments": "{}"},
                {"type": "function_call_output", "call_id": "c1", "output": "18"},
            ],
        },
    ),
    "gemini": (
        "/v1beta/models/MODEL:generateContent",
        {
            "tools": [{"functionDeclarations": [{"name": DELETE}]}],
            "toolConfig": {"functionCallingConfig": {"mode": "ANY", "allowedFunctionNames": [DELETE]}},
            "contents": [
                {"role": "user", "parts": [{"text": "go"}]},
                {"role": "model", "parts": [{"functionCall": {"id": "c1", "name": DELETE, "args": {}}}]},
                {"role": "user", "parts": [{"functionResponse": {"id": "c1", "name": DELETE, "response": {}}}]},
            ],
        },
    ),
}


@pytest.mark.parametrize("provider", sorted(MODELS))
@pytest.mark.parametrize("face", FACES)
def test_names_are_changed_in_every_place_of_every_dialect(router_url: str, face: str, provider: str) -> None:
    """SCHEMA-15: declaration, choice and history name the same tool, whichever dialect they were written in."""
    path, body = FACES[face]
    model = f"{provider}/{MODELS[provider]}"
    asked = body if face == "gemini" else {**body, "model": model}
    with client(router_url) as http:
        told = http.post(f"/explain{path.replace('MODEL', model)}", json=asked).json()["candidates"][0]
    written = str(told["request"]["body"])
    assert DELETE not in written
    (new,) = {one["to"] for one in told["adjustments"] if one.get("from") == DELETE}
    # Chat and Responses say it in the result by its call's id, and an allowed subset of one by leaving others out.
    assert written.count(f"'{new}'") >= 2
    assert told["relayed"] is False
