"""``ai-router serve``: the application on its sockets until a signal ends it."""

import logging
import signal
import socket

import uvicorn

from router.app import create_app
from router.config import Config
from router.listening import url_of
from router.logs import LOGGER_NAME, configure_logging

_GRACE_SECONDS = 25
"""For answers under way when the service is told to stop. Kubernetes kills after 30 unless told otherwise."""
_KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep idle connections (60 is usual): the one to close first must be the balancer."""

_log = logging.getLogger(f"{LOGGER_NAME}.serve")


def serve(config: Config, listeners: list[socket.socket]) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is under way. Returns an exit code."""
    configure_logging(config.logging.level, whole_process=True)
    for warning in config.warnings:
        _log.warning("configuration: %s", warning)
    server = _Server(
        uvicorn.Config(
            create_app(config),
            http="httptools",
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        ),
        config,
    )
    # uvicorn raises the signal again once it has shut down; being told to stop is no failure.
    for stopping in (signal.SIGTERM, signal.SIGINT):
        signal.signal(stopping, lambda number, frame: None)
    server.run(sockets=listeners)
    _log.info("stopped")
    return 0 if server.started else 1


class _Server(uvicorn.Server):
    """Says where it listens, once it does."""

    def __init__(self, uvicorn_config: uvicorn.Config, config: Config) -> None:
        super().__init__(uvicorn_config)
        self._config = config

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        await super().startup(sockets)
        fields = {
            "addresses": [url_of(listener) for listener in sockets or ()],
            "providers": list(self._config.rows),
            "keys": len(self._config.keys),
        }
        _log.info("listening", extra={"fields": fields})
