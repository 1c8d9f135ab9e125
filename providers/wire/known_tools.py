"""Tools that come again in the same bytes, as an agent's do in every turn: what follows from them is made once."""

from collections.abc import Callable, Hashable, Iterable
from typing import Final, TypeVar, cast

from providers.spec.adjustments import Adjustment, Report
from providers.spec.request import Tool

Made = TypeVar("Made")

_MOST_KEPT: Final = 16
"""Of what is made of the same tools: one or two things for each profile that they go to."""


class KnownTools(tuple[Tool, ...]):
    """Tools as any others, with what was made of them. Neither is to be modified."""

    def __new__(cls, tools: Iterable[Tool]) -> "KnownTools":
        """These tools."""
        known = super().__new__(cls, tools)
        known._made = {}
        return known

    _made: dict[Hashable, tuple[object, list[Adjustment]]]

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
        return cast(Made, found[0])
