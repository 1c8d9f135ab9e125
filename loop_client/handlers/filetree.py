"""Tools that list, read and search files beneath configured folders, and nothing outside them."""

from __future__ import annotations

import codecs
import os
import re
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Annotated, Final, Literal, NotRequired, TypedDict

from pydantic import Field

from loop_client.context import ToolContext
from loop_client.errors import ConfigurationError, ToolError
from loop_client.function_tool import tool
from loop_client.handlers.beneath import components_of, open_file, open_folder, require_support
from loop_client.handlers.text_search import Found, SearchBounds, TextSearch, literal_pattern
from loop_client.tools import Tool

_LEGAL_SOURCE_ID: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_IN_ONE_FOLDER: Final = 50_000
"""Entries looked at in one folder, so that a listing stays bounded whatever lies there."""
_LOOKED_AT_FOR_TEXT: Final = 8192

MaxDepth = Annotated[int, Field(ge=1, le=50)]
MaxEntries = Annotated[int, Field(ge=1, le=5_000)]
MaxResults = Annotated[int, Field(ge=1, le=1_000)]
MaxBytes = Annotated[int, Field(ge=1, le=1_000_000)]


class Source(TypedDict):
    """One configured folder."""

    source_id: str
    description: str


class Sources(TypedDict):
    """What ``filetree_list_sources`` gives."""

    sources: list[Source]


class Entry(TypedDict):
    """One thing in a folder."""

    path: str
    """Relative to the source, with ``/`` between its parts."""
    type: Literal["file", "directory", "symlink", "other"]
    size: NotRequired[int]
    """Bytes; of files only."""
    unreadable: NotRequired[bool]
    """True where it could not be looked at; what is in such a folder is missing here."""


class Listing(TypedDict):
    """What ``filetree_list`` gives."""

    source_id: str
    entries: list[Entry]
    """Breadth first; within a folder by name."""
    truncated: bool
    """Whether there is more than ``max_entries`` let through."""


class FileContent(TypedDict):
    """What ``filetree_read`` gives."""

    source_id: str
    path: str
    size: int
    """Bytes of the whole file."""
    content: str
    truncated: bool
    """Whether the file goes on after ``content``."""
    replaced_characters: NotRequired[int]
    """How many places were not UTF-8 and are U+FFFD in ``content``; absent if none."""


@dataclass(frozen=True, slots=True)
class _Root:
    folder: Path
    description: str


class FileTree:
    """Folders a model may look into, by name.

    Links are shown and never followed. Hidden entries (names that begin with a dot) are neither shown nor read, unless
    ``include_hidden``. Hard links and mounts beneath a folder count as part of it.

    Args:
        roots: Folder by source id; ``~`` is expanded.
        descriptions: What the model is told of a source, by source id; the folder's name otherwise.
        include_hidden: Whether names that begin with a dot are served too.
        search_bounds: How much one ``filetree_search`` may do.

    Raises:
        ConfigurationError: a folder is missing, a name is not usable, or the system cannot open files safely.
    """

    def __init__(
        self,
        roots: Mapping[str, str | os.PathLike[str]],
        *,
        descriptions: Mapping[str, str] | None = None,
        include_hidden: bool = False,
        search_bounds: SearchBounds | None = None,
    ) -> None:
        require_support()
        texts = descriptions or {}
        self._roots = {source: _root(source, folder, texts.get(source)) for source, folder in roots.items()}
        self._include_hidden = include_hidden
        self._search_bounds = search_bounds or SearchBounds()

    def tools(self) -> tuple[Tool, ...]:
        """``filetree_list_sources``, ``filetree_list``, ``filetree_read`` and ``filetree_search``."""
        functions = (self.filetree_list_sources, self.filetree_list, self.filetree_read, self.filetree_search)
        return tuple(tool(function) for function in functions)

    def filetree_list_sources(self) -> Sources:
        """List the sources: the folders that the other filetree tools can look into."""
        listed = [Source(source_id=name, description=root.description) for name, root in self._roots.items()]
        return {"sources": listed}

    def filetree_list(self, source_id: str, max_depth: MaxDepth = 3, max_entries: MaxEntries = 200) -> Listing:
        """List the files and folders of a source, folders before what is in them.

        Symbolic links are shown but not followed. If "truncated" is true, there is more than max_entries.

        Args:
            source_id: One of the ids that filetree_list_sources gives.
            max_depth: 1 for the source's own entries only, 2 for those of its folders too, and so on.
            max_entries: How many entries to give at most.
        """
        walk = _Walk(self._root(source_id).folder, self._include_hidden, max_depth)
        entries = list(islice(walk.entries(), max_entries + 1))
        truncated = walk.is_cut or len(entries) > max_entries
        return {"source_id": source_id, "entries": entries[:max_entries], "truncated": truncated}

    def filetree_read(self, source_id: str, path: str, max_bytes: MaxBytes = 65_536) -> FileContent:
        """Read a text file of a source, from its beginning.

        Args:
            source_id: One of the ids that filetree_list_sources gives.
            path: As filetree_list gives it, relative to the source.
            max_bytes: How much to read at most. If "truncated" is true, the file goes on after that.
        """
        components = self._components(path)
        with open_file(self._root(source_id).folder, components) as descriptor:
            data = _read_at_most(descriptor, max_bytes + 1)
            size = max(os.fstat(descriptor).st_size, len(data))
        truncated = len(data) > max_bytes
        data = data[:max_bytes]
        if b"\0" in data[:_LOOKED_AT_FOR_TEXT]:
            raise ToolError(f"is a binary file of {size} bytes, not text")
        return _content(source_id, "/".join(components), size, data, truncated)

    def filetree_search(
        self,
        source_id: str,
        query: str,
        path: str = "",
        ignore_case: bool = False,
        max_results: MaxResults = 50,
        context: ToolContext | None = None,
    ) -> Found:
        """Search the text files of a source for lines that hold a text, as it is written: it is no pattern.

        Binary files, links and hidden files are skipped; of a large file only the first 4 MiB are searched. If
        "truncated" is true, there may be more: search within a folder, or for a longer text.

        Args:
            source_id: One of the ids that filetree_list_sources gives.
            query: What a line must hold, within one line.
            path: A file or folder of the source, as filetree_list gives it; empty for all of it.
            ignore_case: Whether upper and lower case count as the same.
            max_results: How many lines to give at most.
        """
        search = TextSearch(
            self._root(source_id).folder,
            self._include_hidden,
            literal_pattern(query, ignore_case=ignore_case),
            self._search_bounds,
            lambda: context is not None and context.is_cancelled,
        )
        matches = list(islice(search.matches(self._components(path)), max_results + 1))
        found: Found = {
            "source_id": source_id,
            "matches": matches[:max_results],
            "truncated": len(matches) > max_results or search.is_cut or search.stopped_by is not None,
            "files_searched": search.files,
        }
        if search.skipped:
            found["files_skipped"] = search.skipped
        if search.stopped_by is not None:
            found["stopped_by"] = search.stopped_by
        return found

    def _components(self, path: str) -> list[str]:
        components = components_of(path)
        if not self._include_hidden and any(part.startswith(".") for part in components):
            raise ToolError("hidden files (names that begin with a dot) are not served")
        return components

    def _root(self, source_id: str) -> _Root:
        root = self._roots.get(source_id)
        if root is None:
            raise ToolError(f"there is no source of that id; there are: {', '.join(self._roots) or 'none'}")
        return root


