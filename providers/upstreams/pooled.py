"""A row with a static key: address and headers from data, bytes over the shared pool."""

from collections.abc import Mapping

from providers.spec.dialect import EncodedRequest
from providers.upstreams.answer import PoolAnswer
from providers.upstreams.base import PreparedCall, ProviderRow
from providers.upstreams.failures import TRANSPORT_FAULTS, error_of, read_limit
from providers.upstreams.outgoing import Preparing, check_row
from providers.upstreams.pool import Pool


class PooledUpstream:
    """One row. Raises ValueError for one that could not be sent."""

    def __init__(self, row: ProviderRow, pool: Pool, credentials: Mapping[str, str]) -> None:
        check_row(row)
        self._row = row
        self._preparing = Preparing(row, credentials)
        self._way = pool.way(row.base_url, connect=row.timeouts.connect, silent=read_limit(row))

    def prepare(self, encoded: EncodedRequest, *, stream: bool) -> PreparedCall:
        """The request as it will leave: a row without a key sends none."""
        return self._preparing.call(encoded, stream=stream)

    async def send(self, call: PreparedCall) -> PoolAnswer:
        """Send it; the body of the answer is left unread, whatever its status.

        Raises ProviderConnectionError and ProviderTimeoutError.
        """
        try:
            return PoolAnswer(await self._way.send(call), self._row)
        except TRANSPORT_FAULTS as fault:
            raise error_of(fault, self._row) from None

    async def aclose(self) -> None:
        """Nothing of its own to close; the shared pool stays open."""
