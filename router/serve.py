"""``ai-router serve``: the application on its sockets until a signal ends it."""

import asyncio
import gc
import logging
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from types import FrameType

import uvicorn

from router.asgi import App
from router.config import Config
from router.connection import Connection
from router.freed_memory import keep_freed_memory
from router.listening import url_of
from router.logs import LOGGER_NAME, configure_logging, flush_requests
from router.service import Service
from router.state import RouterState

_GRACE_SECONDS = 25
"""For answers under way when the service is told to stop. Kubernetes kills after 30 unless told otherwise."""
_KEEP_ALIVE_SECONDS = 75
"""Longer than load balancers keep idle connections (60 is usual): the one to close first must be the balancer."""

_NEW_OBJECTS = 10_000
"""How many there may be before the garbage collector looks at them: requests under way together have thousands, nearly
all of which go with their request."""

_STOPPING = (signal.SIGTERM, signal.SIGINT)

_log = logging.getLogger(f"{LOGGER_NAME}.serve")


def serve(config: Config, listeners: list[socket.socket]) -> int:
    """Serve until SIGTERM or SIGINT, then finish what is under way. Returns an exit code."""
    configure_logging(config.logging.level, whole_process=True)
    for warning in config.warnings:
        _log.warning("configuration: %s", warning)
    code = run_server(config, listeners, lambda: log_listening(config, listeners))
    _log.info("stopped")
    return code


def log_listening(config: Config, listeners: Sequence[socket.socket], **more: object) -> None:
    """Say where the service answers, and for what."""
    fields = {
        "addresses": [url_of(listener) for listener in listeners],
        "providers": list(config.rows),
        "keys": len(config.keys),
        **more,
    }
    _log.info("listening", extra={"fields": fields})


def run_server(
    config: Config, listeners: list[socket.socket], started: Callable[[], None], *, lifeline: int | None = None
) -> int:
    """Serve in this process until a signal, or until ``lifeline`` is at its end: the other end of that pipe has died.

    ``started`` is called once the sockets are answered. Returns an exit code.
    """
    keep_freed_memory(config.limits.max_body_bytes)
    server = _Server(
        uvicorn.Config(
            service_of(config),
            http=Connection,
            ws="none",
            lifespan="on",
            log_config=None,
            access_log=False,
            server_header=False,
            proxy_headers=False,
            timeout_keep_alive=_KEEP_ALIVE_SECONDS,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        ),
        started,
        lifeline,
    )
    # A signal waits until the server listens to it. uvicorn raises it again once it has shut down; being told to stop
    # is no failure.
    _hold_signals(True)
    for stopping in _STOPPING:
        signal.signal(stopping, lambda number, frame: None)
    server.run(sockets=listeners)
    flush_requests()
    return 0 if server.started else 1


def service_of(config: Config) -> Service:
    """The service for this configuration; the framework is imported for the first who reads its documentation."""
    return Service(RouterState(config), _framework)


def _framework() -> App:
    from router.app import framework

    return framework()


class _Server(uvicorn.Server):
    """Tells when it answers, and ends with whoever holds its lifeline."""

    def __init__(self, config: uvicorn.Config, started: Callable[[], None], lifeline: int | None) -> None:
        super().__init__(config)
        self._tell_started = started
        self._lifeline = lifeline
        self._signals: list[int] = []

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then say so."""
        _hold_signals(False)
        await super().startup(sockets)
        _spare_the_collector()
        if self._lifeline is not None:
            asyncio.get_running_loop().add_reader(self._lifeline, self._end_alone)
        if self.started:
            self._tell_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Stop in good order; with a second signal, one of them an interrupt, at once.

        uvicorn wants the interrupt last, but two that come together are delivered by their numbers.
        """
        super().handle_exit(sig, frame)
        self._signals.append(sig)
        if len(self._signals) > 1 and signal.SIGINT in self._signals:
            self.force_exit = True

    def _end_alone(self) -> None:
        assert self._lifeline is not None  # noqa: S101  # it is what was read
        asyncio.get_running_loop().remove_reader(self._lifeline)
        self.should_exit = True


def _spare_the_collector() -> None:
    """What is there by now stays: never look at it again, and at what is new less often."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(_NEW_OBJECTS)


def _hold_signals(hold: bool) -> None:
    if sys.platform != "win32":
        signal.pthread_sigmask(signal.SIG_BLOCK if hold else signal.SIG_UNBLOCK, _STOPPING)
