"""Pytest hooks for tests that need other programs: one line says what is missing, and under CI it is a failure."""

from __future__ import annotations

import os
import shutil
import sys
import sysconfig
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests import postgres

SCRIPTS = Path(__file__).resolve().parent / "js"
BROWSERS = ("chromium", "chromium-browser", "google-chrome")

_not_run = pytest.StashKey[str]()


def node_command() -> str | None:
    """What runs Node, where its packages are there, too."""
    return shutil.which("node") if (SCRIPTS / "node_modules" / "ai").is_dir() else None


def browser_command() -> str | None:
    """What runs a Chromium."""
    return next((found for name in BROWSERS if (found := shutil.which(name))), None)


def server_command(name: str) -> str | None:
    """The path of a load balancer; such programs are not on everybody's PATH. They are run on Linux alone, where all of
    127.0.0.0/8 is this machine."""
    path = f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/usr/local/sbin"
    return shutil.which(name, path=path) if sys.platform == "linux" else None


def environment_command(name: str) -> str | None:
    """The path of a program that the development environment brings, where PyPI has it for this kind of computer."""
    return shutil.which(name, path=sysconfig.get_path("scripts"))


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", "needs_node: runs scripts of tests/js under Node")
    config.addinivalue_line("markers", "needs_compiler: builds the C programs of the benchmarks")
    config.addinivalue_line("markers", "needs_browser: drives a page in a headless Chromium, by scripts under Node")
    config.addinivalue_line("markers", "needs_haproxy: runs HAProxy, and services on several loopback addresses")
    config.addinivalue_line("markers", "needs_nginx: runs nginx, and services on several loopback addresses")
    config.addinivalue_line("markers", "needs_postgres: keeps jobs in PostgreSQL")
    config.addinivalue_line("markers", "needs_own_postgres: starts and stops a PostgreSQL server")
    config.addinivalue_line("markers", "needs_compose: runs docker-compose of the development environment")
    config.addinivalue_line("markers", "needs_hadolint: runs hadolint of the development environment")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what cannot run here; on a build machine refuse to start."""
    kept = [item for item in items if not _missing(item)]
    needing = [item for item in items if _missing(item)]
    if not needing:
        return
    what = sorted({_missing(item) for item in needing})
    notice = (
        f"{len(needing)} tests were not run, because there is no {' and no '.join(what)} here "
        "(`make test` sets up the packages of tests/js where there is npm; Debian has nodejs, npm, chromium, haproxy, "
        "nginx-light, gcc and postgresql)"
    )
    if os.environ.get("CI") == "true":
        raise pytest.UsageError(f"{notice} (CI=true: their absence is a failure)")
    config.stash[_not_run] = notice
    # Taken out rather than skipped: the one line in the summary stands for all of them.
    config.hook.pytest_deselected(items=needing)
    items[:] = kept


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    """Print the one line about what is missing."""
    notice = config.stash.get(_not_run, "")
    if notice:
        terminalreporter.write_line(notice, yellow=True)


def _missing(item: pytest.Item) -> str:
    """What a test needs and is not here; empty where it can run."""
    needs_browser = item.get_closest_marker("needs_browser") is not None
    if (needs_browser or item.get_closest_marker("needs_node") is not None) and node_command() is None:
        return "Node with the packages of tests/js"
    if needs_browser and browser_command() is None:
        return "Chromium"
    return next((what for marker, what, is_here in _PROGRAMS if item.get_closest_marker(marker) and not is_here()), "")


_PROGRAMS: Final[tuple[tuple[str, str, Callable[[], object]], ...]] = (
    ("needs_haproxy", "HAProxy", partial(server_command, "haproxy")),
    ("needs_nginx", "nginx", partial(server_command, "nginx")),
    ("needs_compiler", "C compiler (cc)", partial(shutil.which, "cc")),
    ("needs_postgres", "PostgreSQL server", postgres.is_here),
    ("needs_own_postgres", "PostgreSQL server of one's own", postgres.programs),
    (
        "needs_compose",
        "docker-compose on PyPI for this computer",
        partial(environment_command, "docker-compose"),
    ),
    ("needs_hadolint", "hadolint on PyPI for this computer", partial(environment_command, "hadolint")),
)
"""Markers, what they ask for in words, and whether it is here."""
