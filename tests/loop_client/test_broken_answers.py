"""A broken answer is an error with a stated kind, never a quiet end."""

from __future__ import annotations

import asyncio
import socket
from typing import Any

import httpx2
import pytest

from loop_client import (
    ConfigurationError,
    EmptyAnswerError,
    LoopClient,
    ModelConnectionError,
    ModelHTTPError,
    ModelStreamError,
    ModelTimeoutError,
    Retry,
    RunError,
    RunFinish,
    Timeouts,
)
from tests.loop_client.fake_server import WAIT, FakeServer, Turn, call, calls, delta, finish, says

ONCE = Retry(retries=0)


def shout(text: str) -> str:
    """Say it louder."""
    return text.upper()


async def failure(server: FakeServer, *turns: Turn, **settings: Any) -> RunError:
    server.play(*turns)
    settings = {"retry": ONCE, **settings}
    async with LoopClient(base_url=server.base_url, model="m", tools=[shout], **settings) as client:
        with pytest.raises(RunError) as caught:
            await asyncio.wait_for(client.ask("go"), WAIT)
    return caught.value


async def test_a_header_of_the_callers_own_client_that_cannot_be_sent_is_not_quoted(server: FakeServer) -> None:
    async with httpx2.AsyncClient(headers={"x-key": "secret\n"}) as own:
        error = await failure(server, http_client=own)
    assert isinstance(error, ModelConnectionError)
    assert "secret" not in str(error)
    assert not server.requests


async def test_a_stream_that_just_ends_is_an_error(server: FakeServer) -> None:
    """STREAM-15."""
    error = await failure(server, Turn((delta(content="It is"),), "nothing"))
    assert type(error) is ModelStreamError
    assert "ended before the answer was finished" in str(error)
    assert error.detail.retryable


async def test_a_stream_that_ends_within_a_call_is_an_error_and_nothing_runs(server: FakeServer) -> None:
    error = await failure(server, Turn((call(0, "c1", "shout", '{"text": "a"}'),), "nothing"))
    assert type(error) is ModelStreamError
    assert error.result is not None
    assert error.result.calls == 0
    assert len(server.requests) == 1


async def test_a_connection_that_breaks_is_an_error(server: FakeServer) -> None:
    error = await failure(server, Turn((delta(content="It is"),), "break"))
    assert type(error) is ModelConnectionError
    assert error.detail.retryable


async def test_a_reason_without_done_is_enough(server: FakeServer) -> None:
    server.play(Turn((delta(content="hi"), finish("stop")), "nothing"))
    async with LoopClient(base_url=server.base_url, model="m") as client:
        assert (await client.ask("go")).text == "hi"


async def test_done_without_a_reason_is_enough_and_the_reason_is_marked_as_inferred(server: FakeServer) -> None:
    """STREAM-12."""
    server.play(Turn((call(0, "c1", "shout", '{"text": "a"}'),)), Turn((delta(content="hi"),)))
    async with LoopClient(base_url=server.base_url, model="m", tools=[shout]) as client:
        events = [event.to_json() async for event in client.stream("go")]
    rounds = [event for event in events if event["type"] == "round-finish"]
    assert [event["finish_reason"] for event in rounds] == ["tool_calls", "stop"]
    assert not any("raw_finish_reason" in event for event in rounds)


@pytest.mark.parametrize(
    "error",
    [
        {"message": "overloaded", "type": "server_error", "code": "overloaded"},
        {"message": "Provider returned error", "code": 502, "metadata": {"raw": "overloaded"}},
        "overloaded",
    ],
)
async def test_an_error_in_the_middle_is_an_error_with_the_servers_words(server: FakeServer, error: object) -> None:
    """STREAM-14, STREAM-16, ERROR-06."""
    caught = await failure(server, Turn((delta(content="It is"), {"error": error})))
    assert type(caught) is ModelStreamError
    assert "overloaded" in str(caught)
    assert caught.detail.retryable


