"""The one connection pool, and how an SDK is made to use it."""

import httpx2

from providers.spec.errors import RouterError
from providers.upstreams.base import ProviderRow
from providers.upstreams.failures import TRANSPORT_FAULTS, error_of

_LOOPBACK = ("all://localhost", "all://127.0.0.1", "all://[::1]")


def new_pool() -> httpx2.AsyncClient:
    """The pool that all upstreams share; whoever makes it closes it.

    HTTP/1.1, no redirects followed (a key must not travel to an address nobody configured). Proxies and extra
    certificates come from the environment as everywhere (``HTTPS_PROXY``, ``NO_PROXY``, ``SSL_CERT_FILE``), except
    that loopback addresses are never proxied: a local model behind a company proxy is not reachable there. The number
    of connections is not limited here, for a stream holds one for minutes; admission is the router's business.
    """
    return httpx2.AsyncClient(
        trust_env=True,
        follow_redirects=False,
        limits=httpx2.Limits(max_connections=None, max_keepalive_connections=100, keepalive_expiry=30.0),
        mounts=dict.fromkeys(_LOOPBACK),
    )


class Answered(Exception):
    """Carries an answer other than 200 past an SDK, which would read its body and judge it."""

    def __init__(self, response: httpx2.Response) -> None:
        super().__init__(f"HTTP {response.status_code}")
        self.response = response


class Carrier(httpx2.AsyncClient):
    """What an SDK is given as its HTTP client: sends through the shared pool and adds nothing to a request.

    It has no default headers, keeps no cookies and never reads a body. Faults of the connection are raised as our
    errors, answers other than 200 as ``Answered``: all three SDKs let both through, one of them wrapped.
    """

    def __init__(self, pool: httpx2.AsyncClient, row: ProviderRow) -> None:
        # A transport of its own, never used, keeps httpx2 from building a TLS context for each row.
        super().__init__(transport=httpx2.MockTransport(_unused), trust_env=False)
        self.headers.clear()
        self._pool = pool
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
            response = await self._pool.send(request, stream=True, auth=None, follow_redirects=False)
        except TRANSPORT_FAULTS as fault:
            raise error_of(fault, self._row) from None
        if response.status_code != httpx2.codes.OK:
            raise Answered(response)
        return response


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


def _unused(request: httpx2.Request) -> httpx2.Response:
    raise RuntimeError(f"{request.method} was not sent through the pool")
