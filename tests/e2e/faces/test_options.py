"""What a caller asks of the router itself, in the body or in headers, on every face."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest
from starlette.applications import Starlette

from tests.e2e.faces.requests import body_of, error_of, path_of
from tests.e2e.faces.stage import MODELS, WIRES, Stage, new_fakes, provider_row, staged
from tests.e2e.faces.voices import FACES
from tests.e2e.service import client, router_service
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.openai_responses import OpenAIResponses
from tests.fakes.server import CutMidStream, ErrorMidStream, HttpError, running

ON_EACH = pytest.mark.parametrize("face", FACES)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])


@pytest.fixture(scope="module")
def http(module_stage: Stage) -> Iterator[httpx2.Client]:
    with client(module_stage.url) as speaker:
        yield speaker


def ask(
    http: httpx2.Client,
    face: str,
    model: str,
    *,
    stream: bool = False,
    headers: dict[str, str] | None = None,
    **more: Any,
) -> httpx2.Response:
    """One request of a face."""
    body = body_of(face, model, stream=stream, **more)
    return http.post(path_of(face, model, stream=stream), json=body, headers=headers or {})


def said(answer: httpx2.Response) -> dict[str, Any]:
    """The router's word on an answer, from its header."""
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = json.loads(answer.headers["x-router"])
    return told


# ---- reading


@ON_EACH
@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"fallbax": []}, "router.fallbax"),
        ({"on_loss": "explode"}, "router.on_loss"),
        ({"on_loss": 1}, "router.on_loss"),
        ({"wire": "telegraph"}, "router.wire"),
        ({"tool_validation": True}, "router.tool_validation"),
        ({"fallbacks": "x"}, "router.fallbacks"),
        ({"fallbacks": ["a/b", 1]}, "router.fallbacks[1]"),
        ({"fallbacks": ["a/b"] * 11}, "router.fallbacks"),
        ([], "router"),
        ("x", "router"),
    ],
)
def test_a_wrong_option_is_refused_by_its_path(
    stage: Stage, http: httpx2.Client, face: str, options: Any, path: str
) -> None:
    answer = ask(http, face, MODELS["chat"], router=options)
    assert answer.status_code == 400
    assert error_of(face, answer.json())[0] == path
    assert not stage.sent("chat")


@ON_EACH
@pytest.mark.parametrize(
    ("header", "value"), [("x-router-on-loss", "explode"), ("x-router-wire", ""), ("x-router-tool-validation", "x")]
)
def test_a_wrong_option_in_a_header_is_refused_by_its_name(
    http: httpx2.Client, face: str, header: str, value: str
) -> None:
    answer = ask(http, face, MODELS["chat"], headers={header: value})
    assert answer.status_code == 400
    assert error_of(face, answer.json())[0] == header


# ---- losses

