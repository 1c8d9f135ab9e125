"""ERROR: whose fault it was, and whether to try again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from providers.dialects import DIALECTS
from providers.wire.json import dumps
from tests.catalogue.support import CHAT, GEMINI, MESSAGES, RESPONSES, Canned, chat, posted, tool
from tests.e2e.service import client, router_service, row
from tests.fakes.openai_chat import OpenAIChat

GENERATION = '<function=look>{"city": "Rome"'
FAILED: dict[str, Any] = {
    "error": {
        "message": "Failed to call a function. Please adjust your prompt. See 'failed_generation' for more details.",
        "type": "invalid_request_error",
        "code": "tool_use_failed",
        "failed_generation": GENERATION,
    }
}


def test_the_caller_the_provider_and_the_network_are_told_apart(tmp_path: Path) -> None:
    """ERROR-01: each by its own type and status; a provider's broken JSON is not the network's fault."""
    wrong = posted(tmp_path, OpenAIChat(), {"messages": 5})
    assert (wrong.status_code, wrong.json()["error"]["type"]) == (400, "invalid_request_error")
    assert "provider" not in wrong.json()["error"]

    broken = posted(tmp_path, Canned(b"<html>no JSON"), chat())
    assert (broken.status_code, broken.json()["error"]["type"]) == (502, "provider_protocol_error")
    assert broken.json()["error"]["provider"] == "openai"

    with router_service(tmp_path, row("openai", "http://127.0.0.1:9")) as url, client(url) as http:
        gone = http.post("/v1/chat/completions", json={**chat(), "model": "openai/gpt-4.1"})
    assert (gone.status_code, gone.json()["error"]["type"]) == (502, "connection_error")


def test_a_call_that_the_model_failed_to_write_is_the_models_error() -> None:
    """ERROR-07: Groq's 400 is not the caller's mistake: asking again may help, and what was written is shown."""
    error = DIALECTS[CHAT].decode_error(400, dumps(FAILED))
    assert (error.code, error.retryable) == ("tool_use_failed", True)
    shown: Any = json.loads(dumps(DIALECTS[CHAT].encode_error(error)))
    assert shown["error"]["failed_generation"] == GENERATION


@pytest.mark.parametrize("code", ["invalid_value", None])
def test_any_other_400_is_final(code: str | None) -> None:
    """ERROR-07, ERROR-08: the code makes the difference, not the status."""
    error = DIALECTS[CHAT].decode_error(400, dumps({"error": {"message": "No.", "code": code}}))
    assert error.retryable is False
    assert "failed_generation" not in json.dumps(DIALECTS[CHAT].encode_error(error))


def test_such_an_error_in_a_stream_is_the_same(tmp_path: Path) -> None:
    """ERROR-07: Groq sends it in the middle of a stream as well."""
    event = b"data: " + dumps(FAILED) + b"\n\n"
    answer = posted(tmp_path, Canned(event), chat(tools=[tool()], stream=True))
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["retryable"], error["failed_generation"]) == ("tool_use_failed", True, GENERATION)


@pytest.mark.parametrize("dialect", [CHAT, RESPONSES, MESSAGES, GEMINI])
@pytest.mark.parametrize(
    "body",
    [
        {"object": "error", "message": {"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs"}]}, "type": "t"},
        {"detail": [{"loc": ["body", "top_k"], "msg": "Extra inputs", "type": "extra_forbidden"}]},
        {"error": ["Extra inputs"]},
        {"errors": [{"code": 7003, "message": "Extra inputs"}], "success": False},
        {"error": {"error": {"message": "Extra inputs"}}},
        ["Extra inputs"],
        "Extra inputs",
    ],
    ids=["mistral", "fastapi", "list", "cloudflare", "nested", "only a list", "only a text"],
)
def test_what_a_host_says_in_a_shape_of_its_own_is_told(dialect: str, body: Any) -> None:
    """ERROR-02: the words are kept, also where no message was found among them, and no more than is shown of a page."""
    error = DIALECTS[dialect].decode_error(422, dumps(body))
    assert "Extra inputs" in error.message
    assert error.status == 422
    endless = DIALECTS[dialect].decode_error(422, dumps({"detail": [body] * 1000}))
    assert len(endless.message) < 600
    assert "no message" in DIALECTS[dialect].decode_error(422, b"{}").message
