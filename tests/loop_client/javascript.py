"""Runs the scripts of `tests/js` under Node, and says in one line where Node or a browser is missing."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

SCRIPTS = Path(__file__).resolve().parent.parent / "js"
SECONDS = 45.0
"""For one script: below the suite's bound for a test."""


def missing(what: str) -> None:
    """Skip the test, or fail it under CI, where nothing may be missing.

    Raises:
        Skipped: here; ``Failed`` under CI.
    """
    message = f"{what} is missing: `make test` sets up tests/js where there is npm; Debian has Node and chromium"
    if os.environ.get("CI") == "true":
        pytest.fail(message)
    pytest.skip(message)


def node() -> str:
    """The command that runs Node, with the packages of `tests/js` there."""
    found = shutil.which("node")
    if found is None:
        missing("node")
    if not (SCRIPTS / "node_modules" / "ai").is_dir():
        missing("tests/js/node_modules")
    return str(found)


def chromium() -> str:
    """The command that runs a Chromium."""
    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), ""
    )
    if not found:
        missing("chromium")
    return found


@contextmanager
def running_browser() -> Iterator[str]:
    """A headless browser for several pages; gives the address under which scripts reach it."""
    command = [node(), str(SCRIPTS / "serve_browser.mjs"), chromium()]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=SCRIPTS)
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        line = process.stdout.readline()  # bounded by the test's own time-out
        assert line, "the browser did not start"
        yield str(json.loads(line)["endpoint"])
    finally:
        process.stdin.close()
        process.stdout.close()
        try:
            process.wait(SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


async def run_script(name: str, payload: dict[str, Any]) -> dict[str, Any]:
    """Run a script with JSON on its standard input; what it prints is JSON, too."""
    process = await asyncio.create_subprocess_exec(
        node(),
        str(SCRIPTS / name),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        cwd=SCRIPTS,
    )
    try:
        async with asyncio.timeout(SECONDS):
            output, errors = await process.communicate(json.dumps(payload).encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode == 0, f"{name}: {errors.decode()[-2000:]}"
    answer: dict[str, Any] = json.loads(output)
    return answer
