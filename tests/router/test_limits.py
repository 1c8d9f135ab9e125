"""How large, how deep and of what kind a body may be, told or not told beforehand."""

import socket
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.e2e.service import client, router_service

BODY = b'{"model": "scripted/demo", "messages": [{"role": "user", "content": "x"}]}'
PATHS = pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/ai/run"])


def in_pieces(body: bytes) -> Iterator[bytes]:
    """A body whose length is not announced."""
    for start in range(0, len(body), 100):
        yield body[start : start + 100]


@PATHS
@pytest.mark.parametrize("announced", [True, False])
def test_a_body_over_the_limit_is_refused(tmp_path: Path, path: str, announced: bool) -> None:
    large = b'{"x": "' + b"y" * 2000 + b'"}'
    content = large if announced else in_pieces(large)
    with router_service(tmp_path, "[limits]\nmax_body_bytes = 1000") as url, client(url) as http:
        refused = http.post(path, content=content)
    assert refused.status_code == 413
    assert refused.json()["error"]["type"] == "request_too_large"
    assert "1000 bytes" in refused.json()["error"]["message"]


def test_a_body_just_at_the_limit_is_taken(tmp_path: Path) -> None:
    with router_service(tmp_path, f"[limits]\nmax_body_bytes = {len(BODY)}") as url, client(url) as http:
        assert http.post("/v1/chat/completions", content=BODY).status_code == 200
        assert http.post("/v1/chat/completions", content=BODY + b" ").status_code == 413


def test_a_length_that_is_no_sane_number_is_refused(tmp_path: Path) -> None:
    head = b"POST /v1/chat/completions HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-length: " + b"9" * 30 + b"\r\n\r\n{}"
    with (
        router_service(tmp_path) as url,
        socket.create_connection(("127.0.0.1", urlsplit(url).port or 0), timeout=10) as connection,
    ):
        connection.sendall(head)
        status = connection.recv(100).partition(b"\r\n")[0]
    assert status.split()[1] in {b"400", b"413"}


@PATHS
@pytest.mark.parametrize(("depth", "fits"), [(5, True), (6, False)])
def test_the_depth_has_a_limit(tmp_path: Path, path: str, depth: int, fits: bool) -> None:
    body = b'{"x": ' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"
    with router_service(tmp_path, "[limits]\nmax_depth = 5") as url, client(url) as http:
        answer = http.post(path, content=body)
    assert answer.status_code == (400 if fits else 413)


@PATHS
@pytest.mark.parametrize(
    "headers",
    [
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-encoding": "gzip"},
    ],
)
def test_what_says_that_it_is_no_plain_json_is_refused(tmp_path: Path, path: str, headers: dict[str, str]) -> None:
    with router_service(tmp_path) as url, client(url) as http:
        assert http.post(path, content=BODY, headers=headers).status_code == 415


@pytest.mark.parametrize("kind", ["application/json", "application/json; charset=utf-8", "application/vnd.x+json", ""])
def test_json_by_any_of_its_names_is_taken(tmp_path: Path, kind: str) -> None:
    headers = {"content-type": kind} if kind else {}
    with router_service(tmp_path) as url, client(url) as http:
        assert http.post("/v1/chat/completions", content=BODY, headers=headers).status_code == 200
