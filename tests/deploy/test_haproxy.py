"""``deploy/haproxy.cfg`` before real routers: streams pass as they come, a router may go, nothing is sent twice."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest
from starlette.types import Receive, Scope, Send

from tests.deploy.balanced import ADDRESSES, CALLER_KEY, FURTHER_ADDRESS, Balanced, program, until
from tests.deploy.files import HAPROXY
from tests.deploy.names import naming
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import NoFirstByte, PausedStream, running
from tests.router.command import SECONDS

pytestmark = pytest.mark.needs_haproxy

QUESTION = {"messages": [{"role": "user", "content": "How warm is it in Paris?"}]}
ROW = """
[providers.fake]
dialect = "openai-chat"
base_url = "{url}/v1"
api_key = "test-key"
headers = {{ x-router = "env:ROUTER_AT" }}
"""
SCRIPTED = {"model": "hello/world", **QUESTION}
FAKE = {"model": "fake/gpt-4.1", **QUESTION}


class Provider:
    """The provider of all routers, which is a new one for each test."""

    def __init__(self) -> None:
        self.fake = OpenAIChat()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        await self.fake.app(scope, receive, send)


@pytest.fixture(scope="module")
def provider() -> Iterator[tuple[Provider, str]]:
    """The provider and where it is."""
    provider = Provider()
    with running(provider) as url:
        yield provider, url


@pytest.fixture
def fake(provider: tuple[Provider, str]) -> Iterator[OpenAIChat]:
    """The provider of one test."""
    provider[0].fake = fake = OpenAIChat()
    yield fake
    fake.release()


@pytest.fixture(scope="module")
def everything(provider: tuple[Provider, str], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Balanced]:
    """Two routers with that provider behind the balancer."""
    with naming(*ADDRESSES) as names:
        balanced = Balanced(tmp_path_factory.mktemp("balanced"), ROW.format(url=provider[1]), names)
        try:
            yield balanced
        finally:
            balanced.close()


@pytest.fixture
def balanced(everything: Balanced) -> Balanced:
    """All of it, whatever the test before has done to it."""
    everything.whole()
    return everything


def answers(balanced: Balanced, times: int) -> list[int]:
    """The status of so many requests, each on a connection of its own."""
    statuses = []
    for _ in range(times):
        with balanced.client() as client:
            statuses.append(client.post("/v1/chat/completions", json=SCRIPTED).status_code)
    return statuses


def busy(balanced: Balanced, client: httpx2.Client, stack: ExitStack) -> tuple[httpx2.Response, Iterator[bytes]]:
    """A stream that has begun and goes on when the provider is released."""
    response = stack.enter_context(client.stream("POST", "/v1/chat/completions", json={**FAKE, "stream": True}))
    assert response.status_code == 200
    return response, response.iter_raw()


def test_haproxy_finds_nothing_to_complain_of() -> None:
    checked = subprocess.run(
        [program("haproxy"), "-c", "-dW", "-f", str(HAPROXY)], env={}, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stderr


def test_a_stream_passes_as_it_comes(balanced: Balanced, fake: OpenAIChat) -> None:
    fake.fail(PausedStream(after=2))
    with balanced.client() as client, ExitStack() as stack:
        response, pieces = busy(balanced, client, stack)
        # The provider is silent now, and will be until it is released: what comes was held back by nobody.
        first = next(pieces)
        assert first.startswith(b"data: ")
        fake.release()
        rest = b"".join(pieces)
        assert response.headers["content-type"].startswith("text/event-stream")
    assert b"data: [DONE]" not in first
    assert rest.endswith(b"data: [DONE]\n\n")


def test_two_streams_are_given_to_two_routers(balanced: Balanced, fake: OpenAIChat) -> None:
    fake.fail(PausedStream(), PausedStream())
    with balanced.client() as one, balanced.client() as two, ExitStack() as stack:
        streams = [busy(balanced, client, stack)[1] for client in (one, two)]
        for pieces in streams:
            next(pieces)
        fake.release()
        assert all(b"".join(pieces).endswith(b"data: [DONE]\n\n") for pieces in streams)
    assert {request.headers["x-router"] for request in fake.requests} == set(ADDRESSES)


def test_a_router_that_died_costs_nobody_an_answer(balanced: Balanced) -> None:
    router = balanced.routers[ADDRESSES[0]].process
    router.kill()
    router.wait()
    # From the first moment, before the health checks can have noticed.
    assert answers(balanced, 10) == [200] * 10
    until(lambda: balanced.ready() == 1)
    assert answers(balanced, 2) == [200] * 2


@pytest.mark.parametrize("stream", [False, True], ids=["plain", "stream"])
def test_what_has_reached_a_router_is_not_sent_to_another(balanced: Balanced, fake: OpenAIChat, stream: bool) -> None:
    fake.fail(NoFirstByte())
    with balanced.client() as client, ThreadPoolExecutor(1) as threads:
        pending = threads.submit(client.post, "/v1/chat/completions", json={**FAKE, "stream": stream})
        until(lambda: len(fake.requests) == 1)
        balanced.routers[fake.requests[0].headers["x-router"]].process.kill()
        assert pending.result().status_code == 502
    assert len(fake.requests) == 1


def test_a_stream_whose_router_dies_does_not_end_as_if_it_were_whole(balanced: Balanced, fake: OpenAIChat) -> None:
    fake.fail(PausedStream())
    with balanced.client() as client, ExitStack() as stack:
        pieces = busy(balanced, client, stack)[1]
        next(pieces)
        for router in balanced.routers.values():
            router.process.kill()
        with pytest.raises(httpx2.RemoteProtocolError):
            list(pieces)


def test_a_router_that_is_told_to_stop_ends_its_streams_and_gets_no_new_ones(
    balanced: Balanced, fake: OpenAIChat
) -> None:
    fake.fail(PausedStream(), PausedStream())
    with balanced.client() as one, balanced.client() as two, ExitStack() as stack:
        streams = [busy(balanced, client, stack)[1] for client in (one, two)]
        for pieces in streams:
            next(pieces)
        stopping = balanced.routers[ADDRESSES[0]].process
        stopping.send_signal(signal.SIGTERM)
        until(lambda: balanced.ready() == 1)
        assert answers(balanced, 5) == [200] * 5
        assert stopping.poll() is None
        fake.release()
        assert all(b"".join(pieces).endswith(b"data: [DONE]\n\n") for pieces in streams)
    assert stopping.wait(20) == 0


def test_routers_are_found_by_their_name_and_may_go_two_at_once(balanced: Balanced, fake: OpenAIChat) -> None:
    balanced.start(FURTHER_ADDRESS)
    balanced.wait_for(FURTHER_ADDRESS)
    balanced.names.addresses = (*ADDRESSES, FURTHER_ADDRESS)
    until(lambda: balanced.ready() == 3)
    fake.fail(*[PausedStream()] * 3)
    with ExitStack() as stack:
        streams = [busy(balanced, stack.enter_context(balanced.client()), stack)[1] for _ in range(3)]
        for pieces in streams:
            next(pieces)
        assert {request.headers["x-router"] for request in fake.requests} == {*ADDRESSES, FURTHER_ADDRESS}
        dying = [balanced.routers[address].process for address in ADDRESSES]
        for process in dying:
            process.kill()
        for process in dying:
            process.wait()
        # Those that are gone have nothing to do, so each request is meant for one of them, and then not for the other.
        assert answers(balanced, 10) == [200] * 10
    balanced.names.addresses = (FURTHER_ADDRESS,)
    until(lambda: balanced.ready() == 1)
    assert answers(balanced, 3) == [200] * 3


def test_a_caller_who_leaves_ends_the_providers_work(balanced: Balanced, fake: OpenAIChat) -> None:
    fake.fail(NoFirstByte())
    body = json.dumps(FAKE).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\nauthorization: Bearer {CALLER_KEY}\r\n"
        f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", balanced.port)) as caller:
        caller.sendall(head.encode() + body)
        until(lambda: len(fake.requests) == 1)
    assert fake.wait_disconnected()


def test_a_viewer_who_leaves_ends_the_stream(balanced: Balanced, fake: OpenAIChat) -> None:
    fake.fail(PausedStream())
    with balanced.client() as client, ExitStack() as stack:
        next(busy(balanced, client, stack)[1])
    assert fake.wait_disconnected()


def test_a_balancer_that_is_told_to_stop_ends_its_streams(balanced: Balanced, fake: OpenAIChat) -> None:
    fake.fail(PausedStream())
    with balanced.client() as client, ExitStack() as stack:
        pieces = busy(balanced, client, stack)[1]
        next(pieces)
        balanced.balancer.send_signal(signal.SIGUSR1)
        with balanced.client() as other:
            until(lambda: _refused(other))
        fake.release()
        assert b"".join(pieces).endswith(b"data: [DONE]\n\n")
    assert balanced.balancer.wait(20) == 0


def test_callers_do_not_see_what_processes_count(balanced: Balanced) -> None:
    with balanced.client() as client:
        assert client.get("/metrics").status_code == 404
        assert client.get("/healthz").json() == {"status": "ok"}
    assert httpx2.get(f"{balanced.own}/", trust_env=False).status_code == 404


@pytest.fixture
def variables(tmp_path: Path) -> dict[str, str]:
    """Of the loop client's processes, with a store that needs no server."""
    return {
        "AI_ROUTER_KEY": CALLER_KEY,
        "LOOP_CLIENT_KEYS": "page:key-of-the-page",
        "LOOP_CLIENT_SECRET": "s" * 32,
        "LOOP_CLIENT_JOBS_URL": f"sqlite:///{tmp_path}/jobs.db",
    }


