"""A wrong request gets a clear error in OpenAI's shape, with the JSON path, before anything is sent."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.service import client, router_service
from tests.fakes.server import FakeProvider

USER = {"role": "user", "content": "x"}
WRONG_TEXT = {"role": "user", "content": [{"type": "text", "text": 1}]}


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({"model": "openai/m", "messages": "x"}, "messages"),
        ({"model": "openai/m", "messages": []}, "messages"),
        ({"model": "openai/m"}, "messages"),
        ({"messages": [USER]}, "model"),
        ({"model": 7, "messages": [USER]}, "model"),
        ({"model": "openai/m", "messages": [7]}, "messages[0]"),
        ({"model": "openai/m", "messages": [USER, WRONG_TEXT]}, "messages[1].content[0].text"),
        ({"model": "openai/m", "messages": [{"role": "tool", "content": "x"}]}, "messages[0].tool_call_id"),
        ({"model": "openai/m", "messages": [USER], "tools": {}}, "tools"),
        ({"model": "openai/m", "messages": [USER], "temperature": "hot"}, "temperature"),
        ({"model": "openai/m", "messages": [USER], "stream": "yes"}, "stream"),
        ({"model": "openai/m", "messages": [USER], "router": []}, "router"),
        ({"model": "openai/m", "messages": [USER], "router": {"fallbax": []}}, "router.fallbax"),
        ({"model": "openai/m", "messages": [USER], "tool_choice": "required"}, "tool_choice"),
        ({"model": "nothing", "messages": [USER]}, "model"),
    ],
)  # fmt: skip
def test_a_wrong_request_names_its_place(
    router_url: str, fakes: dict[str, FakeProvider], body: dict[str, Any], path: str
) -> None:
    """CHOICE-07, ID-13: refused here, not at the provider."""
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 400, answer.text
    error = answer.json()["error"]
    assert error["type"] == "invalid_request_error"
    assert error["param"] == path
    assert error["message"]
    assert not fakes["openai"].requests


def test_an_unknown_provider_is_named_with_those_there_are(router_url: str) -> None:
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", json={"model": "opennai/gpt", "messages": [USER]})
    assert answer.status_code == 404
    assert "opennai" in answer.json()["error"]["message"]
    assert "anthropic" in answer.json()["error"]["message"]


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b"\xff\xfe", b"null", b'{"model": NaN}'])
def test_what_is_no_json_object_is_refused(router_url: str, content: bytes) -> None:
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", content=content, headers={"content-type": "application/json"})
    assert answer.status_code == 400
    assert answer.json()["error"]["type"] == "invalid_request_error"


@pytest.mark.parametrize("depth", [200, 100_000])
def test_a_depth_bomb_is_refused(router_url: str, depth: int) -> None:
    bomb = b'{"model":"openai/m","messages":[' + b"[" * depth + b"]" * depth + b"]}"
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", content=bomb, headers={"content-type": "application/json"})
    assert answer.status_code in {400, 413}
    assert answer.json()["error"]["message"]


def test_a_body_over_the_limit_is_refused(tmp_path: Path) -> None:
    with router_service(tmp_path, "[limits]\nmax_body_bytes = 1000") as url, client(url) as http:
        answer = http.post("/v1/chat/completions", json={"model": "scripted/demo", "messages": [USER], "x": "y" * 2000})
        assert answer.status_code == 413
        assert answer.json()["error"]["type"] == "request_too_large"
