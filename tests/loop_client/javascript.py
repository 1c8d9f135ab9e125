"""Runs the scripts of `tests/js` under Node, and a browser for them."""

from __future__ import annotations

import asyncio
import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.programs_plugin import SCRIPTS, browser_command, node_command

SECONDS = 45.0
"""For one script: below the suite's bound for a test."""


def node() -> str:
    """The command that runs Node; for tests that are marked as needing it."""
    found = node_command()
    assert found is not None, "the test needs the marker needs_node or needs_browser"
    return found


def chromium() -> str:
    """The command that runs a Chromium; for tests that are marked as needing it."""
    found = browser_command()
    assert found is not None, "the test needs the marker needs_browser"
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