LOSSES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("anthropic", {"logit_bias": {"1": 1}}),
    "messages": ("chat", {"top_k": 3}),
    "responses": ("anthropic", {"truncation": "auto"}),
    "gemini": ("anthropic", {"safetySettings": [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_NONE"}]}),
}


@ON_EACH
@BOTH
@pytest.mark.parametrize("how", ["body", "header"])
def test_a_loss_is_told_or_refused(stage: Stage, http: httpx2.Client, face: str, stream: bool, how: str) -> None:
    """PARAM-03: reported by default; with ``on_loss`` refused before anything is sent, by path and reason."""
    wire, more = LOSSES[face]
    told = ask(http, face, MODELS[wire], stream=stream, **more)
    adjustments = said(told)["adjustments"]
    assert int(told.headers["x-router-adjustments"]) == len(adjustments)
    lost = next(each for each in adjustments if each["action"] in {"dropped", "downgraded"})
    stage.clear()
    if how == "body":
        refused = ask(http, face, MODELS[wire], stream=stream, router={"on_loss": "refuse"}, **more)
    else:
        refused = ask(http, face, MODELS[wire], stream=stream, headers={"x-router-on-loss": "refuse"}, **more)
    assert refused.status_code == 422
    path, message = error_of(face, refused.json())
    assert path == lost["path"]
    assert lost["reason"] in message
    assert not stage.sent(wire)


def test_each_candidates_loss_is_named(stage: Stage, http: httpx2.Client) -> None:
    options = {"on_loss": "refuse", "fallbacks": [MODELS["google"]]}
    answer = ask(http, "chat", MODELS["anthropic"], router=options, logit_bias={"1": 1})
    assert answer.status_code == 422
    message = answer.json()["error"]["message"]
    assert "anthropic/claude" in message
    assert "google/gemini" in message
    assert not stage.sent("anthropic")
    assert not stage.sent("google")


def test_a_candidate_without_a_loss_answers(stage: Stage, http: httpx2.Client) -> None:
    options = {"on_loss": "refuse", "fallbacks": [MODELS["chat"]]}
    answer = ask(http, "chat", MODELS["anthropic"], router=options, logit_bias={"1": 1})
    assert said(answer)["provider"] == "chat"
    (attempt,) = said(answer)["attempts"]
    assert (attempt["model"], attempt["status"]) == (MODELS["anthropic"], 422)


@ON_EACH
@pytest.mark.parametrize("wire", WIRES)
def test_a_stock_request_with_tools_loses_nothing(http: httpx2.Client, face: str, wire: str) -> None:
    """What every client sends is carried everywhere, so that refusing losses is of use."""
    headers = {"x-router-on-loss": "refuse", "anthropic-version": "2023-06-01"}
    assert said(ask(http, face, MODELS[wire], headers=headers))["provider"] == wire


# ---- fallbacks


@ON_EACH
@BOTH
@pytest.mark.parametrize("status", [400, 429, 500])
def test_an_error_status_falls_back(stage: Stage, http: httpx2.Client, face: str, stream: bool, status: int) -> None:
    """STREAM-26, GATE-03: translated afresh for the next candidate, and told."""
    stage.fakes["anthropic"].fail(HttpError(status, message="its own words"))
    answer = ask(http, face, MODELS["anthropic"], stream=stream, router={"fallbacks": [MODELS["google"]]})
    told = said(answer)
    assert told["provider"] == "google"
    (attempt,) = told["attempts"]
    assert (attempt["model"], attempt["status"]) == (MODELS["anthropic"], status)
    assert "its own words" in attempt["message"]
    assert stage.sent("google")[0]["contents"]


@ON_EACH
def test_fallbacks_in_a_header(stage: Stage, http: httpx2.Client, face: str) -> None:
    stage.fakes["chat"].fail(HttpError(503))
    stage.fakes["google"].fail(HttpError(503))
    header = f"{MODELS['google']}, {MODELS['anthropic']}"
    answer = ask(http, face, MODELS["chat"], headers={"x-router-fallbacks": header})
    assert said(answer)["provider"] == "anthropic"
    assert [each["model"] for each in said(answer)["attempts"]] == [MODELS["chat"], MODELS["google"]]


@ON_EACH
@BOTH
def test_where_all_fail_the_last_is_told_with_those_before(
    stage: Stage, http: httpx2.Client, face: str, stream: bool
) -> None:
    stage.fakes["anthropic"].fail(HttpError(429, retry_after="3"))
    stage.fakes["google"].fail(HttpError(500, message="the last words"))
    answer = ask(http, face, MODELS["anthropic"], stream=stream, router={"fallbacks": [MODELS["google"]]})
    assert answer.status_code == 500
    _, message = error_of(face, answer.json())
    assert "the last words" in message
    assert MODELS["anthropic"] in message
    assert "429" in message


@ON_EACH
@pytest.mark.parametrize("fault", [CutMidStream(after=0), ErrorMidStream(after=0)], ids=["cut", "error"])
def test_a_stream_that_breaks_before_content_falls_back(
    stage: Stage, http: httpx2.Client, face: str, fault: Any
) -> None:
    """STREAM-26."""
    stage.fakes["anthropic"].fail(fault)
    answer = ask(http, face, MODELS["anthropic"], stream=True, router={"fallbacks": [MODELS["chat"]]})
    assert said(answer)["provider"] == "chat"
    assert said(answer)["attempts"][0]["model"] == MODELS["anthropic"]


@ON_EACH
@pytest.mark.parametrize("fault", [CutMidStream(after=6), ErrorMidStream(after=6)], ids=["cut", "error"])
def test_a_stream_that_breaks_after_content_does_not(stage: Stage, http: httpx2.Client, face: str, fault: Any) -> None:
    """STREAM-26: two half answers are never glued."""
    stage.fakes["anthropic"].fail(fault)
    answer = ask(http, face, MODELS["anthropic"], stream=True, router={"fallbacks": [MODELS["chat"]]})
    assert said(answer)["provider"] == "anthropic"
    assert not stage.sent("chat")
    assert re.search(r'"error"', answer.text)


@ON_EACH
def test_a_provider_that_is_not_there_falls_back(tmp_path: Path, face: str) -> None:
    with running(OpenAIChat()) as gone:
        pass
    dead = provider_row("dead", gone, wire="chat")
    with staged(tmp_path, new_fakes(), tail=dead) as stage, client(stage.url) as speaker:
        answer = ask(speaker, face, "dead/gpt-4.1", router={"fallbacks": [MODELS["chat"]]})
    (attempt,) = said(answer)["attempts"]
    assert (attempt["model"], attempt["type"]) == ("dead/gpt-4.1", "connection_error")


# ---- wires


@pytest.fixture(scope="module")
def openai(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx2.Client]:
    """OpenAI itself, with both of its wires at one address."""
    routes = [*OpenAIChat().app.routes, *OpenAIResponses().app.routes]
    with running(Starlette(routes=routes)) as upstream:
        toml = f'[providers.openai]\nbase_url = "{upstream}/v1"\napi_key = "test-key"\nprofile = "openai"\n'
        with router_service(tmp_path_factory.mktemp("router"), toml) as url, client(url) as speaker:
            yield speaker


@pytest.mark.parametrize(
    ("face", "model", "more", "wire"),
    [
        ("chat", "openai/gpt-5.4", {}, "openai-chat"),
        ("chat", "openai/gpt-5.4", {"reasoning_effort": "none"}, "openai-chat"),
        ("chat", "openai/gpt-5.4", {"reasoning_effort": "medium"}, "openai-responses"),
        ("chat", "openai/gpt-5.4", {"reasoning_effort": "medium", "tools": None}, "openai-chat"),
        ("chat", "openai/gpt-5.1", {"reasoning_effort": "medium"}, "openai-chat"),
        ("chat", "openai/gpt-4.1", {"router": {"wire": "responses"}}, "openai-responses"),
        ("responses", "openai/gpt-4.1", {}, "openai-responses"),
        ("responses", "openai/gpt-4.1", {"router": {"wire": "chat"}}, "openai-chat"),
        ("messages", "openai/gpt-5.4", {"thinking": {"type": "enabled", "budget_tokens": 1024}, "max_tokens": 4096},
         "openai-responses"),
        ("messages", "openai/gpt-4.1", {}, "openai-chat"),
        ("gemini", "openai/gpt-5.4", {"generationConfig": {"thinkingConfig": {"thinkingBudget": 2000}}},
         "openai-responses"),
    ],
)  # fmt: skip
@BOTH
def test_openais_wire_follows_what_the_request_needs(
    openai: httpx2.Client, face: str, model: str, more: dict[str, Any], wire: str, stream: bool
) -> None:
    """PARAM-01, PARAM-04: chosen by model, effort and tools; told; and the caller may say otherwise."""
    answer = ask(openai, face, model, stream=stream, **more)
    assert said(answer)["wire"] == wire
    assert answer.headers["x-router-wire"] == wire


def test_a_wire_that_a_provider_has_not_is_refused(http: httpx2.Client) -> None:
    answer = ask(http, "chat", MODELS["anthropic"], router={"wire": "responses"})
    assert answer.status_code == 400
    assert error_of("chat", answer.json())[0] == "router.wire"


# ---- headers of a dialect


@pytest.mark.parametrize("wire", WIRES)
def test_anthropics_beta_header_goes_to_anthropic(stage: Stage, http: httpx2.Client, wire: str) -> None:
    answer = ask(http, "messages", MODELS[wire], headers={"anthropic-beta": "some-beta-2026"})
    received = stage.fakes[wire].requests[0].headers
    if wire == "anthropic":
        assert received["anthropic-beta"] == "some-beta-2026"
        assert "adjustments" not in said(answer)
    else:
        assert "anthropic-beta" not in received
        assert "headers.anthropic-beta" in [each["path"] for each in said(answer)["adjustments"]]


# ---- a provider that refuses state


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_state_that_a_provider_refuses_is_left_out_once(stage: Stage, http: httpx2.Client, stream: bool) -> None:
    """REASON-16: sent once more without it, and told."""
    signed = {"type": "thinking", "thinking": "hm", "signature": "bm90IGdlbnVpbmU="}
    messages: list[Any] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [signed, {"type": "text", "text": "y"}]},
        {"role": "user", "content": "z"},
    ]
    answer = ask(http, "messages", MODELS["anthropic"], stream=stream, messages=messages)
    told = said(answer)
    assert told["provider"] == "anthropic"
    assert [each["status"] for each in told["attempts"]] == [400]
    assert any("state" in each["reason"] for each in told["adjustments"])
    first, second = stage.sent("anthropic")
    assert signed in first["messages"][1]["content"]
    assert "signature" not in json.dumps(second)