async def test_an_error_in_a_choice_is_an_error(server: FakeServer) -> None:
    """STREAM-16."""
    caught = await failure(server, Turn(({"choices": [{"delta": {}, "error": {"message": "upstream died"}}]},)))
    assert "upstream died" in str(caught)


async def test_an_error_in_a_plain_200_body_is_an_error(server: FakeServer) -> None:
    caught = await failure(server, Turn(body={"error": {"message": "no credit", "code": 402}}))
    assert "no credit" in str(caught)
    assert not caught.detail.retryable


async def test_an_error_without_words_still_has_some(server: FakeServer) -> None:
    """LOOP-07."""
    caught = await failure(server, Turn(({"error": {"message": ""}},)))
    assert str(caught).endswith("no explanation was given")


@pytest.mark.parametrize(
    "chunk",
    [
        b"data: {oops\n\n",
        b"data: [1]\n\n",
        b'data: {"choices": 3}\n\n',
        b'data: {"choices": [3]}\n\n',
        b'data: {"choices": [{"delta": 3}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": 3}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [3]}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": "x"}]}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": 3}]}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0, "id": 3}]}}]}\n\n',
        b'data: {"choices": [{"delta": {"tool_calls": [{"index": 0, "function": {"arguments": 3}}]}}]}\n\n',
        b'data: {"choices": [{"delta": {"content": "a"}}]}\n\ndata: {"choices": [{"delta": {"content": 3}}]}\n\n',
        b'data: {"a": NaN}\n\n',
        b"data: " + b"[" * 100_000 + b"\n\n",
        b'data: {"choices": []}\xff\n\n',
    ],
    ids=range(15),
)
async def test_a_malformed_stream_is_our_error_and_no_other(server: FakeServer, chunk: bytes) -> None:
    error = await failure(server, Turn((chunk,)))
    assert type(error) is ModelStreamError
    assert str(error).startswith("malformed stream")


async def test_a_reason_that_promises_calls_without_any_is_an_error(server: FakeServer) -> None:
    """FINISH-07."""
    assert "sent no call" in str(await failure(server, Turn((delta(content="well"), finish("tool_calls")))))


@pytest.mark.parametrize("reason", ["error", "MALFORMED_FUNCTION_CALL"])
async def test_a_turn_that_failed_is_an_error(server: FakeServer, reason: str) -> None:
    """FINISH-01."""
    error = await failure(server, Turn((call(0, "c1", "shout", "{}"), finish(reason))))
    assert error.detail.provider_code == reason.lower()


async def test_an_empty_answer_is_an_error(server: FakeServer) -> None:
    """LOOP-07."""
    error = await failure(server, Turn((delta(role="assistant", content=""), finish("stop"))))
    assert type(error) is EmptyAnswerError


async def test_a_refused_request_carries_status_wait_and_request_id_but_not_the_key(server: FakeServer) -> None:
    """ERROR-02, ERROR-05."""
    refusal = {"error": {"message": "bad key sk-secret", "type": "rate_limit", "code": "slow_down"}}
    headers = {"retry-after": "7", "x-request-id": "req-1"}
    error = await failure(server, Turn(status=429, body=refusal, headers=headers), api_key="sk-secret")
    assert type(error) is ModelHTTPError
    detail = error.detail
    assert (detail.status, detail.retry_after, detail.request_id) == (429, 7.0, "req-1")
    assert (detail.retryable, detail.provider_code) == (True, "slow_down")
    assert "sk-secret" not in str(error)
    assert server.headers[0]["authorization"] == "Bearer sk-secret"


@pytest.mark.parametrize(("status", "retryable"), [(400, False), (401, False), (408, True), (500, True), (529, True)])
async def test_only_what_may_pass_is_retryable(server: FakeServer, status: int, retryable: bool) -> None:
    """ERROR-08."""
    assert (await failure(server, Turn(status=status, body=[{"error": "no"}]))).detail.retryable is retryable


