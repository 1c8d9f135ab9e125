"""One answer: its head, and as much of its body as has come and nobody has taken yet."""

import asyncio
from typing import Final, Protocol

from providers.upstreams.http1.faults import ClientConnectionError, HttpFault
from providers.upstreams.http1.headers import Headers

_NONE: Final = Headers(())


class Source(Protocol):
    """Where a body comes from."""

    def resume(self) -> None:
        """There is room for more."""
        ...

    def close(self) -> None:
        """Nobody wants the rest."""
        ...

    def drain(self) -> None:
        """Nobody wants the rest, which should be no more than the body's end."""
        ...


class Reply:
    """Filled by a connection, read by one task.

    What came before a fault can still be taken; the fault is raised behind it.
    """

    __slots__ = ("_fault", "_loop", "_source", "_waiter", "ended", "headers", "is_let_go", "pieces", "size", "status")

    def __init__(self, source: Source, loop: asyncio.AbstractEventLoop) -> None:
        self.status = 0
        """HTTP status; 0 until the head is here."""
        self.headers = _NONE
        self.ended = False
        """Whether the whole body has come; some of it may still be here."""
        self.pieces: list[bytes] = []
        """What is here of the body."""
        self.size = 0
        """Bytes of that."""
        self.is_let_go = False
        """Whether nobody reads on."""
        self._source = source
        self._loop = loop
        self._fault: HttpFault | None = None
        self._waiter: asyncio.Future[None] | None = None

    async def read_some(self) -> bytes:
        """What has come of the body, at least a byte; nothing: it has ended. Raises HttpFault."""
        while not self.pieces:
            if self.ended:
                return b""
            await self.wait()
        return self.take()

    def take(self) -> bytes:
        """What has come of the body and was not taken yet."""
        pieces = self.pieces
        body = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self.size = 0
        if not self.ended:
            self._source.resume()
        return body

    def close(self) -> None:
        """Give it up, with its connection, unless it has come whole; what is here is dropped."""
        self.pieces.clear()
        if not self.ended and self._fault is None:
            self._source.close()
            self.fail(ClientConnectionError())

    def let_go(self) -> None:
        """Read no further, because all was said; the connection is kept where the end comes soon."""
        self.pieces.clear()
        self.size = 0
        if not self.ended and self._fault is None and not self.is_let_go:
            self.is_let_go = True
            self._source.drain()

    async def wait(self) -> None:
        """Wait until ``wake``. Raises HttpFault where the answer has failed."""
        if self._fault is not None:
            raise self._fault
        waiter = self._waiter = self._loop.create_future()
        try:
            await waiter
        finally:
            self._waiter = None

    def wake(self) -> None:
        """Something changed."""
        waiter = self._waiter
        if waiter is not None and not waiter.done():
            waiter.set_result(None)

    def fail(self, fault: HttpFault) -> None:
        """Its connection is gone: unless it has ended, it will not come to its end."""
        if not self.ended:
            self._fault = fault
        self.wake()
