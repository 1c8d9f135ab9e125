"""The command ``ai-router`` as a real process."""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

SECONDS = 40.0
"""Longer than anything here takes on a busy machine."""

COMMAND = (sys.executable, "-m", "router")
REPOSITORY = Path(__file__).resolve().parents[2]


def environment(**more: str) -> dict[str, str]:
    """An environment without anybody's keys."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "PYTHONPATH": str(REPOSITORY), "NO_PROXY": "127.0.0.1", **more}


def ran(*arguments: str, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """What the command printed, and its exit code."""
    return subprocess.run(
        [*COMMAND, *arguments],
        cwd=folder,
        env=environment(**environ),
        capture_output=True,
        text=True,
        timeout=SECONDS,
        check=False,
    )


class Serving:
    """``ai-router serve`` under way; its log is read as it comes."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        self.lines: list[dict[str, Any]] = []
        """Every line of its log so far."""
        self._queue: queue.Queue[str | None] = queue.Queue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        assert self.process.stderr is not None
        for line in self.process.stderr:
            self._queue.put(line)
        self._queue.put(None)

    def wait_for(self, message: str) -> dict[str, Any]:
        """The next line of the log with this message. Fails where it does not come."""
        while True:
            line = self._queue.get(timeout=SECONDS)
            assert line is not None, f"the service ended without {message!r}: {self.lines}"
            self.lines.append(json.loads(line))
            if self.lines[-1]["message"] == message:
                return self.lines[-1]

    @property
    def url(self) -> str:
        """Where it listens, once it does."""
        known = next((line for line in self.lines if line["message"] == "listening"), None)
        return str((known or self.wait_for("listening"))["addresses"][0])

    def stop(self, by: signal.Signals = signal.SIGTERM) -> int:
        """Tell it to stop; its exit code, once the log is read to its end."""
        self.process.send_signal(by)
        code = self.process.wait(SECONDS)
        self.read_to_the_end()
        while (line := self._queue.get(timeout=SECONDS)) is not None:
            self.lines.append(json.loads(line))
        return code

    def read_to_the_end(self) -> None:
        """Wait until there can be no more of its log."""
        self._reader.join(SECONDS)

    def ended(self) -> bool:
        """Whether nothing that could write to its log is left, at the latest after a while."""
        self.read_to_the_end()
        return not self._reader.is_alive()


@contextmanager
def serving(*arguments: str, folder: Path, environ: Mapping[str, str] | None = None) -> Iterator[Serving]:
    """``ai-router serve`` on a free port, ended whatever happens."""
    with subprocess.Popen(
        [*COMMAND, "serve", "--port", "0", *arguments],
        cwd=folder,
        env=environment(**(environ or {})),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        service = Serving(process)
        try:
            yield service
        finally:
            if process.poll() is None:
                process.kill()
            service.read_to_the_end()
