"""Fixtures of the loop client's tests."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.loop_client.fake_server import FakeServer, serve


@pytest.fixture(scope="session")
def shared_server() -> Iterator[FakeServer]:
    """One server for all tests: starting one costs more than most tests."""
    with serve() as fake:
        yield fake


@pytest.fixture
def server(shared_server: FakeServer) -> FakeServer:
    """The server, with nothing of another test left in it."""
    shared_server.play()
    shared_server.bodies.clear()
    shared_server.headers.clear()
    shared_server.client_left.clear()
    return shared_server
