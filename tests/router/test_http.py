"""HTTP on real sockets, as `ai-router serve` speaks it: what is asked, how it is cut, and who reads or leaves when."""

import asyncio
import contextlib
import json
import select
import socket
import threading
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest

from router.asgi import DISCONNECT, WHOLE, Receive, Scope, Send
from router.connection import Connection
from tests.fakes.server import running

SECONDS = 20.0
MOST = 65536
"""What may wait on either side."""
HOST = b"host: 127.0.0.1\r\n"


class Echo:
    """An application that tells what it was asked, or does what the path says."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waits = threading.Event()
        self.left = threading.Event()
        self.go_on = threading.Event()
        self.transports: list[asyncio.Transport] = []
        self.most_unsent = 0
        self.taken: list[bool] = []
        """What the server said to answers in one piece."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await receive()
            await send({"type": "lifespan.startup.complete"})
            await receive()
            await send({"type": "lifespan.shutdown.complete"})
            return
        self.asked.append(scope["path"])
        await getattr(self, scope["path"].strip("/").replace("/", "_") or "echo", self.echo)(scope, receive, send)

    async def echo(self, scope: Scope, receive: Receive, send: Send) -> None:
        body, more = bytearray(), True
        while more:
            message = await receive()
            if message["type"] == "http.disconnect":
                return
            body += message["body"]
            more = message["more_body"]
        told = {
            "method": scope["method"],
            "version": scope["http_version"],
            "path": scope["path"],
            "raw_path": scope["raw_path"].decode(),
            "query": scope["query_string"].decode(),
            "headers": [[name.decode("latin-1"), value.decode("latin-1")] for name, value in scope["headers"]],
            "body": body.decode("latin-1"),
        }
        await answer(send, json.dumps(told).encode())

    async def refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        await answer(send, b"no", status=401)

    async def pieces(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for piece in (b"one", b"", b"three"):
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body"})

    async def much(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(256):
            await send({"type": "http.response.body", "body": b"x" * MOST, "more_body": True})
            self.most_unsent = max(self.most_unsent, *(found.get_write_buffer_size() for found in self.transports))
        await send({"type": "http.response.body"})
        self.left.set()

    async def slow(self, scope: Scope, receive: Receive, send: Send) -> None:
        await asyncio.to_thread(self.go_on.wait, SECONDS)
        await self.echo(scope, receive, send)

    async def until_left(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.Event()
        assert (await receive())["more_body"] is False
        assert scope["extensions"][DISCONNECT](left.set)
        self.waits.set()
        await left.wait()
        assert (await receive())["type"] == "http.disconnect"
        await answer(send, b"said to nobody")
        self.left.set()

    async def whole(self, scope: Scope, receive: Receive, send: Send) -> None:
        answered = scope["extensions"][WHOLE](200, [(b"content-length", b"5"), (b"X-A", b"b")], b"whole")
        self.taken.append(answered)

    async def whole_large(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = b"x" * (1 << 24)
        self.taken.append(scope["extensions"][WHOLE](200, [(b"content-length", b"%d" % len(body))], body))
        if not self.taken[-1]:
            self.waits.set()
            await answer(send, b"after all")

    async def whole_to_nobody(self, scope: Scope, receive: Receive, send: Send) -> None:
        left = asyncio.Event()
        assert scope["extensions"][DISCONNECT](left.set)
        self.waits.set()
        await left.wait()
        self.taken.append(scope["extensions"][WHOLE](200, [], b"said to nobody"))
        self.left.set()

    async def whole_again(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self.whole(scope, receive, send)
        with pytest.raises(RuntimeError, match="unexpected answer"):
            scope["extensions"][WHOLE](200, [], b"again")

    async def whole_later(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        scope["extensions"][WHOLE](200, [], b"whole")

    async def whole_split(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][WHOLE](200, [(b"x-a", b"b\r\nset-cookie: c")], b"whole")

    async def whole_short(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["extensions"][WHOLE](200, [(b"content-length", b"9")], b"whole")

    async def fail(self, scope: Scope, receive: Receive, send: Send) -> None:
        raise ValueError("before")

    async def fail_later(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})
        raise ValueError("after")

    async def unended(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"9")]})
        await send({"type": "http.response.body", "body": b"begun", "more_body": True})

    async def silent(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})

    async def split_header(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = [(b"x-a", b"b\r\nset-cookie: c")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})

    async def split_name(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"x-a: b\r\nx", b"c")]})

    async def too_long(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
        await send({"type": "http.response.body", "body": b"three"})


async def answer(send: Send, body: bytes, status: int = 200) -> None:
    headers = [(b"content-length", b"%d" % len(body))]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})


