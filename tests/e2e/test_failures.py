"""What goes wrong at a provider reaches the caller as an error in OpenAI's shape, streamed or not."""

import json
import threading
from pathlib import Path
from typing import Any

import httpx2
import openai
import pytest

from tests.e2e.conversation import TOOLS, openai_client
from tests.e2e.service import MODELS, client, router_before, router_service, row
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import (
    CutMidStream,
    EndlessStream,
    ErrorMidStream,
    FakeProvider,
    HttpError,
    NoFirstByte,
    running,
)

PROVIDERS = sorted(MODELS)
BOTH = pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
EACH = pytest.mark.parametrize("provider", PROVIDERS)


def body_for(provider: str, **more: Any) -> dict[str, Any]:
    return {
        "model": f"{provider}/{MODELS[provider]}",
        "messages": [{"role": "user", "content": "Paris and Rome?"}],
        "tools": TOOLS,
        **more,
    }


@EACH
@BOTH
@pytest.mark.parametrize("status", [400, 429, 500, 503])
def test_the_providers_status_and_words_are_kept(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, stream: bool, status: int
) -> None:
    """ERROR-02, ERROR-05, ERROR-08."""
    fakes[provider].fail(HttpError(status, message="the provider's own words", retry_after="7"))
    with pytest.raises(openai.APIStatusError) as caught:
        openai_client(router_url).chat.completions.create(**body_for(provider), stream=stream)
    error = caught.value
    assert error.status_code == status
    assert "the provider's own words" in error.message
    assert error.response.headers["retry-after"] == "7"
    assert error.request_id
    shape: Any = error.body
    assert {"message", "type", "param", "code"} <= set(shape)
    assert shape["provider"] == provider
    assert shape["retryable"] is (status != 400)


def test_overloaded_is_not_a_rate_limit(router_url: str, fakes: dict[str, FakeProvider]) -> None:
    """ERROR-03."""
    fakes["anthropic"].fail(HttpError(529))
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", json=body_for("anthropic"))
    assert answer.status_code == 529
    assert answer.json()["error"]["type"] == "overloaded_error"
    assert answer.json()["error"]["retryable"] is True


