"""What went wrong on the way to a provider, as our errors."""

import os
import ssl

import aiohttp
from aiohttp.http import HttpProcessingError

from providers.spec.errors import ProviderConnectionError, ProviderProtocolError, ProviderTimeoutError, RouterError
from providers.upstreams.base import ProviderRow
from providers.upstreams.codings import CodingError
from providers.upstreams.http1 import faults

TRANSPORT_FAULTS = (faults.HttpFault, aiohttp.ClientError, HttpProcessingError, CodingError, ssl.SSLError, OSError)
"""All that the pool raises between opening a connection and the end of a body; aiohttp's come of calls over proxies."""


def read_limit(row: ProviderRow) -> float:
    """Seconds a socket may stay silent. The finer limits (first byte, events) are kept by whoever reads the answer."""
    return max(row.timeouts.first_byte, row.timeouts.between_events)


def error_of(fault: Exception, row: ProviderRow) -> RouterError:
    """One of ``TRANSPORT_FAULTS`` as our error.

    The words of the fault are left out: they can quote a header, and with it the key.
    """
    match fault:
        case faults.ConnectionTimeoutError() | aiohttp.ConnectionTimeoutError():
            return unconnected(row, None)
        case faults.SocketTimeoutError() | aiohttp.ServerTimeoutError():
            return silent(row)
        case faults.ConnectorDNSError() | aiohttp.ClientConnectorDNSError():
            return unconnected(row, "host not found")
        case faults.ConnectorError(cause=ssl.SSLCertVerificationError()) | aiohttp.ClientConnectorCertificateError():
            return unconnected(row, "its certificate is not trusted here")
        case aiohttp.ClientHttpProxyError():
            return unconnected(row, f"the proxy answered {fault.status}")
        case faults.ConnectorError():
            return unconnected(row, _reason(fault.cause))
        case faults.ServerDisconnectedError(cause=OSError() as cause):
            return broken(row, _reason(cause))
        case aiohttp.ClientConnectorError():
            return unconnected(row, _reason(fault.os_error))
        case CodingError():
            return miscoded(row)
        case _:
            return broken(row, _reason(fault))


def unconnected(row: ProviderRow, reason: str | None) -> RouterError:
    """No connection; ``None``: not within the time for it."""
    if reason is None:
        message = f"no connection to {row.name} within {row.timeouts.connect:g} s"
        return ProviderTimeoutError(message, provider=row.name)
    return ProviderConnectionError(f"could not connect to {row.name} ({reason})", provider=row.name)


def silent(row: ProviderRow) -> RouterError:
    """A connection on which nothing came."""
    return ProviderTimeoutError(f"{row.name} was silent for {read_limit(row):g} s", provider=row.name)


def broken(row: ProviderRow, reason: str) -> RouterError:
    """A connection that ended before its answer did."""
    return ProviderConnectionError(f"the connection to {row.name} broke ({reason})", provider=row.name)


def miscoded(row: ProviderRow) -> RouterError:
    """A body that is not encoded as its headers say, or in a way that was not asked for."""
    return ProviderProtocolError(f"the answer of {row.name} is not encoded as was asked for or said", provider=row.name)


def _reason(fault: Exception) -> str:
    """``Connection refused`` where the system has words for it, else the kind of the fault."""
    number = fault.errno if isinstance(fault, OSError) and not isinstance(fault, ssl.SSLError) else None
    if number is not None and number > 0:
        return os.strerror(number)
    return type(fault).__name__
