"""Tools that come with the package: files, the clock, a calculator."""

from __future__ import annotations

from loop_client.handlers.calculator import calculate
from loop_client.handlers.clock import current_time
from loop_client.handlers.filetree import FileTree

__all__ = ["FileTree", "calculate", "current_time"]
