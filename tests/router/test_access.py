"""Without keys only programs of this machine are let in, whatever server runs the application."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from router.access import is_loopback_address
from router.app import create_app
from router.config import Config, Server
from tests.e2e.service import client, router_service


@pytest.fixture
def url(tmp_path: Path) -> Iterator[str]:
    """A router without keys."""
    with router_service(tmp_path) as address:
        yield address


@pytest.mark.parametrize(
    "host", ["127.0.0.1:1", "localhost:8080", "LOCALHOST", "[::1]:80", "127.8.8.8", "a.localhost:1"]
)
def test_a_program_of_this_machine_is_let_in(url: str, host: str) -> None:
    with client(url) as http:
        assert http.get("/v1/models", headers={"host": host}).status_code == 200


FOREIGN = ["example.com", "example.com:8080", "192.168.1.5", "127.0.0.1.example.com", "[", "8.8.8.8"]


@pytest.mark.parametrize("host", FOREIGN)
def test_a_name_that_was_made_to_point_here_is_not(url: str, host: str) -> None:
    with client(url) as http:
        refused = http.get("/v1/models", headers={"host": host})
    assert refused.status_code == 401
    assert "AI_ROUTER_KEYS" in refused.json()["error"]["message"]


@pytest.mark.parametrize("origin", ["https://example.com", "null", "http://127.0.0.1:1", "file://"])
def test_a_page_of_another_origin_is_not(url: str, origin: str) -> None:
    """A body without a content type needs no leave of ours to be sent by a browser."""
    body = b'{"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}'
    with client(url) as http:
        assert http.post("/v1/chat/completions", content=body, headers={"origin": origin}).status_code == 401
        assert http.post("/v1/chat/completions", content=body, headers={"origin": url}).status_code == 200


def test_open_means_open(tmp_path: Path) -> None:
    with router_service(tmp_path, "[server]\nopen = true") as address, client(address) as http:
        assert http.get("/v1/models", headers={"host": "example.com", "origin": "https://a.b"}).status_code == 200


async def answered_at(app: Any, server: tuple[str, int]) -> int:
    """The status of ``GET /v1/models`` where the server says that it was reached at this address."""
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "path": "/v1/models",
        "raw_path": b"/v1/models", "query_string": b"", "root_path": "", "scheme": "http", "headers": [],
        "client": ("127.0.0.1", 1), "server": server,
    }  # fmt: skip
    statuses: list[int] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        if message["type"] == "http.response.start":
            statuses.append(message["status"])

    await app(scope, receive, send)
    return statuses[0]


@pytest.mark.parametrize(
    ("server", "is_open", "status"),
    [
        (("127.0.0.1", 80), False, 200),
        (("::1", 80), False, 200),
        (("192.168.1.5", 80), False, 401),
        (("192.168.1.5", 80), True, 200),
        (("/run/router.sock", None), False, 200),
    ],
)
async def test_another_server_does_not_open_it_by_accident(server: Any, is_open: bool, status: int) -> None:
    app = create_app(Config(server=Server(open=is_open)))
    assert await answered_at(app, server) == status


@pytest.mark.parametrize(
    ("address", "loopback"), [("127.0.0.1", True), ("::1", True), ("10.0.0.1", False), ("/a/socket", True)]
)
def test_loopback(address: str, loopback: bool) -> None:
    assert is_loopback_address(address) is loopback
