"""Access tokens of a row: fetched in a thread, kept until shortly before they end, one fetch for however many calls."""

import asyncio
import re
import time
from collections.abc import Callable, Mapping
from typing import Protocol

import msgspec

from providers.spec.errors import ProviderConnectionError, ProviderError, RouterError
from providers.upstreams.base import ProviderRow

EARLY_SECONDS = 300.0
"""A token is replaced this long before it ends, while calls still go out with it."""
_AGAIN_SECONDS = 10.0
"""After a fetch that failed, while the token at hand is still good."""
LATE_SECONDS = 30.0
"""With less left than this a token is used no more: a call may wait in a queue before the provider looks at it."""


_TEXT = re.compile(r"[\x21-\x7e]+")


class Token(msgspec.Struct, frozen=True):
    """An access token."""

    text: str
    ends: float
    """Unix seconds."""

    def __repr__(self) -> str:
        """Without the token."""
        return f"Token(ends={self.ends})"


class TokenError(Exception):
    """There is no token. ``reason`` is public: no secrets in it."""

    def __init__(self, reason: str, *, retryable: bool) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retryable = retryable
        """The server of tokens was not reached or did not work; the credentials were not refused."""


class TokenSource(Protocol):
    """Where the tokens of a row come from."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers that go with every token; known without asking anybody."""
        ...

    def fetch(self) -> Token:
        """Get a new token. Blocks; called in a thread, one call at a time. Raises TokenError."""
        ...


class Tokens:
    """The tokens of one row."""

    def __init__(self, row: ProviderRow, source: TokenSource, clock: Callable[[], float] = time.time) -> None:
        self._row = row
        self._source = source
        self._clock = clock
        self._token: Token | None = None
        self._fetching: asyncio.Task[Token] | None = None
        self._again = 0.0

    async def current(self) -> Token:
        """A token that is good for a call now.

        Raises ProviderConnectionError where the server of tokens does not work, ProviderError of status 401 where it
        refuses the credentials.
        """
        token = self._token
        left = -1.0 if token is None else token.ends - self._clock()
        if token is not None and left > EARLY_SECONDS:
            return token
        if token is not None and left > LATE_SECONDS:
            if self._clock() >= self._again:
                _ = self._start()
            return token
        try:
            # Shielded: a caller that leaves must not end it for the others.
            return await asyncio.shield(self._start())
        except TokenError as error:
            raise self._failure(error) from None

    def refuse(self, token: Token) -> None:
        """The provider did not take this token: the next call gets another."""
        if self._token is token:
            self._token = None

    async def aclose(self) -> None:
        """Wait for no more tokens."""
        if self._fetching is not None:
            self._fetching.cancel()
            await asyncio.gather(self._fetching, return_exceptions=True)

    def _start(self) -> "asyncio.Future[Token]":
        if self._fetching is None or self._fetching.done():
            self._fetching = asyncio.create_task(self._fetched())
            # A fetch that nobody waits for has its failure looked at here; the next call tries again.
            self._fetching.add_done_callback(lambda task: task.cancelled() or task.exception())
        return self._fetching

    async def _fetched(self) -> Token:
        try:
            token = await asyncio.to_thread(self._source.fetch)
            if not _TEXT.fullmatch(token.text):
                raise TokenError("what came is no token", retryable=True)
            self._token = token
        except TokenError:
            self._again = self._clock() + _AGAIN_SECONDS
            raise
        return token

    def _failure(self, error: TokenError) -> RouterError:
        message = f"no access token for {self._row.name}: {error.reason}"
        if error.retryable:
            return ProviderConnectionError(message, provider=self._row.name)
        return ProviderError(message, status=401, type="authentication_error", provider=self._row.name)
