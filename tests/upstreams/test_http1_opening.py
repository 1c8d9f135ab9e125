"""A call that is given up while its connection is opened leaves nothing behind, on either event loop."""

from __future__ import annotations

import asyncio
import gc
import weakref
from collections.abc import Callable

import pytest
import uvloop

from providers.upstreams.base import PreparedCall
from providers.upstreams.http1 import address
from providers.upstreams.http1.connection import Connection, Keeper
from providers.upstreams.pool import Pool
from tests.upstreams.raw_server import RawServer, raw_server, replying

CALLS = 3


@pytest.mark.parametrize("new_loop", [asyncio.SelectorEventLoop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_a_call_that_is_cancelled_while_it_connects_leaves_no_connection(
    monkeypatch: pytest.MonkeyPatch, new_loop: Callable[[], asyncio.AbstractEventLoop]
) -> None:
    """uvloop tells such a connection that it is there, and never that it is gone."""
    made: weakref.WeakSet[Connection] = weakref.WeakSet()
    calls: list[asyncio.Task[object]] = []

    class Cancelled(Connection):
        """The call is cancelled just before this hears that it is there."""

        def __init__(self, keeper: Keeper, loop: asyncio.AbstractEventLoop) -> None:
            super().__init__(keeper, loop)
            made.add(self)
            loop.call_soon(calls[-1].cancel)

    async def call(server: RawServer, pool: Pool) -> None:
        way = pool.way(server.url, connect=5.0, silent=5.0)
        prepared = PreparedCall(method="POST", url=server.url, headers={}, body=b"", stream=False)
        calls.append(asyncio.ensure_future(way.send(prepared)))
        with pytest.raises(asyncio.CancelledError):
            await calls[-1]

    async def main() -> int:
        async with raw_server() as server, Pool() as pool:
            server.answer = replying(b"{}")
            for _ in range(CALLS):
                await call(server, pool)
            calls.clear()
            # Another call: what is left to do for those before it has been done.
            monkeypatch.setattr(address, "Connection", Connection)
            way = pool.way(server.url, connect=5.0, silent=5.0)
            await way.send(PreparedCall(method="POST", url=server.url, headers={}, body=b"", stream=False))
            gc.collect()
            return len(made)

    monkeypatch.setattr(address, "Connection", Cancelled)
    with asyncio.Runner(loop_factory=new_loop) as runner:
        assert runner.run(main()) == 0
