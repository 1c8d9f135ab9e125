"""The one connection pool: every row's calls leave through it, as they were prepared."""

import asyncio
import os
import ssl
import urllib.request
from collections.abc import Callable
from types import TracebackType
from typing import Protocol, TypeVar, cast
from urllib.parse import urlsplit

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

from providers.upstreams.http1.address import Address, Place
from providers.upstreams.http1.connection import KEPT_SECONDS, MOST_HEADER_BYTES
from providers.upstreams.proxied import ProxiedWay
from providers.upstreams.way import Way

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


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
        # Named, or the presence of another package would choose.
        self._resolver = resolver or aiohttp.ThreadedResolver()
        self._trusted = _trusted()
        self._loop = asyncio.get_running_loop()
        self._addresses: dict[Place, Address] = {}
        self._companions: dict[object, _Closable] = {}
        self._session: aiohttp.ClientSession | None = None
        self._is_closed = False

    def way(self, base_url: str, *, connect: float, silent: float) -> Way | ProxiedWay:
        """The way to one address. ``connect``: seconds for a connection; ``silent``: how long a socket may be so.

        Raises ValueError for a proxy that cannot be spoken to.
        """
        proxy = proxy_of(base_url)
        if proxy is not None:
            return ProxiedWay(self._proxied, proxy, connect=connect, silent=silent)
        place = Place.of(URL(base_url, encoded=True))
        # Rows are opened in threads; the first address stays.
        address = self._addresses.setdefault(place, Address(place, self._resolver, self._trusted, self._loop))
        return Way(address, base_url, connect=connect, silent=silent)

    @property
    def is_closed(self) -> bool:
        """Whether it can send no more."""
        return self._is_closed

    def companion(self, make: Callable[[], Companion]) -> Companion:
        """What ``make`` makes, once for this pool, and closed with it: the HTTP client of the SDKs."""
        if make not in self._companions:
            self._companions[make] = make()
        return cast(Companion, self._companions[make])

    async def aclose(self) -> None:
        """Close every connection; a call under way breaks."""
        self._is_closed = True
        for address in self._addresses.values():
            address.close()
        if self._session is not None:
            await self._session.close()
        for companion in self._companions.values():
            await companion.aclose()
        # What was closed is gone when the loop has had its turn.
        await asyncio.sleep(0)

    def _proxied(self) -> aiohttp.ClientSession:
        """What speaks to proxies, made for the first who needs it."""
        if self._session is None:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(
                    limit=0, keepalive_timeout=KEPT_SECONDS, ssl=self._trusted, resolver=self._resolver
                ),
                auto_decompress=False,
                cookie_jar=aiohttp.DummyCookieJar(),
                max_line_size=MOST_HEADER_BYTES,
                max_field_size=MOST_HEADER_BYTES,
                trust_env=False,
            )
        return self._session

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


def _trusted() -> ssl.SSLContext:
    file, folder = os.environ.get("SSL_CERT_FILE"), os.environ.get("SSL_CERT_DIR")
    context = ssl.create_default_context(cafile=file or None, capath=folder or None)
    context.set_alpn_protocols(["http/1.1"])
    return context