class Caller:
    """A socket, and the answers that were read from it."""

    def __init__(self, connection: socket.socket) -> None:
        self.socket = connection
        self._file = connection.makefile("rb")

    def close(self) -> None:
        self._file.close()
        self.socket.close()

    def send(self, data: bytes) -> None:
        self.socket.sendall(data)

    def answer(self, *, of_head: bool = False) -> tuple[int, dict[str, str], bytes]:
        """The next answer: status, headers, body. Fails where it is cut."""
        line = self._file.readline()
        assert line.startswith(b"HTTP/1.1 "), line
        headers: dict[str, str] = {}
        while (read := self._file.readline()) != b"\r\n":
            name, _, value = read.decode().strip().partition(": ")
            assert name not in headers
            headers[name] = value
        status = int(line.split()[1])
        if of_head or status in (100, 204, 304):
            return status, headers, b""
        if headers.get("transfer-encoding") == "chunked":
            return status, headers, self._chunks()
        if "content-length" in headers:
            length = int(headers["content-length"])
            body = self._file.read(length)
            assert len(body) == length
            return status, headers, body
        return status, headers, self._file.read()

    def _chunks(self) -> bytes:
        body = b""
        while length := int(self._file.readline(), 16):
            body += self._file.read(length)
            assert self._file.read(2) == b"\r\n"
        assert self._file.readline() == b"\r\n"
        return body

    def told(self) -> dict[str, object]:
        """What the application was asked."""
        status, _, body = self.answer()
        assert status == 200
        found = json.loads(body)
        assert isinstance(found, dict)
        return found

    def rest(self) -> bytes:
        """Everything until the server closes."""
        return self._file.read()


@pytest.fixture
def app() -> Echo:
    return Echo()


@pytest.fixture
def port(app: Echo) -> Iterator[int]:
    """Of a server that keeps idle connections for half a second."""

    class Seen(Connection):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            super().connection_made(transport)
            app.transports.append(self.transport)

    with running(app, http=Seen, keep_alive=0.5) as url:
        yield urlsplit(url).port or 0


@pytest.fixture
def caller(port: int) -> Iterator[Caller]:
    with called(port) as made:
        yield made


@contextlib.contextmanager
def called(port: int) -> Iterator[Caller]:
    with socket.create_connection(("127.0.0.1", port), SECONDS) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made = Caller(connection)
        try:
            yield made
        finally:
            made.close()


# ---- what is asked


def test_a_request_arrives_as_it_was_sent(caller: Caller) -> None:
    caller.send(
        b"PUT /a%20b/%C3%BC?x=1&y=%20 HTTP/1.1\r\n"
        + HOST
        + b"X-One: a  b\r\nX-One: \xfc\r\nContent-Length: 3\r\n\r\nabc"
    )
    assert caller.told() == {
        "method": "PUT", "version": "1.1", "path": "/a b/ü", "raw_path": "/a%20b/%C3%BC", "query": "x=1&y=%20",
        "headers": [["host", "127.0.0.1"], ["x-one", "a  b"], ["x-one", "\xfc"], ["content-length", "3"]],
        "body": "abc",
    }  # fmt: skip


