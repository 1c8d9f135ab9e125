"""A provider that has begun and is silent leaves no caller without a word: not before its first content, nor after."""

import contextlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest

from router.silence import EMPTY_LINES, SilenceBreaker
from tests.e2e.faces.stage import MODELS, WIRES, Stage, new_fakes, staged
from tests.e2e.faces.test_javascript_clients import CLIENTS
from tests.e2e.faces.voices import EXPECTED, FACES, VOICES, always
from tests.e2e.service import client
from tests.fakes.server import EndlessStream, PausedStream
from tests.loop_client.javascript import run_script

_ASK: dict[str, Any] = {"messages": [{"role": "user", "content": "Paris?"}], "max_tokens": 64, "stream": True}
_OFTEN = "[server]\nkeep_alive_seconds = 0.02"


@contextmanager
def paused(folder: Path, monkeypatch: pytest.MonkeyPatch, wire: str, after: int) -> Iterator[Stage]:
    """A stage whose provider is silent after some events, until the router has broken the silence twice."""
    fakes, broken = new_fakes(), list[int]()
    fakes[wire].fail(PausedStream(after=after))
    breaks = SilenceBreaker._break

    async def released(breaker: SilenceBreaker) -> None:
        await breaks(breaker)
        broken.append(1)
        if len(broken) == 2:
            fakes[wire].release()

    monkeypatch.setattr(SilenceBreaker, "_break", released)
    with staged(folder, fakes, tail=_OFTEN) as stage:
        yield stage
    assert len(broken) >= 2


@pytest.mark.parametrize("after", [1, 5])
@pytest.mark.parametrize("wire", WIRES)
@pytest.mark.parametrize("face", FACES)
def test_every_client_reads_on_when_the_silence_was_broken(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, face: str, wire: str, after: int
) -> None:
    with paused(tmp_path, monkeypatch, wire, after) as stage:
        assert VOICES[face](stage.url, always(MODELS[wire]), stream=True).startswith(EXPECTED)


@pytest.mark.needs_node
@pytest.mark.parametrize("client", CLIENTS)
async def test_every_javascript_client_reads_on_as_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, client: str
) -> None:
    with paused(tmp_path, monkeypatch, "chat", 5) as stage:
        asked = {"client": client, "url": stage.url, "key": "unused", "model": MODELS["chat"], "stream": True}
        held = await run_script("hold_conversation.mjs", asked)
    assert held["text"].startswith("Results: get_weather(")


def test_an_array_that_grows_is_one_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    body = {"contents": [{"role": "user", "parts": [{"text": "Paris?"}]}]}
    with paused(tmp_path, monkeypatch, "google", 1) as stage, client(stage.url) as http:
        answer = http.post(f"/v1beta/models/{MODELS['google']}:streamGenerateContent", json=body)
    assert EMPTY_LINES in answer.content
    assert answer.json()[-1]["candidates"][0]["finishReason"] == "STOP"


@pytest.mark.parametrize("wire", WIRES)
def test_an_error_after_the_silence_was_broken_is_told_in_the_stream(tmp_path: Path, wire: str) -> None:
    """Else the caller would wait for as long as the provider may take, and whoever stands between would hang up."""
    for tail, status in ((_OFTEN, 200), ("[server]\nkeep_alive_seconds = 0", 504)):
        fakes = new_fakes()
        fakes[wire].fail(EndlessStream(after=1))
        with (
            staged(tmp_path, fakes, extra="timeout = { between_events = 1 }", tail=tail) as stage,
            client(stage.url) as http,
        ):
            answer = http.post("/v1/chat/completions", json={"model": MODELS[wire], **_ASK})
        if wire == "google":
            assert answer.status_code == 200, "its first event has content"
            continue
        assert answer.status_code == status
        assert b"next event" in answer.content
        assert (EMPTY_LINES * 2 in answer.content) is (status == 200)
        assert b"[DONE]" not in answer.content


def test_what_was_announced_is_passed_on_when_nothing_follows(tmp_path: Path) -> None:
    fakes = new_fakes()
    fakes["chat"].fail(EndlessStream(after=1))
    with (
        staged(tmp_path, fakes, tail=_OFTEN) as stage,
        client(stage.url) as http,
        http.stream("POST", "/v1/chat/completions", json={"model": MODELS["chat"], **_ASK}) as answer,
    ):
        told = answer.iter_raw()
        while b'"role":"assistant"' not in next(told):
            pass


@pytest.mark.parametrize("seconds", [0.02, 0])
def test_a_caller_that_leaves_in_the_silence_closes_the_call_to_the_provider(tmp_path: Path, seconds: float) -> None:
    """Whether it got the announcement or still waits for it."""
    fakes = new_fakes()
    fakes["chat"].fail(EndlessStream(after=1))
    impatient = httpx2.Timeout(10.0, read=0.4)
    with staged(tmp_path, fakes, tail=f"[server]\nkeep_alive_seconds = {seconds}") as stage:
        with (
            httpx2.Client(base_url=stage.url, timeout=impatient, trust_env=False) as http,
            contextlib.suppress(httpx2.ReadTimeout),
            http.stream("POST", "/v1/chat/completions", json={"model": MODELS["chat"], **_ASK}) as answer,
        ):
            assert seconds
            assert next(answer.iter_raw())
        assert fakes["chat"].wait_disconnected()
