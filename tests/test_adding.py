"""What it takes to add a host, and what it takes to add a dialect, counted."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from providers.dialects import DIALECTS
from tests.e2e.service import client, router_service
from tests.fakes.openai_chat import OpenAIChat
from tests.fakes.server import running
from tests.test_import_floors import Module, imported_by, read_modules

REPOSITORY = Path(__file__).resolve().parent.parent
MODULES = read_modules(REPOSITORY)
KNOWN = frozenset(module.name for module in MODULES)
FOLDERS = sorted(
    path.name for path in (REPOSITORY / "providers" / "dialects").iterdir() if (path / "grammar.py").exists()
)

REGISTRY = "providers.dialects"
BESIDES = {
    "anthropic_messages": {"router.faces.counting"},
    "openai_chat": {"providers.upstreams.scripted.upstream"},
    "openai_responses": {"router.faces.responses"},
}
"""The scripted provider is a host, and speaks one of the dialects; what Responses refers to as stored is its face's; no
other dialect has a path that counts the tokens of a request."""
FACES = ("router.faces", "router.documentation.faces")
"""Where a dialect becomes one that callers speak too: a face names its own."""


def test_a_host_is_three_lines_of_configuration(tmp_path: Path) -> None:
    """GATE-01: what can be configured works, tools included."""
    fake = OpenAIChat(key="key-of-host")
    with running(fake) as url:
        lines = ['dialect = "openai-chat"', f'base_url = "{url}/v1"', 'api_key = "env:NEW_HOST_KEY"']
        toml = "\n".join(["[providers.new-host]", *lines])
        tool = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object"}}}
        body = {
            "model": "new-host/gpt-4.1",
            "messages": [{"role": "user", "content": "How warm is it in Paris?"}],
            "tools": [tool],
        }
        with router_service(tmp_path, toml, {"NEW_HOST_KEY": "key-of-host"}) as router, client(router) as http:
            answer = http.post("/v1/chat/completions", json=body)
    assert answer.status_code == 200, answer.text
    assert answer.json()["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "get_weather"
    assert len(lines) == 3
    assert fake.requests[0].headers["authorization"] == "Bearer key-of-host"


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_dialect_is_one_folder_and_its_line_in_the_registry(folder: str) -> None:
    package = f"{REGISTRY}.{folder}"
    users = {module.name for module in MODULES if _uses(module, package) and not _is_below(module.name, package)}
    assert users == {REGISTRY} | BESIDES.get(folder, set())


def test_every_folder_is_registered_under_a_name_of_its_own() -> None:
    registered = {type(dialect).__module__.rpartition(".")[2]: name for name, dialect in DIALECTS.items()}
    assert sorted(registered) == FOLDERS
    assert [dialect.name for dialect in DIALECTS.values()] == list(DIALECTS)


@pytest.mark.parametrize("name", sorted(DIALECTS.keys() - {"openai-chat", "openai-responses"}))
def test_no_code_outside_of_its_folder_decides_by_the_name_of_a_dialect(name: str) -> None:
    """Only the list of transports says which SDK carries which dialect; the rows say it in data."""
    folder = type(DIALECTS[name]).__module__
    places = {module.name for module in MODULES if _says(module, name) and not _is_below(module.name, folder)}
    places = {place for place in places if not any(_is_below(place, face) for face in FACES)}
    assert places - {"providers.dialects.openai_chat.grammar"} == {"providers.upstreams.factory"}


def _uses(module: Module, package: str) -> bool:
    return any(_is_below(name, package) for name in imported_by(module, KNOWN))


def _is_below(name: str, package: str) -> bool:
    return name == package or name.startswith(f"{package}.")


def _says(module: Module, text: str) -> bool:
    """Whether the module has this very string, documentation aside."""
    return any(isinstance(node, ast.Constant) and node.value == text for node in ast.walk(ast.parse(module.source)))
