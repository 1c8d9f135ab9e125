"""Callers that still send when they were answered, and callers that do not read what they are answered."""

import asyncio
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from typing import cast
from urllib.parse import urlsplit

import pytest

from router.connection import Connection
from tests.fakes.server import running
from tests.router.test_http import SECONDS, Caller, Echo, called


@contextmanager
def called_server(app: Echo) -> Iterator[tuple[Caller, int]]:
    class Seen(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            app.transports.append(self.transport)

    with running(app, http=Seen) as url:
        port = urlsplit(url).port or 0
        with called(port) as caller:
            yield caller, port


@pytest.mark.parametrize("head", [b"GET /refuse HTTP/1.1\r\nconnection: close", b"GET /refuse HTTP/1.0", b"nonsense"])
def test_whoever_still_sends_is_let_finish_after_the_last_answer(head: bytes) -> None:
    """Else it would fail on what it sends, and many a client never look at the answer that says why."""
    app = Echo()
    with called_server(app) as (caller, _):
        caller.send(head + b"\r\ncontent-length: %d\r\n\r\n" % (1 << 24))
        status, headers, _ = caller.answer()
        assert (status, headers["connection"]) == (400 if head == b"nonsense" else 401, "close")
        assert caller.rest() == b""
        caller.send(b"GET / HTTP/1.1\r\n\r\n" * ((1 << 24) // 18))
    assert app.asked in ([], ["/refuse"])


@pytest.mark.parametrize("head", [b"GET /refuse HTTP/1.0\r\ncontent-length: 9", b"nonsense"])
def test_but_not_for_ever(monkeypatch: pytest.MonkeyPatch, head: bytes) -> None:
    monkeypatch.setattr("router.connection._PARTING_SECONDS", 0.01)

    def send_on(caller: Caller, port: int) -> None:
        while True:
            caller.send(b"x")
            with called(port) as other:  # the service has had its turn
                other.send(b"GET / HTTP/1.1\r\n\r\n")
                other.told()

    with called_server(Echo()) as (caller, port):
        caller.send(head + b"\r\n\r\n")
        assert caller.rest()
        with pytest.raises(ConnectionError):
            send_on(caller, port)


@pytest.mark.parametrize(
    "sent", [b"content-length: 9\r\n\r\nhalf", b"content-length: 9\r\nexpect: 100-continue\r\n\r\n"]
)
def test_a_body_that_does_not_come_on_is_not_waited_for_for_ever(monkeypatch: pytest.MonkeyPatch, sent: bytes) -> None:
    monkeypatch.setattr("router.connection._SILENT_SECONDS", 0.01)
    with called_server(Echo()) as (caller, _):
        caller.send(b"POST / HTTP/1.1\r\n" + sent)
        status, headers, body = caller.answer()
        if status == 100:
            status, headers, body = caller.answer()
        assert (status, headers["connection"], body) == (408, "close", b"The rest of the request did not come.")
        assert caller.rest() == b""


def test_a_body_that_has_come_may_be_answered_late(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("router.connection._SILENT_SECONDS", 0.0)
    app = Echo()
    with called_server(app) as (caller, port):
        caller.send(b"POST /slow HTTP/1.1\r\ncontent-length: 2\r\n\r\nab")
        with called(port) as other:
            other.send(b"GET / HTTP/1.1\r\n\r\n")
            other.told()
        app.go_on.set()
        assert caller.told()["body"] == "ab"


def test_a_caller_that_never_reads_on_is_taken_to_have_left(monkeypatch: pytest.MonkeyPatch) -> None:
    """It keeps its connection; what is made for it would be kept for ever."""
    monkeypatch.setattr("router.connection._UNREAD_SECONDS", 0.01)
    app = Echo()
    with called_server(app) as (caller, _):
        caller.send(b"GET /much HTTP/1.1\r\n\r\n")
        assert app.left.wait(SECONDS)
        assert not caller.rest().endswith(b"\r\n0\r\n\r\n")


def test_one_that_takes_something_of_it_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """However slowly: each time it is looked at, less waits for it."""
    monkeypatch.setattr("router.connection._UNREAD_SECONDS", 0.0)
    waiting = itertools.count(0, -1)

    class Read(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            self.transport = cast(asyncio.Transport, Watched(self.transport))

    class Watched:
        """The system takes what is written in steps of its own; this tells of one at each look."""

        def __init__(self, transport: asyncio.Transport) -> None:
            self._transport = transport

        def __getattr__(self, name: str) -> object:
            return getattr(self._transport, name)

        def get_write_buffer_size(self) -> int:
            return next(waiting)

    app = Echo()
    with running(app, http=Read) as url, called(urlsplit(url).port or 0) as caller:
        caller.send(b"GET /whole_large HTTP/1.1\r\n\r\n")
        while next(waiting) > -500:
            with called(urlsplit(url).port or 0) as other:
                other.send(b"GET / HTTP/1.1\r\n\r\n")
                other.told()
        assert len(caller.answer()[2]) == 1 << 24
