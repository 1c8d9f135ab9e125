"""How an SDK is made to send what was prepared and to hand back what came, over an HTTP client of its own kind."""

import ssl
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing

import anyio
import httpx2

from providers.spec.errors import RouterError
from providers.upstreams.base import ProviderRow, read_pieces
from providers.upstreams.failures import broken, miscoded, read_limit, silent, unconnected

_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")

_CODINGS = frozenset({"identity", "gzip", "deflate"})
"""Content codings that are undone here. httpx2 hands out others, such as an unasked-for ``br``, as they came."""

_FAULTS = (httpx2.RequestError, httpx2.StreamClosed, ssl.SSLError, anyio.EndOfStream, OSError)
"""All that httpx2 raises between opening a connection and the end of a body. TLS faults and an ended byte stream can
come through it unmapped (https://github.com/pydantic/httpx2/issues/854)."""


def new_client() -> httpx2.AsyncClient:
    """The client that all rows with an SDK share; keeps what ``Pool`` promises."""
    return httpx2.AsyncClient(
        trust_env=True,
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30.0),
        mounts=dict.fromkeys(_LOOPBACK),
    )


def timeout_of(row: ProviderRow) -> httpx2.Timeout:
    """The row's limits as httpx2 takes them."""
    return httpx2.Timeout(read_limit(row), connect=row.timeouts.connect, pool=row.timeouts.connect)


class Answered(Exception):
    """Carries an answer other than 200 past an SDK, which would read its body and judge it."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class Carrier(httpx2.AsyncClient):
    """What an SDK is given as its HTTP client: sends through the shared one and adds nothing to a request.

    It has no default headers, keeps no cookies and never reads a body. Faults of the connection are raised as our
    errors, answers other than 200 as ``Answered``: all three SDKs let both through, one of them wrapped.
    """

    def __init__(self, client: httpx2.AsyncClient, row: ProviderRow) -> None:
        # A transport of its own, never used, keeps httpx2 from building a TLS context for each row.
        super().__init__(transport=httpx2.MockTransport(_unused), trust_env=False)
        self.headers.clear()
        self._client = client
        self._row = row

    async def send(
        self,
        request: httpx2.Request,
        *,
        stream: bool = False,
        auth: object = None,
        follow_redirects: object = None,
    ) -> httpx2.Response:
        """Send as it is; what the SDK says about streaming, authentication and redirects does not apply."""
        try:
            response = await self._client.send(request, stream=True, auth=None, follow_redirects=False)
        except _FAULTS as fault:
            raise _error_of(fault, self._row) from None
        if response.status_code != httpx2.codes.OK:
            raise Answered(response)
        return response


def named_only(request: httpx2.Request, named: Mapping[str, object]) -> httpx2.Request:
    """Take off a request every header that was not named for it, in place.

    The SDKs add what they find in the environment (``OPENAI_ORG_ID``, ``OPENAI_CUSTOM_HEADERS``,
    ``ANTHROPIC_CUSTOM_HEADERS``, …) and a description of the machine (``x-stainless-*``), whatever the address.
    """
    keep = {name.lower() for name, value in named.items() if isinstance(value, str)} | {"host", "content-length"}
    for name in [name for name in request.headers if name.lower() not in keep]:
        del request.headers[name]
    return request


def outcome_of(error: Exception) -> httpx2.Response:
    """The answer that an SDK's exception stands for.

    Raises the error of ours that it stands for, or the exception itself where it is the SDK's own.
    """
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, Answered):
            return cause.response
        if isinstance(cause, RouterError):
            raise cause from None
        cause = cause.__cause__
    raise error


class SDKAnswer:
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
        """The body as it comes, once. Raises as ``PoolAnswer.chunks``; however it ends, the connection is given up."""
        try:
            self._check_coding()
            async with aclosing(self._response.aiter_bytes()) as pieces:
                async for piece in pieces:
                    yield piece
        except _FAULTS as fault:
            raise _error_of(fault, self._row) from None
        finally:
            await self.aclose()

    async def read(self, most: int, began: Callable[[], None]) -> bytes:
        """See ``UpstreamAnswer.read``."""
        return await read_pieces(self.chunks(), most, began)

    async def aclose(self, *, is_over: bool = False) -> None:
        """Give the connection up at once, also while being cancelled; may be called again."""
        with anyio.CancelScope(shield=True):
            await self._response.aclose()

    def _check_coding(self) -> None:
        for coding in self._response.headers.get_list("content-encoding", split_commas=True):
            if coding.lower() not in _CODINGS:
                raise miscoded(self._row)


def _error_of(fault: Exception, row: ProviderRow) -> RouterError:
    kind = type(fault).__name__
    match fault:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return unconnected(row, None)
        case httpx2.TimeoutException():
            return silent(row)
        case httpx2.ConnectError() | httpx2.ProxyError() | httpx2.UnsupportedProtocol():
            return unconnected(row, kind)
        case httpx2.DecodingError():
            return miscoded(row)
        case _:
            return broken(row, kind)


def _unused(request: httpx2.Request) -> httpx2.Response:
    raise RuntimeError(f"{request.method} was not sent through the shared client")
