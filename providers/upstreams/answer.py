"""An answer over HTTP whose body is read by whoever asked."""

from collections.abc import AsyncIterator, Mapping
from contextlib import aclosing

import anyio
import httpx2

from providers.spec.errors import ProviderProtocolError
from providers.upstreams.base import ProviderRow
from providers.upstreams.failures import TRANSPORT_FAULTS, error_of

_CODINGS = frozenset({"identity", "gzip", "deflate"})
"""Content codings that are undone here. httpx2 hands out others, such as an unasked-for ``br``, as they came."""


class HttpAnswer:
    """Status and headers are here, the body is still on the wire."""

    def __init__(self, response: httpx2.Response, row: ProviderRow) -> None:
        self._response = response
        self._row = row

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._response.status_code

    @property
    def headers(self) -> Mapping[str, str]:
        """Matched without regard to case; a header sent twice is joined with a comma."""
        return self._response.headers

    async def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, once.

        Raises ProviderConnectionError where it breaks off, ProviderTimeoutError where it stalls, and
        ProviderProtocolError where it is not encoded as its headers say, or in a way nobody asked for. However it
        ends, the connection is given up.
        """
        try:
            self._check_coding()
            async with aclosing(self._response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    yield piece
        except TRANSPORT_FAULTS as fault:
            raise error_of(fault, self._row) from None
        finally:
            await self.aclose()

    async def aclose(self) -> None:
        """Give the connection up at once, also while being cancelled; may be called again."""
        with anyio.CancelScope(shield=True):
            await self._response.aclose()

    def _check_coding(self) -> None:
        for coding in self._response.headers.get_list("content-encoding", split_commas=True):
            if coding.lower() not in _CODINGS:
                message = f"the answer of {self._row.name} is encoded in a way that was not asked for"
                raise ProviderProtocolError(message, provider=self._row.name)
