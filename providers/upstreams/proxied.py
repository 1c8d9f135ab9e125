"""Calls that go over a proxy: rare, and aiohttp's business."""

import io
from collections.abc import Callable

import aiohttp
from yarl import URL

from providers.upstreams.base import PreparedCall
from providers.upstreams.http1.headers import Headers

_LARGE_BYTES = 1 << 18


class ProxiedReply:
    """An answer of aiohttp's, read as one of ``http1.reply``. Raises aiohttp's errors."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.status = response.status
        self.headers = Headers(response.raw_headers)
        self._response = response

    @property
    def ended(self) -> bool:
        """Whether the whole body has come; some of it may still be here."""
        return self._response.content.is_eof() and self._response.content.exception() is None

    async def read_some(self) -> bytes:
        """What has come of the body, at least a byte; nothing: it has ended."""
        return await self._response.content.readany()

    def take(self) -> bytes:
        """What has come of the body and was not taken yet."""
        return self._response.content.read_nowait()

    def close(self) -> None:
        """Give it up, with its connection, unless it has come whole."""
        self._response.close()

    def let_go(self) -> None:
        """Read no further. Not waited for: the session keeps only what was read to its end."""
        self._response.close()


class ProxiedWay:
    """The way to one address over a proxy. ``session`` is called in the loop: the pool has one for all proxies."""

    def __init__(
        self, session: Callable[[], aiohttp.ClientSession], proxy: URL, *, connect: float, silent: float
    ) -> None:
        self._session = session
        self._proxy = proxy
        # The total time is kept by whoever reads the answer.
        self._limits = aiohttp.ClientTimeout(total=None, connect=connect, sock_read=silent)

    async def send(self, call: PreparedCall) -> ProxiedReply:
        """Send it and wait for status and headers. Raises aiohttp's errors."""
        response = await self._session().request(
            call.method,
            URL(call.url, encoded=True),
            # A large one in pieces, as the connection takes it.
            data=call.body if len(call.body) < _LARGE_BYTES else io.BytesIO(call.body),
            headers=call.headers,
            allow_redirects=False,
            timeout=self._limits,
            proxy=self._proxy,
        )
        return ProxiedReply(response)
