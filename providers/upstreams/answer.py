"""An answer over HTTP whose body is read by whoever asked."""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping

from providers.spec.errors import RouterError
from providers.upstreams.base import ProviderRow, read_pieces
from providers.upstreams.codings import CodingError, Undoing, undoing
from providers.upstreams.failures import TRANSPORT_FAULTS, error_of
from providers.upstreams.http1.reply import Reply
from providers.upstreams.proxied import ProxiedReply


class PoolAnswer:
    """Status and headers are here, the body is still on the wire."""

    def __init__(self, response: Reply | ProxiedReply, row: ProviderRow) -> None:
        self._response = response
        self._row = row

    @property
    def status(self) -> int:
        """HTTP status."""
        return self._response.status

    @property
    def headers(self) -> Mapping[str, str]:
        """Matched without regard to case; a header sent twice is joined with a comma."""
        return self._response.headers

    def chunks(self) -> "_Pieces":
        """The body as it comes, once.

        Raises ProviderConnectionError where it breaks off, ProviderTimeoutError where it stalls, and
        ProviderProtocolError where it is not encoded as its headers say, or in a way nobody asked for. However it
        ends, the connection is given up.
        """
        return _Pieces(self)

    async def read(self, most: int, began: Callable[[], None]) -> bytes:
        """See ``UpstreamAnswer.read``: what is here already costs one step."""
        if "content-encoding" in self._response.headers:
            return await read_pieces(self.chunks(), most, began)
        response = self._response
        if response.ended:
            return response.take()
        pieces = [await self._piece()]
        if not response.ended:
            began()
        size = len(pieces[0])
        while size <= most and (piece := await self._piece()):
            pieces.append(piece)
            size += len(piece)
        return b"".join(pieces)

    async def aclose(self, *, is_over: bool = False) -> None:
        """Give the connection up at once, also while being cancelled; may be called again.

        ``is_over``: keep it where the answer's end comes soon.
        """
        if is_over:
            self._response.let_go()
        else:
            self._response.close()

    async def _piece(self) -> bytes:
        try:
            return await self._response.read_some()
        except BaseException as fault:
            self._response.close()
            if isinstance(fault, TRANSPORT_FAULTS):
                raise error_of(fault, self._row) from None
            raise

    def _undoing(self) -> Undoing | None:
        if "content-encoding" not in self._response.headers:
            return None
        try:
            return undoing([self._response.headers["content-encoding"]])
        except CodingError as fault:
            raise self._miscoded(fault) from None

    def _miscoded(self, fault: CodingError) -> RouterError:
        self._response.close()
        return error_of(fault, self._row)


class _Pieces(AsyncIterator[bytes]):
    """A body piece by piece. No generator: one would cost as much again for each piece."""

    def __init__(self, answer: PoolAnswer) -> None:
        self._answer = answer
        self._coding = answer._undoing()
        self._undone: Iterator[bytes] = iter(())

    async def __anext__(self) -> bytes:
        if self._coding is not None:
            return await self._decoded(self._coding)
        piece = await self._answer._piece()
        if not piece:
            raise StopAsyncIteration
        return piece

    async def aclose(self) -> None:
        """Read no further."""
        await self._answer.aclose()

    async def _decoded(self, coding: Undoing) -> bytes:
        try:
            while (piece := next(self._undone, None)) is None:
                data = await self._answer._piece()
                if not data:
                    coding.close()
                    raise StopAsyncIteration
                self._undone = coding.feed(data)
        except CodingError as fault:
            raise self._answer._miscoded(fault) from None
        return piece
