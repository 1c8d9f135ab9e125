"""The client stands alone: it imports nothing of the service, of a web framework, or of a provider's SDK."""

from __future__ import annotations

import ast
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import loop_client

PACKAGE = Path(loop_client.__file__).resolve().parent
DECLARED = {"docstring_parser", "httpx2", "pydantic", "pydantic_core", "rich", "typing_extensions"}
EXTRAS = {
    "jobs": {"dbos", "filelock", "psycopg", "sqlalchemy"},
    "mcp": {"mcp", "mcp_types"},
    "server": {"opentelemetry", "starlette", "uvicorn"},
}
"""What the modules of a folder may import besides: the extra of that name declares it."""
BROUGHT = {"pydantic_core", "mcp_types"}
"""Halves of what is declared, which pins them."""
FOREIGN = (
    "router",
    "providers",
    "fastapi",
    "starlette",
    "uvicorn",
    "openai",
    "anthropic",
    "google",
    "mcp",
    "httpx",
    "requests",
)


def test_every_import_is_own_standard_or_declared() -> None:
    imported = {name for path in PACKAGE.rglob("*.py") if _extra(path) is None for name in _imports(path)}
    assert "loop_client" in imported
    assert imported - {"loop_client"} - sys.stdlib_module_names == DECLARED


@pytest.mark.parametrize("extra", EXTRAS)
def test_what_only_some_need_is_imported_only_where_its_extra_is(extra: str) -> None:
    imported = {name for path in PACKAGE.rglob("*.py") if _extra(path) == extra for name in _imports(path)}
    assert imported - {"loop_client"} - sys.stdlib_module_names - DECLARED == EXTRAS[extra]


def _extra(path: Path) -> str | None:
    folder = path.relative_to(PACKAGE).parts[0]
    return folder if folder in EXTRAS else None


def _imports(path: Path) -> set[str]:
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name} imports relatively"
            found.add((node.module or "").partition(".")[0])
    return found


def test_importing_everything_loads_nothing_foreign() -> None:
    paths = [path for path in PACKAGE.rglob("*.py") if _extra(path) is None]
    modules = sorted(".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts) for path in paths)
    wanted = [name for name in modules if not name.endswith("__main__")]
    code = f"import importlib, sys\nfor name in {wanted!r}: importlib.import_module(name)\n"
    code += f"print(sorted(name for name in {FOREIGN!r} if name in sys.modules))"
    command = [sys.executable, "-c", code]
    done = subprocess.run(command, cwd=PACKAGE.parent, capture_output=True, text=True, timeout=30, check=True)
    assert done.stdout.strip() == "[]"


def test_declared_dependencies_are_the_imported_ones_with_an_upper_bound() -> None:
    project = tomllib.loads((PACKAGE / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert _names(project["dependencies"]) == DECLARED - BROUGHT
    extras = {name: _names(texts) for name, texts in project["optional-dependencies"].items()}
    assert extras == {name: names - BROUGHT for name, names in EXTRAS.items()}
    texts = [*project["dependencies"], *(text for given in project["optional-dependencies"].values() for text in given)]
    assert all(",<" in text for text in texts)
    assert project["version"] == loop_client.__version__


def _names(requirements: list[str]) -> set[str]:
    """Import names of what is required; OpenTelemetry's packages share one."""
    names = {text.partition(">=")[0].replace("-", "_") for text in requirements}
    return {"opentelemetry" if name.startswith("opentelemetry") else name for name in names}


@pytest.mark.parametrize("name", loop_client.__all__)
def test_what_is_promised_is_there_and_documented(name: str) -> None:
    promised = getattr(loop_client, name)
    assert promised is not None
    assert name in {"AnyEvent", "ContentPart", "Message", "Question", "ToolContent"} or promised.__doc__