def test_a_byte_at_a_time_it_is_the_same(caller: Caller) -> None:
    for byte in (
        b"POST /x HTTP/1.1\r\n"
        + HOST
        + b"transfer-encoding: chunked\r\n\r\n3;e=1\r\nabc\r\n2\r\nde\r\n0\r\nx-t: 1\r\n\r\n"
    ):
        caller.send(bytes([byte]))
    told = caller.told()
    assert (told["body"], told["path"]) == ("abcde", "/x")
    assert told["headers"] == [["host", "127.0.0.1"], ["transfer-encoding", "chunked"]]


def test_a_trailer_is_a_header_of_no_request(caller: Caller) -> None:
    chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n0\r\nauthorization: Bearer x\r\n\r\n"
    caller.send(chunked + b"GET /next HTTP/1.1\r\nx-a: 1\r\n\r\n")
    assert caller.told()["headers"] == [["transfer-encoding", "chunked"]]
    assert caller.told()["headers"] == [["x-a", "1"]]


def test_requests_that_come_together_are_answered_in_their_order(caller: Caller, app: Echo) -> None:
    one = b"POST /slow HTTP/1.1\r\n" + HOST + b"content-length: 2\r\n\r\nab"
    more = [b"POST /%d HTTP/1.1\r\n%bcontent-length: 3\r\n\r\n%03d" % (n, HOST, n) for n in range(100)]
    caller.send(one + b"".join(more))
    app.go_on.set()
    assert caller.told()["body"] == "ab"
    assert [caller.told()["body"] for _ in more] == [f"{n:03}" for n in range(100)]


def test_a_large_body_comes_in_pieces_and_whole(caller: Caller) -> None:
    body = bytes(range(97, 117)) * 100_000
    sending = threading.Thread(
        target=caller.send, args=(b"POST / HTTP/1.1\r\n" + HOST + b"content-length: %d\r\n\r\n" % len(body) + body,)
    )
    sending.start()
    assert caller.told()["body"] == body.decode()
    sending.join(SECONDS)


def test_a_body_that_nobody_takes_is_not_taken_in(port: int, caller: Caller, app: Echo) -> None:
    """The application waits with 32 MB to come: the system's buffers fill up, and the service holds no more."""
    body = b"x" * (32 << 20)
    caller.send(b"POST /slow HTTP/1.1\r\n" + HOST + b"content-length: %d\r\n\r\n" % len(body))
    caller.socket.setblocking(False)
    sent = 0
    with contextlib.suppress(BlockingIOError):
        while sent < len(body):
            sent += caller.socket.send(body[sent : sent + (1 << 20)])
            with called(port) as other:  # the service has had its turn
                other.send(b"GET / HTTP/1.1\r\n\r\n")
                other.told()
    assert sent < len(body)
    caller.socket.settimeout(SECONDS)
    app.go_on.set()
    sending = threading.Thread(target=caller.send, args=(body[sent:],))
    sending.start()
    assert len(str(caller.told()["body"])) == len(body)
    sending.join(SECONDS)


def test_who_waits_to_be_asked_for_the_body_is_asked(caller: Caller) -> None:
    head = b"POST / HTTP/1.1\r\n" + HOST + b"content-length: 2\r\nExpect: 100-Continue\r\n\r\n"
    for _ in range(2):
        caller.send(head)
        assert caller.answer() == (100, {}, b"")
        caller.send(b"ab")
        assert caller.told()["body"] == "ab"
    caller.send(head + b"cd")
    assert caller.told()["body"] == "cd"


def test_who_is_refused_before_is_not_and_what_follows_is_no_request(caller: Caller) -> None:
    caller.send(b"POST /refuse HTTP/1.1\r\n" + HOST + b"content-length: 30\r\nexpect: 100-continue\r\n\r\n")
    status, headers, body = caller.answer()
    assert (status, headers["connection"], body) == (401, "close", b"no")
    assert caller.rest() == b""


