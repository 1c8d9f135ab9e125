"""Searches the text of files beneath a folder, literally, and within bounds that hold whatever lies there.

Nothing is followed or trusted that the file-tree handlers would not: folders and files are opened beneath the root,
links are skipped, and so are hidden names unless they are served. The query is literal text, never a pattern, so no
query can take long. Files with a NUL byte near their beginning count as binary and are skipped.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import Final, NotRequired, TypedDict

from loop_client.errors import ToolError
from loop_client.handlers.beneath import open_file, open_folder

MOST_FILES: Final = 10_000
"""Files looked into in one search."""
MOST_BYTES: Final = 128 * 1024 * 1024
"""Bytes read in one search."""
MOST_BYTES_OF_ONE_FILE: Final = 4 * 1024 * 1024
"""What lies further on in a file is not searched."""
MOST_SECONDS: Final = 20.0
LONGEST_QUERY: Final = 500

_MOST_IN_ONE_FOLDER: Final = 50_000
_DEEPEST: Final = 50
_LOOKED_AT_FOR_TEXT: Final = 8192
_LONGEST_LINE: Final = 300
"""Characters shown of a line, around what was found."""


class Match(TypedDict):
    """A line that holds the query."""

    path: str
    """Relative to the source."""
    line: int
    """Counts from 1."""
    text: str
    """The line, or what is around the find in a long one."""


class Found(TypedDict):
    """What ``filetree_search`` gives."""

    source_id: str
    matches: list[Match]
    """By path and line; folders in the order of their names."""
    truncated: bool
    """Whether there may be more than this."""
    files_searched: int
    files_skipped: NotRequired[int]
    """Binary or unreadable; absent if none."""
    stopped_by: NotRequired[str]
    """Which bound ended the search before everything was looked at."""


@dataclass(frozen=True, slots=True)
class SearchBounds:
    """How much one search may do."""

    files: int = MOST_FILES
    total_bytes: int = MOST_BYTES
    file_bytes: int = MOST_BYTES_OF_ONE_FILE
    seconds: float = MOST_SECONDS


@dataclass(slots=True)
class TextSearch:
    """One search beneath a folder."""

    root: Path
    include_hidden: bool
    pattern: re.Pattern[str]
    bounds: SearchBounds = field(default_factory=SearchBounds)
    is_cancelled: Callable[[], bool] = lambda: False
    files: int = 0
    skipped: int = 0
    stopped_by: str | None = None
    is_cut: bool = False
    """Whether something was not looked at that might hold the query."""
    _read_bytes: int = 0
    _deadline: float = 0.0

    def matches(self, components: list[str]) -> Iterator[Match]:
        """Matches in a file, or in all files of a folder and of the folders in it, until a bound is reached.

        Raises:
            ToolError: there is no such file or folder, or it may not be opened.
        """
        self._deadline = time.monotonic() + self.bounds.seconds
        if components and self._is_file(components):
            yield from self._in_file(components)
        else:
            yield from self._in_folder(components, is_asked_for=True)

    def _is_file(self, components: list[str]) -> bool:
        try:
            with open_file(self.root, components):
                return True
        except ToolError:
            return False  # opening it as a folder tells what it is, or why it cannot be opened

    def _in_folder(self, components: list[str], *, is_asked_for: bool = False) -> Iterator[Match]:
        try:
            entries = self._entries(components)
        except (ToolError, OSError):
            if is_asked_for:
                raise
            self.skipped += 1
            return
        for name, is_folder in entries:
            if self.stopped_by is not None:
                return
            if not is_folder:
                yield from self._in_file([*components, name])
            elif len(components) < _DEEPEST:
                yield from self._in_folder([*components, name])
            else:
                self.is_cut = True

    def _entries(self, components: list[str]) -> list[tuple[str, bool]]:
        """Names of files and folders, in order; links and whatever else there is are left out."""
        with open_folder(self.root, components) as descriptor, os.scandir(descriptor) as found:
            shown = (item for item in found if self.include_hidden or not item.name.startswith("."))
            items = list(islice(shown, _MOST_IN_ONE_FOLDER + 1))
            self.is_cut = self.is_cut or len(items) > _MOST_IN_ONE_FOLDER
            kept = [
                (item.name, item.is_dir(follow_symlinks=False))
                for item in items[:_MOST_IN_ONE_FOLDER]
                if item.is_dir(follow_symlinks=False) or item.is_file(follow_symlinks=False)
            ]
        return sorted(kept)

    def _in_file(self, components: list[str]) -> Iterator[Match]:
        self.stopped_by = self._reached()
        if self.stopped_by is not None:
            return
        self.files += 1
        data = self._data(components)
        if data is None:
            self.skipped += 1
            return
        path = os.fsencode("/".join(components)).decode("utf-8", errors="replace")
        for line, text in _lines_with(self.pattern, data.decode("utf-8", errors="replace")):
            yield {"path": path, "line": line, "text": text}

    def _data(self, components: list[str]) -> bytes | None:
        """What is searched of a file; None for one that is binary or cannot be read."""
        limit = min(self.bounds.file_bytes, self.bounds.total_bytes - self._read_bytes)
        try:
            with open_file(self.root, components) as descriptor:
                data = _read(descriptor, limit + 1)
        except (ToolError, OSError):
            return None
        self.is_cut = self.is_cut or len(data) > limit
        data = data[:limit]
        self._read_bytes += len(data)
        return None if b"\0" in data[:_LOOKED_AT_FOR_TEXT] else data

    def _reached(self) -> str | None:
        if self.is_cancelled():
            return "cancelled"
        if time.monotonic() > self._deadline:
            return f"{self.bounds.seconds:g} seconds"
        if self.files >= self.bounds.files:
            return f"{self.bounds.files} files"
        if self._read_bytes >= self.bounds.total_bytes:
            return f"{self.bounds.total_bytes} bytes"
        return None


def literal_pattern(query: str, *, ignore_case: bool) -> re.Pattern[str]:
    """What finds the query as it is written.

    Raises:
        ToolError: it is empty, too long, or spans lines.
    """
    if not query or len(query) > LONGEST_QUERY:
        raise ToolError(f"the query must have 1 to {LONGEST_QUERY} characters")
    if "\n" in query or "\r" in query:
        raise ToolError("the query must be within one line")
    return re.compile(re.escape(query), re.IGNORECASE if ignore_case else 0)


def _lines_with(pattern: re.Pattern[str], text: str) -> Iterator[tuple[int, str]]:
    """Number and text of each line in which the pattern is found."""
    line, place = 1, 0
    while found := pattern.search(text, place):
        line += text.count("\n", place, found.start())
        end = text.find("\n", found.end())
        end = len(text) if end < 0 else end
        start = text.rfind("\n", 0, found.start()) + 1
        yield line, _shown(text, start, end, found)
        line, place = line + 1, end + 1
        if place > len(text):
            return


def _shown(text: str, start: int, end: int, found: re.Match[str]) -> str:
    if end - start <= _LONGEST_LINE:
        return text[start:end].rstrip("\r")
    before = max(start, found.start() - _LONGEST_LINE // 3)
    after = min(end, before + max(_LONGEST_LINE, found.end() - before))
    return f"{'…' if before > start else ''}{text[before:after]}{'…' if after < end else ''}"


def _read(descriptor: int, limit: int) -> bytes:
    pieces, left = [], limit
    while left > 0 and (piece := os.read(descriptor, min(left, 1 << 20))):
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)
