"""The import floors: who may import whom, read from the syntax tree of every module."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parent.parent
PACKAGES = ("router", "providers", "loop_client")
TOOLS_OF_THE_REPOSITORY = frozenset({"benchmarks", "tests"})

SPEC, WIRE, UPSTREAMS = "providers.spec", "providers.wire", "providers.upstreams"
REGISTRY, ONE_DIALECT = "providers.dialects", "providers.dialects.*"

FLOORS: Mapping[str, frozenset[str]] = {
    "providers": frozenset(),
    SPEC: frozenset(),
    WIRE: frozenset({SPEC}),
    # Each folder below providers/dialects/ is a dialect of its own, so a new one needs no line here.
    ONE_DIALECT: frozenset({WIRE, SPEC}),
    # providers/dialects/__init__.py, the one place that knows every dialect.
    REGISTRY: frozenset({ONE_DIALECT, WIRE, SPEC}),
    UPSTREAMS: frozenset({REGISTRY, ONE_DIALECT, WIRE, SPEC}),
    "router": frozenset({"providers", UPSTREAMS, REGISTRY, ONE_DIALECT, WIRE, SPEC}),
    "loop_client": frozenset(),
}
"""What each floor may import besides itself. A module that is on none of these fails the test until it is declared."""

PURE = frozenset({SPEC, WIRE, ONE_DIALECT, REGISTRY})
PURE_LIBRARIES = frozenset({"annotated_types", "msgspec", "pydantic", "pydantic_core", "typing_extensions"})
INPUT_AND_OUTPUT = (
    "asyncio",
    "concurrent",
    "ftplib",
    "http.client",
    "http.server",
    "multiprocessing",
    "selectors",
    "smtplib",
    "socket",
    "socketserver",
    "ssl",
    "subprocess",
    "threading",
    "urllib.request",
    "xmlrpc",
)
"""Modules of the standard library that a floor of ``PURE`` has no use for."""

IMPORT_NAMES: Mapping[str, frozenset[str]] = {
    "azure-identity": frozenset({"azure"}),
    "fastapi": frozenset({"fastapi", "starlette"}),
    "google-genai": frozenset({"google"}),
    "mcp": frozenset({"mcp", "mcp_types"}),
    "opentelemetry-api": frozenset({"opentelemetry"}),
    "pydantic": frozenset({"pydantic", "pydantic_core"}),
}
"""Distributions whose import names are not their own: FastAPI, MCP and pydantic are thin over what they bring."""


@dataclass(frozen=True, slots=True)
class Module:
    """One module as the checker sees it."""

    name: str
    """Dotted, without ``.__init__``."""
    is_package: bool
    """Whether it is the ``__init__`` of a folder: relative imports count from there."""
    source: str


def read_modules(root: Path) -> list[Module]:
    """Every module of the three packages below ``root``."""
    found = []
    for package in PACKAGES:
        for path in sorted((root / package).rglob("*.py")):
            parts = path.relative_to(root).with_suffix("").parts
            is_package = parts[-1] == "__init__"
            found.append(Module(".".join(parts[:-1] if is_package else parts), is_package, path.read_text("utf-8")))
    return found


def imported_by(module: Module, known: frozenset[str]) -> Iterator[str]:
    """Absolute names of all that a module imports: at its top, inside functions, for type checking, or by name."""
    for node in ast.walk(ast.parse(module.source)):
        match node:
            case ast.Import(names=names):
                yield from (alias.name for alias in names)
            case ast.ImportFrom(module=base, names=names, level=level):
                origin = _absolute(module, base, level)
                for alias in names:
                    submodule = f"{origin}.{alias.name}"
                    yield submodule if submodule in known else origin
            case ast.Call(
                func=ast.Name(id="__import__" | "import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name
            case _:
                pass


def _absolute(module: Module, base: str | None, level: int) -> str:
    """The module that ``from <dots><base> import …`` names."""
    if level == 0:
        return base or ""
    steps_up = level - 1 if module.is_package else level
    parts = module.name.split(".")
    return ".".join([*parts[: len(parts) - steps_up], *([base] if base else [])])


def floor_of(module: str, dialects: frozenset[str]) -> str | None:
    """The floor a module of ours stands on, None where none is declared for it."""
    match module.split("."):
        case ["router" | "loop_client" as package, *_]:
            return package
        case ["providers", "dialects", name, *_]:
            return ONE_DIALECT if name in dialects else None
        case ["providers", name, *_]:
            return f"providers.{name}" if f"providers.{name}" in FLOORS else None
        case ["providers"]:
            return "providers"
        case _:
            return None


def violations(modules: list[Module]) -> list[str]:
    """Each breach of the floors among these modules, as one sentence."""
    known = frozenset(module.name for module in modules)
    dialects = frozenset(
        parts[2]
        for module in modules
        if (parts := module.name.split("."))[:2] == ["providers", "dialects"]
        and (len(parts) > 3 or (len(parts) == 3 and module.is_package))
    )
    return [
        f"{module.name} imports {target}: {reason}" if target else f"{module.name}: {reason}"
        for module in modules
        for target, reason in _breaches(module, known, dialects)
    ]


def _breaches(module: Module, known: frozenset[str], dialects: frozenset[str]) -> Iterator[tuple[str, str]]:
    floor = floor_of(module.name, dialects)
    if floor is None:
        yield "", "no floor is declared for it in tests/test_import_floors.py"
        return
    for target in sorted(set(imported_by(module, known))):
        top = target.split(".")[0]
        if top in PACKAGES:
            reason = _breach_among_ours(module.name, floor, target, dialects)
        elif top in TOOLS_OF_THE_REPOSITORY:
            reason = "what is shipped needs neither tests nor benchmarks"
        else:
            reason = _impurity(target, top) if floor in PURE else None
        if reason is not None:
            yield target, reason


def _breach_among_ours(module: str, floor: str, target: str, dialects: frozenset[str]) -> str | None:
    target_floor = floor_of(target, dialects)
    if floor == target_floor == ONE_DIALECT and module.split(".")[2] != target.split(".")[2]:
        return "dialects do not know each other"
    if target_floor != floor and target_floor not in FLOORS[floor]:
        return f"{floor} stands on {', '.join(sorted(FLOORS[floor])) or 'nothing of ours'}"
    return None


def _impurity(target: str, top: str) -> str | None:
    if any(target == name or target.startswith(f"{name}.") for name in INPUT_AND_OUTPUT):
        return "this floor does no input or output"
    if top not in sys.stdlib_module_names and top not in PURE_LIBRARIES:
        return "this floor knows no HTTP, no SDK and no framework"
    return None


def declared_imports(project_file: Path, *, extras: bool = False) -> frozenset[str]:
    """Import names of the run-time dependencies that a ``pyproject.toml`` declares, those of its extras on request."""
    project = tomllib.loads(project_file.read_text("utf-8"))["project"]
    names: set[str] = set()
    optional = project.get("optional-dependencies", {}) if extras else {}
    for requirement in (*project["dependencies"], *(text for texts in optional.values() for text in texts)):
        name = re.split(r"[^A-Za-z0-9._-]", requirement, maxsplit=1)[0].lower()
        names |= IMPORT_NAMES.get(name, frozenset({name.replace("-", "_")}))
    return frozenset(names)


def undeclared(modules: list[Module], packages: tuple[str, ...], declared: frozenset[str]) -> list[str]:
    """Imports of third-party code that the distribution of these packages does not ask for."""
    lawful = sys.stdlib_module_names | declared | set(PACKAGES)
    return sorted(
        f"{module.name} imports {target}"
        for module in modules
        if module.name.split(".")[0] in packages
        for target in set(imported_by(module, frozenset()))
        if target.split(".")[0] not in lawful
    )


# ---- the repository


def test_every_module_imports_only_from_lower_floors() -> None:
    modules = read_modules(REPOSITORY)
    assert {module.name.split(".")[0] for module in modules} == set(PACKAGES)
    assert {SPEC, WIRE, UPSTREAMS, REGISTRY} <= {module.name for module in modules}
    assert violations(modules) == []


def test_the_service_imports_only_what_its_distribution_declares() -> None:
    declared = declared_imports(REPOSITORY / "pyproject.toml", extras=True)
    assert undeclared(read_modules(REPOSITORY), ("router", "providers"), declared) == []


def test_the_loop_client_imports_only_what_its_distribution_declares() -> None:
    declared = declared_imports(REPOSITORY / "loop_client" / "pyproject.toml", extras=True)
    assert undeclared(read_modules(REPOSITORY), ("loop_client",), declared) == []


def test_the_loop_client_asks_for_no_framework_and_no_sdk() -> None:
    declared = declared_imports(REPOSITORY / "loop_client" / "pyproject.toml")
    assert declared.isdisjoint({"fastapi", "starlette", "uvicorn", "openai", "anthropic", "google"})


# ---- the checker itself, on made-up modules

MADE_UP = [
    Module("providers", True, ""),
    Module("providers.spec", True, ""),
    Module("providers.spec.parts", False, ""),
    Module("providers.wire", True, ""),
    Module("providers.dialects", True, ""),
    Module("providers.dialects.left", True, ""),
    Module("providers.dialects.left.names", False, ""),
    Module("providers.dialects.right", True, ""),
    Module("providers.upstreams", True, ""),
    Module("router", True, ""),
    Module("loop_client", True, ""),
]


def check(name: str, source: str, *, is_package: bool = False) -> list[str]:
    """What the checker says of one more module among the made-up ones."""
    others = [module for module in MADE_UP if module.name != name]
    return violations([*others, Module(name, is_package, source)])


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("providers.spec.request", "import re\nfrom pydantic import BaseModel\nfrom providers.spec.parts import Text"),
        ("providers.spec.request", "from . import parts"),
        ("providers.wire.sse", "import msgspec\nfrom urllib.parse import quote\nfrom providers.spec import parts"),
        ("providers.dialects.left.encode", "from providers.dialects.left import names\nfrom providers.wire import sse"),
        ("providers.dialects.left.encode", "from .names import legal"),
        ("providers.upstreams.client", "import asyncio, httpx2, openai\nfrom providers.dialects import left"),
        ("router.app", "import fastapi\nfrom providers.upstreams import client\nfrom providers import dialects"),
        ("loop_client.loop", "import httpx2\nfrom loop_client.events import Event"),
    ],
)
def test_the_checker_lets_a_lawful_import_pass(module: str, source: str) -> None:
    assert check(module, source) == []


def test_the_checker_lets_the_registry_know_every_dialect() -> None:
    source = "from providers.dialects import left, right\nfrom providers.dialects.left.names import legal"
    assert check("providers.dialects", source, is_package=True) == []


@pytest.mark.parametrize(
    ("module", "source", "target"),
    [
        ("providers.spec.request", "from providers.wire import sse", "providers.wire"),
        ("providers.spec.request", "from ..wire import sse", "providers.wire"),
        ("providers.spec.request", "from .. import wire", "providers.wire"),
        ("providers.wire.sse", "from providers.dialects.left import names", "providers.dialects.left.names"),
        ("providers.wire.sse", "import providers.upstreams", "providers.upstreams"),
        ("providers.wire.sse", "import router.app", "router.app"),
        ("providers.dialects.left.encode", "from providers.dialects import right", "providers.dialects.right"),
        ("providers.dialects.left.encode", "from ..right import names", "providers.dialects.right"),
        ("providers.dialects.left.encode", "from providers.dialects import codecs", "providers.dialects"),
        ("providers.dialects.left.encode", "from providers import upstreams", "providers.upstreams"),
        ("providers.upstreams.client", "from router import settings", "router"),
        ("providers.upstreams.client", "import loop_client", "loop_client"),
        ("router.app", "def demo():\n    from loop_client import ask", "loop_client"),
        ("loop_client.loop", "import router", "router"),
        ("loop_client.loop", "from providers.spec.parts import Text", "providers.spec.parts"),
        ("router.app", "from tests.traffic import exchanges", "tests.traffic"),
        ("router.app", "from benchmarks import results", "benchmarks"),
    ],
)
def test_the_checker_reports_an_import_from_a_higher_floor(module: str, source: str, target: str) -> None:
    (violation,) = check(module, source)
    assert violation.startswith(f"{module} imports {target}: ")


@pytest.mark.parametrize(
    "floor", ["providers.spec.made_up", "providers.wire.made_up", "providers.dialects.left.made_up"]
)
@pytest.mark.parametrize(
    "source",
    [
        "import httpx",
        "import httpx2",
        "import openai",
        "import anthropic.types",
        "from google import genai",
        "from fastapi import Request",
        "import starlette.requests",
        "import uvicorn",
        "import aiohttp",
        "import anyio",
        "import asyncio",
        "from asyncio import Queue",
        "import socket",
        "from http.client import HTTPConnection",
        "def late():\n    import urllib.request",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import openai",
        "import importlib\nopenai = importlib.import_module('openai')",
    ],
)
def test_the_checker_keeps_transports_out_of_the_pure_floors(floor: str, source: str) -> None:
    (violation,) = check(floor, source)
    assert violation.startswith(f"{floor} imports ")


@pytest.mark.parametrize("module", ["providers.catalog", "providers.dialects.shared", "elsewhere"])
def test_the_checker_asks_for_a_floor_for_a_module_that_has_none(module: str) -> None:
    (violation,) = check(module, "")
    assert violation.startswith(f"{module}: no floor is declared")


def test_the_checker_reports_what_a_distribution_does_not_declare() -> None:
    modules = [Module("loop_client.loop", False, "import json, httpx2, yaml\nfrom google import genai")]
    found = undeclared(modules, ("loop_client",), frozenset({"httpx2"}))
    assert found == ["loop_client.loop imports google", "loop_client.loop imports yaml"]


def test_declared_dependencies_are_read_by_their_import_names(tmp_path: Path) -> None:
    project_file = tmp_path / "pyproject.toml"
    project_file.write_text(
        '[project]\ndependencies = ["docstring-parser>=1", "google-genai[aiohttp]>=3", "uvloop; os_name != \'nt\'"]\n'
        '[project.optional-dependencies]\nextra = ["mcp>=1"]'
    )
    assert declared_imports(project_file) == {"docstring_parser", "google", "uvloop"}
    assert declared_imports(project_file, extras=True) == {"docstring_parser", "google", "uvloop", "mcp", "mcp_types"}