def test_who_speaks_http_1_0_knows_no_answer_before_the_answer(port: int, caller: Caller, app: Echo) -> None:
    caller.send(b"POST / HTTP/1.0\r\ncontent-length: 2\r\nexpect: 100-continue\r\n\r\n")
    while app.asked != ["/"]:
        with called(port) as other:
            other.send(b"GET /turn HTTP/1.1\r\n\r\n")
            other.told()
            app.asked.remove("/turn")
    caller.send(b"ab")
    assert caller.told()["body"] == "ab"


def test_a_body_that_was_refused_is_read_past(caller: Caller) -> None:
    caller.send(b"POST /refuse HTTP/1.1\r\n" + HOST + b"content-length: 20\r\n\r\nGET /inner")
    assert caller.answer()[0] == 401
    caller.send(b" HTTP/1.1\nGET / HTTP/1.1\r\n\r\n")
    assert caller.told()["path"] == "/"


# ---- who is there


@pytest.mark.parametrize("method", [b"GET", b"POST"])
def test_whoever_leaves_is_known_to_have_left(port: int, app: Echo, method: bytes) -> None:
    with called(port) as caller:
        caller.send(method + b" /until_left HTTP/1.1\r\ncontent-length: 0\r\n\r\n")
        assert app.waits.wait(SECONDS)
    assert app.left.wait(SECONDS)


def test_who_leaves_within_its_body_is_not_answered(port: int, app: Echo) -> None:
    with called(port) as caller:
        caller.send(b"POST /until_left HTTP/1.1\r\ncontent-length: 5\r\n\r\n12")
    with called(port) as caller:
        caller.send(b"GET / HTTP/1.1\r\n\r\n")
        assert caller.told()["path"] == "/"
    assert not app.waits.is_set()


def test_who_reads_slowly_is_waited_for(caller: Caller, app: Echo) -> None:
    caller.send(b"GET /much HTTP/1.1\r\n\r\n")
    body = caller.answer()[2]
    assert len(body) == 256 * MOST
    assert 0 < app.most_unsent <= 2 * MOST + 16


def test_who_stops_reading_and_leaves_ends_it(port: int, app: Echo) -> None:
    with called(port) as caller:
        caller.send(b"GET /much HTTP/1.1\r\n\r\n")
        assert caller.socket.recv(10)
        assert not app.left.is_set()
    assert app.left.wait(SECONDS)


def test_a_connection_without_a_request_is_closed_after_a_while(caller: Caller, port: int) -> None:
    assert caller.rest() == b""
    with called(port) as other:
        other.send(b"GET / HTTP/1.1\r\n\r\n")
        assert other.told()["path"] == "/"
        other.send(b"GET / HT")
        assert other.rest() == b""


def test_one_that_is_being_answered_is_not(caller: Caller, app: Echo, port: int) -> None:
    caller.send(b"GET /slow HTTP/1.1\r\n\r\n")
    with called(port) as other:
        assert other.rest() == b""  # for half a second
    app.go_on.set()
    assert caller.told()["path"] == "/slow"


# ---- what is answered


def test_pieces_are_chunks_and_the_connection_stays(caller: Caller) -> None:
    for _ in range(2):
        caller.send(b"GET /pieces HTTP/1.1\r\n\r\n")
        status, headers, body = caller.answer()
        assert (status, headers["transfer-encoding"], body) == (200, "chunked", b"onethree")
        assert "connection" not in headers
        assert headers["date"].endswith(" GMT")


def test_what_is_older_than_chunks_reads_to_the_end_of_the_connection(caller: Caller) -> None:
    caller.send(b"GET /pieces HTTP/1.0\r\nconnection: keep-alive\r\n\r\n")
    status, headers, body = caller.answer()
    assert (status, headers["connection"], body) == (200, "close", b"onethree")
    assert "transfer-encoding" not in headers


