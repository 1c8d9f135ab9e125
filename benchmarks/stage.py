"""Where a measurement takes place: the fake provider and the load, compiled and started, and a folder for all files."""

import contextlib
import json
import socket
import subprocess
import time
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from benchmarks import bodies, machine

_SOURCES: Final = Path(__file__).parent
_START_SECONDS: Final = 10.0


class Failed(Exception):
    """Something could not be measured; the text says what."""


@dataclass(frozen=True)
class Load:
    """How a server is asked."""

    connections: int
    seconds: float
    think_ms: int = 0
    """Before an answer begins."""
    pause_ms: int = 0
    """Between two events of a stream."""
    most_seconds: float = 120.0
    """To wait for answers that are under way at the end."""


class Stage:
    """A running fake provider, and what is needed to send load."""

    def __init__(self, folder: Path, port: int, *, nice: int = 0) -> None:
        self.folder = folder
        self.port = port
        self.nice = nice
        self.url = f"http://127.0.0.1:{port}"
        self._log = folder / "provider.log"
        self.provider: subprocess.Popen[bytes]

    def control(self, load: Load) -> None:
        """Set the provider's pace."""
        self._ask(f"/control?think_ms={load.think_ms}&pause_us={load.pause_ms * 1000}")

    def count(self) -> dict[str, int]:
        """How many requests and connections the provider has had."""
        counted: dict[str, int] = self._ask("/count")
        return counted

    def send(self, port: int, request: bytes, load: Load, sample: Path | None = None) -> dict[str, Any]:
        """Put a server under load; gives what the load has seen (``load.c`` says what)."""
        self.control(load)
        file = self.folder / "request.http"
        file.write_bytes(request)
        command = [str(self.folder / "load"), str(port), str(file), str(load.connections), str(load.seconds)]
        command += [str(load.pause_ms), *([str(sample)] if sample else [])]
        patience = load.seconds + load.most_seconds
        seen: dict[str, Any] = json.loads(
            machine.output_of(command, machine.LOAD_CORES, nice=self.nice, seconds=patience)
        )
        return seen

    def _ask(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=5) as answer:  # noqa: S310  # our own
            return json.load(answer)


@contextlib.contextmanager
def stage(folder: Path, *, nice: int = 0) -> Iterator[Stage]:
    """A stage with its provider, which ends with it. Raises Failed."""
    folder.mkdir(parents=True, exist_ok=True)
    for name in ("provider", "load"):
        _compile(_SOURCES / f"{name}.c", folder / name)
    bodies.write_answers(folder / "answers")
    made = Stage(folder, free_port(), nice=nice)
    command = [str(folder / "provider"), str(made.port), str(folder / "answers")]
    made.provider = machine.started(command, machine.LOAD_CORES, folder / "provider.log", nice=nice)
    try:
        wait_for_port(made.port, made.provider, _START_SECONDS)
        yield made
    finally:
        machine.stop(made.provider)


def _compile(source: Path, target: Path) -> None:
    if target.exists() and target.stat().st_mtime > source.stat().st_mtime:
        return
    try:
        subprocess.run(["cc", "-O2", "-o", str(target), str(source)], check=True, capture_output=True, text=True)  # noqa: S607
    except FileNotFoundError:
        raise Failed("a C compiler is needed: cc is not there (Debian: apt-get install gcc libc6-dev)") from None
    except subprocess.CalledProcessError as error:
        raise Failed(f"{source.name} does not compile:\n{error.stderr}") from None


def free_port() -> int:
    """A port that nobody uses at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_port(port: int, process: "subprocess.Popen[bytes]", seconds: float) -> None:
    """Until somebody listens there. Raises Failed where the process ends first or takes too long."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Failed(f"{process.args!r} ended with {process.returncode}")
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.005)
    raise Failed(f"{process.args!r} does not listen on port {port} after {seconds:g} s")
