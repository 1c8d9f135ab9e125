"""What went wrong on the way to a provider, as our errors."""

import ssl

import anyio
import httpx2

from providers.spec.errors import ProviderConnectionError, ProviderProtocolError, ProviderTimeoutError, RouterError
from providers.upstreams.base import ProviderRow

TRANSPORT_FAULTS = (httpx2.RequestError, httpx2.StreamClosed, ssl.SSLError, anyio.EndOfStream, OSError)
"""All that httpx2 raises between opening a connection and the end of a body. TLS faults and an ended byte stream can
come through it unmapped (https://github.com/pydantic/httpx2/issues/854)."""


def read_limit(row: ProviderRow) -> float:
    """Seconds a socket may stay silent. The finer limits (first byte, events) are kept by whoever reads the answer."""
    return max(row.timeouts.first_byte, row.timeouts.between_events)


def timeout_of(row: ProviderRow) -> httpx2.Timeout:
    """The row's limits as httpx2 takes them."""
    return httpx2.Timeout(read_limit(row), connect=row.timeouts.connect, pool=row.timeouts.connect)


def error_of(fault: Exception, row: ProviderRow) -> RouterError:
    """One of ``TRANSPORT_FAULTS`` as our error.

    The words of the fault are left out: they can quote a header, and with it the key.
    """
    kind = type(fault).__name__
    match fault:
        case httpx2.ConnectTimeout() | httpx2.PoolTimeout():
            return _too_slow(row, f"no connection to {row.name} within {row.timeouts.connect:g} s")
        case httpx2.TimeoutException():
            return _too_slow(row, f"{row.name} was silent for {read_limit(row):g} s")
        case httpx2.ConnectError() | httpx2.ProxyError() | httpx2.UnsupportedProtocol():
            return _broken(row, f"could not connect to {row.name} ({kind})")
        case httpx2.DecodingError():
            return ProviderProtocolError(f"the answer of {row.name} is not encoded as it says", provider=row.name)
        case _:
            return _broken(row, f"the connection to {row.name} broke ({kind})")


def _too_slow(row: ProviderRow, message: str) -> RouterError:
    return ProviderTimeoutError(message, provider=row.name)


def _broken(row: ProviderRow, message: str) -> RouterError:
    return ProviderConnectionError(message, provider=row.name)
