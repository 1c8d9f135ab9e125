"""What a transport is: prepare a call, send it, hand back raw bytes."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from typing import Protocol

import msgspec

from providers.spec.dialect import EncodedRequest
from providers.spec.profile import Profile


class Timeouts(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long to wait, in seconds."""

    connect: float = 5.0
    """To open the connection."""
    first_byte: float = 300.0
    """From sending the request to the first byte of the answer's body."""
    between_events: float = 120.0
    """Between two events of a stream. Comments and pings do not count as events."""
    total: float = 600.0
    """For the whole call."""


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, resolved: nothing in it refers to the environment any more."""

    name: str
    dialect: str
    base_url: str
    api_key: str | None = None
    profile: Profile = Profile()
    headers: dict[str, str] = {}
    timeouts: Timeouts = Timeouts()
    script: str | None = None
    """Path of the script file of a ``scripted`` row."""

    def __repr__(self) -> str:
        """Without the key and the headers: rows end up in logs."""
        return f"ProviderRow(name={self.name!r}, dialect={self.dialect!r}, base_url={self.base_url!r})"


class PreparedCall(msgspec.Struct, frozen=True, kw_only=True):
    """The exact request that will leave."""

    method: str
    url: str
    headers: dict[str, str]
    """Lower-case names. Includes credentials: never logged."""
    body: bytes
    stream: bool


class UpstreamAnswer(Protocol):
    """An answer whose body has not been read yet."""

    @property
    def status(self) -> int:
        """HTTP status."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Header names are matched without regard to case."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The body as it comes, content encoding undone. Raises ProviderConnectionError where it breaks."""
        ...

    async def aclose(self) -> None:
        """Give the connection up; the provider sees a disconnect where the body was not read to its end."""
        ...


class Upstream(Protocol):
    """A way to one provider."""

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """Address, credentials and bytes of this request. Sends nothing."""
        ...

    async def send(self, call: PreparedCall) -> UpstreamAnswer:
        """Send it and wait for status and headers.

        Raises ProviderConnectionError and ProviderTimeoutError. Statuses of 400 and more are answers, not errors.
        """
        ...

    async def aclose(self) -> None:
        """Close pooled connections."""
        ...


def scope_of(row: ProviderRow) -> str:
    """A short digest of the credential a row uses: opaque state issued under one is not valid under another.

    It ends up in state envelopes, so it must not help anyone to guess a key: 48 bits of a hash of a long random
    secret tell nothing about it.
    """
    if not row.api_key:
        return ""
    return hashlib.sha256(f"{row.base_url}\n{row.api_key}".encode()).hexdigest()[:12]
