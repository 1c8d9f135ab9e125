"""Tools that come again in the same bytes, as an agent's do in every turn: what follows from them is made once."""

from collections.abc import Callable, Hashable, Iterable
from typing import Any, Final, TypeVar

import msgspec

from providers.spec.adjustments import Adjustment, Report
from providers.spec.request import FunctionTool, Tool
from providers.spec.values import Json
from providers.wire.ids import is_legal
from providers.wire.json import written_once

Made = TypeVar("Made")

_MOST_KEPT: Final = 16
"""Of what is made of the same tools: one or two things for each profile that they go to."""


def fit_names(tools: Iterable[Tool], pattern: str) -> bool:
    """Whether the name of every tool of the client's matches ``pattern`` in full."""
    return all(is_legal(tool.name, pattern) for tool in tools if isinstance(tool, FunctionTool))


class KnownTool(msgspec.Struct, frozen=True):
    """One tool, with what it was written as. Others may stand beside it the next time."""

    tool: Tool
    written: dict[Hashable, Json] = {}


class KnownTools(tuple[Tool, ...]):
    """Tools as any others, with what was made of them. Neither is to be modified."""

    def __new__(cls, tools: Iterable[KnownTool]) -> "KnownTools":
        """These tools."""
        each = tuple(tools)
        known = super().__new__(cls, [one.tool for one in each])
        known._each = each
        known._made = {}
        known._named = {}
        return known

    _each: tuple[KnownTool, ...]
    _made: dict[Hashable, tuple[Any, list[Adjustment]]]
    _named: dict[str, bool]

    def once(self, key: Hashable, make: Callable[[Report], Made], report: Report) -> Made:
        """What ``make`` makes, told in ``report`` every time. Raises what it raises.

        ``key``: who makes it, and all that it depends on beside the tools.
        """
        found = self._made.get(key)
        if found is None:
            told = Report()
            try:
                found = make(told), told.adjustments
            finally:
                report.adopt(told.adjustments)
            if len(self._made) >= _MOST_KEPT:
                self._made.clear()
            self._made[key] = found
        else:
            report.adopt(found[1])
        made: Made = found[0]
        return made

    def names_fit(self, pattern: str) -> bool:
        """Whether the name of every tool of the client's matches ``pattern``, a profile's, in full."""
        found = self._named.get(pattern)
        if found is None:
            found = self._named[pattern] = fit_names(self, pattern)
        return found

    def written(self, key: Hashable, write: Callable[[Tool, str, Report], Json], report: Report) -> list[Json]:
        """What ``write`` makes of each tool and its path, to be written and not to be looked into.

        One of which nothing is told is made once, whatever tools it comes with. ``key`` as above. Raises what ``write``
        raises.
        """
        return [self._written(place, key, write, report) for place in range(len(self))]

    def _written(self, place: int, key: Hashable, write: Callable[[Tool, str, Report], Json], report: Report) -> Json:
        known = self._each[place]
        if (found := known.written.get(key)) is not None:
            return found
        told = len(report.adjustments)
        made = write(known.tool, f"tools[{place}]", report)
        if len(report.adjustments) > told:
            return made
        if len(known.written) >= _MOST_KEPT:
            known.written.clear()
        return known.written.setdefault(key, written_once(made))
