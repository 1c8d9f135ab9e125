"""``ai-router serve --workers``: several processes that answer on one port, and the one that keeps them running.

They are forked from one process that has everything imported, so that they share most of their memory; it opens no
event loop and no thread of its own. Each has a socket of its own on the port (``SO_REUSEPORT``), among which the kernel
spreads connections; the parent keeps them all open, so that what waits on the socket of a worker that died is answered
by the next one.
"""

import contextlib
import gc
import itertools
import logging
import os
import selectors
import signal
import socket
import struct
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from router.config import Config
from router.logs import LOGGER_NAME, configure_logging
from router.worker_metrics import DIRECTORY_VARIABLE, forget

_KILL_SECONDS = 28
"""After a worker was told to stop: it ends what is under way within 25, and Kubernetes kills everything after 30."""
_PAUSE_SECONDS = 1.0
"""Before a worker is started again that ended before it could answer anything."""

STOPPING = (signal.SIGTERM, signal.SIGINT)
_PROCESS_ID = struct.Struct("=i")

_log = logging.getLogger(f"{LOGGER_NAME}.workers")


def serve_with_workers(config: Config, listeners: Sequence[list[socket.socket]]) -> int:
    """Serve until SIGTERM or SIGINT with a worker for each list of sockets. Returns an exit code."""
    configure_logging(config.logging.level, whole_process=True)
    for warning in config.warnings:
        _log.warning("configuration: %s", warning)
    with tempfile.TemporaryDirectory(prefix="ai-router-") as folder:
        # Before anything imports prometheus-client, which looks here once.
        os.environ[DIRECTORY_VARIABLE] = folder
        return _Supervisor(config, listeners).run()


@dataclass
class _Worker:
    place: int
    """Which of the sockets is its."""
    is_ready: bool = False


class _Supervisor:
    """Starts workers, starts those again that die, passes signals on."""

    def __init__(self, config: Config, listeners: Sequence[list[socket.socket]]) -> None:
        self._config = config
        self._listeners = listeners
        self._workers: dict[int, _Worker] = {}
        """By process id."""
        self._due: dict[int, float] = {}
        """When a place gets its next worker, by ``time.monotonic``."""
        self._kill_at: float | None = None
        self._is_listening = False
        self._has_failed = False
        self._signals, self._wakeup = socket.socketpair()
        self._ready, self._ready_end = os.pipe()
        self._lifeline, self._lifeline_end = os.pipe()

    def run(self) -> int:
        """Until every worker has ended. Returns an exit code."""
        import router.serve  # noqa: F401  # once, for all workers

        gc.collect()
        gc.freeze()  # what is there already is never looked at again, so that its pages stay shared
        with self._listening_for_signals(), selectors.DefaultSelector() as selector:
            selector.register(self._signals, selectors.EVENT_READ, self._on_signals)
            selector.register(self._ready, selectors.EVENT_READ, self._on_ready)
            self._start(0)
            while self._workers or self._due:
                for key, _ in selector.select(self._seconds_until_due()):
                    key.data()
                self._do_what_is_due()
        _log.info("stopped")
        return 1 if self._has_failed else 0

    @contextlib.contextmanager
    def _listening_for_signals(self) -> Iterator[None]:
        for number in (*STOPPING, signal.SIGCHLD):
            signal.signal(number, lambda number, frame: None)
        self._signals.setblocking(False)
        self._wakeup.setblocking(False)
        signal.set_wakeup_fd(self._wakeup.fileno(), warn_on_full_buffer=False)
        try:
            yield
        finally:
            signal.set_wakeup_fd(-1)

    # ---- what happens

    def _on_signals(self) -> None:
        with contextlib.suppress(BlockingIOError):
            for number in self._signals.recv(4096):
                if number != signal.SIGCHLD:
                    self._stop(signal.Signals(number))
        for process in list(self._workers):
            ended, status = os.waitpid(process, os.WNOHANG)
            if ended:
                self._on_end(process, self._workers.pop(process), os.waitstatus_to_exitcode(status))

    def _on_ready(self) -> None:
        for (process,) in _PROCESS_ID.iter_unpack(os.read(self._ready, 1024 * _PROCESS_ID.size)):
            worker = self._workers.get(process)
            if worker is not None:
                worker.is_ready = True
        if self._is_listening or self._kill_at is not None:
            return
        if len(self._workers) == 1 and len(self._listeners) > 1:
            # The first one has shown that they can start: what is wrong with the start is told once.
            for place in range(1, len(self._listeners)):
                self._start(place)
        elif all(worker.is_ready for worker in self._workers.values()):
            from router.serve import log_listening

            self._is_listening = True
            log_listening(self._config, self._listeners[0], workers=len(self._listeners))

    def _on_end(self, process: int, worker: _Worker, code: int) -> None:
        forget(process)
        if self._kill_at is not None:
            return
        fields = {"process": process, "exit_code": code}
        if not self._is_listening:
            _log.error("a worker could not start", extra={"fields": fields})
            self._has_failed = True
            self._stop(signal.SIGTERM)
            return
        _log.error("a worker ended and is started again", extra={"fields": fields})
        self._due[worker.place] = time.monotonic() + (0 if worker.is_ready else _PAUSE_SECONDS)

    def _seconds_until_due(self) -> float | None:
        times = [*self._due.values(), *([] if self._kill_at is None else [self._kill_at])]
        return max(0.0, min(times) - time.monotonic()) if times else None

    def _do_what_is_due(self) -> None:
        now = time.monotonic()
        for place in [place for place, moment in self._due.items() if moment <= now]:
            del self._due[place]
            self._start(place)
        if self._kill_at is not None and self._kill_at <= now:
            self._tell(signal.SIGKILL)

    # ---- what is done

    def _stop(self, by: signal.Signals) -> None:
        """Pass a signal on. From the first one no new connection is taken: the workers close their sockets as well."""
        if self._kill_at is None:
            self._kill_at = time.monotonic() + _KILL_SECONDS
            self._due.clear()
            for sockets in self._listeners:
                for listener in sockets:
                    listener.close()
        self._tell(by)

    def _tell(self, number: signal.Signals) -> None:
        for process in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(process, number)

    def _start(self, place: int) -> None:
        # Blocked, so that the child is asked to stop only once it can hear it, and by nobody before it is known here.
        held = signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
        process = os.fork()
        if process == 0:
            self._work(place)
        self._workers[process] = _Worker(place)
        signal.pthread_sigmask(signal.SIG_SETMASK, held)

    # ---- in the child

    def _work(self, place: int) -> None:
        """The whole life of a worker; does not return."""
        code = 1
        try:
            code = self._served(place)
        except SystemExit as end:
            code = end.code if isinstance(end.code, int) else 1
        except BaseException as error:  # noqa: BLE001  # nothing may go on in the place of the parent
            _log.error("a worker failed", exc_info=error)
        finally:
            os._exit(code)

    def _served(self, place: int) -> int:
        from router.serve import run_server

        # A group of its own: what a terminal sends to all is passed on by the parent, and would come twice.
        os.setpgid(0, 0)
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        self._signals.close()
        self._wakeup.close()
        os.close(self._ready)
        os.close(self._lifeline_end)
        for listener in itertools.chain(*self._listeners):
            if listener not in self._listeners[place]:
                listener.close()

        def started() -> None:
            os.write(self._ready_end, _PROCESS_ID.pack(os.getpid()))

        return run_server(self._config, self._listeners[place], started, lifeline=self._lifeline)