@EACH
@BOTH
def test_a_wrong_provider_key_is_not_the_callers(
    tmp_path: Path, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """The message is the provider's, and no key is in it."""
    with running(fakes[provider]) as upstream:
        toml = row(provider, upstream).replace("test-key", "sk-wrong-key-0123456789abcdef")
        with router_service(tmp_path, toml) as url, client(url) as http:
            answer = http.post("/v1/chat/completions", json=body_for(provider, stream=stream))
    assert answer.status_code in {400, 401, 403}
    assert "sk-wrong" not in answer.text
    assert answer.json()["error"]["provider"] == provider


@EACH
def test_an_error_inside_a_stream_is_an_error_and_no_quiet_end(
    router_url: str, fakes: dict[str, FakeProvider], provider: str
) -> None:
    """STREAM-14: an error event, and no [DONE] after it."""
    fakes[provider].fail(ErrorMidStream(after=4))
    text = streamed_text(router_url, body_for(provider, stream=True))
    last = json.loads(text.rstrip().rpartition("data: ")[2])
    assert last["error"]["message"]
    assert last["error"]["provider"] == provider
    assert "[DONE]" not in text


@EACH
def test_a_cut_stream_is_an_error(router_url: str, fakes: dict[str, FakeProvider], provider: str) -> None:
    """STREAM-15."""
    fakes[provider].fail(CutMidStream(after=4))
    with pytest.raises(openai.APIError) as caught:
        list(openai_client(router_url).chat.completions.create(**body_for(provider), stream=True))
    assert caught.value.message


@EACH
def test_a_cut_plain_answer_is_an_error(router_url: str, fakes: dict[str, FakeProvider], provider: str) -> None:
    fakes[provider].fail(CutMidStream())
    with client(router_url) as http:
        answer = http.post("/v1/chat/completions", json=body_for(provider))
    assert answer.status_code == 502
    assert answer.json()["error"]["retryable"] is True


def streamed_text(url: str, body: dict[str, Any]) -> str:
    with client(url) as http, http.stream("POST", "/v1/chat/completions", json=body) as answer:
        assert answer.status_code == 200, answer.read()
        return "".join(answer.iter_text())


@EACH
@BOTH
def test_a_provider_that_says_nothing_is_given_up(
    tmp_path: Path, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    """The time-out for the first byte."""
    fakes[provider].fail(NoFirstByte())
    with router_before(tmp_path, fakes, "timeout = { first_byte = 0.3 }") as url, client(url) as http:
        answer = http.post("/v1/chat/completions", json=body_for(provider, stream=stream))
        assert fakes[provider].wait_disconnected()
    assert answer.status_code == 504
    assert "first byte" in answer.json()["error"]["message"]


@EACH
def test_a_stream_that_falls_silent_is_given_up(tmp_path: Path, fakes: dict[str, FakeProvider], provider: str) -> None:
    """STREAM-20: the time-out between events."""
    fakes[provider].fail(EndlessStream(after=4))
    with router_before(tmp_path, fakes, "timeout = { between_events = 0.3 }") as url:
        text = streamed_text(url, body_for(provider, stream=True))
        assert fakes[provider].wait_disconnected()
    assert "next event" in text
    assert "[DONE]" not in text


def test_the_whole_answer_has_a_time_limit_too(tmp_path: Path, fakes: dict[str, FakeProvider]) -> None:
    fakes["openai"].fail(EndlessStream(after=4))
    with router_before(tmp_path, fakes, "timeout = 0.4") as url:
        text = streamed_text(url, body_for("openai", stream=True))
    assert "whole answer" in text


def test_a_provider_that_is_not_there(tmp_path: Path) -> None:
    with running(OpenAIChat()) as gone:
        pass
    with router_service(tmp_path, row("openai", gone)) as url, client(url) as http:
        answer = http.post("/v1/chat/completions", json=body_for("openai"))
    assert answer.status_code == 502
    assert answer.json()["error"]["type"] == "connection_error"
    assert answer.json()["error"]["retryable"] is True


@EACH
def test_a_client_that_leaves_a_stream_closes_the_upstream_call(
    router_url: str, fakes: dict[str, FakeProvider], provider: str
) -> None:
    fakes[provider].fail(EndlessStream(after=4))
    with (
        client(router_url) as http,
        http.stream("POST", "/v1/chat/completions", json=body_for(provider, stream=True)) as answer,
    ):
        next(answer.iter_bytes())
    assert fakes[provider].wait_disconnected()


@EACH
@BOTH
def test_a_client_that_leaves_before_the_answer_closes_the_upstream_call(
    router_url: str, fakes: dict[str, FakeProvider], provider: str, stream: bool
) -> None:
    fakes[provider].fail(NoFirstByte())
    impatient = httpx2.Client(base_url=router_url, timeout=httpx2.Timeout(10.0, read=0.4), trust_env=False)
    with impatient as http, pytest.raises(httpx2.ReadTimeout):
        http.post("/v1/chat/completions", json=body_for(provider, stream=stream))
    assert fakes[provider].wait_disconnected()


def test_many_clients_that_leave_leave_nothing_open(router_url: str, fakes: dict[str, FakeProvider]) -> None:
    count = 40
    fakes["openai"].fail(*[EndlessStream(after=3)] * count)

    def leave() -> None:
        with (
            client(router_url) as http,
            http.stream("POST", "/v1/chat/completions", json=body_for("openai", stream=True)) as answer,
        ):
            next(answer.iter_bytes())

    threads = [threading.Thread(target=leave) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert wait_for(lambda: fakes["openai"].open_connections == 0)


def wait_for(condition: Any, seconds: float = 5.0) -> bool:
    """Whether the condition came true within the time."""
    done = threading.Event()
    for _ in range(int(seconds / 0.02)):
        if condition():
            return True
        done.wait(0.02)
    return False