async def test_a_redirect_is_refused_because_the_key_is_for_one_address(server: FakeServer) -> None:
    error = await failure(server, Turn(status=307, body={}, headers={"location": "http://127.0.0.1:1/"}))
    assert error.detail.status == 307


async def test_a_silent_server_times_out_before_its_first_event(server: FakeServer) -> None:
    error = await failure(server, Turn((), "hang"), timeouts=Timeouts(first_event=0.2))
    assert type(error) is ModelTimeoutError
    assert "did not begin within 0.2 s" in str(error)
    assert server.client_left.wait(WAIT)


@pytest.mark.parametrize("ending", ["hang", "heartbeats"])
async def test_a_server_that_goes_silent_times_out_heartbeats_or_not(server: FakeServer, ending: Any) -> None:
    """STREAM-20."""
    error = await failure(server, Turn((delta(content="It"),), ending), timeouts=Timeouts(between_events=0.2))
    assert type(error) is ModelTimeoutError
    assert "did not go on within 0.2 s" in str(error)
    assert server.client_left.wait(WAIT)


async def test_a_server_that_is_not_there_is_an_error_that_names_the_address() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    url = f"http://user:word@127.0.0.1:{port}/v1?x=secret"
    async with LoopClient(base_url=url, model="m", retry=ONCE) as client:
        with pytest.raises(ModelConnectionError) as caught:
            await client.ask("go")
    assert f"127.0.0.1:{port}/v1/chat/completions" in str(caught.value)
    assert "word" not in str(caught.value)
    assert "secret" not in str(caught.value)


async def test_an_error_in_a_later_round_keeps_the_history_that_a_strict_server_takes(server: FakeServer) -> None:
    server.play(calls(("c1", "shout", '{"text": "a"}')), Turn(status=503, body={}), says("there"))
    async with LoopClient(base_url=server.base_url, model="m", tools=[shout], retry=ONCE) as client:
        with pytest.raises(ModelHTTPError) as caught:
            await client.ask("go")
        assert caught.value.result is not None
        assert (await client.ask(caught.value.result.messages)).text == "there"


async def test_the_stream_of_events_ends_with_the_error_and_does_not_raise(server: FakeServer) -> None:
    server.play(Turn(status=401, body={"error": {"message": "who are you"}}))
    async with LoopClient(base_url=server.base_url, model="m") as client:
        events = [event async for event in client.stream("go")]
    last = events[-1]
    assert isinstance(last, RunFinish)
    assert last.finish_reason == "error"
    assert last.to_json()["error"]["status"] == 401
    assert "exception" not in last.to_json()


@pytest.mark.parametrize(
    "url", ["", "127.0.0.1:8080", "ftp://host/v1", "http://host/v1/chat/completions", "http://host:port/v1"]
)
def test_an_address_that_cannot_work_is_refused_at_once(url: str) -> None:
    with pytest.raises(ConfigurationError, match="base_url"):
        LoopClient(base_url=url, model="m")


def test_options_may_not_set_what_the_loop_sets() -> None:
    with pytest.raises(ConfigurationError, match="messages, stream"):
        LoopClient(base_url="http://host", model="m", options={"stream": False, "messages": [], "temperature": 0})


async def test_options_are_sent_and_none_leaves_a_member_out(server: FakeServer) -> None:
    server.play(says("hi"))
    options = {"temperature": 0.5, "stream_options": None}
    async with LoopClient(base_url=server.base_url + "/", model="m", options=options) as client:
        await client.ask("go")
    assert server.requests[0] == {
        "model": "m",
        "messages": [{"role": "user", "content": "go"}],
        "stream": True,
        "temperature": 0.5,
    }


def test_a_key_from_an_environment_variable_that_is_not_set_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_SUCH_KEY", raising=False)
    with pytest.raises(ConfigurationError, match="NO_SUCH_KEY"):
        LoopClient(base_url="http://host", model="m", api_key="env:NO_SUCH_KEY")