def test_an_answer_may_be_given_in_one_piece(caller: Caller, app: Echo) -> None:
    for path in (b"whole", b"whole_again", b"whole"):
        caller.send(b"GET /" + path + b" HTTP/1.1\r\n\r\n")
        status, headers, body = caller.answer()
        assert (status, headers["x-a"], headers["content-length"], body) == (200, "b", "5", b"whole")
        assert headers["date"].endswith(" GMT")
        assert "connection" not in headers
    caller.send(b"HEAD /whole HTTP/1.1\r\n\r\n")
    assert caller.answer(of_head=True)[0] == 200
    caller.send(b"GET /whole HTTP/1.0\r\n\r\n")
    status, headers, body = caller.answer()
    assert (status, headers["connection"], body) == (200, "close", b"whole")
    assert caller.rest() == b""
    assert app.taken == [True] * 5


def test_an_answer_in_one_piece_waits_for_who_reads_slowly(caller: Caller, app: Echo) -> None:
    """Behind one that was not read yet, it is sent as any other."""
    caller.send(b"GET /whole_large HTTP/1.1\r\n\r\n" * 2)
    assert app.waits.wait(SECONDS)
    assert app.taken == [True, False]
    assert len(caller.answer()[2]) == 1 << 24
    assert caller.answer()[2] == b"after all"


def test_an_answer_in_one_piece_to_nobody_is_none(port: int, app: Echo) -> None:
    with called(port) as caller:
        caller.send(b"GET /whole_to_nobody HTTP/1.1\r\n\r\n")
        assert app.waits.wait(SECONDS)
    assert app.left.wait(SECONDS)
    assert app.taken == [True]


