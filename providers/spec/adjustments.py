"""What had to be changed to make a request or an answer fit: the list behind ``router.adjustments``."""

from collections.abc import Callable, Container, Iterable, Sequence
from copy import copy
from typing import Literal, Protocol

import msgspec

from providers.spec.values import Json, JsonObject

Action = Literal["mapped", "downgraded", "dropped", "repaired"]


class Adjustment(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that is not as the caller wrote it."""

    path: str
    """JSON path in the caller's body, or in the answer where it begins with ``response``."""
    action: Action
    reason: str
    from_: Json = None
    to: Json = None

    def as_json(self) -> JsonObject:
        """The entry as it stands in ``router.adjustments``."""
        entry: JsonObject = {"path": self.path, "action": self.action}
        if self.from_ is not None:
            entry["from"] = self.from_
        if self.to is not None:
            entry["to"] = self.to
        entry["reason"] = self.reason
        return entry


class PlaceOf(Protocol):
    """Gives a place of the canonical form as the caller wrote it."""

    def __call__(self, path: str, *, carried: bool = False) -> str:
        """``carried``: the path is a member of the body under the name its caller gave it."""
        ...


class Report:
    """Collects adjustments while one request is encoded and its answer decoded. Not shared between attempts.

    ``place_of``: how the places that codecs know by the canonical form alone are told; as they are where it is absent.
    """

    def __init__(self, place_of: PlaceOf | None = None) -> None:
        self._place_of = place_of
        self.adjustments: list[Adjustment] = []
        self._alike: dict[tuple[str, Action, str], list[Adjustment]] = {}
        """Those that may be the same: a long history has thousands, which must not each be compared with all."""

    def place(self, path: str) -> str:
        """A place of the canonical form as the caller wrote it."""
        return path if self._place_of is None else self._place_of(path)

    def moving(self, moved: Callable[[str], str]) -> "Report":
        """The same list for who sees the request after its messages were moved: ``moved`` gives where they were."""
        other = copy(self)
        if (place_of := self._place_of) is not None:
            other._place_of = lambda path, *, carried=False: place_of(path if carried else moved(path), carried=carried)
        return other

    def add(
        self, path: str, action: Action, reason: str, *, from_: Json = None, to: Json = None, carried: bool = False
    ) -> None:
        """Note one adjustment; the same one twice is noted once.

        ``carried``: the path is a member of the body under the name its caller gave it, and not the canonical one.
        """
        if self._place_of is not None:
            path = self._place_of(path, carried=carried)
        adjustment = Adjustment(path=path, action=action, reason=reason, from_=from_, to=to)
        alike = self._alike.setdefault((path, action, reason), [])
        if adjustment not in alike:
            alike.append(adjustment)
            self.adjustments.append(adjustment)

    def adopt(self, adjustments: Iterable[Adjustment]) -> None:
        """Note what a report without places of its own has, none of it carried: its places are canonical ones."""
        for each in adjustments:
            self.add(each.path, each.action, each.reason, from_=each.from_, to=each.to)

    def forget(self, since: int = 0) -> None:
        """Drop what was noted after the first ``since`` adjustments: it was about a request that is not sent."""
        self._keep(self.adjustments[:since])

    def forget_places(self, paths: Container[str]) -> None:
        """Drop what was noted of these places, as they are told: what was added there is not sent."""
        self._keep([adjustment for adjustment in self.adjustments if adjustment.path not in paths])

    def _keep(self, kept: Sequence[Adjustment]) -> None:
        self.adjustments[:] = kept
        self._alike.clear()
        for adjustment in kept:
            self._alike.setdefault((adjustment.path, adjustment.action, adjustment.reason), []).append(adjustment)
