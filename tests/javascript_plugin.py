"""Pytest hooks for tests that need other programs: one line says what is missing, and under CI it is a failure."""

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

import pytest

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


def pytest_configure(config: pytest.Config) -> None:
    """Make the markers known."""
    config.addinivalue_line("markers", "needs_node: runs scripts of tests/js under Node")
    config.addinivalue_line("markers", "needs_browser: drives a page in a headless Chromium, by scripts under Node")
    config.addinivalue_line("markers", "needs_haproxy: runs HAProxy, and services on several loopback addresses")
    config.addinivalue_line("markers", "needs_nginx: runs nginx, and services on several loopback addresses")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Take out what cannot run here; on a build machine refuse to start."""
    kept = [item for item in items if not _missing(item)]
    needing = [item for item in items if _missing(item)]
    if not needing:
        return
    what = sorted({_missing(item) for item in needing})
    notice = (
        f"{len(needing)} tests were not run, because there is no {' and no '.join(what)} here "
        "(`make test` sets up the packages of tests/js where there is npm; Debian has nodejs, npm, chromium, haproxy "
        "and nginx-light)"
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
    balancers = (("needs_haproxy", "HAProxy"), ("needs_nginx", "nginx"))
    return next((what for marker, what in balancers if _lacks(item, marker, what.lower())), "")


def _lacks(item: pytest.Item, marker: str, command: str) -> bool:
    return item.get_closest_marker(marker) is not None and server_command(command) is None