def page_at(url: str) -> httpx2.Client:
    """A caller of the loop client's service."""
    headers = {"authorization": "Bearer key-of-the-page"}
    return httpx2.Client(base_url=url, headers=headers, timeout=SECONDS, trust_env=False)


def test_a_chat_goes_through_the_balancer_twice(
    balanced: Balanced, fake: OpenAIChat, variables: dict[str, str]
) -> None:
    """From the page to the loop client, and from there to a router: a stream within a stream, as it comes."""
    text = {"type": "text", "text": "How warm is it in Paris?"}
    chat = {"id": "chat-1", "messages": [{"id": "m-1", "role": "user", "parts": [text]}]}
    fake.fail(PausedStream(after=3))
    with balanced.loop_client(variables, "api"), page_at(balanced.loop_client_url) as page:
        assert page.post("/chat", json=chat, headers={"authorization": "Bearer other"}).status_code == 401
        with page.stream("POST", "/chat", json=chat) as response:
            assert response.status_code == 200
            pieces = response.iter_raw()
            assert b'"type":"start"' in next(pieces)
            until(lambda: len(fake.requests) == 1)
            fake.release()
            assert b"".join(pieces).endswith(b"data: [DONE]\n\n")


def test_a_job_goes_on_in_another_worker_when_its_own_is_gone(
    balanced: Balanced, fake: OpenAIChat, variables: dict[str, str]
) -> None:
    body = {"messages": [{"role": "user", "content": "How warm is it in Paris?"}]}
    fake.fail(PausedStream())
    with balanced.loop_client(variables, "api"), page_at(balanced.loop_client_url) as page:
        with balanced.loop_client(variables, "worker") as worker:
            assert httpx2.post(f"{worker}/jobs", json=body, trust_env=False).status_code == 404
            job = page.post("/jobs", json=body)
            assert job.status_code == 201
            until(lambda: len(fake.requests) == 1)
        # Killed while the model was speaking: what it said was not recorded, so it is asked again, by the next one.
        with (
            balanced.loop_client(variables, "worker"),
            page.stream("GET", f"/jobs/{job.json()['id']}/events") as events,
        ):
            told = events.read().decode()
        assert told.rstrip().rsplit("\n\n", 1)[1].splitlines()[1] == "event: end"
        assert page.get(f"/jobs/{job.json()['id']}").json()["status"] == "completed"
    assert len(fake.requests) == 2


def test_who_calls_is_decided_by_the_router(balanced: Balanced) -> None:
    with balanced.client() as client:
        client.headers["authorization"] = "Bearer air_somebody-else"
        assert client.post("/v1/chat/completions", json=SCRIPTED).status_code == 401


def _refused(client: httpx2.Client) -> bool:
    try:
        client.get("/healthz")
    except httpx2.TransportError:
        return True
    return False
