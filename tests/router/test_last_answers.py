"""The last answer of a connection, while its request is still being sent: it is heard, and the sender let finish."""

from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

import pytest

from router.connection import Connection
from tests.fakes.server import running
from tests.router.test_http import Caller, Echo, called


@contextmanager
def called_server(app: Echo) -> Iterator[tuple[Caller, int]]:
    with running(app, http=Connection) as url:
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
