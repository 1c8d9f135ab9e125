"""What a transport is: prepare a call, send it, hand back raw bytes."""

import hashlib
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Literal, Protocol

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


class Call(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How a host wants the calls of a dialect that it serves at addresses, and in words, of its own."""

    path: str
    """Below the base URL, query included. ``{model}`` stands for the model; in the catalog also ``{project}`` and
    ``{location}``."""
    stream_path: str
    """The same for a stream."""
    count_path: str | None = None
    """Where tokens are counted, if anywhere; the body has its model there."""
    without: tuple[str, ...] = ()
    """Members that the body must not have."""
    moved_headers: dict[str, str] = {}
    """Headers of the dialect (names in lower case) that go into the body instead, and the members that take them."""
    values: dict[str, str] = {}
    """What the host calls a header's value that was moved, where it has a name of its own for it."""


class ProviderRow(msgspec.Struct, frozen=True, kw_only=True):
    """One provider, resolved: nothing in it refers to the environment any more."""

    name: str
    dialect: str
    base_url: str
    api_key: str | None = None
    profile: Profile = Profile()
    headers: dict[str, str] = {}
    timeouts: Timeouts = Timeouts()
    key_header: str | None = None
    """The header that takes the key; ``None``: that of the dialect. ``authorization`` takes it as ``Bearer``."""
    transport: Literal["pool", "sdk"] = "pool"
    """``sdk``: the vendor's own SDK builds and sends the requests, over its own HTTP client."""
    tokens: Literal["google", "azure"] | None = None
    """Calls carry access tokens of this kind, and no key."""
    token_scope: str = ""
    """What the tokens are to be good for."""
    credentials_file: str | None = None
    """What tokens are issued for; ``None``: what the vendor's library finds."""
    account: str = ""
    """Whose tokens they are (a project, …); stays the same when tokens and credentials are renewed."""
    call: Call | None = None
    """``None``: calls go out as the dialect has them."""
    variants: tuple["Variant", ...] = ()
    """What the row is for some of its models."""
    script: str | None = None
    """Path of the script file of a ``scripted`` row."""

    is_variant: bool = False

    @property
    def key(self) -> str:
        """Names the row among all rows and their variants."""
        return f"{self.name}:{self.dialect}" if self.is_variant else self.name

    def for_model(self, model: str) -> "ProviderRow":
        """The row for this model: that of the first variant it belongs to, else this one."""
        return next((each.row for each in self.variants if re.search(each.models, model)), self)

    def __repr__(self) -> str:
        """Without the key and the headers: rows end up in logs."""
        return f"ProviderRow(name={self.name!r}, dialect={self.dialect!r}, base_url={self.base_url!r})"


class Variant(msgspec.Struct, frozen=True):
    """Some of a row's models, which speak another dialect than the rest."""

    models: str
    """Regular expression."""
    row: ProviderRow
    """Of the same name; ``is_variant``."""


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

    async def read(self, most: int, began: Callable[[], None]) -> bytes:
        """The body whole, or what has come of it once that is more than ``most`` bytes.

        ``began`` is called where its first bytes are here and others are waited for. Raises ProviderConnectionError
        where it breaks.
        """
        ...

    async def aclose(self, *, is_over: bool = False) -> None:
        """Give the connection up; the provider sees a disconnect where the body was not read to its end.

        ``is_over``: all that the body has to say was read. Its end may be waited for, so that the connection is kept.
        """
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


async def read_pieces(pieces: AsyncIterator[bytes], most: int, began: Callable[[], None]) -> bytes:
    """``UpstreamAnswer.read`` for an answer that has nothing quicker than its ``chunks``."""
    body = bytearray()
    async for piece in pieces:
        body += piece
        if len(body) > most:
            break
        began()
    return bytes(body)


def scope_of(row: ProviderRow) -> str:
    """A short digest of the credential a row uses: opaque state issued under one is not valid under another.

    Of a row with tokens it is the account that counts, for tokens come and go. It ends up in state envelopes, so it
    must not help anyone to guess a key: 48 bits of a hash of a long random secret tell nothing about it.
    """
    secret = f"{row.tokens}:{row.account}" if row.tokens else row.api_key
    if not secret:
        return ""
    return hashlib.sha256(f"{row.base_url}\n{secret}".encode()).hexdigest()[:12]
