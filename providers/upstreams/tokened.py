"""A row whose calls carry access tokens: prepared like any other, the token is put in when a call is sent."""

import msgspec

from providers.spec.dialect import EncodedRequest
from providers.upstreams.answer import PoolAnswer
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.pool import Pool
from providers.upstreams.pooled import PooledUpstream
from providers.upstreams.tokens import Token, Tokens, TokenSource

_TO_COME = "Bearer (an access token)"
"""Stands in a prepared call for what is known only when it is sent."""


class TokenUpstream:
    """One row with tokens. Raises ValueError for one that could not be sent."""

    def __init__(self, row: ProviderRow, pool: Pool, source: TokenSource) -> None:
        self._pooled = PooledUpstream(row, pool, {"authorization": _TO_COME, **source.headers})
        self._tokens = Tokens(row, source)

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """The request as it will leave, but for the token. Asks nobody."""
        return self._pooled.prepare(encoded, stream=stream)

    async def send(self, call: PreparedCall) -> PoolAnswer:
        """Send it; the body of the answer is left unread, whatever its status.

        A token that the provider does not take is replaced once: it may have been withdrawn. Raises
        ProviderConnectionError and ProviderTimeoutError, and ProviderError where there is no token to be had.
        """
        if call.headers["authorization"] != _TO_COME:
            # The row's own headers say otherwise.
            return await self._pooled.send(call)
        token = await self._tokens.current()
        answer = await self._pooled.send(_with(call, token))
        if answer.status != 401:
            return answer
        await answer.aclose()
        self._tokens.refuse(token)
        return await self._pooled.send(_with(call, await self._tokens.current()))

    async def aclose(self) -> None:
        """Wait for no more tokens; the shared pool stays open."""
        await self._tokens.aclose()
        await self._pooled.aclose()


def _with(call: PreparedCall, token: Token) -> PreparedCall:
    headers = {**call.headers, "authorization": f"Bearer {token.text}"}
    return msgspec.structs.replace(call, headers=headers)
