"""Opens files and folders beneath a folder, and never anything else.

A path is not checked and then opened, which something could change in between. It is walked: each component is opened
by its bare name relative to the folder opened before, with links refused by the kernel. What is held open is what was
reached, so a folder swapped for a link meanwhile leads nowhere.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from loop_client.errors import ConfigurationError, ToolError

_FOLDER_FLAGS: Final = os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0) | os.O_CLOEXEC
_FILE_FLAGS: Final = (
    os.O_RDONLY
    | getattr(os, "O_NOFOLLOW", 0)
    | getattr(os, "O_NONBLOCK", 0)  # a pipe without a writer would block the open
    | getattr(os, "O_NOCTTY", 0)
    | os.O_CLOEXEC
)
_LINK: Final = "is a symbolic link; links are not followed"
_REASONS: Final = {
    errno.ENOENT: "there is no such file or folder",
    errno.ENOTDIR: "a part of the path is not a folder",
    errno.ELOOP: _LINK,
    errno.EMLINK: _LINK,  # what FreeBSD says
    errno.EACCES: "permission denied",
    errno.EPERM: "permission denied",
    errno.ENAMETOOLONG: "the path is too long",
}


def require_support() -> None:
    """Refuse platforms where a path cannot be walked this way.

    Raises:
        ConfigurationError: as on Windows.
    """
    if os.open not in os.supports_dir_fd or not hasattr(os, "O_NOFOLLOW") or os.scandir not in os.supports_fd:
        raise ConfigurationError("the file tree needs a system that opens files relative to folders (not Windows)")


def components_of(path: str) -> list[str]:
    """The parts of a relative path with ``/`` between them; empty for the folder itself.

    Raises:
        ToolError: the path is absolute, climbs with ``..``, or is not one.
    """
    if "\0" in path:
        raise ToolError("the path holds a character that no path can hold")
    if path.startswith("/"):
        raise ToolError("the path must be relative to the source, without a leading '/'")
    parts = [part for part in path.split("/") if part not in {"", "."}]
    if ".." in parts:
        raise ToolError("'..' is not allowed in a path")
    return parts


@contextmanager
def open_folder(root: Path, components: list[str]) -> Iterator[int]:
    """The descriptor of a folder beneath the root (the root itself for no components), open for the block.

    Raises:
        ToolError: it cannot be opened, is not a folder, or a link is in the way.
    """
    with _explained():
        # The root is the operator's own choice; from there on nothing is taken on trust.
        descriptor = os.open(root, os.O_RDONLY | getattr(os, "O_DIRECTORY", 0) | os.O_CLOEXEC)
    try:
        for component in components:
            with _explained(component, descriptor):
                inner = os.open(component, _FOLDER_FLAGS, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = inner
        yield descriptor
    finally:
        os.close(descriptor)


@contextmanager
def open_file(root: Path, components: list[str]) -> Iterator[int]:
    """The descriptor of a regular file beneath the root, open for reading for the block.

    Raises:
        ToolError: it cannot be opened, is not a regular file, or a link is in the way.
    """
    if not components:
        raise ToolError("the path names no file")
    name = components[-1]
    with open_folder(root, components[:-1]) as folder:
        with _explained():
            # Opening a device can do something; this look keeps that from happening, the one below is the check.
            _require_regular(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
            descriptor = os.open(name, _FILE_FLAGS, dir_fd=folder)
        try:
            _require_regular(os.fstat(descriptor).st_mode)
            yield descriptor
        finally:
            os.close(descriptor)


def _require_regular(mode: int) -> None:
    if stat.S_ISLNK(mode):
        raise ToolError(_LINK)
    if stat.S_ISDIR(mode):
        raise ToolError("is a folder, not a file; list it instead")
    if not stat.S_ISREG(mode):
        raise ToolError("is not a regular file")


@contextmanager
def _explained(component: str | None = None, folder: int | None = None) -> Iterator[None]:
    """Say what went wrong without the system's own text, which may hold the path of the root."""
    try:
        yield
    except OSError as error:
        if error.errno == errno.ENOTDIR and component is not None and _is_link(component, folder):
            raise ToolError(_LINK) from None  # the kernel says only that a link is not a folder
        raise ToolError(_REASONS.get(error.errno or 0, "it cannot be opened")) from None
    except ValueError:
        raise ToolError("the path cannot be written in this system's encoding") from None


def _is_link(name: str, folder: int | None) -> bool:
    try:
        return stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode)
    except OSError:
        return False