def test_another_400_is_not_tried_again(stage: Stage, http: httpx2.Client) -> None:
    stage.fakes["anthropic"].fail(HttpError(400, message="messages: something else"))
    assert ask(http, "messages", MODELS["anthropic"]).status_code == 400
    assert len(stage.fakes["anthropic"].requests) == 1


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_a_refused_signature_within_a_tool_loop(stage: Stage, http: httpx2.Client, stream: bool) -> None:
    """REASON-10, REASON-16: without its thinking the turn forbids manual thinking, which is off then, and told."""
    signed = {"type": "thinking", "thinking": "hm", "signature": "bm90IGdlbnVpbmU="}
    thinking = {"type": "enabled", "budget_tokens": 1024}
    use = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Paris"}}
    messages: list[Any] = [
        {"role": "user", "content": "x"},
        {"role": "assistant", "content": [signed, use]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "toolu_1", "content": "21"}]},
    ]
    more: dict[str, Any] = {"messages": messages, "thinking": thinking, "max_tokens": 4000}
    answer = ask(http, "messages", MODELS["anthropic"], stream=stream, **more)
    told = said(answer)
    assert [each["status"] for each in told["attempts"]] == [400]
    first, second = stage.sent("anthropic")
    assert "signature" in json.dumps(first)
    assert "signature" not in json.dumps(second)
    assert second["thinking"] == {"type": "disabled"}


def test_a_request_without_state_is_not_tried_again(stage: Stage, http: httpx2.Client) -> None:
    """Whatever the provider says of state: there was none to leave out."""
    stage.fakes["anthropic"].fail(HttpError(400, message="Invalid `signature` in `thinking` block"))
    assert ask(http, "chat", MODELS["anthropic"]).status_code == 400
    assert len(stage.fakes["anthropic"].requests) == 1
