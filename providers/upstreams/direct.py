"""The short way through aiohttp: its connections and its parser, and nothing of its requests and responses between.

A ``ClientSession`` makes of each call a request, a writer, a task and a response, for features that are switched off
here; together they cost twice as much as connection, parser and sockets. What is used instead is what they themselves
use of ``aiohttp.connector`` and ``aiohttp.client_proto``. It is no public interface: ``is_known`` looks whether it is
still the one this was written for, and else every call goes through the session.
"""

import asyncio
import inspect
import re

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.client_reqrep import ClientRequest, ConnectionKey
from aiohttp.connector import Connection
from aiohttp.helpers import TimerNoop
from aiohttp.http import HttpProcessingError, RawResponseMessage
from aiohttp.streams import StreamReader
from yarl import URL

from providers.upstreams.base import PreparedCall

MOST_HEADER_BYTES = 1 << 16
"""One header of an answer. Gateways in front of providers send some of more than the usual 8 KB."""

_TARGET = re.compile(r"[\x21-\x7e]+")
_TIMER = TimerNoop()
_PARAMETERS = {
    "timer", "skip_payload", "read_until_eof", "auto_decompress", "read_timeout", "read_bufsize",
    "timeout_ceil_threshold", "max_line_size", "max_field_size", "max_headers",
}  # fmt: skip


def is_known() -> bool:
    """Whether aiohttp has the insides that this module was written for."""
    try:
        taken = set(inspect.signature(ResponseHandler.set_response_params).parameters)
        connecting = list(inspect.signature(aiohttp.BaseConnector.connect).parameters)
        return taken == {"self", *_PARAMETERS} and connecting == ["self", "req", "traces", "timeout"]
    except (AttributeError, TypeError, ValueError):
        return False


class Reply:
    """An answer whose body has not been read; what is used of an ``aiohttp.ClientResponse``."""

    __slots__ = ("_connection", "content", "headers", "status")

    def __init__(self, message: RawResponseMessage, content: StreamReader, connection: Connection) -> None:
        self.status = message.code
        self.headers = message.headers
        self.content = content
        self._connection: Connection | None = connection
        content.on_eof(self._release)

    def close(self) -> None:
        """Give the connection up, unless the body was read to its end."""
        connection, self._connection = self._connection, None
        if connection is not None:
            self.content.set_exception(aiohttp.ClientConnectionError("given up"))
            connection.close()

    def _release(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.release()


class DirectWay:
    """The way to one address, without a proxy. Its connections are the session's."""

    def __init__(self, session: aiohttp.ClientSession, loop: asyncio.AbstractEventLoop, base_url: str) -> None:
        url = URL(base_url, encoded=True)
        assert session.connector is not None  # noqa: S101  # it has one until it is closed
        self._connector = session.connector
        # Stands for every request when a connection is looked for, and is never sent.
        self._request = ClientRequest("POST", url, loop=loop, session=session)
        # Up to here it is the same in every call's URL, and said in no request.
        slash = base_url.find("/", base_url.index("//") + 2)
        self._origin = len(base_url) if slash < 0 else slash
        self._host = url.host_port_subcomponent

    @property
    def address(self) -> ConnectionKey:
        """Names this address among a connector's connections."""
        return self._request.connection_key

    async def send(self, call: PreparedCall, limits: aiohttp.ClientTimeout) -> Reply:
        """As ``ClientSession.request``; also raises aiohttp's HttpProcessingError for what is no HTTP."""
        head = self._head(call)
        try:
            connection = await self._connector.connect(self._request, [], limits)
        except TimeoutError as fault:
            raise aiohttp.ConnectionTimeoutError("no connection in time") from fault
        try:
            message, content = await self._answer(connection, head + call.body, limits)
            return Reply(message, content, connection)
        except BaseException:
            connection.close()
            raise

    async def _answer(
        self, connection: Connection, request: bytes, limits: aiohttp.ClientTimeout
    ) -> tuple[RawResponseMessage, StreamReader]:
        protocol = connection.protocol
        if protocol is None or protocol.transport is None:
            raise aiohttp.ServerDisconnectedError
        protocol.set_response_params(
            timer=_TIMER,
            skip_payload=False,
            read_until_eof=True,
            auto_decompress=False,
            read_timeout=limits.sock_read,
            read_bufsize=MOST_HEADER_BYTES,
            timeout_ceil_threshold=limits.ceil_threshold,
            max_line_size=MOST_HEADER_BYTES,
            max_field_size=MOST_HEADER_BYTES,
            max_headers=128,
        )
        protocol.transport.write(request)
        protocol.start_timeout()
        while True:
            message, content = await protocol.read()
            if message.code == 101:
                raise HttpProcessingError(message="an upgrade that nobody asked for")
            if message.code >= 200:
                return message, content

    def _head(self, call: PreparedCall) -> bytes:
        target = call.url[self._origin :] or "/"
        lines = [f"{call.method} {target} HTTP/1.1"]
        if "host" not in call.headers:
            lines.append(f"host: {self._host}")
        lines += [f"{name}: {value}" for name, value in call.headers.items()]
        head = "\r\n".join(lines)
        if not _TARGET.fullmatch(target) or head.count("\n") != len(lines) - 1 or head.count("\r") != len(lines) - 1:
            # Checked where each part comes from; here once more, for whatever came another way.
            raise ValueError("a call that is no HTTP request")
        return f"{head}\r\ncontent-length: {len(call.body)}\r\n\r\n".encode("ascii")
