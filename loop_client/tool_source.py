"""Where tools come from that are not known when the program is written."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from loop_client.tools import Tool


@runtime_checkable
class ToolSource(Protocol):
    """Something that offers tools while it is open, such as a server of tools.

    A client opens its sources before its first run, asks each for its tools before every round, and closes them when
    it is closed. Runs of one client share them, so all of this may be called by several runs at once.
    """

    @property
    def name(self) -> str:
        """For messages to the operator."""
        ...

    async def open(self) -> None:
        """Get ready. Called once, within the event loop in which the tools run.

        Raises:
            Exception: the source cannot be used; the run ends with it.
        """
        ...

    async def list_tools(self) -> Sequence[Tool]:
        """The tools as they are now; cheap while nothing has changed. On an exception the last known are kept."""
        ...

    async def aclose(self) -> None:
        """Let go of what ``open`` took. Also called where ``open`` failed."""
        ...
