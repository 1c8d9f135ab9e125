"""``deploy/nginx.conf`` before real routers: the same as with HAProxy, as far as this nginx can."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

import httpx2
import pytest

from tests.deploy.balanced import (
    ADDRESSES,
    CALLER_KEY,
    answers,
    environment_of_routers,
    free_ports,
    program,
    router_at,
    until,
)
from tests.deploy.files import DEPLOY
from tests.deploy.test_haproxy import FAKE, ROW, SCRIPTED
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import NoFirstByte, PausedStream, running
from tests.router.command import SECONDS, Serving

pytestmark = pytest.mark.needs_nginx

AROUND = """
daemon off;
worker_processes 1;
pid {folder}/nginx.pid;
error_log stderr warn;
events {{ worker_connections 256; }}
http {{
    access_log off;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/ai-router.conf;
}}
"""


def settings(folder: Path, routers: list[str], front: str) -> Path:
    """A main file around ``deploy/nginx.conf``, in which only addresses are others."""
    text = (DEPLOY / "nginx.conf").read_text("utf-8")
    for written, here in zip(
        ("127.0.0.1:8081", "127.0.0.1:8082", "listen 8080"), (*routers, f"listen {front}"), strict=True
    ):
        assert text.count(written) == 1
        text = text.replace(written, here)
    (folder / "ai-router.conf").write_text(text, "utf-8")
    main = folder / "nginx.conf"
    main.write_text(AROUND.format(folder=folder), "utf-8")
    return main


class Nginx:
    """nginx before two routers."""

    def __init__(self, url: str, fake: OpenAIChat, routers: dict[str, Serving]) -> None:
        self.url, self.fake, self.routers = url, fake, routers

    def client(self) -> httpx2.Client:
        """A caller with a key."""
        headers = {"authorization": f"Bearer {CALLER_KEY}"}
        return httpx2.Client(base_url=self.url, headers=headers, timeout=SECONDS, trust_env=False)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[Nginx]:
    """All of it, running."""
    (port,) = free_ports(1, ADDRESSES)
    (front,) = free_ports(1)
    fake = OpenAIChat()
    with ExitStack() as stack:
        upstream = stack.enter_context(running(fake))
        routers = {}
        for address in ADDRESSES:
            (folder := tmp_path / address).mkdir()
            row = ROW.format(url=upstream)
            routers[address] = stack.enter_context(
                router_at(folder, address, port, row, environment_of_routers(address))
            )
        for address in ADDRESSES:
            until(lambda: answers(f"http://{address}:{port}/readyz"))  # noqa: B023  # it is asked within this turn
        main = settings(tmp_path, [f"{address}:{port}" for address in ADDRESSES], f"127.0.0.1:{front}")
        with subprocess.Popen([program("nginx"), "-e", "stderr", "-p", str(tmp_path), "-c", str(main)]) as process:
            try:
                until(lambda: answers(f"http://127.0.0.1:{front}/healthz"))
                yield Nginx(f"http://127.0.0.1:{front}", fake, routers)
            finally:
                process.terminate()


def test_nginx_finds_nothing_to_complain_of(tmp_path: Path) -> None:
    main = settings(tmp_path, ["127.0.0.2:8080", "127.0.0.3:8080"], "127.0.0.1:8080")
    command = [program("nginx"), "-t", "-q", "-e", "stderr", "-p", str(tmp_path), "-c", str(main)]
    checked = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    assert (checked.returncode, checked.stderr) == (0, "")


def test_streams_pass_as_they_come_and_each_goes_to_the_router_that_has_fewer(nginx: Nginx) -> None:
    nginx.fake.fail(PausedStream(), PausedStream())
    with nginx.client() as client, ExitStack() as stack:
        streams = []
        for _ in range(2):
            answer = client.stream("POST", "/v1/chat/completions", json={**FAKE, "stream": True})
            streams.append(stack.enter_context(answer).iter_raw())
        assert all(next(pieces).startswith(b"data: ") for pieces in streams)
        nginx.fake.release()
        assert all(b"".join(pieces).endswith(b"data: [DONE]\n\n") for pieces in streams)
        assert {request.headers["x-router"] for request in nginx.fake.requests} == set(ADDRESSES)
        assert client.get("/metrics").status_code == 404


def test_a_router_that_died_costs_nobody_an_answer_and_nothing_is_sent_twice(nginx: Nginx) -> None:
    nginx.fake.fail(NoFirstByte())
    with nginx.client() as client, ThreadPoolExecutor(1) as threads:
        pending = threads.submit(client.post, "/v1/chat/completions", json=FAKE)
        until(lambda: len(nginx.fake.requests) == 1)
        killed = nginx.routers[nginx.fake.requests[0].headers["x-router"]].process
        killed.kill()
        assert pending.result().status_code == 502
        assert len(nginx.fake.requests) == 1
        killed.wait()
        statuses = [client.post("/v1/chat/completions", json=SCRIPTED).status_code for _ in range(10)]
    assert statuses == [200] * 10


def test_a_viewer_who_leaves_ends_the_stream(nginx: Nginx) -> None:
    nginx.fake.fail(PausedStream())
    with (
        nginx.client() as client,
        client.stream("POST", "/v1/chat/completions", json={**FAKE, "stream": True}) as response,
    ):
        next(response.iter_raw())
    assert nginx.fake.wait_disconnected()
