"""The one connection pool: every row's calls leave through it, as they were prepared."""

import asyncio
import errno
import os
import ssl
import time
import urllib.request
from collections.abc import Callable
from contextvars import ContextVar
from types import TracebackType
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver, AbstractStreamWriter
from aiohttp.client_reqrep import ConnectionKey
from yarl import URL

from providers.upstreams.base import PreparedCall
from providers.upstreams.direct import MOST_HEADER_BYTES, DirectWay, Reply, is_known

_KEPT_SECONDS = 30.0
"""How long a connection that nobody uses is kept open."""
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_LARGE_BYTES = 1 << 18
"""From here on a body is written in pieces, as the connection takes it, so that other calls get their turn."""

_STALE_SECONDS = 2.0
"""A connection that was given up shows it within a round trip. One that breaks later broke on the request itself."""
_MOST_STALE = 3
"""How many kept connections in a row may turn out to be given up."""

_opened: ContextVar[bool] = ContextVar("opened")
"""Whether the call under way opened a connection of its own."""


class _Closable(Protocol):
    async def aclose(self) -> None: ...


Companion = TypeVar("Companion", bound=_Closable)


class Pool:
    """Connections that all upstreams share. To be made and closed in a running loop.

    HTTP/1.1, no redirects followed (a key must not travel to an address nobody configured), no cookies kept, no
    ``.netrc`` read. The number of connections is not limited here, for a stream holds one for minutes; admission is
    the router's business. Certificates are checked against the system's, or those that ``SSL_CERT_FILE`` and
    ``SSL_CERT_DIR`` name. Raises OSError and ssl.SSLError where these cannot be read.
    """

    def __init__(self, resolver: AbstractResolver | None = None) -> None:
        self._connector = _Connector(
            limit=0,
            keepalive_timeout=_KEPT_SECONDS,
            ssl=_trusted(),
            # Named, or the presence of another package would choose.
            resolver=resolver or aiohttp.ThreadedResolver(),
        )
        self._loop = asyncio.get_running_loop()
        self._companions: dict[object, _Closable] = {}
        self._session = aiohttp.ClientSession(
            connector=self._connector,
            auto_decompress=False,
            cookie_jar=aiohttp.DummyCookieJar(),
            max_line_size=MOST_HEADER_BYTES,
            max_field_size=MOST_HEADER_BYTES,
            trust_env=False,
        )

    def way(self, base_url: str, *, connect: float, silent: float) -> "Way":
        """The way to one address. ``connect``: seconds for a connection; ``silent``: how long a socket may be so.

        Raises ValueError for a proxy that cannot be spoken to.
        """
        # The total time is kept by whoever reads the answer.
        limits = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=silent)
        proxy = proxy_of(base_url)
        direct = DirectWay(self._session, self._loop, base_url) if proxy is None and is_known() else None
        return Way(self._session, self._connector, limits, proxy, direct)

    @property
    def is_closed(self) -> bool:
        """Whether it can send no more."""
        return self._session.closed

    def companion(self, make: Callable[[], Companion]) -> Companion:
        """What ``make`` makes, once for this pool, and closed with it: the HTTP client of the SDKs."""
        if make not in self._companions:
            self._companions[make] = make()
        return cast(Companion, self._companions[make])

    async def aclose(self) -> None:
        """Close every connection; a call under way breaks."""
        await self._session.close()
        for companion in self._companions.values():
            await companion.aclose()

    async def __aenter__(self) -> "Pool":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()


def proxy_of(base_url: str) -> URL | None:
    """The proxy that the environment names for this address (``HTTPS_PROXY``, ``NO_PROXY``, …), as everywhere.

    Loopback addresses have none: a local model behind a company's proxy is not reachable there. Raises ValueError for
    a proxy that is spoken to in another way than HTTP; its text does not hold the address.
    """
    address = urlsplit(base_url)
    host = address.hostname or ""
    proxies = urllib.request.getproxies()
    found = proxies.get(address.scheme) or proxies.get("all")
    if host in _LOOPBACK or not found or urllib.request.proxy_bypass(address.netloc):
        return None
    proxy = URL(found if "://" in found else f"http://{found}")
    if proxy.scheme not in {"http", "https"}:
        raise ValueError(f"the environment names a proxy of a kind that is not supported ({proxy.scheme})")
    return proxy


class Way:
    """Sends calls to one address."""

    def __init__(
        self,
        session: aiohttp.ClientSession,
        connector: "_Connector",
        limits: aiohttp.ClientTimeout,
        proxy: URL | None,
        direct: DirectWay | None,
    ) -> None:
        self._session = session
        self._connector = connector
        self._limits = limits
        self._proxy = proxy
        self._direct = direct

    async def send(self, call: PreparedCall) -> aiohttp.ClientResponse | Reply:
        """Send it and wait for status and headers; the body is left unread. Raises ``failures.TRANSPORT_FAULTS``.

        A kept connection may have been given up by the provider at the very moment it is used again. Where one ends
        before a byte of an answer, as soon as this, the call is sent once more, over another connection: see
        ``docs/decisions/0010-the-shared-pool.md``.
        """
        began = time.monotonic()
        for _ in range(_MOST_STALE):
            _opened.set(False)
            try:
                return await self._send(call)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError) as fault:
                if _opened.get() or not _was_stale(fault) or time.monotonic() - began > _STALE_SECONDS:
                    raise
                if self._direct is not None:
                    self._connector.forget(self._direct.address)
        return await self._send(call)

    async def _send(self, call: PreparedCall) -> aiohttp.ClientResponse | Reply:
        if self._direct is not None and len(call.body) < _LARGE_BYTES:
            return await self._direct.send(call, self._limits)
        return await self._session.request(
            call.method,
            URL(call.url, encoded=True),
            data=call.body if len(call.body) < _LARGE_BYTES else _Large(call.body),
            headers=call.headers,
            allow_redirects=False,
            timeout=self._limits,
            proxy=self._proxy,
        )


class _Connector(aiohttp.TCPConnector):
    def forget(self, address: ConnectionKey) -> None:
        """Close the kept connections to an address: where one was given up, the others hardly were not."""
        for protocol, _ in self._conns.pop(address, ()):
            protocol.close()

    async def _create_connection(self, *arguments: Any) -> Any:
        _opened.set(True)
        return await super()._create_connection(*arguments)


class _Large(aiohttp.Payload):
    """A large body in memory. aiohttp's own class for it warns that it is large, and writes it at once."""

    _autoclose = True

    def __init__(self, body: bytes) -> None:
        super().__init__(body)
        self._body = body
        self._size = len(body)

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        return self._body.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        view = memoryview(self._body)
        for start in range(0, len(view), _LARGE_BYTES):
            await writer.write(view[start : start + _LARGE_BYTES])


def _was_stale(fault: Exception) -> bool:
    """Ended without a byte of an answer. One that began comes with the fault, as the message it was going to be."""
    if isinstance(fault, aiohttp.ServerDisconnectedError):
        return isinstance(fault.message, str)
    return isinstance(fault, OSError) and fault.errno in {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}


def _trusted() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
