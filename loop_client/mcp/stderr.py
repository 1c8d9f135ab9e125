"""Takes what a server writes to standard error into the log, line by line."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final, TextIO

_LONGEST_LINE: Final = 2000
_READ_AT_ONCE: Final = 65_536


@contextmanager
def logged_stderr(name: str) -> Iterator[TextIO]:
    """A file to give to a program as its standard error; what comes there is logged at level DEBUG.

    A thread reads it, which ends when the last process that holds the file has ended.
    """
    logger = logging.getLogger(f"loop_client.mcp.{name}")
    reading, writing = os.pipe()
    threading.Thread(target=_read, args=(reading, logger), name=f"stderr of {name}", daemon=True).start()
    with os.fdopen(writing, "w", encoding="utf-8") as file:
        yield file


def _read(descriptor: int, logger: logging.Logger) -> None:
    rest = b""
    with os.fdopen(descriptor, "rb", buffering=0) as file:
        while piece := file.read(_READ_AT_ONCE):
            *lines, rest = (rest + piece).split(b"\n")
            for line in lines:
                _log(logger, line)
            if len(rest) > _READ_AT_ONCE:  # a line without an end
                _log(logger, rest)
                rest = b""
    if rest:
        _log(logger, rest)


def _log(logger: logging.Logger, line: bytes) -> None:
    text = line.decode("utf-8", errors="replace").rstrip()
    if text:
        logger.debug("%s", text[:_LONGEST_LINE])