class _Walk:
    """One listing, breadth first. Each folder is walked to from the root anew, so no name is trusted twice."""

    def __init__(self, root: Path, include_hidden: bool, max_depth: int) -> None:
        self._root = root
        self._include_hidden = include_hidden
        self._max_depth = max_depth
        self.is_cut = False
        """Whether a folder held more than is looked at."""

    def entries(self) -> Iterator[Entry]:
        """Entries in order. The root must be readable; another folder that is not is marked."""
        level, deeper = self._read([]), deque[tuple[list[str], Entry]]()
        while True:
            for parts, entry in level:
                if entry["type"] == "directory" and len(parts) < self._max_depth:
                    deeper.append((parts, entry))
                yield entry
            if not deeper:
                return
            folder, shown = deeper.popleft()
            try:
                level = self._read(folder)
            except (ToolError, OSError):
                shown["unreadable"] = True
                level = []

    def _read(self, folder: list[str]) -> list[tuple[list[str], Entry]]:
        with open_folder(self._root, folder) as descriptor, os.scandir(descriptor) as found:
            shown = (item for item in found if self._include_hidden or not item.name.startswith("."))
            items = list(islice(shown, _MOST_IN_ONE_FOLDER + 1))
            self.is_cut = self.is_cut or len(items) > _MOST_IN_ONE_FOLDER
            items = sorted(items[:_MOST_IN_ONE_FOLDER], key=lambda item: item.name)
            return [([*folder, item.name], _entry(folder, item)) for item in items]


def _entry(folder: list[str], item: os.DirEntry[str]) -> Entry:
    path = _shown("/".join([*folder, item.name]))
    if item.is_symlink():
        return {"path": path, "type": "symlink"}
    if item.is_dir(follow_symlinks=False):
        return {"path": path, "type": "directory"}
    if not item.is_file(follow_symlinks=False):
        return {"path": path, "type": "other"}
    entry: Entry = {"path": path, "type": "file"}
    try:
        entry["size"] = item.stat(follow_symlinks=False).st_size
    except OSError:
        entry["unreadable"] = True  # gone meanwhile
    return entry


def _shown(path: str) -> str:
    """A path as text; bytes that are no text in this system's encoding become U+FFFD."""
    return os.fsencode(path).decode("utf-8", errors="replace")


def _read_at_most(descriptor: int, limit: int) -> bytes:
    pieces, left = [], limit
    while left > 0:
        try:
            piece = os.read(descriptor, min(left, 1 << 20))
        except OSError:
            raise ToolError("the file could not be read to its end") from None
        if not piece:
            break
        pieces.append(piece)
        left -= len(piece)
    return b"".join(pieces)


def _content(source_id: str, path: str, size: int, data: bytes, truncated: bool) -> FileContent:
    try:
        # A character cut in two by the limit is left out, not replaced.
        text = codecs.getincrementaldecoder("utf-8")(errors="strict").decode(data, final=not truncated)
        replaced = 0
    except UnicodeDecodeError:
        text = codecs.getincrementaldecoder("utf-8")(errors="replace").decode(data, final=not truncated)
        replaced = text.count("\ufffd") - data.count("\ufffd".encode())
    content: FileContent = {
        "source_id": source_id,
        "path": path,
        "size": size,
        "content": text,
        "truncated": truncated,
    }
    if replaced:
        content["replaced_characters"] = replaced
    return content


def _root(source_id: str, folder: str | os.PathLike[str], description: str | None) -> _Root:
    if _LEGAL_SOURCE_ID.fullmatch(source_id) is None:
        raise ConfigurationError(f"root name {source_id!r}: letters, digits, '.', '_' and '-' are accepted")
    path = Path(folder).expanduser()
    try:
        path = path.resolve(strict=True)
    except (OSError, RuntimeError):
        raise ConfigurationError(f"root {source_id}: there is no folder {folder}") from None
    if not path.is_dir():
        raise ConfigurationError(f"root {source_id}: {folder} is not a folder")
    return _Root(path, description or f"The folder {path.name or path}")