def test_who_asks_for_the_head_gets_the_head(caller: Caller) -> None:
    for path in (b"/", b"/pieces"):
        caller.send(b"HEAD " + path + b" HTTP/1.1\r\n\r\n")
        assert caller.answer(of_head=True)[0] == 200
    caller.send(b"GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
    status, headers, body = caller.answer()
    assert (status, headers["connection"], json.loads(body)["path"]) == (200, "close", "/last")
    assert caller.rest() == b""


@pytest.mark.parametrize(
    "path", ["fail", "silent", "split_header", "split_name", "too_long", "whole_later", "whole_split", "whole_short"]
)
def test_an_application_that_fails_is_an_error(caller: Caller, path: str) -> None:
    caller.send(f"GET /{path} HTTP/1.1\r\n\r\n".encode())
    status, headers, body = caller.answer()
    assert (status, headers["connection"], body) == (500, "close", b"Internal Server Error")
    assert caller.rest() == b""


@pytest.mark.parametrize("path", ["fail_later", "unended"])
def test_an_answer_that_was_begun_is_cut_off(caller: Caller, path: str) -> None:
    caller.send(f"GET /{path} HTTP/1.1\r\n\r\n".encode())
    rest = caller.rest()
    assert not rest.endswith(b"0\r\n\r\n")
    assert len(rest.partition(b"\r\n\r\n")[2]) < 19


# ---- another protocol


def test_javas_client_that_offers_http_2_is_answered_in_this_one(caller: Caller) -> None:
    head = b"POST /x HTTP/1.1\r\nConnection: Upgrade, HTTP2-Settings\r\n" + HOST
    offer = b"content-length: 4\r\nHTTP2-Settings: AAEAAEAAAAIAAAABAAMAAABkAAQBAAAAAAUAAEAA\r\nUpgrade: h2c\r\n\r\n"
    for pieces in ((head, offer + b"body"), (head + offer, b"bo", b"dy"), (head + offer + b"body",)):
        for piece in pieces:
            caller.send(piece)
        told = caller.told()
        assert (told["method"], told["body"]) == ("POST", "body")


def test_a_websocket_is_a_request_like_any(caller: Caller) -> None:
    caller.send(
        b"GET /ws HTTP/1.1\r\n" + HOST + b"Connection: Upgrade\r\nUpgrade: websocket\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    )
    assert caller.told()["path"] == "/ws"


# ---- what is no request

NOT_HTTP = {
    "nonsense": b"hello\r\n\r\n",
    "TLS": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    "HTTP/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT example.com:443 HTTP/1.1\r\n\r\n",
    "a version": b"GET / HTTP/9.9\r\n\r\n",
    "length and chunks": b"POST / HTTP/1.1\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunks and length": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n0\r\n\r\n",
    "two lengths": b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab",
    "the same length twice": b"POST / HTTP/1.1\r\ncontent-length: 1\r\ncontent-length: 1\r\n\r\na",
    "a list of lengths": b"POST / HTTP/1.1\r\ncontent-length: 1, 1\r\n\r\na",
    "a signed length": b"POST / HTTP/1.1\r\ncontent-length: +1\r\n\r\na",
    "a length without end": b"POST / HTTP/1.1\r\ncontent-length: 99999999999999999999\r\n\r\na",
    "a space before the colon": b"POST / HTTP/1.1\r\ntransfer-encoding : chunked\r\n\r\n0\r\n\r\n",
    "an unknown encoding": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked, gzip\r\n\r\n0\r\n\r\n",
    "a header without colon": b"GET / HTTP/1.1\r\nhost\r\n\r\n",
    "a NUL": b"GET / HTTP/1.1\r\nx: \x00\r\n\r\n",
    "a bare CR": b"GET / HTTP/1.1\r\nx: a\rb: c\r\n\r\n",
    "a chunk's size": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n0x1\r\na\r\n0\r\n\r\n",
    "a chunk's size without end": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n" + b"f" * 17 + b"\r\n",
    "a chunk's end": b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1\r\nab\r\n0\r\n\r\n",
}


@pytest.mark.parametrize("sent", NOT_HTTP.values(), ids=NOT_HTTP)
def test_what_is_no_request_is_refused_and_the_connection_closed(caller: Caller, app: Echo, sent: bytes) -> None:
    caller.send(sent)
    status, headers, body = caller.answer()
    assert (status, headers["connection"], body) == (400, "close", b"Invalid HTTP request received.")
    assert caller.rest() == b""


def test_what_was_asked_before_is_answered_before(caller: Caller, app: Echo) -> None:
    caller.send(b"GET /slow HTTP/1.1\r\n\r\nGET /pieces HTTP/1.1\r\n\r\nnonsense\r\n\r\n")
    app.go_on.set()
    assert caller.told()["path"] == "/slow"
    assert caller.answer()[2] == b"onethree"
    assert caller.answer()[0] == 400
    assert caller.rest() == b""


@pytest.mark.parametrize("where", ["target", "name", "value", "headers", "trailer", "extension"])
def test_a_head_without_end_is_refused(port: int, caller: Caller, where: str) -> None:
    chunked = b"POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n"
    begin, more = {
        "target": (b"GET /", b"a"),
        "name": (b"GET / HTTP/1.1\r\n", b"a"),
        "value": (b"GET / HTTP/1.1\r\nx: ", b"a"),
        "headers": (b"GET / HTTP/1.1\r\n", b"x: a\r\n"),
        "trailer": (chunked + b"0\r\nx: ", b"a"),
        "extension": (chunked + b"1;", b"a"),
    }[where]
    caller.send(begin)
    for _ in range(10):
        caller.send(more * (16384 // len(more)))
        with called(port) as other:  # what was sent before is read by now
            other.send(b"GET / HTTP/1.1\r\n\r\n")
            other.told()
        if select.select([caller.socket], [], [], 0)[0]:
            break
    status, headers, _ = caller.answer()
    assert (status, headers["connection"]) == (431, "close")
    assert caller.rest() == b""


def test_what_a_head_may_hold(caller: Caller) -> None:
    caller.send(b"GET / HTTP/1.1\r\nx: " + b"a" * 60000 + b"\r\n\r\n")
    assert caller.told()["method"] == "GET"
    caller.send(b"GET / HTTP/1.1\r\nx: " + b"a" * 140000 + b"\r\n\r\n")
    assert caller.answer()[0] == 431
