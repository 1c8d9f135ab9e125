"""The client by itself: from the built wheel, in an environment that holds what the wheel asks for and nothing else.

What the wheel asks for is taken from this environment, file by file, so that the test needs no network and tries the
locked versions. It stands outside the checkout, so nothing of the repository can be imported by accident.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from collections.abc import Iterable, Iterator
from importlib.metadata import Distribution, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.loop_client.fake_server import FakeServer, calls, says
from tests.traffic_plugin import record_count

REPOSITORY = Path(__file__).resolve().parents[2]
SECONDS = 50.0

ASK = """
import sys
from loop_client import ask

def weather(city: str) -> str:
    '''Tell the weather in a city.'''
    return f"sunny in {city}"

print(ask("How is Rome?", base_url=sys.argv[1], model="m", tools=[weather]).text)
"""
MCP = """
import asyncio, sys
from loop_client import LoopClient
from loop_client.mcp import MCPTools, StdioServer

async def main():
    source = MCPTools("own", StdioServer(sys.executable, [sys.argv[2]]))
    async with LoopClient(base_url=sys.argv[1], model="m", tools=[source]) as client:
        print((await client.ask("How much is 1 + 2?")).text)

asyncio.run(main())
"""
MISSING = """
import importlib.util, json, sys
print(json.dumps([name for name in sys.argv[1:] if importlib.util.find_spec(name) is None]))
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(build, cwd=REPOSITORY / "loop_client", check=True, capture_output=True, timeout=SECONDS)
    (built,) = folder.glob("*.whl")
    return built


class Environment:
    """A virtual environment with the wheel and what it asks for, under some of its extras."""

    def __init__(self, folder: Path, wheel: Path, extras: frozenset[str]) -> None:
        venv.create(folder, with_pip=False, symlinks=True)
        self.python = folder / "bin" / "python"
        self.folder = folder
        self.packages = Path(sysconfig.get_path("purelib", "venv", {"base": str(folder), "platbase": str(folder)}))
        self._pip("install", "--no-index", "--no-deps", str(wheel))
        own = next(iter(Distribution.discover(name="ai-router-loop-client", path=[str(self.packages)])))
        self.needed = {item.name: item for item in _closure(own, extras)}
        for item in self.needed.values():
            _copy(item, self.packages)
        self._pip("check")

    @property
    def size(self) -> int:
        """Bytes of all files that were installed; not of what Python has compiled since."""
        files = (path for path in self.packages.rglob("*") if path.is_file() and "__pycache__" not in path.parts)
        return sum(path.stat().st_size for path in files)

    def run(self, code: str, *arguments: str) -> str:
        """What a program prints, run with no regard to anything of ours."""
        return self.run_command(str(self.python), "-I", "-W", "error", "-c", code, *arguments)

    def run_command(self, *command: str) -> str:
        """What a command prints."""
        environment = {"PATH": os.environ["PATH"]}
        done = subprocess.run(
            command, cwd=self.folder, env=environment, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done.stdout.strip()

    def _pip(self, *arguments: str) -> None:
        command = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(self.python)]
        done = subprocess.run(
            [*command, *arguments], cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


def _closure(root: Distribution, extras: frozenset[str]) -> Iterator[Distribution]:
    """Every distribution that this one needs, directly or not, as it is installed here."""
    waiting: list[tuple[Distribution, frozenset[str]]] = [(root, extras)]
    seen: set[tuple[str, frozenset[str]]] = set()
    while waiting:
        item, wanted = waiting.pop()
        for requirement in _requirements(item, wanted):
            key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
            if key not in seen:
                seen.add(key)
                found = distribution(requirement.name)
                waiting.append((found, key[1]))
                yield found


def _requirements(item: Distribution, extras: Iterable[str]) -> Iterator[Requirement]:
    for requirement in map(Requirement, item.requires or ()):
        marker = requirement.marker
        if marker is None or any(marker.evaluate({"extra": extra}) for extra in ("", *extras)):
            yield requirement


def _copy(item: Distribution, target: Path) -> None:
    """The files of a distribution, without its commands, which stand elsewhere."""
    for file in item.files or ():
        if ".." not in file.parts and "__pycache__" not in file.parts:
            place = target / file
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(str(file.locate()), place)


@pytest.fixture(scope="module")
def alone(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Environment:
    return Environment(tmp_path_factory.mktemp("alone") / "env", wheel, frozenset())


def test_it_asks_a_plain_server_and_runs_a_tool(alone: Environment, server: FakeServer) -> None:
    server.play(calls(("c1", "weather", '{"city": "Rome"}')), says("It is sunny."))
    assert alone.run(ASK, server.base_url) == "It is sunny."
    assert server.requests[1]["messages"][-1]["content"] == "sunny in Rome"


def test_the_command_is_there_and_works(alone: Environment, server: FakeServer) -> None:
    server.play(calls(("c1", "calculate", '{"expression": "6 * 7"}')), says("It is 42."))
    command = [str(alone.folder / "bin" / "loop-client"), "ask", "6 * 7?", "--base-url", server.base_url]
    assert alone.run_command(*command, "--model", "m", "--no-files", "--quiet") == "It is 42."


def test_nothing_of_the_service_a_framework_or_an_sdk_is_there(alone: Environment) -> None:
    absent = [
        "router",
        "providers",
        "fastapi",
        "starlette",
        "uvicorn",
        "openai",
        "anthropic",
        "google",
        "mcp",
        "requests",
    ]
    assert json.loads(alone.run(MISSING, "loop_client", *absent)) == absent
    assert not any(path.name in {"router", "providers"} for path in alone.packages.iterdir())


def test_the_tree_of_dependencies_is_small_and_its_size_is_told(alone: Environment) -> None:
    record_count("packages that loop_client needs", len(alone.needed))
    record_count("kilobytes that loop_client takes with all it needs", alone.size // 1000)
    assert len(alone.needed) <= 20, sorted(alone.needed)
    assert alone.size < 25_000_000


@pytest.mark.parametrize(("extra", "module"), [("mcp", "loop_client.mcp"), ("server", "loop_client.server")])
def test_an_extra_brings_what_its_modules_import(
    extra: str, module: str, wheel: Path, tmp_path: Path, server: FakeServer
) -> None:
    environment = Environment(tmp_path / "env", wheel, frozenset({extra}))
    record_count(f"packages that loop_client[{extra}] needs", len(environment.needed))
    assert environment.run(f"import {module}; print({module}.__name__)") == module
    assert json.loads(environment.run(MISSING, "router", "providers", "openai")) == ["router", "providers", "openai"]
    if extra == "mcp":
        server.play(calls(("c1", "own__add", '{"a": 1, "b": 2}')), says("It is 3."))
        own = shutil.copy(Path(__file__).parent / "sources" / "own_server.py", tmp_path)
        assert environment.run(MCP, server.base_url, str(own)) == "It is 3."
        assert server.requests[1]["messages"][-1]["content"] == "3"
