"""What the application holds while it runs: its configuration, and the ways to its providers."""

import asyncio
import logging
import math
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from typing import Literal

from providers.spec.errors import InternalError
from providers.upstreams.base import ProviderRow, Upstream
from providers.upstreams.factory import open_upstream
from providers.upstreams.pool import Pool
from router.config import Config
from router.keys import KeyRing
from router.logs import LOGGER_NAME
from router.metrics import Metrics
from router.models import models_of
from router.pipeline import Pipeline
from router.routing import Routes

_log = logging.getLogger(f"{LOGGER_NAME}.start")


class RouterState:
    """Made once per application; ``open`` and ``aclose`` run in its lifespan."""

    def __init__(self, config: Config) -> None:
        self.config = config
        self.keys = KeyRing(config.keys)
        self.models = models_of(config)
        self.upstreams = Upstreams()
        self.metrics = Metrics(config.rows)
        self._pipeline = Pipeline(
            Routes(config.rows, config.aliases),
            self.upstreams,
            self.metrics,
            config.layers,
            keep_alive=config.server.keep_alive_seconds or math.inf,
        )
        self._opened = AsyncExitStack()
        self._opening: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to open the providers, in the background: an SDK takes seconds to import, and the process is alive."""
        self._opening = asyncio.create_task(self._open())

    async def pipeline(self, key: str | None = None) -> Pipeline:
        """The pipeline, once the providers are open, for the holder of this router key."""
        if self._opening is not None and not self._opening.done():
            # Shielded: a caller that leaves must not end it for the others.
            await asyncio.shield(self._opening)
        return self._pipeline.under(key)

    @property
    def readiness(self) -> Literal["starting", "ready", "failed"]:
        """``failed``: a provider could not be opened; the log has which and why."""
        if self._opening is None or not self._opening.done():
            return "starting"
        return "failed" if self.upstreams.failed else "ready"

    async def aclose(self) -> None:
        """Close everything that was opened."""
        if self._opening is not None:
            self._opening.cancel()
            await asyncio.gather(self._opening, return_exceptions=True)
        await self._opened.aclose()

    async def _open(self) -> None:
        try:
            pool = Pool()
        except Exception as error:  # noqa: BLE001  # such as SSL_CERT_FILE naming no file
            _log.error("connections cannot be set up", exc_info=error)
            self.upstreams.failed.update(row.key for row in self._each_row())
            return
        self._opened.push_async_callback(pool.aclose)
        for row in self._each_row():
            await self._open_one(row, pool)
        served = {row.name for row in self.config.rows.values() if row.key in self.upstreams.opened}
        _log.info("ready", extra={"fields": {"providers": sorted(served)}})

    def _each_row(self) -> Iterator[ProviderRow]:
        for row in self.config.rows.values():
            yield row
            yield from (variant.row for variant in row.variants)

    async def _open_one(self, row: ProviderRow, pool: Pool) -> None:
        try:
            upstream = await open_upstream(row, pool)
        except Exception as error:  # noqa: BLE001  # one provider that fails must not take the others along
            self.upstreams.failed.add(row.key)
            _log.error("provider cannot be opened", exc_info=error, extra={"fields": {"provider": row.name}})
        else:
            self.upstreams.opened[row.key] = upstream
            self._opened.push_async_callback(upstream.aclose)


class Upstreams(Mapping[str, Upstream]):
    """The opened providers by name. Looking up one that could not be opened raises InternalError."""

    def __init__(self) -> None:
        self.opened: dict[str, Upstream] = {}
        self.failed: set[str] = set()

    def __getitem__(self, name: str) -> Upstream:
        if name in self.failed:
            raise InternalError(f"provider {name} could not be opened when the router started; the log says why")
        return self.opened[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.opened)

    def __len__(self) -> int:
        return len(self.opened)
