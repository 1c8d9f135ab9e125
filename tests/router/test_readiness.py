"""``/healthz`` and ``/readyz``: alive at once, ready when the providers are open, and what a failed one does."""

import asyncio
import threading
from collections.abc import Iterator
from pathlib import Path
from unittest import mock

import pytest

from router.app import create_app
from router.config import load_config
from router.state import RouterState
from tests.e2e.service import client, router_service
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import running

BODY = {"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    """Holds every provider back until it is set, as a slow import does."""
    event = threading.Event()
    import providers.upstreams.factory as factory

    opened = factory._open

    def slowly(*arguments: object) -> object:
        assert event.wait(20)
        return opened(*arguments)  # type: ignore[arg-type]

    with mock.patch.object(factory, "_open", slowly):
        yield event
        event.set()


def test_alive_before_it_is_ready_and_requests_wait(tmp_path: Path, gate: threading.Event) -> None:
    with router_service(tmp_path) as url, client(url) as http:
        assert http.get("/healthz").json() == {"status": "ok"}
        starting = http.get("/readyz")
        assert (starting.status_code, starting.json()) == (503, {"status": "starting"})
        answers: list[int] = []
        waiting = threading.Thread(target=lambda: answers.append(ask(url)))
        waiting.start()
        assert answers == []
        gate.set()
        waiting.join(20)
        assert answers == [200]
        ready = http.get("/readyz")
        assert (ready.status_code, ready.json()) == (200, {"status": "ready"})


def ask(url: str) -> int:
    with client(url) as http:
        return http.post("/v1/chat/completions", json=BODY).status_code


def test_a_provider_that_cannot_be_opened_leaves_the_others(tmp_path: Path) -> None:
    script = tmp_path / "one.toml"
    script.write_text("[[turns]]\ntext = 'x'\n")
    toml = tmp_path / "router.toml"
    toml.write_text("[providers.broken]\ndialect = 'scripted'\nscript = 'one.toml'\n")
    app = create_app(load_config(toml, {}))
    script.unlink()
    with running(app) as url, client(url) as http:
        assert http.post("/v1/chat/completions", json=BODY).status_code == 200
        broken = http.post("/v1/chat/completions", json={**BODY, "model": "broken/x"})
        failed = http.get("/readyz")
    assert (failed.status_code, failed.json()) == (503, {"status": "failed"})
    assert broken.status_code == 500
    assert "broken" in broken.json()["error"]["message"]
    assert str(tmp_path) not in broken.text


async def test_without_a_pool_every_provider_has_failed() -> None:
    state = RouterState(load_config(None, {}))
    with mock.patch("router.state.Pool", side_effect=FileNotFoundError("SSL_CERT_FILE")):
        state.start()
        await state.pipeline()
    assert state.readiness == "failed"
    await state.aclose()


async def test_stopping_while_starting_is_no_fault(gate: threading.Event) -> None:
    state = RouterState(load_config(None, {}))
    state.start()
    await asyncio.sleep(0)
    await asyncio.wait_for(state.aclose(), 5)
    gate.set()
    assert not state.upstreams


def test_an_open_provider_can_be_asked_while_it_is_all_new(tmp_path: Path) -> None:
    """The first request after the start waits for the SDK and is answered like any other."""
    fake = OpenAIChat()
    with running(fake) as upstream:
        toml = tmp_path / "router.toml"
        toml.write_text(f"[providers.openai]\nbase_url = '{upstream}/v1'\napi_key = 'test-key'\n")
        with running(create_app(load_config(toml, {}))) as url, client(url) as http:
            answer = http.post("/v1/chat/completions", json={**BODY, "model": "openai/gpt-4.1"})
    assert answer.status_code == 200
