"""The servers that are compared: this one as it is installed by default, and the baselines."""

import contextlib
import http.client
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from benchmarks import bodies, machine
from benchmarks.stage import Failed, Stage, free_port, wait_for_port

CHAT: Final = "/v1/chat/completions"
KEY: Final = "air_benchmark_key_0123456789abcdef"
_REPOSITORY: Final = Path(__file__).resolve().parent.parent
_START_SECONDS: Final = 90.0


@dataclass(frozen=True)
class Case:
    """A request that a server is asked, named for the dialect that the provider behind it speaks."""

    name: str
    model: str
    path: str = CHAT
    headers: Mapping[str, str] = field(default_factory=lambda: {"authorization": "Bearer key"})

    def request(self, *, stream: bool = False, **more: Any) -> bytes:
        """The raw request; ``more`` replaces fields of its body."""
        return bodies.raw_request(self.path, bodies.request(self.model, stream=stream, **more), dict(self.headers))


@dataclass(frozen=True)
class Server:
    """How a server is started. ``{port}``, ``{up}`` (the provider's address) and ``{folder}`` are filled in."""

    name: str
    what: str
    command: tuple[str, ...]
    cases: tuple[Case, ...]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: Mapping[str, str] = field(default_factory=dict)
    """Written into ``{folder}`` before it starts."""
    working_folder: Path | None = None
    port_file: str | None = None
    """Where it writes its port, if it takes one of its own choice."""


# ---- this one

_ROWS: Final = """
[providers.openai]
base_url = "{up}/v1"
api_key = "key"
[providers.anthropic]
base_url = "{up}"
api_key = "key"
[providers.google]
base_url = "{up}"
api_key = "key"
"""
_OURS: Final = {"authorization": f"Bearer {KEY}"}


def ours(name: str = "ai-router", *, workers: int = 1, more_rows: int = 0) -> Server:
    """The service: one key, three providers with static keys, everything else as it is without a word."""
    rows = "".join(
        f'[providers.row-{number}]\ndialect = "openai-chat"\nbase_url = "{{up}}/v1"\napi_key = "key"\n'
        for number in range(more_rows)
    )
    command = (sys.executable, "-m", "router", "serve", "--config", f"{{folder}}/{name}.toml", "--port", "{port}")
    return Server(
        name,
        "this service with a key, limits, validation, verdicts, metrics and JSON logs",
        command if workers == 1 else (*command, "--workers", str(workers)),
        (
            Case("openai", "openai/gpt-5.1", headers=_OURS),
            Case("anthropic", "anthropic/claude-sonnet-4-5", headers=_OURS),
            Case("gemini", "google/gemini-2.5-pro", headers=_OURS),
        ),
        environment={"AI_ROUTER_KEYS": KEY},
        files={f"{name}.toml": _ROWS + rows},
        working_folder=_REPOSITORY,
    )


# ---- baselines


def _baseline(name: str, what: str, case: str) -> Server:
    module = (sys.executable, "-m", "uvicorn", "benchmarks.baseline:app")
    options = ("--host", "127.0.0.1", "--port", "{port}", "--log-level", "warning", "--no-access-log")
    return Server(
        f"baseline-{name}",
        what,
        (*module, *options),
        (Case(case, "gpt-5.1"),),
        environment={"BENCHMARK_BASELINE": name, "BENCHMARK_UPSTREAM": "{up}"},
        working_folder=_REPOSITORY,
    )


BASELINES: Final = (
    _baseline("through", "uvicorn and aiohttp, bytes through", "openai"),
    _baseline("json", "uvicorn and aiohttp, JSON parsed and written anew", "openai"),
    _baseline("anthropic", "the same translating chat to Anthropic, bare", "anthropic"),
    _baseline("gemini", "the same translating chat to Gemini, bare", "gemini"),
)

DIRECT: Final = (
    Case("openai", "gpt-5.1"),
    Case("anthropic", "claude", path="/v1/messages"),
    Case("gemini", "gemini", path="/v1beta/models/g:generateContent"),
)
"""The load on the fake provider itself: what there would be without any server. Only its time counts, and that does
not depend on the dialect of the request."""


# ---- under way


@dataclass(frozen=True)
class Running:
    """A server that answers."""

    name: str
    port: int
    cases: tuple[Case, ...]
    """With everything filled in."""
    process: "subprocess.Popen[bytes]"
    start_seconds: float
    """From its start to its first good answer."""
    start_cpu_seconds: float
    idle_mb: float
    """After that first answer."""

    def processes(self) -> list[int]:
        """All that belong to it."""
        return machine.tree_of(self.process.pid)


@contextlib.contextmanager
def running(server: Server, stage: Stage, cores: frozenset[int] = machine.SERVER_CORES) -> Iterator[Running]:
    """The server, ended whatever happens. Raises Failed where it gives no good answer."""
    port = free_port()

    def filled(text: str) -> str:
        for word, value in (("port", port), ("up", stage.url), ("folder", stage.folder)):
            text = text.replace(f"{{{word}}}", str(value))
        return text

    for name, text in server.files.items():
        (stage.folder / name).write_text(filled(text))
    log = stage.folder / f"{server.name}.log"
    own = {"PATH": os.environ["PATH"], "HOME": str(stage.folder), "NO_PROXY": "127.0.0.1"}
    environment = {**own, **{name: filled(value) for name, value in server.environment.items()}}
    command = [filled(word) for word in server.command]
    if server.port_file is not None:
        # That of a round before.
        (stage.folder / server.port_file).unlink(missing_ok=True)
    begun = time.monotonic()
    process = machine.started(
        command, cores, log, nice=stage.nice, env=environment, cwd=server.working_folder or stage.folder
    )
    try:
        if server.port_file is not None:
            port = _port_in(stage.folder / server.port_file, process)
        wait_for_port(port, process, _START_SECONDS)
        cases = tuple(
            replace(case, headers={name: filled(value) for name, value in case.headers.items()})
            for case in server.cases
        )
        _first_answer(port, cases[0], process)
        seconds = time.monotonic() - begun
        family = machine.tree_of(process.pid)
        yield Running(
            server.name, port, cases, process, seconds, machine.cpu_seconds(family), machine.memory_mb(family)
        )
    except Failed as error:
        raise Failed(f"{server.name}: {error}: {log.read_text(errors='replace')[-600:]}") from None
    finally:
        machine.stop(process)


def _port_in(file: Path, process: "subprocess.Popen[bytes]") -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        with contextlib.suppress(OSError, ValueError):
            return int(file.read_text())
        time.sleep(0.01)
    raise Failed("it did not tell its port")


def _first_answer(port: int, case: Case, process: "subprocess.Popen[bytes]") -> None:
    head, _, body = case.request().partition(b"\r\n\r\n")
    fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n")[1:])
    deadline = time.monotonic() + _START_SECONDS
    said: object = "nothing"
    while time.monotonic() < deadline and process.poll() is None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
        try:
            connection.request("POST", case.path, body, fields)
            answer = connection.getresponse()
            said = answer.status, answer.read()[:300]
            if answer.status == 200:
                return
        except (OSError, http.client.HTTPException) as error:
            said = type(error).__name__
        finally:
            connection.close()
        time.sleep(0.01)
    raise Failed(f"no good answer, but {said!r}")
