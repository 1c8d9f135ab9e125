"""What a browser sends beside its messages: other fields, tools of its own, credentials."""

from __future__ import annotations

from typing import Any

import pytest
from starlette.requests import Request

from loop_client.server.chat_request import read_chat_request
from loop_client.server.client_tools import MOST_TOOLS, read_client_tools
from loop_client.server.hooks import bearer
from loop_client.server.problems import InvalidRequest, Unauthorized

SCHEMA = {"type": "object", "properties": {"question": {"type": "string"}}}
QUESTION = {"id": "u1", "role": "user", "parts": [{"type": "text", "text": "go"}]}


@pytest.mark.parametrize(
    "raw",
    [
        [{"type": "function", "function": {"name": "pick", "description": "Pick.", "parameters": SCHEMA}}],
        [{"name": "pick", "description": "Pick.", "inputSchema": SCHEMA}],
        [{"name": "pick", "description": "Pick.", "input_schema": SCHEMA}],
        {"pick": {"description": "Pick.", "parameters": SCHEMA}},
    ],
    ids=["openai", "mcp", "anthropic", "by name"],
)
def test_tools_of_the_browser_are_read_in_every_usual_shape(raw: Any) -> None:
    (tool,) = read_client_tools(raw, {"add"})
    assert tool.definition()["function"] == {"name": "pick", "description": "Pick.", "parameters": SCHEMA}
    assert tool.is_deferred


def test_a_tool_without_a_schema_takes_no_arguments() -> None:
    """SCHEMA-09."""
    (tool,) = read_client_tools([{"name": "here"}], set())
    assert tool.parameters == {"type": "object", "properties": {}}
    assert read_client_tools(None, set()) == ()


@pytest.mark.parametrize(
    ("raw", "code", "place"),
    [
        ([{"name": "add"}], "TOOL_NAME_TAKEN", r"tools\[0\]: the server has a tool named 'add'"),
        ({"add": {}}, "TOOL_NAME_TAKEN", "tools.add"),
        ([{"name": "a"}, {"name": "a"}], "INVALID_REQUEST", r"tools\[1\]: two tools"),
        ("add", "INVALID_REQUEST", "tools: a list"),
        ([3], "INVALID_REQUEST", r"tools\[0\]: an object"),
        ([{"type": "function", "function": 3}], "INVALID_REQUEST", r"tools\[0\].function: an object"),
        ([{}], "INVALID_REQUEST", r"tools\[0\].name: a string"),
        ([{"name": "not a name"}], "INVALID_REQUEST", r"tools\[0\]: tool name"),
        ([{"name": "a", "description": 3}], "INVALID_REQUEST", r"tools\[0\].description"),
        ([{"name": "a", "parameters": []}], "INVALID_REQUEST", r"tools\[0\].parameters: an object"),
        ([{"name": "a", "parameters": {"type": "string"}}], "INVALID_REQUEST", r"tools\[0\].parameters.type"),
        ([{"name": "a", "parameters": {"x": "y" * 70_000}}], "INVALID_REQUEST", r"tools\[0\].parameters: at most"),
        ([{"name": f"t{number}"} for number in range(MOST_TOOLS + 1)], "INVALID_REQUEST", "tools: at most"),
    ],
)
def test_tools_that_cannot_be_the_browsers_are_refused(raw: Any, code: str, place: str) -> None:
    with pytest.raises(InvalidRequest, match=f"^{place}") as caught:
        read_client_tools(raw, {"add"})
    assert (caught.value.status, caught.value.code) == (400, code)


def read(body: dict[str, Any]) -> Any:
    return read_chat_request(body, {"user": "u"}, allow_system=False, data_part=None)


def test_every_other_field_reaches_the_prepare_hook() -> None:
    asked = read(
        {
            "id": "chat-1",
            "messages": [QUESTION],
            "trigger": "regenerate-message",
            "messageId": "m1",
            "tools": [],
            "workflowId": "w-1",
            "deep": {"sessionId": 3},
        }
    )
    assert (asked.chat_id, asked.trigger, asked.message_id) == ("chat-1", "regenerate-message", "m1")
    assert asked.fields == {"workflowId": "w-1", "deep": {"sessionId": 3}}
    assert asked.values == {"user": "u"}
    assert asked.continues is None


def test_an_answer_goes_on_with_the_assistants_message() -> None:
    last = {"id": "m7", "role": "assistant", "parts": [{"type": "text", "text": "and"}]}
    assert read({"messages": [QUESTION, last]}).continues == "m7"
    assert read({"messages": [QUESTION, last | {"id": ""}]}).continues is None


@pytest.mark.parametrize(
    ("body", "code", "message"),
    [
        ({}, "INVALID_MESSAGES", "messages: a list is expected"),
        ({"messages": [{}]}, "INVALID_MESSAGES", r"messages\[0\].parts: a list is expected"),
        ({"messages": [QUESTION], "trigger": "resume"}, "INVALID_REQUEST", "trigger"),
        ({"messages": [QUESTION], "id": 3}, "INVALID_REQUEST", "id: a string"),
        ({"messages": [QUESTION], "messageId": []}, "INVALID_REQUEST", "messageId: a string"),
    ],
)
def test_what_is_no_chat_request_is_refused(body: dict[str, Any], code: str, message: str) -> None:
    with pytest.raises(InvalidRequest, match=message) as caught:
        read(body)
    assert caught.value.code == code


def request_with(authorization: str | None) -> Request:
    headers = [] if authorization is None else [(b"authorization", authorization.encode())]
    return Request({"type": "http", "method": "POST", "path": "/", "headers": headers})


@pytest.mark.parametrize("authorization", ["Bearer key-2", "bearer  key-1"])
async def test_a_bearer_of_a_key_comes_in(authorization: str) -> None:
    first = await bearer(["key-1", "key-2"])(request_with("Bearer key-1"))
    values = await bearer(["key-1", "key-2"])(request_with(authorization))
    assert (values == first) == (authorization == "bearer  key-1"), "each key is an owner of its own"
    assert "key-1" not in str(values)
    named = bearer({"key-1": "ada", "key-2": "ada"})
    assert await named(request_with(authorization)) == {"owner": "ada"}


@pytest.mark.parametrize("authorization", [None, "", "Bearer", "Bearer ", "Bearer key", "Basic key-1", "Bearer key-1x"])
async def test_nobody_else_does(authorization: str | None) -> None:
    with pytest.raises(Unauthorized):
        await bearer(["key-1", "key-2"])(request_with(authorization))


@pytest.mark.parametrize("keys", [[], [""], ["a", ""]])
def test_a_key_that_everybody_has_is_none(keys: list[str]) -> None:
    with pytest.raises(ValueError, match="at least one key"):
        bearer(keys)
