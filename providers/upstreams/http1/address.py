"""One address: how connections to it are opened, and those that are kept."""

import asyncio
import contextlib
import ipaddress
import socket
import ssl
from dataclasses import dataclass

import aiohappyeyeballs
from aiohttp.abc import AbstractResolver
from yarl import URL

from providers.upstreams.http1.connection import Connection
from providers.upstreams.http1.faults import (
    ClientConnectionError,
    ConnectionTimeoutError,
    ConnectorDNSError,
    ConnectorError,
)

_RESOLVED_SECONDS = 10.0
"""How long a host's addresses are taken to be the same."""
_NEXT_ADDRESS_SECONDS = 0.25
"""After this an address of the other kind (IPv6, IPv4) is tried beside the one that does not answer (RFC 8305)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a server is. Hashable: what names an address among others."""

    is_secure: bool
    host: str
    port: int

    @classmethod
    def of(cls, url: URL) -> "Place":
        """That of an http or https URL."""
        assert url.raw_host is not None and url.port is not None  # noqa: S101, PT018  # check_row has seen it
        return cls(url.scheme == "https", url.raw_host, url.port)


class Address:
    """All connections to one place. May be made in any thread; the loop is the one it is used in."""

    def __init__(
        self, place: Place, resolver: AbstractResolver, trusted: ssl.SSLContext, loop: asyncio.AbstractEventLoop
    ) -> None:
        self._loop = loop
        self._place = place
        self._resolver = resolver
        self._context = trusted if place.is_secure else None
        # A trailing dot belongs to the name that is looked up, and to no certificate.
        self._name = place.host.rstrip(".") if place.is_secure else None
        self._looking_up = asyncio.Lock()
        self._found: list[aiohappyeyeballs.AddrInfoType] = []
        self._found_until = 0.0
        self._all: set[Connection] = set()
        self._kept: dict[Connection, None] = {}
        self._is_closed = False

    def kept(self) -> Connection | None:
        """The connection that was used last of those that nobody uses; it is the caller's now."""
        while self._kept:
            connection, _ = self._kept.popitem()
            if connection.is_open:
                return connection
        return None

    async def open(self, seconds: float) -> Connection:
        """A new connection, within this time. Raises HttpFault."""
        try:
            async with asyncio.timeout(seconds):
                connection = await self._connect(await self._addresses())
        except OSError as fault:
            # The system has a time-out of its own, and a number for it.
            is_ours = isinstance(fault, TimeoutError) and fault.errno is None
            raise (ConnectionTimeoutError() if is_ours else ConnectorError(fault)) from None
        if self._is_closed:
            connection.close()
            raise ClientConnectionError
        return connection

    def forget(self) -> None:
        """Close the connections that nobody uses: where one was given up, the others hardly were not."""
        for connection in [*self._kept]:
            connection.close()

    def close(self) -> None:
        """Close every connection; a call under way breaks."""
        self._is_closed = True
        for connection in [*self._all]:
            connection.close()

    # ---- what connections say

    def idle(self, connection: Connection) -> None:
        """It can take another request."""
        self._kept[connection] = None

    def closed(self, connection: Connection) -> None:
        """It never can again."""
        self._all.discard(connection)
        self._kept.pop(connection, None)

    # ----

    async def _addresses(self) -> list[aiohappyeyeballs.AddrInfoType]:
        """Those of the host. Calls that come together look it up once."""
        place = self._place
        if _is_literal(place.host):
            return _infos(place.host, place.port)
        async with self._looking_up:
            if self._loop.time() > self._found_until:
                try:
                    found = await self._resolver.resolve(place.host, place.port, family=socket.AF_UNSPEC)
                except (OSError, UnicodeError):
                    # The latter of a name with an empty or too long part, as a slip of the pen makes one.
                    raise ConnectorDNSError from None
                self._found = [info for each in found for info in _infos(each["host"], each["port"])]
                self._found_until = self._loop.time() + _RESOLVED_SECONDS
            return [*self._found]

    async def _connect(self, addresses: list[aiohappyeyeballs.AddrInfoType]) -> Connection:
        """The first of the addresses that takes a connection, and TLS over it."""
        fault = OSError("the host has no address")
        while addresses:
            try:
                taken = await aiohappyeyeballs.start_connection(
                    addresses, happy_eyeballs_delay=_NEXT_ADDRESS_SECONDS, loop=self._loop
                )
                return await self._over(taken)
            except OSError as failed:
                fault = failed
                aiohappyeyeballs.pop_addr_infos_interleave(addresses)
        raise fault

    async def _over(self, taken: socket.socket) -> Connection:
        try:
            _, connection = await self._loop.create_connection(
                lambda: Connection(self, self._loop), sock=taken, ssl=self._context, server_hostname=self._name
            )
        except BaseException:
            with contextlib.suppress(OSError):
                taken.close()
            raise
        # Not as soon as it hears of itself: uvloop never tells one that it is lost whose opening was cancelled.
        if connection.is_open:
            self._all.add(connection)
        return connection


def _infos(host: str, port: int) -> list[aiohappyeyeballs.AddrInfoType]:
    return aiohappyeyeballs.addr_to_addr_infos((host, port)) or []


def _is_literal(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
