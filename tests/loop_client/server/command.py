"""The command `loop-client serve` in a process of its own."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from tests.loop_client.fake_server import WAIT


@contextmanager
def command(*arguments: str, **environment: str) -> Iterator[str]:
    """`loop-client serve` in a process of its own; gives its address."""
    process = subprocess.Popen(
        [sys.executable, "-m", "loop_client", "serve", "--port", "0", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | environment,
    )
    try:
        assert process.stderr is not None
        address = ""
        for line in process.stderr:  # bounded by the test's own time-out
            if found := re.search(r"running on (http://[\d.:]+)", line):
                address = found[1]
                break
        assert address, "the command did not start"
        yield address
    finally:
        process.terminate()
        process.wait(WAIT)
        assert process.stderr is not None
        process.stderr.close()
