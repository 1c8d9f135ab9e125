"""What the tests of the transports share: a server of bare bytes, the pool, and transports that are closed again."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from providers.upstreams.base import ProviderRow, Upstream
from providers.upstreams.factory import open_upstream
from providers.upstreams.pool import Pool
from tests.upstreams.raw_server import RawServer, raw_server

Opener = Callable[[ProviderRow], Awaitable[Upstream]]


@pytest.fixture
async def server() -> AsyncIterator[RawServer]:
    """A provider of bare bytes."""
    async with raw_server() as served:
        yield served


@pytest.fixture
async def pool() -> AsyncIterator[Pool]:
    """The shared pool."""
    async with Pool() as opened:
        yield opened


@pytest.fixture
async def opened(pool: Pool) -> AsyncIterator[Opener]:
    """Opens the upstream of a row over the shared pool; all are closed at the end."""
    upstreams: list[Upstream] = []

    async def open_one(row: ProviderRow) -> Upstream:
        upstream = await open_upstream(row, pool)
        upstreams.append(upstream)
        return upstream

    yield open_one
    for upstream in upstreams:
        await upstream.aclose()
